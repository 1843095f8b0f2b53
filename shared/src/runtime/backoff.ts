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
  readonly #options: Required<BackoffOptions>;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = { random: Math.random, ...options };
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
    const { firstMs, maxMs, random } = this.#options;
    const capMs = Math.min(maxMs, firstMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return Math.round(capMs * (0.1 + 0.9 * random()));
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
