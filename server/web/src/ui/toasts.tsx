// Short messages that go by themselves, shown and read out; and messages that are only read out.

import { createStore, useStore } from '../state/store.ts';

interface Toast {
  id: number;
  text: string;
}

const SHOWN_MS = 4_000;
/** Older ones make room. */
const MAX_TOASTS = 3;

const toasts = createStore<Toast[]>([]);
const announcement = createStore('');
let lastId = 0;

export function toast(text: string): void {
  lastId += 1;
  const id = lastId;
  toasts.update((shown) => [...shown, { id, text }].slice(-MAX_TOASTS));
  setTimeout(() => toasts.update((shown) => shown.filter((one) => one.id !== id)), SHOWN_MS);
}

/** For a screen reader only. */
export function announce(text: string): void {
  announcement.set(text);
}

export function Toasts() {
  const shown = useStore(toasts, (value) => value);
  const read = useStore(announcement, (value) => value);
  return (
    <>
      <div className="visually-hidden" role="status" aria-live="polite">
        {read}
      </div>
      <div className="toasts" role="status" aria-live="polite">
        {shown.map(({ id, text }) => (
          <div key={id} className="toast">
            {text}
          </div>
        ))}
      </div>
    </>
  );
}
