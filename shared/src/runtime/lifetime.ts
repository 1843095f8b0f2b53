// Owns what was opened, and closes it newest first, each closer with a deadline.

import { AppError } from './app-error.ts';
import { systemClock, type Clock } from './clock.ts';

export interface LifetimeOptions {
  /** Called once per closer that failed or ran out of time; what it throws is ignored. */
  onCloseError: (name: string, error: unknown) => void;
  /** Deadline of each closer, ms. */
  closeTimeoutMs?: number;
  clock?: Clock;
}

interface Owned {
  name: string;
  close: () => Promise<void> | void;
}

/**
 * A stack of closers. `own()` at the moment a thing is opened; `close()` once at the end, or when start-up failed
 * half-way: the error of the start then stays the one that is reported, clean-up errors go to `onCloseError`.
 */
export class Lifetime {
  readonly #owned: Owned[] = [];
  readonly #onCloseError: LifetimeOptions['onCloseError'];
  readonly #closeTimeoutMs: number;
  readonly #clock: Clock;
  #closing: Promise<void> | undefined;

  constructor({ onCloseError, closeTimeoutMs = 5_000, clock = systemClock }: LifetimeOptions) {
    this.#onCloseError = onCloseError;
    this.#closeTimeoutMs = closeTimeoutMs;
    this.#clock = clock;
  }

  /**
   * Takes ownership of `thing`; its `close()` is called in reverse order of owning.
   * @throws {AppError} SHUTTING_DOWN when closing has begun; the latecomer is closed as well, and `close()` waits for it.
   */
  own<T extends { close(): Promise<void> | void }>(name: string, thing: T): T {
    this.onClose(name, () => thing.close());
    return thing;
  }

  /** @throws {AppError} SHUTTING_DOWN as `own` does. */
  onClose(name: string, close: () => Promise<void> | void): void {
    this.#owned.push({ name, close });
    if (!this.#closing) return;
    this.#closing = this.#closing.then(() => this.#closeAll());
    throw new AppError('SHUTTING_DOWN', `${name} was opened after closing had begun`, { retryable: true });
  }

  /** Idempotent. Resolves when every closer has finished, failed or run out of time. */
  async close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    // A latecomer makes the chain longer while it is waited for.
    for (let waited; waited !== this.#closing;) {
      waited = this.#closing;
      await waited;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #closeAll(): Promise<void> {
    for (let owned = this.#owned.pop(); owned; owned = this.#owned.pop()) {
      try {
        await this.#withDeadline(owned);
      } catch (error) {
        this.#report(owned.name, error);
      }
    }
  }

  #report(name: string, error: unknown): void {
    try {
      this.#onCloseError(name, error);
    } catch {
      // The others must still be closed, and there is nobody left to tell.
    }
  }

  #withDeadline({ name, close }: Owned): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(this.#closeTimeoutMs, () => {
        reject(new Error(`${name} did not close within ${this.#closeTimeoutMs} ms`));
      });
      Promise.resolve()
        .then(close)
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }
}
