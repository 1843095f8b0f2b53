// Readings of all devices on their way into one table: gathered for a moment, written by one writer, and only then
// acknowledged. Owns the queue and its timer; borrows the catalogue, the store and the newest values.

import { formatAddress } from '@sitecast/shared/protocol/ids';
import type { Reading } from '@sitecast/shared/protocol/telemetry';
import type { LatestValue } from '@sitecast/shared/protocol/viewer-messages';
import { AppError, isAppError } from '@sitecast/shared/runtime/app-error';
import { BoundedQueue } from '@sitecast/shared/runtime/bounded-queue';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { LatestValues, NewestValue } from './latest-values.ts';
import type { Series, SeriesCatalogue } from './series-catalogue.ts';
import type { TelemetryStore, ValueColumns } from './telemetry-store.ts';

/** Values of one statement; one message that has more makes a statement of its own. */
const BATCH_MAX_ROWS = 1_000;
/** Messages, and the bytes that they hold, which wait for the writer; above either `add` rejects (`reject`). */
export const BATCH_QUEUE_MAX_MESSAGES = 10_000;
export const BATCH_QUEUE_MAX_BYTES = 8 * 1024 * 1024;
/** How long the first value of a batch waits for company. */
const LINGER_MS = 20;
/**
 * Older values are refused, which bounds the partitions that a device can make. Not more than raw values are kept: a value that comes
 * again after its day was dropped would be folded twice.
 */
export const LATE_MAX_DAYS = 400;
const DAY_MS = 86_400_000;

// Measured in V8: an object with its slots, a boxed double with its share of the map, and a pending promise.
const BYTES_OF_MESSAGE = 400;
const BYTES_OF_READING = 120;
const BYTES_OF_VALUE = 40;

export interface ReadingBatcherOptions {
  catalogue: SeriesCatalogue;
  store: Pick<TelemetryStore, 'insert'>;
  latest: LatestValues;
  /** Called after the commit with what was in the batch, new or not, before any of it is a newest value. Nothing is later than now. */
  onRows?: (rows: readonly NewestValue[]) => void;
  /** Called after the commit with what became the newest value of its series. */
  onStored: (values: LatestValue[]) => void;
  maxMessages?: number;
  maxBytes?: number;
  /** At most LATE_MAX_DAYS. */
  lateMaxDays?: number;
  clock?: Clock;
}

interface Message {
  site: string;
  sensor: string;
  device: string;
  readings: Reading[];
  rows: number;
  bytes: number;
  resolve(): void;
  reject(error: unknown): void;
}

/** A message with its series known, as rows. */
interface Prepared {
  message: Message;
  rows: NewestValue[];
  seriesIds: number[];
  valuesRefused: number;
}

