// Curves for charts: raw values where they fit, buckets of minutes, hours or days where they do not. Borrows the database.

import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Queryable } from '../postgres/pool.ts';

export const QUERY_POINTS_DEFAULT = 600;
export const QUERY_POINTS_MAX = 5_000;
/** Of one answer, shared by its series. */
export const QUERY_TOTAL_POINTS_MAX = 50_000;
/** Metrics of one sensor in one answer; the first ones by name. */
const QUERY_SERIES_MAX = 100;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const BUCKETS_MS = [
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR_MS),
];

export type Tier = 'raw' | '1m' | '1h' | '1d';
const TIER_MS: Record<Tier, number> = { raw: 0, '1m': MINUTE_MS, '1h': HOUR_MS, '1d': DAY_MS };

/** `[epochMs, value]`, or of a bucket `[epochMs, avg, min, max, count]`. */
export type Point = number[];

export interface TelemetryQuery {
  site: string;
  sensor: string;
  /** Every metric of the sensor when left out. */
  metric?: string;
  /** At or after. */
  from: Date;
  /** Before. */
  to: Date;
  /** Of each series, 1 to QUERY_POINTS_MAX. */
  maxPoints?: number;
  /** Not finer than this. */
  tier?: Tier;
}

export interface SeriesPoints {
  site: string;
  sensor: string;
  metric: string;
  unit: string | null;
  /** The unit of the buckets, which may span several of it: the times of the points say how many. */
  tier: Tier;
  points: Point[];
}

interface SeriesRow {
  id: number;
  metric: string;
  unit: string | null;
}

export class TelemetryQueries {
  readonly #database: Queryable;
  readonly counters = {
    /** Had more series than {@link QUERY_TOTAL_POINTS_MAX} lets have the points that they were asked for. */
    queriesCoarsened: 0,
  };

  constructor({ database }: { database: Queryable }) {
    this.#database = database;
  }

  /**
   * @returns one entry a metric, by name; empty when the sensor has none.
   * @throws {AppError} BAD_REQUEST for a range that ends before it begins; STORE_UNAVAILABLE (retryable).
   */
  async answer(query: TelemetryQuery): Promise<SeriesPoints[]> {
    if (!(query.from < query.to)) throw new AppError('BAD_REQUEST', 'the range ends before it begins');
    const series = await findSeries(this.#database, query);
    const asked = Math.min(query.maxPoints ?? QUERY_POINTS_DEFAULT, QUERY_POINTS_MAX);
    const share = Math.max(1, Math.floor(QUERY_TOTAL_POINTS_MAX / Math.max(1, series.length)));
    if (share < asked) this.counters.queriesCoarsened += 1;
    return readPoints(this.#database, series, query, Math.min(asked, share));
  }
}

async function readPoints(
  database: Queryable,
  series: SeriesRow[],
  query: TelemetryQuery,
  maxPoints: number,
): Promise<SeriesPoints[]> {
  const { site, sensor, from, to, tier = 'raw' } = query;
  const raw =
    tier === 'raw' ? await rawPoints(database, series, query, maxPoints) : new Map<number, Point[]>();
  const coarse = series.filter(({ id }) => tier !== 'raw' || (raw.get(id)?.length ?? 0) > maxPoints);
  const bucketMs = chooseBucketMs(from.getTime(), to.getTime(), maxPoints, TIER_MS[tier]);
  const buckets =
    coarse.length > 0 ? await bucketPoints(database, coarse, query, bucketMs) : new Map<number, Point[]>();
  return series.map((one) => {
    const isCoarse = coarse.includes(one);
    const points = (isCoarse ? buckets : raw).get(one.id) ?? [];
    return {
      site,
      sensor,
      metric: one.metric,
      unit: one.unit,
      tier: isCoarse ? tierOf(bucketMs) : 'raw',
      points,
    };
  });
}

/** The narrowest bucket, aligned to 1970 in UTC, of which at most `maxPoints` touch the range. */
export function chooseBucketMs(fromMs: number, toMs: number, maxPoints: number, atLeastMs: number): number {
  // Nothing is older than 1970, and no bucket is wide enough to hold both sides of it.
  const firstMs = Math.max(0, fromMs);
  const fits = (bucketMs: number): boolean =>
    bucketMs >= atLeastMs &&
    Math.floor((toMs - 1) / bucketMs) - Math.floor(firstMs / bucketMs) + 1 <= maxPoints;
  const narrow = BUCKETS_MS.find(fits);
  if (narrow !== undefined) return narrow;
  let days = 1;
  while (!fits(days * DAY_MS)) days *= 2;
  return days * DAY_MS;
}

function tierOf(bucketMs: number): Tier {
  if (bucketMs >= DAY_MS) return '1d';
  return bucketMs >= HOUR_MS ? '1h' : '1m';
}

function findSeries(database: Queryable, { site, sensor, metric }: TelemetryQuery): Promise<SeriesRow[]> {
  return database.query<SeriesRow>(
    `select id, metric, unit from series where site = $1 and sensor = $2 and metric = coalesce($3, metric)
     order by metric limit $4`,
    [site, sensor, metric ?? null, QUERY_SERIES_MAX],
  );
}

/** One more than `maxPoints` of a series that has more. */
async function rawPoints(
  database: Queryable,
  series: SeriesRow[],
  { from, to }: TelemetryQuery,
  maxPoints: number,
): Promise<Map<number, Point[]>> {
  const rows = await database.query<{ id: number; points: Point[] }>(
    `select asked.id, array_agg(array[extract(epoch from ts) * 1000, value]::float8[] order by ts) as points
     from unnest($1::int[]) as asked (id)
     cross join lateral (
       select ts, value from telemetry where series_id = asked.id and ts >= $2 and ts < $3 order by ts limit $4
     ) as found
     group by asked.id`,
    [series.map(({ id }) => id), from, to, maxPoints + 1],
  );
  return new Map(rows.map(({ id, points }) => [id, points]));
}

/** Minutes are whole: the first one counts when any of it is in the range. */
async function bucketPoints(
  database: Queryable,
  series: SeriesRow[],
  { from, to }: TelemetryQuery,
  bucketMs: number,
): Promise<Map<number, Point[]>> {
  const rows = await database.query<{ id: number; points: Point[] }>(
    `select id, array_agg(array[ms, total / n, low, high, n]::float8[] order by ms) as points
     from (
       select series_id as id, extract(epoch from date_bin($4 * interval '1 millisecond', bucket, 'epoch')) * 1000 as ms,
         sum(sum) as total, sum(count) as n, min(min) as low, max(max) as high
       from telemetry_1m
       where series_id = any($1::int[]) and bucket >= date_bin('1 minute', $2::timestamptz, 'epoch') and bucket < $3
       group by 1, 2
     ) as folded
     group by id`,
    [series.map(({ id }) => id), from, to, bucketMs],
  );
  return new Map(rows.map(({ id, points }) => [id, points]));
}
