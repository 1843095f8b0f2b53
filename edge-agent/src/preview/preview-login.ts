// Who may look: one password, sessions in a cookie, and a limit on guesses. Owns the sessions.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Clock } from '@sitecast/shared/runtime/clock';
import { TokenBucket } from '@sitecast/shared/runtime/token-bucket';

export const MIN_PASSWORD_CHARACTERS = 10;
export const SESSION_MS = 12 * 60 * 60 * 1000;

/** Policy: the oldest goes. Bounds in edge-agent/README.md. */
export const MAX_SESSIONS = 32;
const MAX_ADDRESSES = 256;
/** Wrong passwords: of one address, and of all together, for whoever has many. */
export const GUESSES = { burst: 5, perSecond: 1 / 30 };
export const ALL_GUESSES = { burst: 30, perSecond: 1 / 5 };

export class PreviewLogin {
  readonly #digest: Buffer;
  readonly #clock: Clock;
  /** When each ends, by the digest of its token. */
  readonly #sessions = new Map<string, number>();
  readonly #guesses = new Map<string, TokenBucket>();
  readonly #allGuesses: TokenBucket;

  /** @throws {AppError} BAD_REQUEST when the password is too short. */
  constructor(password: string, clock: Clock) {
    if ([...password].length < MIN_PASSWORD_CHARACTERS) {
      const message = `the password of the preview needs at least ${MIN_PASSWORD_CHARACTERS} characters`;
      throw new AppError('BAD_REQUEST', message);
    }
    this.#digest = digestOf(password);
    this.#clock = clock;
    this.#allGuesses = new TokenBucket({ ...ALL_GUESSES, clock });
  }

  /**
   * @returns the token of a new session.
   * @throws {AppError} UNAUTHORIZED; QUEUE_FULL with `retryAfterMs` while there were too many wrong ones, the right one included.
   */
  logIn(password: string, address: string): string {
    const guesses = this.#guessesOf(address);
    const waitMs = Math.max(guesses.msUntil(1), this.#allGuesses.msUntil(1));
    if (waitMs > 0) {
      const detail = { retryAfterMs: waitMs };
      throw new AppError('QUEUE_FULL', 'too many wrong passwords', { retryable: true, detail });
    }
    // Of digests: their length says nothing of the password's.
    if (timingSafeEqual(digestOf(password), this.#digest)) return this.#newSession();
    guesses.spend(1);
    this.#allGuesses.spend(1);
    throw new AppError('UNAUTHORIZED', 'the password is wrong');
  }

  isLoggedIn(token: string | undefined): boolean {
    const endsAtMs = token === undefined ? undefined : this.#sessions.get(keyOf(token));
    return endsAtMs !== undefined && endsAtMs > this.#clock.monotonicMs();
  }

  logOut(token: string | undefined): void {
    if (token !== undefined) this.#sessions.delete(keyOf(token));
  }

  #newSession(): string {
    const token = randomBytes(32).toString('base64url');
    this.#sessions.set(keyOf(token), this.#clock.monotonicMs() + SESSION_MS);
    dropOldest(this.#sessions, MAX_SESSIONS);
    return token;
  }

  #guessesOf(address: string): TokenBucket {
    const known = this.#guesses.get(address) ?? new TokenBucket({ ...GUESSES, clock: this.#clock });
    this.#guesses.delete(address);
    this.#guesses.set(address, known);
    dropOldest(this.#guesses, MAX_ADDRESSES);
    return known;
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function keyOf(token: string): string {
  return digestOf(token).toString('base64');
}

function dropOldest(map: Map<string, unknown>, most: number): void {
  for (const [oldest] of map) {
    if (map.size <= most) return;
    map.delete(oldest);
  }
}
