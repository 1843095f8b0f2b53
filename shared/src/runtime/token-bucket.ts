// A rate with a burst: so many tokens a second, at most so many saved up.

import type { Clock } from './clock.ts';

export interface TokenBucketOptions {
  perSecond: number;
  burst: number;
  /** How far `spend` may go below nothing. */
  maxDebt?: number;
  clock: Clock;
}

export class TokenBucket {
  readonly #options: Required<TokenBucketOptions>;
  #tokens: number;
  #filledAtMs: number;

  constructor(options: TokenBucketOptions) {
    this.#options = { maxDebt: Infinity, ...options };
    this.#tokens = options.burst;
    this.#filledAtMs = options.clock.monotonicMs();
  }

  /** Below 0 while more was spent than there was. */
  get tokens(): number {
    this.#fill();
    return this.#tokens;
  }

  get isFull(): boolean {
    return this.tokens >= this.#options.burst;
  }

  /** @returns false when there is no token left now. */
  tryTake(): boolean {
    this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** For what has happened already: takes the tokens, whether they are there or not. */
  spend(tokens: number): void {
    this.#fill();
    this.#tokens = Math.max(this.#tokens - tokens, -this.#options.maxDebt);
  }

  /** @returns 0 when there are so many now; `tokens` above the burst count as the burst. */
  msUntil(tokens: number): number {
    const { perSecond, burst } = this.#options;
    const missing = Math.min(tokens, burst) - this.tokens;
    return missing <= 0 ? 0 : Math.ceil((missing / perSecond) * 1000);
  }

  #fill(): void {
    const { perSecond, burst, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#filledAtMs) / 1000) * perSecond);
    this.#filledAtMs = nowMs;
  }
}
