// Availability of sensors of which no outage is noted, from what they sent: a sensor keeps to its own interval, so a silence of
// several of them is time that it was away.

import type { Database } from '../postgres/pool.ts';
import { cursorRows } from './cursor-rows.ts';
import { shareOf, type Span } from './down-time.ts';
import { REPORT_SENSORS_MAX, type SensorPart } from './report-subject.ts';

/** Of one statement: a sensor of many readings takes some tenths of a second. */
const BATCH_ROWS = 2;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Longer periods are looked at by the hour. */
const BY_MINUTES_MAX_MS = 8 * 24 * HOUR_MS;
/** Intervals without a reading that are a silence. */
const SILENCE_INTERVALS = 3;

/** Times in ms since 1970; all of them null when it sent nothing in the period. */
export interface SensorSteps {
  id: string;
  name: string | null;
  /** When its first reading ever came; null before that. */
  knownSinceMs: number | null;
  firstMs: number | null;
  lastMs: number | null;
  /** The median time between steps with readings. */
  intervalMs: number | null;
  /** Of silences between its readings: their number, and how much longer than an interval they were. */
  silences: number;
  silentMs: number;
}

const BY_MINUTES = `select bucket from telemetry_1m where series_id = any(series.ids) and bucket >= $2 and bucket < $3`;
// An hour that is due has readings, whether or not it is computed yet.
const BY_HOURS = `
  select bucket from telemetry_1h where series_id = any(series.ids) and bucket >= $2 and bucket < $3
  union all
  select hour from rollup_due where hour >= $2 and hour < $3 and series_id = any(series.ids)`;

const stepsSql = (buckets: string): string => `
  select listed.id, listed.name, series."knownSinceMs", told.*
  from (
    select id, name from sensors
    where site = $1 and not (id = any($4::text[])) order by id limit ${REPORT_SENSORS_MAX + 1}
  ) as listed
  cross join lateral (
    select coalesce(array_agg(id), '{}') as ids, (extract(epoch from min(created_at)) * 1000)::float8 as "knownSinceMs"
    from series where site = $1 and sensor = listed.id
  ) as series
  cross join lateral (
    with steps as materialized (
      select bucket, extract(epoch from bucket - lag(bucket) over (order by bucket)) * 1000 as ms
      from (select distinct bucket from (${buckets}) as found) as buckets
    ), usual as materialized (
      select coalesce(percentile_disc(0.5) within group (order by ms), 0)::float8 as ms from steps
    )
    select
      (extract(epoch from min(bucket)) * 1000)::float8 as "firstMs",
      (extract(epoch from max(bucket)) * 1000)::float8 as "lastMs",
      (select ms from usual) as "intervalMs",
      count(*) filter (where steps.ms > ${SILENCE_INTERVALS} * usual.ms) as silences,
      coalesce(sum(steps.ms - usual.ms) filter (where steps.ms > ${SILENCE_INTERVALS} * usual.ms), 0)::float8 as "silentMs"
    from steps, usual
  ) as told
  order by listed.id`;

/**
 * @param without sensors that are left out.
 * @throws {AppError} STORE_UNAVAILABLE (retryable).
 */
export async function* readSilences(
  database: Pick<Database, 'openCursor'>,
  site: string,
  span: Span,
  without: string[],
): AsyncGenerator<SensorPart> {
  const { fromMs, toMs } = span;
  const isLong = toMs - fromMs > BY_MINUTES_MAX_MS;
  const sql = stepsSql(isLong ? BY_HOURS : BY_MINUTES);
  const values = [site, new Date(fromMs), new Date(toMs), without];
  for await (const steps of cursorRows<SensorSteps>(database, sql, values, BATCH_ROWS))
    yield availabilityOf(steps, span, isLong ? HOUR_MS : MINUTE_MS);
}

export function availabilityOf(steps: SensorSteps, { fromMs, toMs }: Span, stepMs: number): SensorPart {
  const { id, knownSinceMs, firstMs, lastMs } = steps;
  const name = steps.name ?? id;
  if (firstMs === null || lastMs === null) {
    const wasThere = knownSinceMs !== null && knownSinceMs < fromMs;
    if (!wasThere) return { id, name, share: null, downMs: 0, downs: 0, basis: 'none' };
    return { id, name, share: 0, downMs: toMs - fromMs, downs: 1, basis: 'interval' };
  }
  const intervalMs = Math.max(stepMs, steps.intervalMs ?? 0);
  const beginMs = Math.max(fromMs, Math.min(firstMs, knownSinceMs ?? firstMs));
  // The step of the last reading is one in which it was there.
  const edges = [firstMs - beginMs, toMs - lastMs - stepMs].filter(
    (ms) => ms > SILENCE_INTERVALS * intervalMs,
  );
  const downMs = edges.reduce((sum, ms) => sum + ms - intervalMs, steps.silentMs);
  const downs = steps.silences + edges.length;
  return { id, name, share: shareOf(downMs, toMs - beginMs), downMs, downs, basis: 'interval' };
}
