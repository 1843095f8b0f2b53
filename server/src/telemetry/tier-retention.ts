// Drops the partitions whose readings are older than their tier is kept. Owns a timer; borrows the database and the partitions.

import { isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { Logger } from '@sitecast/shared/node/logger';
import type { Database, Queryable } from '../postgres/pool.ts';
import type { ClockTrust } from '../retention/clock-trust.ts';
import type { Partitions } from './partitions.ts';

const DAY_MS = 86_400_000;
/** Beyond what is kept: a reading that was taken in just in time must find its day. */
const GRACE_MS = DAY_MS;
const FIRST_CHECK_MS = 60_000;
const CHECK_INTERVAL_MS = 3_600_000;
/** After somebody was reading for longer than a drop waits. */
const RETRY_MS = 60_000;
/** A drop that waits for a reader keeps writers waiting behind it; longer than this it gives up. */
const LOCK_TIMEOUT_MS = 100;
/** SQLSTATE of a lock that was not got in time. */
const LOCK_NOT_AVAILABLE = '55P03';

interface Tier {
  name: 'raw' | '1m' | '1h' | '1d';
  table: string;
  keptDays: keyof KeptDays;
}

const TIERS: Tier[] = [
  { name: 'raw', table: 'telemetry', keptDays: 'rawDays' },
  { name: '1m', table: 'telemetry_1m', keptDays: 'minutesDays' },
  { name: '1h', table: 'telemetry_1h', keptDays: 'hoursDays' },
  { name: '1d', table: 'telemetry_1d', keptDays: 'daysDays' },
];

export interface KeptDays {
  rawDays: number;
  minutesDays: number;
  hoursDays: number;
  daysDays: number;
}

export interface TierRetentionOptions {
  database: Database;
  partitions: Pick<Partitions, 'forget'>;
  kept: KeptDays;
  /** Nothing is dropped while the clock is doubted. */
  clockTrust: Pick<ClockTrust, 'isBelieved'>;
  logger: Logger;
  clock?: Clock;
}

interface Partition {
  table: string;
  tier: Tier;
  fromMs: number;
  toMs: number;
}

export class TierRetention {
  readonly #options: TierRetentionOptions;
  readonly #clock: Clock;
  readonly counters = {
    partitionsDropped: 0,
    /** Somebody was reading, or hours of it were still due. */
    partitionsPostponed: 0,
  };
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: TierRetentionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  start(): void {
    this.#schedule(FIRST_CHECK_MS);
  }

  /** Idempotent. Waits for the drop under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#running;
  }

  /**
   * Oldest first, each in a transaction of its own; what cannot be had at once is left for later.
   * @returns whether nothing was left.
   * @throws {AppError} STORE_UNAVAILABLE (retryable).
   */
  async dropExpired(): Promise<boolean> {
    if (!(await this.#options.clockTrust.isBelieved())) return false;
    let isDone = true;
    for (const tier of TIERS) {
      const expiredMs = this.#clock.nowMs() - this.#options.kept[tier.keptDays] * DAY_MS - GRACE_MS;
      for (const partition of await listPartitions(this.#options.database, tier)) {
        if (partition.toMs > expiredMs || this.#isClosed) break;
        if (await this.#drop(partition)) continue;
        this.counters.partitionsPostponed += 1;
        isDone = false;
        break;
      }
    }
    return isDone;
  }

  async #drop(partition: Partition): Promise<boolean> {
    const { database, partitions, logger } = this.#options;
    try {
      const isDropped = await database.transaction((client) => drop(client, partition));
      if (!isDropped) return false;
    } catch (error) {
      if (isAppError(error) && error.detail.sqlState === LOCK_NOT_AVAILABLE) return false;
      throw error;
    }
    partitions.forget();
    this.counters.partitionsDropped += 1;
    logger.info({ partition: partition.table }, 'readings dropped by retention');
    return true;
  }

  #schedule(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer = this.#clock.after(delayMs, () => {
      this.#running = this.#run();
    });
  }

  async #run(): Promise<void> {
    let isDone = false;
    try {
      isDone = await this.dropExpired();
    } catch (error) {
      this.#options.logger.warn({ reason: messageOf(error) }, 'old readings could not be dropped');
    }
    this.#schedule(isDone ? CHECK_INTERVAL_MS : RETRY_MS);
  }
}

/** The lock that keeps everybody out is taken by the last statement before the commit. */
async function drop(client: Queryable, { table, tier, fromMs, toMs }: Partition): Promise<boolean> {
  await client.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
  if (tier.name !== '1d' && (await isDue(client, fromMs, toMs))) return false;
  await client.query(
    `insert into telemetry_retained (tier, from_at) values ($1, $2)
     on conflict (tier) do update set from_at = greatest(telemetry_retained.from_at, excluded.from_at)`,
    [tier.name, new Date(toMs)],
  );
  await client.query(`drop table ${table}`);
  return true;
}

/** What its hours are computed from must stay until they are. */
async function isDue(client: Queryable, fromMs: number, toMs: number): Promise<boolean> {
  const rows = await client.query('select from rollup_due where hour >= $1 and hour < $2 limit 1', [
    new Date(fromMs),
    new Date(toMs),
  ]);
  return rows.length > 0;
}

/** Of one tier, oldest first; their names tell their time. */
async function listPartitions(database: Queryable, tier: Tier): Promise<Partition[]> {
  const rows = await database.query<{ name: string }>(
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = $1::regclass and c.relname ~ ('^' || $1 || '_[0-9]{4,8}$') order by 1`,
    [tier.table],
  );
  return rows.map(({ name }) => {
    const [year, month, day] = numbersOf(name.slice(tier.table.length + 1));
    const toMs =
      day === undefined ? Date.UTC(...nextOf(year, month)) : Date.UTC(year, (month ?? 1) - 1, day + 1);
    return { table: name, tier, fromMs: Date.UTC(year, (month ?? 1) - 1, day ?? 1), toMs };
  });
}

/** `2026`, `202601` or `20260131`. */
function numbersOf(suffix: string): [year: number, month?: number, day?: number] {
  const parts = [suffix.slice(0, 4), suffix.slice(4, 6), suffix.slice(6, 8)];
  return parts.filter((part) => part !== '').map(Number) as [number, number?, number?];
}

const nextOf = (year: number, month: number | undefined): [year: number, monthIndex: number] =>
  month === undefined ? [year + 1, 0] : [year, month];
