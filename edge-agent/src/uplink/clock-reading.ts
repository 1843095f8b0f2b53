// Both clocks of the gateway at one moment. The wall clock may be set while a message waits; the monotonic one only goes on.

import { randomInt } from 'node:crypto';
import type { Clock } from '@sitecast/shared/runtime/clock';

export interface ClockReading {
  wallMs: number;
  monotonicMs: number;
  /** Which start of the agent the monotonic clock belongs to. */
  run: number;
}

/** Less than this is drift, or somebody who slews the clock. */
const STEP_MIN_MS = 500;

const RUN = randomInt(2 ** 32);

export function readClocks(clock: Clock): ClockReading {
  return { wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs(), run: RUN };
}

/** @returns by how much the wall clock was set since, ms; 0 when it was not, or when nobody can tell. */
export function stepSince(then: ClockReading | undefined, clock: Clock): number {
  if (then?.run !== RUN) return 0;
  const now = readClocks(clock);
  const stepMs = now.wallMs - then.wallMs - (now.monotonicMs - then.monotonicMs);
  return Math.abs(stepMs) < STEP_MIN_MS ? 0 : Math.round(stepMs);
}
