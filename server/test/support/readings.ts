// Many readings, made by PostgreSQL itself.

import type { Database } from '../../src/postgres/pool.ts';

export interface MadeSeries {
  site: string;
  sensor: string;
  metric: string;
  unit?: string | null;
  from: Date;
  count: number;
  stepMs?: number;
}

/** Values 0, 1, 2, ... from `from` on, one each `stepMs`. */
export async function makeReadings(
  database: Database,
  { site, sensor, metric, unit = null, from, count, stepMs = 100 }: MadeSeries,
): Promise<void> {
  await database.query('insert into sites (id, name) values ($1::text, $1::text) on conflict do nothing', [
    site,
  ]);
  const [series] = await database.query<{ id: number }>(
    `insert into series (site, sensor, metric, unit, device) values ($1, $2, $3, $4, 'gateway') returning id`,
    [site, sensor, metric, unit],
  );
  const last = new Date(from.getTime() + count * stepMs);
  await database.query(
    `select ensure_telemetry_partitions(day::date)
     from generate_series(date_trunc('day', $1::timestamptz at time zone 'UTC'), $2::timestamptz at time zone 'UTC', '1 day') as day`,
    [from, last],
  );
  await database.query(
    `insert into telemetry select $1, $2::timestamptz + n * $4 * interval '1 millisecond', n from generate_series(0, $3::int - 1) as n`,
    [series?.id, from, count, stepMs],
  );
}
