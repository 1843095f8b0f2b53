// Calls back when nothing was fed for too long. One timer, moved lazily: feeding it for every access unit costs one subtraction.

import type { Clock, Timer } from '@sitecast/shared/runtime/clock';

export class Watchdog {
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #dueAtMs = 0;
  #onExpired: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Starts over with another patience and another callback. */
  expect(withinMs: number, onExpired: () => void): void {
    this.#timer?.cancel();
    this.#onExpired = onExpired;
    this.#dueAtMs = this.#clock.monotonicMs() + withinMs;
    this.#timer = this.#clock.after(withinMs, () => this.#check());
  }

  /** Puts the deadline of the last `expect` off to `withinMs` from now. */
  feed(withinMs: number): void {
    this.#dueAtMs = this.#clock.monotonicMs() + withinMs;
  }

  close(): void {
    this.#timer?.cancel();
    this.#onExpired = undefined;
  }

  #check(): void {
    const leftMs = this.#dueAtMs - this.#clock.monotonicMs();
    if (leftMs > 0) this.#timer = this.#clock.after(leftMs, () => this.#check());
    else this.#onExpired?.();
  }
}
