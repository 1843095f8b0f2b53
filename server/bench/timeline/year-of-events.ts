// A year of what a timeline shows, made by PostgreSQL itself: pictures, events, outages, and the tiers of some curves.

import type { Database } from '../../src/postgres/pool.ts';

export const SITE = 'plant';
export const CAMERAS = 16;
const PICTURE_EVERY = '10 minutes';
const EVENTS_A_DAY = 60;
const OUTAGES_OF_A_CAMERA = 200;
const SERIES = 4;
export const DAYS = 365;
/** Of minutes; before them there are hours and days. */
const MINUTE_DAYS = 60;

/** Enough hexadecimal digits are a ULID too. */
const ULID = `'0' || upper(substr(replace(gen_random_uuid()::text, '-', ''), 1, 25))`;
const AGO = (unit: string): string => `date_trunc('minute', now()) - n * interval '${unit}'`;

/** One camera or series at a time, so that no statement reaches its time-out. */
export async function fillYear(database: Database): Promise<void> {
  await database.query(`insert into sites (id, name) values ($1, 'Plant')`, [SITE]);
  for (let camera = 0; camera < CAMERAS; camera += 1) {
    const name = `camera-${String(camera).padStart(2, '0')}`;
    for (let quarter = 0; quarter < 4; quarter += 1) await fillPictures(database, name, quarter);
    await fillEvents(database, name);
    await fillOutages(database, name);
  }
  await fillCurves(database);
  await database.query('analyze');
}

async function fillPictures(database: Database, camera: string, quarter: number): Promise<void> {
  await database.query(
    `insert into snapshots (id, site, camera, captured_at, agent, received_at, reason, type, width, height, bytes, sha256,
       thumbnail_type, thumbnail_width, thumbnail_height, thumbnail_bytes, path, thumbnail_path)
     select ${ULID}, $1, $2, ${AGO(PICTURE_EVERY)}, 'gateway', now(), 'interval', 'image/jpeg', 1280, 720, 90000,
       pg_catalog.sha256(''::bytea), 'image/jpeg', 320, 180, 9000, 'p', 't'
     from generate_series(1 + $3::int * $4::int, ($3::int + 1) * $4::int) as n`,
    [SITE, camera, quarter, (DAYS * 144) / 4],
  );
}

async function fillEvents(database: Database, camera: string): Promise<void> {
  await database.query(
    `insert into events (id, site, camera, agent, kind, at, until, detail)
     select ${ULID}, $1, $2, 'gateway', (array['motion', 'motion', 'motion', 'dark', 'covered'])[1 + floor(random() * 5)::int],
       at, at + random() * interval '3 minutes', 'something moved'
     from (select now() - random() * $3::int * interval '1 day' as at from generate_series(1, $4::int)) as moments`,
    [SITE, camera, DAYS, DAYS * EVENTS_A_DAY],
  );
}

async function fillOutages(database: Database, camera: string): Promise<void> {
  await database.query(
    `insert into outages (site, kind, id, began, ended, reason)
     select $1, 'camera', $2, at, at + random() * interval '9 hours', 'no route to the camera'
     from (select now() - n * $3::int * interval '1 day' / $4::int as at from generate_series(1, $4::int) as n) as moments`,
    [SITE, camera, DAYS, OUTAGES_OF_A_CAMERA],
  );
}

async function fillCurves(database: Database): Promise<void> {
  for (let day = 0; day <= DAYS; day += 1)
    await database.query('select ensure_telemetry_partitions((now() - $1::int * interval $$1 day$$)::date)', [
      day,
    ]);
  for (let series = 0; series < SERIES; series += 1) {
    await database.query(
      `insert into series (site, sensor, metric, unit, device) values ($1, $2, 'temperature', '°C', 'gateway')`,
      [SITE, `sensor-${series}`],
    );
  }
  await database.query(
    `insert into telemetry select id, ${AGO('1 minute')}, 20 + random() from series, generate_series(1, 2880) as n`,
  );
  const tiers = [
    { table: 'telemetry_1m', unit: '1 minute', buckets: MINUTE_DAYS * 1_440 },
    { table: 'telemetry_1h', unit: '1 hour', buckets: DAYS * 24 },
    { table: 'telemetry_1d', unit: '24 hours', buckets: DAYS },
  ];
  for (const { table, unit, buckets } of tiers)
    await database.query(
      `insert into ${table} (series_id, bucket, count, sum, min, max)
       select id, date_bin('${unit}', now(), 'epoch') - n * interval '${unit}', 60, 60 * (20 + random()), 19, 22
       from series, generate_series(1, $1::int) as n on conflict do nothing`,
      [buckets],
    );
}
