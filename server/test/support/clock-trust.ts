// A clock that everybody believes, for tests that are about something else; and one that somebody sets.

import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';

export const BELIEVED = { isBelieved: async () => true, doubt: null, counters: { clockJumps: 0 } };

export class MovableClock implements Clock {
  #wallMs: number;
  #passedMs = 0;
  readonly after: Clock['after'] = (delayMs, callback) => systemClock.after(delayMs, callback);

  constructor(wallMs: number) {
    this.#wallMs = wallMs;
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#passedMs;
  }

  /** Time passes. */
  pass(ms: number): void {
    this.#wallMs += ms;
    this.#passedMs += ms;
  }

  /** Nothing but the wall clock changes. */
  step(ms: number): void {
    this.#wallMs += ms;
  }
}
