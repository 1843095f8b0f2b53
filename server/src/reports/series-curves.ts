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

/** Which rows the curves are folded from: whole hours between the two times, and minutes before and after them. */
export interface CurvePlan {
  bucketMs: number;
  hoursFromMs: number;
  hoursToMs: number;
}

/**
 * As few rows as the buckets allow: hours, where buckets are made of them. Where minutes were dropped already, hours are all
 * there is; one then counts to the bucket that it begins in.
 * @param minutesFromMs from when on there are minutes.
 */
export function planCurves({ fromMs, toMs }: Span, minutesFromMs: number): CurvePlan {
  const fits = (ms: number): boolean => (toMs - fromMs) / ms <= CURVE_POINTS_MAX;
  const finest = BUCKETS_MS.find(fits) ?? Math.ceil((toMs - fromMs) / CURVE_POINTS_MAX / DAY_MS) * DAY_MS;
  const isOfHours = finest % HOUR_MS === 0 && fromMs % HOUR_MS === 0;
  if (!isOfHours && minutesFromMs <= fromMs) return { bucketMs: finest, hoursFromMs: toMs, hoursToMs: toMs };
  const hoursFromMs = Math.ceil(fromMs / HOUR_MS) * HOUR_MS;
  const hoursToMs = Math.max(hoursFromMs, Math.floor(toMs / HOUR_MS) * HOUR_MS);
  return { bucketMs: Math.max(finest, HOUR_MS), hoursFromMs, hoursToMs };
}

type Row = Omit<SeriesPart, 'bucketMs' | 'points'> & { points: CurvePoint[] | null };

const FOLDED = 'bucket, count, sum, min, max';
// In the order of the list, so that PostgreSQL gives each series when it has it. Buckets begin with the period, so that those of days are days of the place. An hour that is due is missing or stale, its
// minutes are not; OFFSET has each of them looked up by its key, also where PostgreSQL thinks that there are few.
const CURVES = `
  select listed.*, told.*
  from (
    select series.id, series.sensor, coalesce(sensors.name, series.sensor) as "sensorName", series.metric, series.unit, series.label,
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
      from (
        select ${FOLDED} from telemetry_1m
        where series_id = listed.id and bucket >= $2 and bucket < least($3, $5::timestamptz)
        union all
        select ${FOLDED} from telemetry_1h as hours
        where series_id = listed.id and bucket >= $5 and bucket < $6::timestamptz
          and not exists (select from rollup_due where (hour, series_id) = (hours.bucket, hours.series_id))
        union all
        select ${FOLDED} from rollup_due cross join lateral (
          select * from telemetry_1m
          where series_id = listed.id and bucket >= hour and bucket < hour + interval '1 hour' offset 0
        ) as minutes
        where rollup_due.series_id = listed.id and hour >= $5 and hour < $6
        union all
        select ${FOLDED} from telemetry_1m
        where series_id = listed.id and bucket >= greatest($6, $2) and bucket < $3
      ) as rows
      group by 1
    ) as buckets
  ) as told
  order by listed.sensor, listed.metric`;

/** @throws {AppError} STORE_UNAVAILABLE (retryable). */
export async function* readSeries(database: Database, site: string, span: Span): AsyncGenerator<SeriesPart> {
  const plan = planCurves(span, await minutesFromMs(database));
  const times = [plan.hoursFromMs, plan.hoursToMs].map((ms) => new Date(ms));
  const values = [site, new Date(span.fromMs), new Date(span.toMs), plan.bucketMs, ...times];
  for await (const row of cursorRows<Row>(database, CURVES, values, BATCH_ROWS))
    yield { ...row, points: row.points ?? [], bucketMs: plan.bucketMs };
}

async function minutesFromMs(database: Database): Promise<number> {
  const [retained] = await database.query<{ from_at: Date }>(
    `select from_at from telemetry_retained where tier = '1m'`,
  );
  return retained?.from_at.getTime() ?? Number.NEGATIVE_INFINITY;
}
