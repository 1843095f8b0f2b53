// Readings as a stream of CSV that holds one batch, whatever their number. Owns the cursor, and so a connection, and two
// timers, until the stream is closed: by its end, by its reader, or because the reader takes nothing for too long.

import { Readable } from 'node:stream';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Clock, Timer } from '@sitecast/shared/runtime/clock';
import type { Cursor } from '../postgres/cursor.ts';
import type { Database } from '../postgres/pool.ts';
import { CSV_HEADER, csvLine } from './csv.ts';
import { openReadings, type ReadingRange, type ReadingRow } from './reading-rows.ts';

/** About 30 KB. A reader that takes less than this within `stallMs` has stalled. */
export const EXPORT_BATCH_ROWS = 500;
/** A row as read, and as text with the longest names, in the buffers of stream and socket. */
const EXPORT_ROW_BYTES = 2 * 1024;
/** What one stream holds at most. */
export const CSV_STREAM_BYTES = EXPORT_BATCH_ROWS * EXPORT_ROW_BYTES;
const HIGH_WATER_BYTES = 16 * 1024;

export interface CsvStreamOptions {
  database: Pick<Database, 'openCursor'>;
  range: ReadingRange;
  clock: Clock;
  /** Without the reader taking anything. */
  stallMs: number;
  /** From the first batch to the end. */
  maxMs: number;
}

/** An error in the middle, EXPORT_STALLED among them, destroys the stream: whoever reads it must not take it for the end. */
export class CsvStream extends Readable {
  readonly #range: ReadingRange;
  readonly #clock: Clock;
  readonly #stallMs: number;
  readonly #cursor: Cursor<ReadingRow>;
  readonly #expiry: Timer;
  #stall: Timer | undefined;
  /** Read already, so that whoever opens learns of a store that is away. */
  #first: ReadingRow[] | undefined;
  #rows = 0;
  #progress = 0;

  /** @throws {AppError} STORE_UNAVAILABLE (retryable). */
  static async open(options: CsvStreamOptions): Promise<CsvStream> {
    const { database, range, stallMs } = options;
    const cursor = await openReadings(database, range, { maxRestMs: 2 * stallMs });
    try {
      return new CsvStream(options, cursor, await cursor.read(EXPORT_BATCH_ROWS));
    } catch (error) {
      await cursor.close();
      throw error;
    }
  }

  private constructor(options: CsvStreamOptions, cursor: Cursor<ReadingRow>, first: ReadingRow[]) {
    super({ highWaterMark: HIGH_WATER_BYTES });
    const { range, clock, stallMs, maxMs } = options;
    this.#range = range;
    this.#clock = clock;
    this.#stallMs = stallMs;
    this.#cursor = cursor;
    this.#first = first;
    this.#expiry = clock.after(maxMs, () => this.#giveUp(`was not done within ${maxMs} ms`));
    this.push(CSV_HEADER);
  }

  /** Put into the stream so far. */
  get rows(): number {
    return this.#rows;
  }

  /** 0 to 1, by the series that are done and the time within the one at hand. */
  get progress(): number {
    return this.#progress;
  }

  override _read(): void {
    this.#stall?.cancel();
    void this.#pushBatch();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#expiry.cancel();
    this.#stall?.cancel();
    void this.#cursor.close().finally(() => callback(error));
  }

  async #pushBatch(): Promise<void> {
    try {
      const rows = this.#first ?? (await this.#cursor.read(EXPORT_BATCH_ROWS));
      this.#first = undefined;
      if (this.destroyed) return;
      if (rows.length === 0) await this.#finish();
      else this.#pushRows(rows);
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #pushRows(rows: ReadingRow[]): void {
    this.#rows += rows.length;
    this.#progress = progressAt(rows.at(-1), this.#range);
    this.#watchReader();
    this.push(rows.map((row) => csvLine(this.#range.site, row)).join(''));
  }

  /** The reader may be behind; the connection need not wait for it. */
  async #finish(): Promise<void> {
    await this.#cursor.close();
    if (this.destroyed) return;
    this.#progress = 1;
    this.#watchReader();
    this.push(null);
  }

  /** Until it asks for more, or the stream is closed. */
  #watchReader(): void {
    this.#stall = this.#clock.after(this.#stallMs, () =>
      this.#giveUp(`was not read for ${this.#stallMs} ms`),
    );
  }

  #giveUp(why: string): void {
    this.destroy(new AppError('EXPORT_STALLED', `an export of ${this.#range.site} ${why}`));
  }
}

function progressAt(last: ReadingRow | undefined, { from, to }: ReadingRange): number {
  if (!last) return 0;
  const part = (last.ms - from.getTime()) / (to.getTime() - from.getTime());
  return (last.place - 1 + part) / last.places;
}
