// Polls until something holds: quickly at first, and what takes long more seldom, since asking is work too.

import { PATIENCE_MS } from '../../../shared/test/patience.ts';

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 250;

/** @returns the first truthy value of `probe`. @throws {Error} in the end, naming `what`. */
export async function waitFor<T>(what: string, probe: () => T | Promise<T>): Promise<NonNullable<T>> {
  const startedMs = performance.now();
  for (;;) {
    const value = await probe();
    if (value) return value;
    const waitedMs = performance.now() - startedMs;
    if (waitedMs > PATIENCE_MS) throw new Error(`${what}: not within ${PATIENCE_MS} ms`);
    const pauseMs = Math.min(Math.max(waitedMs / 10, FIRST_PAUSE_MS), LONGEST_PAUSE_MS);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
