// The statements that read curves.

import type { Queryable } from '../postgres/pool.ts';
import type { Sources, Span } from './query-sources.ts';

/** `[epochMs, value]`, or of a bucket `[epochMs, avg, min, max, count]`. Where nothing was measured there is none. */
export type Point = number[];

export interface SeriesAsked {
  sensor: string;
  /** Every metric of the sensor when left out. */
  metric?: string | undefined;
}

export interface SeriesRow {
  id: number;
  sensor: string;
  metric: string;
  unit: string | null;
  label: string | null;
}

/** From when on each tier is complete; 0 where nothing was dropped. */
export interface Retained {
  rawFromMs: number;
  minutesFromMs: number;
  hoursFromMs: number;
}

export function findSeries(
  database: Queryable,
  site: string,
  asked: SeriesAsked[],
  max: number,
): Promise<SeriesRow[]> {
  return database.query<SeriesRow>(
    `select distinct series.id, series.sensor, series.metric, series.unit, series.label
     from unnest($2::text[], $3::text[]) as asked (sensor, metric)
     join series on series.site = $1 and series.sensor = asked.sensor and series.metric = coalesce(asked.metric, series.metric)
     order by series.sensor, series.metric limit $4`,
    [site, asked.map(({ sensor }) => sensor), asked.map(({ metric }) => metric ?? null), max],
  );
}

/** All that {@link findSeries} would find. */
export async function countSeries(database: Queryable, site: string, asked: SeriesAsked[]): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    `select count(distinct series.id)::int as count from unnest($2::text[], $3::text[]) as asked (sensor, metric)
     join series on series.site = $1 and series.sensor = asked.sensor and series.metric = coalesce(asked.metric, series.metric)`,
    [site, asked.map(({ sensor }) => sensor), asked.map(({ metric }) => metric ?? null)],
  );
  return row?.count ?? 0;
}

export async function retainedFrom(database: Queryable): Promise<Retained> {
  const rows = await database.query<{ tier: string; ms: number }>(
    'select tier, (extract(epoch from from_at) * 1000)::int8 as ms from telemetry_retained',
  );
  const from = (tier: string): number => rows.find((row) => row.tier === tier)?.ms ?? 0;
  return { rawFromMs: from('raw'), minutesFromMs: from('1m'), hoursFromMs: from('1h') };
}

/** Of any of the series; those next to each other as one span. */
export async function dueHours(
  database: Queryable,
  ids: number[],
  { fromMs, toMs }: { fromMs: number; toMs: number },
): Promise<Span[]> {
  const rows = await database.query<{ from: number; to: number }>(
    `select (extract(epoch from min(hour)) * 1000)::int8 as from, (extract(epoch from max(hour)) * 1000)::int8 + 3600000 as to
     from (
       select hour, hour - row_number() over (order by hour) * interval '1 hour' as island
       from (
         select distinct hour from rollup_due
         where hour > timestamptz 'epoch' + ($2::int8 - 3600000) * interval '1 millisecond'
           and hour < timestamptz 'epoch' + $3::int8 * interval '1 millisecond' and series_id = any($1::int[])
       ) as hours
     ) as numbered
     group by island order by 1`,
    [ids, fromMs, toMs],
  );
  return rows.map(({ from, to }) => [from, to]);
}

/** All of them: the caller knows that they are few. */
export async function rawPoints(
  database: Queryable,
  ids: number[],
  { from, to }: { from: Date; to: Date },
): Promise<Map<number, Point[]>> {
  if (ids.length === 0) return new Map();
  const rows = await database.query<{ id: number; points: Point[] }>(
    `select series_id as id, array_agg(array[extract(epoch from ts) * 1000, value]::float8[] order by ts) as points
     from telemetry where series_id = any($1::int[]) and ts >= $2 and ts < $3 group by 1`,
    [ids, from, to],
  );
  return new Map(rows.map(({ id, points }) => [id, points]));
}

/** @param edgesMs where each bucket begins. */
export async function bucketPoints(
  database: Queryable,
  ids: number[],
  edgesMs: number[],
  { days, hours, minutes }: Sources,
): Promise<Map<number, Point[]>> {
  const values: unknown[] = [ids, edgesMs];
  const pieces = [
    ...piecesOf('telemetry_1d', days, values),
    ...piecesOf('telemetry_1h', hours, values),
    ...piecesOf('telemetry_1m', minutes, values),
  ];
  const rows = await database.query<{ id: number; points: Point[] }>(bucketsOf(pieces), values);
  return new Map(rows.map(({ id, points }) => [id, points]));
}

/** Adds its values. The outer bounds let the planner leave out partitions; each span looks into its own ones when it runs. */
function piecesOf(table: string, spans: Span[], values: unknown[]): string[] {
  const [first, last] = [spans[0], spans.at(-1)];
  if (!first || !last) return [];
  values.push(spans.map(([from]) => from), spans.map(([, to]) => to), new Date(first[0]), new Date(last[1])); // prettier-ignore
  const [from, to, begin, end] = [3, 2, 1, 0].map((back) => `$${values.length - back}`);
  // OFFSET 0 keeps the planner from reading all in between and comparing each row with each span.
  return [
    `select pieces.*
     from (
       select timestamptz 'epoch' + from_ms * interval '1 millisecond' as from_at,
         timestamptz 'epoch' + to_ms * interval '1 millisecond' as to_at
       from unnest(${from}::int8[], ${to}::int8[]) as span (from_ms, to_ms)
     ) as spans
     cross join lateral (
       select series_id, bucket, count, sum, min, max from ${table}
       where series_id = any($1::int[]) and bucket >= from_at and bucket < to_at and bucket >= ${begin} and bucket < ${end}
       offset 0
     ) as pieces`,
  ];
}

const bucketsOf = (pieces: string[]): string => `
  select id, array_agg(array[($2::int8[])[nth], total / n, low, high, n]::float8[] order by nth) as points
  from (
    select series_id as id,
      greatest(1, width_bucket(bucket, (
        select array_agg(timestamptz 'epoch' + ms * interval '1 millisecond' order by ms) from unnest($2::int8[]) as ms
      ))) as nth,
      sum(sum) as total, sum(count) as n, min(min) as low, max(max) as high
    from (${pieces.join(' union all ')}) as pieces
    group by 1, 2
  ) as folded
  group by id`;
