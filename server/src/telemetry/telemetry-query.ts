// Curves for charts: raw values where they fit, buckets of minutes, hours or days where they do not. Borrows the database.

import { AppError, isAppError } from '@sitecast/shared/runtime/app-error';
import { SlotGate } from '../ingest/slot-gate.ts';
import type { Queryable } from '../postgres/pool.ts';
import { chooseBuckets, DAY_MS, expectTimeZone, HOUR_MS, MINUTE_MS, type Buckets } from './query-buckets.ts';
import {
  bucketPoints,
  dueHours,
  countSeries,
  findSeries,
  rawPoints,
  retainedFrom,
  type Point,
  type Retained,
  type SeriesAsked,
  type SeriesRow,
} from './query-rows.ts';
import { planSources, rowsOf } from './query-sources.ts';

export const QUERY_POINTS_DEFAULT = 600;
export const QUERY_POINTS_MAX = 5_000;
/** Of one answer, shared by its series. */
export const QUERY_TOTAL_POINTS_MAX = 50_000;
/** In one answer; the first ones by sensor and metric. */
export const QUERY_SERIES_MAX = 100;
/** Minutes, hours and days that one answer may be made of (`reject`). */
export const QUERY_ROWS_MAX = 2_000_000;
/** Of the connections to PostgreSQL: the others are for what comes in. The next ones wait (`block`), and above that are refused. */
export const QUERIES_AT_ONCE_MAX = 3;
export const QUERIES_WAITING_MAX = 30;
/** No reading is as old as the one or as new as the other. */
const FIRST_MS = 0;
const LAST_MS = Date.UTC(2200, 0);
/** SQLSTATE of a statement that reached its time-out. */
const QUERY_CANCELED = '57014';
const RETRY_AFTER_MS = 5_000;

export type Tier = 'raw' | '1m' | '1h' | '1d';
const TIER_MS: Record<Tier, number> = { raw: 0, '1m': MINUTE_MS, '1h': HOUR_MS, '1d': DAY_MS };

export interface TelemetryQuery {
  site: string;
  /** At most QUERY_SERIES_MAX. */
  series: SeriesAsked[];
  /** At or after. */
  from: Date;
  /** Before. Of buckets: the minutes that the range touches are whole. */
  to: Date;
  /** Of each series, 1 to QUERY_POINTS_MAX. */
  maxPoints?: number;
  /** Not finer than this. */
  tier?: Tier;
  /** Days are those of this zone (IANA); of UTC when left out. */
  timeZone?: string;
}

export interface SeriesPoints {
  site: string;
  sensor: string;
  metric: string;
  unit: string | null;
  /** As its device calls it. */
  label: string | null;
  /** The unit of the buckets, which may span several of it. */
  tier: Tier;
  /** Width of the buckets, 0 when raw; a day counts 24 hours. Two points that are further apart have a gap between them. */
  bucketMs: number;
  points: Point[];
}

