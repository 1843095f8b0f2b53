// Bytes a second over the last few seconds.

import type { Clock } from '@sitecast/shared/runtime/clock';

const WINDOW_MS = 2_000;

export class RateMeter {
  readonly #clock: Clock;
  #windowStartMs: number;
  #windowBytes = 0;
  #bytesPerSecond = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#windowStartMs = clock.monotonicMs();
  }

  get bytesPerSecond(): number {
    this.#roll();
    return Math.round(this.#bytesPerSecond);
  }

  add(bytes: number): void {
    this.#roll();
    this.#windowBytes += bytes;
  }

  #roll(): void {
    const elapsedMs = this.#clock.monotonicMs() - this.#windowStartMs;
    if (elapsedMs < WINDOW_MS) return;
    this.#bytesPerSecond = (this.#windowBytes * 1_000) / elapsedMs;
    this.#windowStartMs += elapsedMs;
    this.#windowBytes = 0;
  }
}
