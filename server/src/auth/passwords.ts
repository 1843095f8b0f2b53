// argon2id of passwords. Each hash takes 19 MiB and a core for tens of ms, so at most two run at once and few wait.

import { hash, verify, type Options } from '@node-rs/argon2';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { SlotGate } from '../ingest/slot-gate.ts';

/** OWASP's first choice for argon2id: m = 19 MiB, t = 2, p = 1. */
const ARGON2ID: Options = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
export const HASH_MEMORY_BYTES = 19_456 * 1024;
export const MAX_HASHES_AT_ONCE = 2;
export const MAX_HASHES_WAITING = 32;
const MIN_PASSWORD_LENGTH = 10;
const MAX_PASSWORD_LENGTH = 200;

// Compared against when the user does not exist, so that the answer takes as long as for one that does.
const NOBODY =
  '$argon2id$v=19$m=19456,t=2,p=1$W+Nw9qv7FbPULynXu0veRQ$KsR8bnhpwCaGcKvRyQZReBOqIiJWtivEkmvD538E8v8';

export class Passwords {
  readonly #gate = new SlotGate({
    slots: MAX_HASHES_AT_ONCE,
    maxWaiting: MAX_HASHES_WAITING,
    refusal: tooManyLogins,
  });

  /** Since the start: hashes that waited for their turn, and those that were refused because too many waited. */
  get counters(): Readonly<Record<'hashesHeldUp' | 'hashesRefused', number>> {
    return { hashesHeldUp: this.#gate.heldUp, hashesRefused: this.#gate.refused };
  }

  /** @throws {AppError} PASSWORD_WEAK when too short or absurdly long; RATE_LIMITED when too many wait. */
  async hash(password: string): Promise<string> {
    if (password.length < MIN_PASSWORD_LENGTH || password.length > MAX_PASSWORD_LENGTH) {
      throw new AppError(
        'PASSWORD_WEAK',
        `a password has ${MIN_PASSWORD_LENGTH} to ${MAX_PASSWORD_LENGTH} characters, got ${password.length}`,
      );
    }
    return this.#inTurn(() => hash(password, ARGON2ID));
  }

  /**
   * @param storedHash undefined when there is no such user: takes the same time, and is false.
   * @throws {AppError} RATE_LIMITED when too many wait.
   */
  async matches(password: string, storedHash: string | undefined): Promise<boolean> {
    if (password.length > MAX_PASSWORD_LENGTH) return false;
    const matches = await this.#inTurn(() => verify(storedHash ?? NOBODY, password));
    return matches && storedHash !== undefined;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    await this.#gate.enter();
    try {
      return await work();
    } finally {
      this.#gate.leave();
    }
  }
}

const tooManyLogins = (): AppError =>
  new AppError('RATE_LIMITED', `${MAX_HASHES_WAITING} logins are waiting already`, {
    retryable: true,
    detail: { retryAfterMs: 1_000 },
  });
