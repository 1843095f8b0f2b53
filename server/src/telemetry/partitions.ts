// Room for the readings of each day, in all tiers: made ahead, and on demand for late ones. Owns a timer; borrows the database.

import { isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { Logger } from '@sitecast/shared/node/logger';
import type { Queryable } from '../postgres/pool.ts';

const DAY_MS = 86_400_000;
/** Today counts too. A server that cannot reach its database for so long has other worries. */
const DAYS_AHEAD = 3;
const CHECK_INTERVAL_MS = 6 * 3_600_000;
const RETRY_MS = 60_000;
/** SQLSTATE of a row that no partition takes. */
const NO_PARTITION = '23514';

export interface PartitionsOptions {
  database: Queryable;
  logger: Logger;
  clock?: Clock;
}

export class Partitions {
  readonly #database: Queryable;
  readonly #logger: Logger;
  readonly #clock: Clock;
  /** Days since 1970 whose partitions exist. Bound: the days that a reading may be late, and those ahead. */
  readonly #known = new Set<number>();
  #timer: Timer | undefined;
  #isClosed = false;

  constructor({ database, logger, clock = systemClock }: PartitionsOptions) {
    this.#database = database;
    this.#logger = logger;
    this.#clock = clock;
  }

  /** @throws {AppError} STORE_UNAVAILABLE (retryable). */
  async start(): Promise<void> {
    await this.#makeAhead();
    this.#schedule(CHECK_INTERVAL_MS);
  }

  /** Makes the partitions of every day in `timesMs` that are missing. @throws {AppError} STORE_UNAVAILABLE (retryable). */
  async ensure(timesMs: Iterable<number>): Promise<void> {
    for (const timeMs of timesMs) {
      const day = Math.floor(timeMs / DAY_MS);
      if (this.#known.has(day)) continue;
      const date = new Date(day * DAY_MS).toISOString().slice(0, 10);
      await this.#database.query('select ensure_telemetry_partitions($1::date)', [date]);
      this.#known.add(day);
    }
  }

  /** Runs `write` with the partitions there; once more when another process removed one. Throws as `ensure`, and what `write` throws. */
  async withRoomFor<T>(timesMs: number[], write: () => Promise<T>): Promise<T> {
    await this.ensure(timesMs);
    try {
      return await write();
    } catch (error) {
      if (!isAppError(error, 'BAD_REQUEST') || error.detail.sqlState !== NO_PARTITION) throw error;
      this.forget();
      await this.ensure(timesMs);
      return write();
    }
  }

  /** After somebody else, such as retention, removed some. */
  forget(): void {
    this.#known.clear();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #makeAhead(): Promise<void> {
    const nowMs = this.#clock.nowMs();
    return this.ensure(Array.from({ length: DAYS_AHEAD }, (_, days) => nowMs + days * DAY_MS));
  }

  #schedule(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer = this.#clock.after(delayMs, () => void this.#check());
  }

  async #check(): Promise<void> {
    try {
      await this.#makeAhead();
      this.#schedule(CHECK_INTERVAL_MS);
    } catch (error) {
      this.#logger.warn({ reason: messageOf(error) }, 'telemetry partitions could not be made ahead');
      this.#schedule(RETRY_MS);
    }
  }
}
