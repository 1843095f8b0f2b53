// Into which buckets a curve is divided: minutes and hours counted from 1970 in UTC, days by the calendar of a time zone.

import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Queryable } from '../postgres/pool.ts';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
const BUCKETS_MS = [
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR_MS),
];

export interface Buckets {
  /** Width; of days, 24 hours each, though some have 23 or 25. */
  bucketMs: number;
  /** Where each bucket begins, ascending; the first is not after the range begins. */
  edgesMs: number[];
}

export interface BucketsWanted {
  fromMs: number;
  toMs: number;
  maxPoints: number;
  atLeastMs: number;
  /** IANA. */
  timeZone: string;
}

/** The narrowest buckets of which at most `maxPoints` touch the range. @throws {AppError} STORE_UNAVAILABLE (retryable). */
export async function chooseBuckets(database: Queryable, wanted: BucketsWanted): Promise<Buckets> {
  const { fromMs, toMs, maxPoints, atLeastMs, timeZone } = wanted;
  const bucketMs = chooseBucketMs(fromMs, toMs, maxPoints, atLeastMs);
  if (bucketMs >= DAY_MS && timeZone !== 'UTC') return localDays(database, wanted);
  const firstMs = Math.floor(fromMs / bucketMs) * bucketMs;
  const count = Math.ceil((toMs - firstMs) / bucketMs);
  return { bucketMs, edgesMs: Array.from({ length: count }, (_, n) => firstMs + n * bucketMs) };
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

/** @throws {AppError} BAD_REQUEST for what is no IANA name. */
export function expectTimeZone(name: string): void {
  try {
    // PostgreSQL would take abbreviations and POSIX rules too, and give `UTC+9` the opposite sign.
    if (/^[A-Za-z]/.test(name)) new Intl.DateTimeFormat('en', { timeZone: name });
    else throw new RangeError(name);
  } catch (cause) {
    throw new AppError('BAD_REQUEST', `tz ${name.slice(0, 64)} is no time zone of IANA`, { cause });
  }
}

// The first moment of each day, as PostgreSQL knows the zone: of a midnight that the clocks skip, the moment at which they do; of one
// that they show twice, the first. Buckets of several days are counted from 1970, so that they stay where they are while the range moves.
const LOCAL_DAYS = `
  with asked as (
    select (timestamptz 'epoch' + $1::int8 * interval '1 millisecond') at time zone $3 as first_at,
      (timestamptz 'epoch' + ($2::int8 - 1) * interval '1 millisecond') at time zone $3 as last_at
  ), counted as (
    select first_at::date - date '1970-01-01' as first_day, last_at::date - date '1970-01-01' as last_day from asked
  ), chosen as (
    select first_day, last_day, days from counted, unnest($5::int[]) as days
    where floor(last_day::float8 / days) - floor(first_day::float8 / days) < $4 order by days limit 1
  )
  select days, (extract(epoch from
      case when ((midnight - interval '1 hour') at time zone $3)::date = local_day then midnight - interval '1 hour' else midnight end
    ) * 1000)::int8 as ms
  from chosen, generate_series((floor(first_day::float8 / days) * days)::int, last_day, days) as day,
    lateral (select date '1970-01-01' + day as local_day) as dated,
    lateral (select local_day::timestamp at time zone $3 as midnight) as placed
  order by day`;
const DAYS_OF_BUCKET = Array.from({ length: 21 }, (_, power) => 2 ** power);

async function localDays(
  database: Queryable,
  { fromMs, toMs, maxPoints, timeZone }: BucketsWanted,
): Promise<Buckets> {
  const values = [fromMs, toMs, timeZone, maxPoints, DAYS_OF_BUCKET];
  const rows = await database.query<{ days: number; ms: number }>(LOCAL_DAYS, values);
  return { bucketMs: (rows[0]?.days ?? 1) * DAY_MS, edgesMs: rows.map(({ ms }) => ms) };
}
