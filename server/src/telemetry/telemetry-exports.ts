// Exports to browsers: a few at once, each a stream that ends with its reader. Borrows the database.

import { AppError, isAppError } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import type { Database } from '../postgres/pool.ts';
import { CsvStream } from './csv-stream.ts';
import { expectPeriod, type ReadingRange } from './reading-rows.ts';

/** Each holds a connection of the pool; the next one is refused (`reject`). */
export const EXPORTS_AT_ONCE_MAX = 2;
/** An export whose reader takes nothing for so long is ended (`close`). */
export const EXPORT_STALL_MS = 30_000;
/** A transaction that stays open keeps PostgreSQL from cleaning up. */
export const EXPORT_MAX_MS = 600_000;
const RETRY_AFTER_MS = 10_000;

export interface TelemetryExportsOptions {
  database: Pick<Database, 'openCursor'>;
  clock?: Clock;
}

export class TelemetryExports {
  readonly counters = {
    exportsDone: 0,
    /** The reader went away, or the store failed. */
    exportsBroken: 0,
    exportsStalled: 0,
    exportsRefused: 0,
  };
  readonly #database: Pick<Database, 'openCursor'>;
  readonly #clock: Clock;
  #active = 0;

  constructor({ database, clock = systemClock }: TelemetryExportsOptions) {
    this.#database = database;
    this.#clock = clock;
  }

  get active(): number {
    return this.#active;
  }

  /**
   * @returns CSV, which the caller reads to its end or destroys.
   * @throws {AppError} BAD_REQUEST; PERIOD_TOO_LONG; EXPORT_LIMIT or STORE_UNAVAILABLE, both retryable.
   */
  async open(range: ReadingRange): Promise<CsvStream> {
    expectPeriod(range);
    this.#admit();
    this.#active += 1;
    try {
      const stream = await CsvStream.open({
        database: this.#database,
        range,
        clock: this.#clock,
        stallMs: EXPORT_STALL_MS,
        maxMs: EXPORT_MAX_MS,
      });
      return stream.once('close', () => this.#closed(stream));
    } catch (error) {
      this.#active -= 1;
      throw error;
    }
  }

  #admit(): void {
    if (this.#active < EXPORTS_AT_ONCE_MAX) return;
    this.counters.exportsRefused += 1;
    throw new AppError('EXPORT_LIMIT', `${EXPORTS_AT_ONCE_MAX} exports run already`, {
      retryable: true,
      detail: { limit: EXPORTS_AT_ONCE_MAX, active: this.#active, retryAfterMs: RETRY_AFTER_MS },
    });
  }

  #closed(stream: CsvStream): void {
    this.#active -= 1;
    if (isAppError(stream.errored, 'EXPORT_STALLED')) this.counters.exportsStalled += 1;
    else if (stream.readableEnded) this.counters.exportsDone += 1;
    else this.counters.exportsBroken += 1;
  }
}
