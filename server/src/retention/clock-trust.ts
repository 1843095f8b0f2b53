// Whether the clock of this machine is believed when something is to be deleted by it. A machine that starts with a wrong clock, as
// many do until NTP has set it, would otherwise delete all that is older than it may be a hundred days from now.
//
// A clock that is more than a day away from what is expected, which is the time that was last believed and what passed since in this
// process, is doubted: it may be wrong, or the server was off for so long. Nothing is deleted by age until it comes near again, or
// has stood for HOLD_MS: somebody would have set it. That is measured anew after a start. Owns the table `server_clock`.

import type { Logger } from '@sitecast/shared/node/logger';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import type { Queryable } from '../postgres/pool.ts';

/** What is deleted too early, at the worst. */
export const CLOCK_JUMP_MS = 24 * 3_600_000;
/** Shorter than a day, so that a machine that starts anew each night comes to believe its clock. */
export const HOLD_MS = 12 * 3_600_000;
const NOTE_EVERY_MS = 60_000;

export interface ClockDoubt {
  /** Where the clock was when it was last believed. */
  lastSeenAt: string;
  /** It is believed then, if it goes on from where it is now. */
  heldUntil: string;
}

/** The clock, and the one that nobody sets. */
interface Moment {
  atMs: number;
  monotonicMs: number;
}

export interface ClockTrustOptions {
  database: Queryable;
  logger: Logger;
  clock?: Clock;
}

export class ClockTrust {
  readonly #options: ClockTrustOptions;
  readonly #clock: Clock;
  readonly counters = { clockJumps: 0 };
  #believed: Moment | undefined;
  /** Where it jumped to. */
  #doubted: Moment | undefined;
  #notedMs = Number.NEGATIVE_INFINITY;

  constructor(options: ClockTrustOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** null while it is believed. As of the last look. */
  get doubt(): ClockDoubt | null {
    if (!this.#doubted || !this.#believed) return null;
    return {
      lastSeenAt: new Date(this.#believed.atMs).toISOString(),
      heldUntil: new Date(this.#doubted.atMs + HOLD_MS).toISOString(),
    };
  }

  /** Looks, and notes the time when it is believed. @throws {AppError} STORE_UNAVAILABLE (retryable). */
  async isBelieved(): Promise<boolean> {
    const known = this.#believed ?? (await this.#load());
    const now = { atMs: this.#clock.nowMs(), monotonicMs: this.#clock.monotonicMs() };
    this.#believed = known ?? now;
    if (known && !this.#isExpected(known, now)) return false;
    this.#believed = now;
    this.#doubted = undefined;
    await this.#note(now);
    return true;
  }

  /** What was last believed is of another process: how long ago that was, only the clock says. */
  async #load(): Promise<Moment | undefined> {
    const [row] = await this.#options.database.query<{ at: Date }>(
      'select seen_at as at from server_clock',
      [],
    );
    return row && { atMs: row.at.getTime(), monotonicMs: this.#clock.monotonicMs() };
  }

  #isExpected(known: Moment, now: Moment): boolean {
    if (isNear(known, now)) return true;
    if (!this.#doubted || !isNear(this.#doubted, now)) {
      this.#doubted = now;
      this.counters.clockJumps += 1;
      this.#options.logger.warn(
        { ...this.doubt },
        'the clock jumped: nothing is deleted by age until it is believed',
      );
    }
    return now.monotonicMs - this.#doubted.monotonicMs >= HOLD_MS;
  }

  async #note({ atMs, monotonicMs }: Moment): Promise<void> {
    if (monotonicMs - this.#notedMs < NOTE_EVERY_MS) return;
    await this.#options.database.query(
      `insert into server_clock (seen_at) values ($1) on conflict (is_only) do update set seen_at = excluded.seen_at`,
      [new Date(atMs)],
    );
    this.#notedMs = monotonicMs;
  }
}

/** Whether the clock went on by about as much as time did. */
function isNear(before: Moment, now: Moment): boolean {
  const driftMs = now.atMs - before.atMs - (now.monotonicMs - before.monotonicMs);
  return Math.abs(driftMs) <= CLOCK_JUMP_MS;
}
