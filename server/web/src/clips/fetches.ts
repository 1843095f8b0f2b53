// What this page has asked gateways for. Bound: MAX_FETCHES, drop-oldest.

import { ApiError } from '../api/http.ts';
import { keyOf } from '../state/fleet.ts';
import { createStore, useStore } from '../state/store.ts';
import { clipApi } from './clip-api.ts';
import type { ClipEntry } from './clip-entry.ts';

const MAX_FETCHES = 100;

export type Fetch =
  | { kind: 'asking' }
  | { kind: 'asked'; atMs: number }
  | { kind: 'gone' }
  | { kind: 'refused'; error: unknown };

const fetches = createStore<Record<string, Fetch>>({});

export const useFetches = (): Record<string, Fetch> => useStore(fetches, (all) => all);

/** Never rejects: what came of it is kept. */
export async function fetchClip({ id, site, camera }: ClipEntry): Promise<void> {
  note(id, { kind: 'asking' });
  try {
    await clipApi.fetch(keyOf(site, camera), id);
    note(id, { kind: 'asked', atMs: Date.now() });
  } catch (error) {
    const isGone = error instanceof ApiError && error.code === 'NOT_FOUND';
    note(id, isGone ? { kind: 'gone' } : { kind: 'refused', error });
  }
}

/** As if it had never been asked for. */
export function forgetFetch(id: string): void {
  fetches.update(({ [id]: _forgotten, ...others }) => others);
}

function note(id: string, fetch: Fetch): void {
  fetches.update(({ [id]: _before, ...others }) =>
    Object.fromEntries([...Object.entries(others), [id, fetch] as const].slice(-MAX_FETCHES)),
  );
}
