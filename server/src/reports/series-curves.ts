// Every series of a site over a period, one after the other: its numbers, and its curve in as few buckets as a chart shows.

import type { Database } from '../postgres/pool.ts';
import { cursorRows } from './cursor-rows.ts';
import type { Span } from './down-time.ts';
import { CURVE_POINTS_MAX, REPORT_SERIES_MAX, type CurvePoint, type SeriesPart } from './report-subject.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** About 100 KB. */
const BATCH_ROWS = 4;

const BUCKETS_MS = [
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR_MS),
  ...[1, 2, 7].map((days) => days * DAY_MS),
];

/** The narrowest of which CURVE_POINTS_MAX fill the period. */
export function bucketMsOf({ fromMs, toMs }: Span): number {
  const fits = (ms: number): boolean => (toMs - fromMs) / ms <= CURVE_POINTS_MAX;
  return BUCKETS_MS.find(fits) ?? Math.ceil((toMs - fromMs) / CURVE_POINTS_MAX / DAY_MS) * DAY_MS;
}

type Row = Omit<SeriesPart, 'bucketMs' | 'points'> & { points: CurvePoint[] | null };

// In the order of the list, so that PostgreSQL gives each series as soon as it has it: a sort would wait for all of them. Buckets
// begin with the period, so that those of days are days of the place.
const CURVES = `
  select listed.*, told.*
  from (
    select series.id, series.sensor, coalesce(sensors.name, series.sensor) as "sensorName", series.metric, series.unit,
      row_number() over (order by series.sensor, series.metric) as place,
      count(*) over () as places
    from series left join sensors on (sensors.site, sensors.id) = (series.site, series.sensor)
    where series.site = $1 order by series.sensor, series.metric limit ${REPORT_SERIES_MAX}
  ) as listed
  cross join lateral (
    select coalesce(sum(n), 0)::float8 as count, min(low) as min, sum(total) / sum(n) as mean, max(high) as max,
      array_agg(array[ms, total / n, low, high, n]::float8[] order by ms) as points
    from (
      select extract(epoch from date_bin($4 * interval '1 millisecond', bucket, $2::timestamptz)) * 1000 as ms,
        sum(sum) as total, sum(count) as n, min(min) as low, max(max) as high
      from telemetry_1m where series_id = listed.id and bucket >= $2 and bucket < $3
      group by 1
    ) as buckets
  ) as told
  order by listed.sensor, listed.metric`;

/** @throws {AppError} STORE_UNAVAILABLE (retryable). */
export async function* readSeries(
  database: Pick<Database, 'openCursor'>,
  site: string,
  span: Span,
): AsyncGenerator<SeriesPart> {
  const bucketMs = bucketMsOf(span);
  const values = [site, new Date(span.fromMs), new Date(span.toMs), bucketMs];
  for await (const row of cursorRows<Row>(database, CURVES, values, BATCH_ROWS))
    yield { ...row, points: row.points ?? [], bucketMs };
}
