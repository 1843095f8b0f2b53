// The smallest store that React can subscribe to: one value, replaced as a whole.

import { useSyncExternalStore } from 'react';

export interface Store<Value> {
  get: () => Value;
  set: (next: Value) => void;
  update: (change: (value: Value) => Value) => void;
  subscribe: (listener: () => void) => () => void;
}

export function createStore<Value>(initial: Value): Store<Value> {
  let value = initial;
  const listeners = new Set<() => void>();
  const set = (next: Value): void => {
    if (Object.is(next, value)) return;
    value = next;
    for (const listener of [...listeners]) listener();
  };
  return {
    get: () => value,
    set,
    update: (change) => set(change(value)),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** @param select must give back the same object while nothing changed. */
export function useStore<Value, Part>(store: Store<Value>, select: (value: Value) => Part): Part {
  return useSyncExternalStore(store.subscribe, () => select(store.get()));
}

const clock = createStore(Date.now());
let clockUsers = 0;
let clockTimer: ReturnType<typeof setInterval> | undefined;

function subscribeClock(listener: () => void): () => void {
  const unsubscribe = clock.subscribe(listener);
  clockUsers += 1;
  clockTimer ??= setInterval(() => clock.set(Date.now()), 1_000);
  return () => {
    unsubscribe();
    clockUsers -= 1;
    if (clockUsers > 0) return;
    clearInterval(clockTimer);
    clockTimer = undefined;
  };
}

/** The time of this computer, ms, once a second for all who ask. */
export function useNow(): number {
  return useSyncExternalStore(subscribeClock, clock.get);
}
