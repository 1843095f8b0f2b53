// Exponential back-off with full jitter: many clients that fail together must not come back together.

export interface BackoffOptions {
  /** Upper bound of the first delay, ms. */
  firstMs: number;
  /** Upper bound of every delay, ms. */
  maxMs: number;
  /** [0, 1); injected by tests. */
  random?: () => number;
}

export class Backoff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #failures = 0;

  constructor({ firstMs, maxMs, random = Math.random }: BackoffOptions) {
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /**
   * Counts one failure.
   * @returns the delay before the next try, ms: uniform in [cap/10, cap], cap doubling from `firstMs` to `maxMs`. The
   * floor keeps a lucky draw of zero from making a busy loop.
   */
  nextDelayMs(): number {
    const capMs = Math.min(this.#maxMs, this.#firstMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return Math.round(capMs * (0.1 + 0.9 * this.#random()));
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