export class TelemetryQueries {
  readonly #database: Queryable;
  readonly #gate = new SlotGate({ slots: QUERIES_AT_ONCE_MAX, maxWaiting: QUERIES_WAITING_MAX });
  readonly #counters = {
    /** Had more series than {@link QUERY_TOTAL_POINTS_MAX} lets have the points that they were asked for. */
    queriesCoarsened: 0,
    queriesTooLarge: 0,
    queriesTimedOut: 0,
  };

  constructor({ database }: { database: Queryable }) {
    this.#database = database;
  }

  get counters(): Readonly<Record<string, number>> {
    const { heldUp: queriesHeldUp, refused: queriesRefused } = this.#gate;
    return { ...this.#counters, queriesHeldUp, queriesRefused };
  }

  /**
   * @returns one entry a series, by sensor and metric; empty when there is none of them.
   * @throws {AppError} BAD_REQUEST for a range that ends before it begins, too many series, or an unknown time zone;
   * QUERY_TOO_LARGE; QUERY_TIMED_OUT, QUEUE_FULL, STORE_UNAVAILABLE (retryable).
   */
  async answer(query: TelemetryQuery): Promise<SeriesPoints[]> {
    if (!(query.from < query.to)) throw new AppError('BAD_REQUEST', 'the range ends before it begins');
    if (query.series.length > QUERY_SERIES_MAX)
      throw new AppError('BAD_REQUEST', `more than ${QUERY_SERIES_MAX} series are asked for`);
    if (query.timeZone !== undefined) expectTimeZone(query.timeZone);
    await this.#gate.enter();
    try {
      return await this.#answer(query);
    } catch (error) {
      throw this.#inWords(error);
    } finally {
      this.#gate.leave();
    }
  }

  /** How many of what is asked for there are, beyond those that an answer has. @throws {AppError} STORE_UNAVAILABLE (retryable). */
  async leftOut({ site, series }: Pick<TelemetryQuery, 'site' | 'series'>, shown: number): Promise<number> {
    if (shown < QUERY_SERIES_MAX) return 0;
    return Math.max(0, (await countSeries(this.#database, site, series)) - shown);
  }

  async #answer(query: TelemetryQuery): Promise<SeriesPoints[]> {
    const series = await findSeries(this.#database, query.site, query.series, QUERY_SERIES_MAX);
    if (series.length === 0) return [];
    const asked = Math.min(query.maxPoints ?? QUERY_POINTS_DEFAULT, QUERY_POINTS_MAX);
    const share = Math.max(1, Math.floor(QUERY_TOTAL_POINTS_MAX / series.length));
    if (share < asked) this.#counters.queriesCoarsened += 1;
    return this.#points(series, query, Math.min(asked, share));
  }

  async #points(series: SeriesRow[], query: TelemetryQuery, maxPoints: number): Promise<SeriesPoints[]> {
    const { site, tier = 'raw' } = query;
    const range = { fromMs: clamp(query.from), toMs: clamp(query.to) };
    const retained = await retainedFrom(this.#database);
    const finest = finestTier(tier, range.fromMs, retained);
    const buckets = await chooseBuckets(this.#database, {
      ...range,
      maxPoints,
      atLeastMs: TIER_MS[finest],
      timeZone: query.timeZone ?? 'UTC',
    });
    const ids = series.map(({ id }) => id);
    const folded = await this.#fold(ids, range, buckets, retained);
    const few = finest === 'raw' ? ids.filter((id) => countOf(folded.get(id)) <= maxPoints) : [];
    const raw = await rawPoints(this.#database, few, query);
    return series.map(({ id, ...names }) => {
      const values = raw.get(id) ?? [];
      // More came since they were counted.
      const isRaw = few.includes(id) && values.length <= maxPoints;
      if (isRaw) return { site, ...names, tier: 'raw', bucketMs: 0, points: values };
      const { bucketMs } = buckets;
      return { site, ...names, tier: tierOf(bucketMs), bucketMs, points: folded.get(id) ?? [] };
    });
  }

  async #fold(
    ids: number[],
    range: { fromMs: number; toMs: number },
    { edgesMs }: Buckets,
    retained: Retained,
  ): Promise<Map<number, Point[]>> {
    const due = await dueHours(this.#database, ids, range);
    const sources = planSources({ ...range, edgesMs, due, ...retained });
    const rows = Math.ceil(rowsOf(sources) * ids.length);
    if (rows > QUERY_ROWS_MAX) {
      throw new AppError('QUERY_TOO_LARGE', `the answer would be made of ${rows} rows`, {
        detail: { limit: QUERY_ROWS_MAX, rows },
      });
    }
    return bucketPoints(this.#database, ids, edgesMs, sources);
  }

  #inWords(error: unknown): unknown {
    if (isAppError(error, 'QUERY_TOO_LARGE')) this.#counters.queriesTooLarge += 1;
    if (!isAppError(error, 'STORE_UNAVAILABLE') || error.detail.sqlState !== QUERY_CANCELED) return error;
    this.#counters.queriesTimedOut += 1;
    return new AppError('QUERY_TIMED_OUT', 'the curves took longer than a statement may', {
      cause: error,
      retryable: true,
      detail: { retryAfterMs: RETRY_AFTER_MS },
    });
  }
}

/** What was asked for, or the finest that goes back to the begin of the range. */
function finestTier(asked: Tier, fromMs: number, { rawFromMs, minutesFromMs, hoursFromMs }: Retained): Tier {
  if (asked === '1d' || fromMs < hoursFromMs) return '1d';
  if (asked === '1h' || fromMs < minutesFromMs) return '1h';
  return asked === '1m' || fromMs < rawFromMs ? '1m' : 'raw';
}

function tierOf(bucketMs: number): Tier {
  if (bucketMs >= DAY_MS) return '1d';
  return bucketMs >= HOUR_MS ? '1h' : '1m';
}

const countOf = (buckets: Point[] = []): number =>
  buckets.reduce((sum, [, , , , count = 0]) => sum + count, 0);

const clamp = (date: Date): number => Math.min(Math.max(date.getTime(), FIRST_MS), LAST_MS);
