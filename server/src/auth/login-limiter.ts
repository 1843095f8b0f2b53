// Slows down password guessing: failures are counted per address and per user name, in windows of five minutes.

import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Clock } from '@sitecast/shared/runtime/clock';

const WINDOW_MS = 5 * 60_000;
export const MAX_FAILURES_PER_ADDRESS = 10;
/** Higher than per address: else anybody could lock anybody out by failing on purpose. */
export const MAX_FAILURES_PER_USERNAME = 50;
export const MAX_TRACKED = 10_000;

interface Window {
  startedAtMs: number;
  failures: number;
}

/** Bound: MAX_TRACKED windows, drop-oldest. */
export class LoginLimiter {
  readonly #clock: Clock;
  readonly #windows = new Map<string, Window>();
  #refusals = 0;
  #forgotten = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get refusals(): number {
    return this.#refusals;
  }

  /** Left out before their time, for want of room. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /**
   * Counts the attempt before the password is looked at, so that attempts at the same time count too.
   * @throws {AppError} RATE_LIMITED with `detail.retryAfterMs`.
   */
  begin(address: string, username: string): void {
    this.#count(`address ${networkOf(address)}`, MAX_FAILURES_PER_ADDRESS);
    this.#count(`user ${username}`, MAX_FAILURES_PER_USERNAME);
  }

  /** The attempt was right: it counts no longer. */
  succeeded(address: string, username: string): void {
    for (const key of [`address ${networkOf(address)}`, `user ${username}`]) {
      const window = this.#windows.get(key);
      if (window && window.failures > 0) window.failures -= 1;
    }
  }

  #count(key: string, max: number): void {
    const window = this.#windowOf(key);
    if (window.failures >= max) {
      this.#refusals += 1;
      const retryAfterMs = Math.ceil(window.startedAtMs + WINDOW_MS - this.#clock.monotonicMs());
      throw new AppError('RATE_LIMITED', `too many failed logins of this ${key.split(' ')[0]}`, {
        retryable: true,
        detail: { retryAfterMs },
      });
    }
    window.failures += 1;
  }

  #windowOf(key: string): Window {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#windows.get(key);
    if (known && nowMs - known.startedAtMs < WINDOW_MS) return known;
    this.#windows.delete(key);
    if (this.#windows.size >= MAX_TRACKED) this.#forgetOldest(nowMs);
    const window = { startedAtMs: nowMs, failures: 0 };
    this.#windows.set(key, window);
    return window;
  }

  #forgetOldest(nowMs: number): void {
    const [oldest] = this.#windows;
    if (!oldest) return;
    const [key, { startedAtMs }] = oldest;
    this.#windows.delete(key);
    if (nowMs - startedAtMs < WINDOW_MS) this.#forgotten += 1;
  }
}

/** One household or server of IPv6 holds a whole /64, so its addresses count as one. */
function networkOf(address: string): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address;
  const [head = ''] = address.split('::');
  return head.split(':').slice(0, 4).join(':');
}
