// Waits that Ctrl-C ends.

import { setTimeout as delay } from 'node:timers/promises';

export async function pause(seconds: number, signal: AbortSignal): Promise<void> {
  await delay(seconds * 1_000, undefined, { signal });
}