export class ReadingBatcher {
  readonly #options: ReadingBatcherOptions;
  readonly #clock: Clock;
  readonly #lateMaxDays: number;
  readonly #queue: BoundedQueue<Message>;
  readonly counters = {
    messagesStored: 0,
    valuesStored: 0,
    valuesKnown: 0,
    valuesRefused: 0,
    batches: 0,
    batchesFailed: 0,
  };
  #rowsWaiting = 0;
  #timer: Timer | undefined;
  #writing: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: ReadingBatcherOptions) {
    const {
      maxMessages = BATCH_QUEUE_MAX_MESSAGES,
      maxBytes = BATCH_QUEUE_MAX_BYTES,
      lateMaxDays = LATE_MAX_DAYS,
      clock = systemClock,
    } = options;
    this.#options = options;
    this.#lateMaxDays = Math.min(lateMaxDays, LATE_MAX_DAYS);
    this.#clock = clock;
    this.#queue = new BoundedQueue<Message>({
      maxItems: maxMessages,
      maxBytes,
      policy: 'reject',
      bytesOf: ({ bytes }) => bytes,
    });
  }

  get stats(): { messages: number; rows: number; bytes: number; messagesRefused: number } {
    const { length: messages, bytes, itemsDropped: messagesRefused } = this.#queue;
    return { messages, rows: this.#rowsWaiting, bytes, messagesRefused };
  }

  /**
   * Resolves after the COMMIT. The same readings again change nothing.
   * @param source the device that sent them; series that are new count for it.
   * @throws {AppError} FRAME_MALFORMED for values that are too late, SERIES_LIMIT when some (the others are stored)
   * or all belong to series that the device may not make; QUEUE_FULL, STORE_UNAVAILABLE, SHUTTING_DOWN (retryable).
   */
  async add(site: string, sensor: string, source: { id: string }, readings: Reading[]): Promise<void> {
    if (this.#isClosed)
      throw new AppError('SHUTTING_DOWN', 'no readings are taken any more', { retryable: true });
    this.#expectRecent(readings);
    const rows = readings.reduce((sum, { values }) => sum + Object.keys(values).length, 0);
    const bytes = BYTES_OF_MESSAGE + readings.length * BYTES_OF_READING + rows * BYTES_OF_VALUE;
    await new Promise<void>((resolve, reject) => {
      const message: Message = { site, sensor, device: source.id, readings, rows, bytes, resolve, reject };
      if (!this.#queue.push(message)) {
        reject(
          new AppError('QUEUE_FULL', `${this.#queue.length} messages with readings wait already`, {
            retryable: true,
          }),
        );
        return;
      }
      this.#rowsWaiting += rows;
      this.#wake();
    });
  }

  /** Idempotent. Stores what was taken in. */
  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#queue.length > 0 || this.#writing) {
      this.#startWriting();
      await this.#writing;
    }
  }

  #expectRecent(readings: Reading[]): void {
    const earliestMs = this.#clock.nowMs() - this.#lateMaxDays * DAY_MS;
    const tooLate = readings.find(({ tsMs }) => tsMs < earliestMs);
    if (!tooLate) return;
    const ts = new Date(tooLate.tsMs).toISOString();
    throw new AppError('FRAME_MALFORMED', `a reading of ${ts} is more than ${this.#lateMaxDays} days late`);
  }

  #wake(): void {
    if (this.#writing) return;
    if (this.#rowsWaiting >= BATCH_MAX_ROWS) return this.#startWriting();
    this.#timer ??= this.#clock.after(LINGER_MS, () => this.#startWriting());
  }

  #startWriting(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
      // Came in after the last look at the queue: whoever was acknowledged may send again at once.
      if (this.#queue.length > 0) this.#wake();
    });
  }

  /** What comes in during a write makes the next batch, so batches grow with the load. */
  async #writeAll(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#takeBatch();
      await this.#write(batch);
    }
  }

  #takeBatch(): Message[] {
    const batch: Message[] = [];
    let rows = 0;
    for (
      let next = this.#queue.shift();
      next;
      next = rows < BATCH_MAX_ROWS ? this.#queue.shift() : undefined
    ) {
      batch.push(next);
      rows += next.rows;
    }
    this.#rowsWaiting -= rows;
    return batch;
  }

  /** Never rejects: each message learns its own outcome. */
  async #write(batch: Message[]): Promise<void> {
    const prepared: Prepared[] = [];
    for (const message of batch) {
      try {
        prepared.push(await this.#prepare(message));
      } catch (error) {
        message.reject(error);
      }
    }
    if (prepared.length > 0) await this.#store(prepared);
  }

  async #prepare(message: Message): Promise<Prepared> {
    const { site, sensor, device, readings } = message;
    const metrics = new Set(readings.flatMap(({ values }) => Object.keys(values)));
    const series = await this.#options.catalogue.resolve(site, sensor, metrics, device);
    const prepared: Prepared = { message, rows: [], seriesIds: [], valuesRefused: 0 };
    for (const reading of readings) addRows(prepared, reading, series);
    return prepared;
  }

  async #store(prepared: Prepared[]): Promise<void> {
    this.counters.batches += 1;
    try {
      const stored = await this.#options.store.insert(columnsOf(prepared));
      this.#settle(prepared, stored);
    } catch (error) {
      this.counters.batchesFailed += 1;
      // One value that PostgreSQL refuses must not take the others down with it.
      const isFaultOfOne = isAppError(error) && !error.retryable && prepared.length > 1;
      if (isFaultOfOne) for (const one of prepared) await this.#store([one]);
      else for (const { message } of prepared) message.reject(error);
    }
  }

  #settle(prepared: Prepared[], valuesStored: number): void {
    const rows = asArrived(
      prepared.flatMap((one) => one.rows),
      this.#clock.nowMs(),
    );
    this.counters.valuesStored += valuesStored;
    this.counters.valuesKnown += rows.length - valuesStored;
    this.#options.onRows?.(rows);
    const changed = this.#options.latest.accept(rows);
    if (changed.length > 0) this.#options.onStored(changed);
    for (const { message, valuesRefused } of prepared) {
      if (valuesRefused === 0) {
        this.counters.messagesStored += 1;
        message.resolve();
        continue;
      }
      this.counters.valuesRefused += valuesRefused;
      const text = `${valuesRefused} values of ${message.site}/${message.sensor} belong to more series than its device may have`;
      message.reject(new AppError('SERIES_LIMIT', text, { detail: { valuesRefused } }));
    }
  }
}

function addRows(prepared: Prepared, { tsMs, values }: Reading, series: Map<string, Series>): void {
  const { site, sensor } = prepared.message;
  for (const [metric, value] of Object.entries(values)) {
    const known = series.get(metric);
    if (!known) {
      prepared.valuesRefused += 1;
      continue;
    }
    prepared.rows.push({ site, sensor, metric, unit: known.unit, tsMs, value });
    prepared.seriesIds.push(known.id);
  }
}

/**
 * What is newest goes by this: the readings of a sensor whose clock is ahead, moved back until the last of them comes as it
 * arrives. One of tomorrow would hide from rules and people all that come until then, also after the clock was set right.
 */
function asArrived(rows: NewestValue[], nowMs: number): NewestValue[] {
  const aheadMs = new Map<string, number>();
  for (const row of rows)
    if (row.tsMs > nowMs) aheadMs.set(keyOf(row), Math.max(row.tsMs - nowMs, aheadMs.get(keyOf(row)) ?? 0));
  if (aheadMs.size === 0) return rows;
  return rows.map((row) => ({ ...row, tsMs: row.tsMs - (aheadMs.get(keyOf(row)) ?? 0) }));
}

const keyOf = ({ site, sensor }: NewestValue): string => formatAddress({ site, id: sensor });

function columnsOf(prepared: Prepared[]): ValueColumns {
  const rows = prepared.flatMap((one) => one.rows);
  return {
    seriesIds: prepared.flatMap((one) => one.seriesIds),
    timesMs: rows.map(({ tsMs }) => tsMs),
    values: rows.map(({ value }) => value),
  };
}
