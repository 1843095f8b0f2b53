// All readings of a site within a period, in batches: by sensor and metric, and within those by time. Borrows the database.

import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Cursor } from '../postgres/cursor.ts';
import type { Database } from '../postgres/pool.ts';

const DAY_MS = 86_400_000;
/** Of one export or report. */
export const PERIOD_MAX_DAYS = 366;

export interface ReadingRange {
  site: string;
  /** Every one when left out. */
  sensor?: string;
  metric?: string;
  /** At or after. */
  from: Date;
  /** Before. */
  to: Date;
}

export interface ReadingRow {
  sensor: string;
  metric: string;
  unit: string | null;
  /** Since 1970. */
  ms: number;
  value: number;
  /** Which of the `places` series this is, from 1. */
  place: number;
  places: number;
}

// Series by series, each along its primary key: nothing is sorted but the few series, so the first rows come at once and
// PostgreSQL holds no more than it sends.
const READINGS = `
  select listed.sensor, listed.metric, listed.unit, listed.place, listed.places,
    (extract(epoch from found.ts) * 1000)::float8 as ms, found.value
  from (
    select id, sensor, metric, unit, row_number() over (order by sensor, metric) as place, count(*) over () as places
    from series where site = $1 and sensor = coalesce($2, sensor) and metric = coalesce($3, metric)
  ) as listed
  cross join lateral (
    select ts, value from telemetry where series_id = listed.id and ts >= $4 and ts < $5 order by ts
  ) as found
  order by listed.sensor, listed.metric`;

/** @throws {AppError} STORE_UNAVAILABLE (retryable). */
export function openReadings(
  database: Pick<Database, 'openCursor'>,
  { site, sensor, metric, from, to }: ReadingRange,
  options: { maxRestMs: number },
): Promise<Cursor<ReadingRow>> {
  return database.openCursor<ReadingRow>(READINGS, [site, sensor ?? null, metric ?? null, from, to], options);
}

/** @throws {AppError} BAD_REQUEST for a period that ends before it begins; PERIOD_TOO_LONG above {@link PERIOD_MAX_DAYS}. */
export function expectPeriod({ from, to }: Pick<ReadingRange, 'from' | 'to'>): void {
  if (!(from < to))
    throw new AppError('BAD_REQUEST', `from ${from.toISOString()} is not before to ${to.toISOString()}`);
  if (to.getTime() - from.getTime() > PERIOD_MAX_DAYS * DAY_MS) {
    throw new AppError('PERIOD_TOO_LONG', `from and to are more than ${PERIOD_MAX_DAYS} days apart`, {
      detail: { limit: PERIOD_MAX_DAYS },
    });
  }
}

/** The longest period that ends at `to`. */
export function longestPeriodBefore(to: Date): Date {
  return new Date(to.getTime() - PERIOD_MAX_DAYS * DAY_MS);
}
