// Hours from minutes and days from hours, of those hours that are marked as due. Owns a timer; borrows database and partitions.

import { messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { Logger } from '@sitecast/shared/node/logger';
import type { Database, Queryable } from '../postgres/pool.ts';
import type { Partitions } from './partitions.ts';

/** Hours of one transaction, each of one series; the others wait for the next one (`block`). */
export const ROLLUP_BATCH_MAX = 500;
const HOUR_MS = 3_600_000;
/** After its end, so that an hour is computed once and not for each reading that is some seconds late. */
const SETTLE_MS = 60_000;
const CHECK_INTERVAL_MS = 15_000;
/** Between two batches, for those who wait for a connection or the disk. */
const BREATH_MS = 20;
const RETRY_MS = 10_000;

// One computes at a time: two of them with hours of the same day would each miss what the other has not committed.
const TAKE_TURN = `select pg_try_advisory_xact_lock(hashtext('telemetry rollups')) as taken`;

// Locked first, and computed by the next statement, which sees every writer that let go of the lock. Hours that a writer has
// locked are left for later, so that this never waits for ingest.
const PICK = `
  select (extract(epoch from hour) * 1000)::int8 as ms, series_id as id from rollup_due
  where hour <= timestamptz 'epoch' + $1::int8 * interval '1 millisecond'
  order by hour, series_id limit $2 for update skip locked`;

const HOURS = rollUp('telemetry_1h', 'telemetry_1m', '1 hour');
const DAYS = rollUp('telemetry_1d', 'telemetry_1h', '24 hours');

const UNMARK = `
  delete from rollup_due using unnest($1::int[], $2::int8[]) as done (id, ms)
  where series_id = done.id and hour = timestamptz 'epoch' + done.ms * interval '1 millisecond'`;

interface DueHour {
  id: number;
  /** Begin, since 1970. */
  ms: number;
}

export interface RollupsOptions {
  database: Database;
  partitions: Pick<Partitions, 'ensure' | 'forget'>;
  logger: Logger;
  batchMax?: number;
  clock?: Clock;
}

export class Rollups {
  readonly #options: RollupsOptions;
  readonly #clock: Clock;
  readonly #batchMax: number;
  readonly counters = {
    rolledUp: 0,
    /** More hours were due than one batch takes. */
    rollupsHeldUp: 0,
    rollupsFailed: 0,
  };
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: RollupsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#batchMax = options.batchMax ?? ROLLUP_BATCH_MAX;
  }

  start(): void {
    this.#schedule(BREATH_MS);
  }

  /** Idempotent. Waits for the batch under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#running;
  }

  /**
   * One batch: all of it or nothing, whenever the process or the database dies.
   * @returns how many hours were computed; 0 also while another process does it.
   * @throws {AppError} STORE_UNAVAILABLE (retryable).
   */
  async rollUp(): Promise<number> {
    const dueMs = this.#clock.nowMs() - HOUR_MS - SETTLE_MS;
    const count = await this.#options.database.transaction((client) => this.#batch(client, dueMs));
    this.counters.rolledUp += count;
    return count;
  }

  async #batch(client: Queryable, dueMs: number): Promise<number> {
    const [turn] = await client.query<{ taken: boolean }>(TAKE_TURN);
    if (!turn?.taken) return 0;
    const due = await client.query<DueHour>(PICK, [dueMs, this.#batchMax]);
    if (due.length === 0) return 0;
    const columns = [due.map(({ id }) => id), due.map(({ ms }) => ms)];
    await this.#options.partitions.ensure(due.map(({ ms }) => ms));
    await client.query(HOURS, columns);
    await client.query(DAYS, columns);
    await client.query(UNMARK, columns);
    return due.length;
  }

  #schedule(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer = this.#clock.after(delayMs, () => {
      this.#running = this.#run();
    });
  }

  async #run(): Promise<void> {
    try {
      const isMoreDue = (await this.rollUp()) === this.#batchMax;
      if (isMoreDue) this.counters.rollupsHeldUp += 1;
      this.#schedule(isMoreDue ? BREATH_MS : CHECK_INTERVAL_MS);
    } catch (error) {
      this.counters.rollupsFailed += 1;
      // Whatever failed, a partition that was known may be gone.
      this.#options.partitions.forget();
      this.#options.logger.warn({ reason: messageOf(error) }, 'hours could not be rolled up');
      this.#schedule(RETRY_MS);
    }
  }
}

/** The buckets of `span` that hold the given hours, whole, from the finer tier; a row that is there is replaced. */
function rollUp(into: string, from: string, span: string): string {
  return `
  insert into ${into} as stored (series_id, bucket, count, sum, min, max)
  select touched.id, touched.bucket, folded.*
  from (
    select distinct id, date_bin('${span}', timestamptz 'epoch' + ms * interval '1 millisecond', 'epoch') as bucket
    from unnest($1::int[], $2::int8[]) as given (id, ms)
  ) as touched
  cross join lateral (
    select sum(count)::int as count, sum(sum) as sum, min(min) as min, max(max) as max
    from ${from} where series_id = touched.id and bucket >= touched.bucket and bucket < touched.bucket + interval '${span}'
  ) as folded
  where folded.count is not null
  order by 1, 2
  on conflict (series_id, bucket) do update
    set count = excluded.count, sum = excluded.sum, min = excluded.min, max = excluded.max`;
}
