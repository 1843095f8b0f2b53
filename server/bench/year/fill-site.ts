// What stands beside the readings of the year: names, pictures, events, outages.

import type pg from 'pg';
import { AGENT, CAMERAS, METRICS, SENSORS, SITE } from './names.ts';

/** A timeline has pictures of each camera, and things that happened at it. */
const PICTURE_EVERY = '10 minutes';
const EVENT_EVERY = '37 minutes';
const OUTAGE_EVERY = '3 days';
/** Of pictures whose files nobody needs. */
const NO_FILE = `${SITE}/1970-01-01/${'0'.repeat(26)}.jpg`;

export async function fillNames(client: pg.Client, fromMs: number): Promise<void> {
  const since = new Date(fromMs);
  await client.query(`insert into sites (id, name) values ('${SITE}', 'Plant')`);
  await client.query(`insert into agents (site, id, since) values ('${SITE}', '${AGENT.agent}', $1)`, [
    since,
  ]);
  await client.query(
    `insert into cameras (site, id, agent, name, report, known_since)
     select '${SITE}', 'camera-' || n, '${AGENT.agent}', 'Camera ' || n, jsonb_build_object('id', 'camera-' || n, 'name', 'Camera ' || n,
       'state', 'live', 'since', $1::timestamptz, 'profiles', '[]'::jsonb), $1
     from generate_series(1, ${CAMERAS}) as n`,
    [since],
  );
  await client.query(
    `insert into sensors (site, id, agent) select '${SITE}', 'sensor-' || n, '${AGENT.agent}' from generate_series(1, ${SENSORS}) as n`,
  );
  await client.query(
    `insert into series (site, sensor, metric, unit, device, created_at)
     select '${SITE}', 'sensor-' || n, metric, 'u', '${AGENT.agent}', $1
     from generate_series(1, ${SENSORS}) as n, unnest($2::text[]) with ordinality as given (metric, place) order by n, place`,
    [since, METRICS],
  );
}

export async function fillTimeline(client: pg.Client, fromMs: number, toMs: number): Promise<void> {
  const range = [new Date(fromMs), new Date(toMs)];
  const ulid = (prefix: string): string =>
    `'0' || upper(translate(lpad(to_hex((extract(epoch from at) * 1000)::int8), 15, '0') || lpad(to_hex(camera), 2, '0') || '${prefix}' || '0000000', 'ilou', '0000'))`;
  await client.query(
    `insert into snapshots (id, site, camera, agent, captured_at, received_at, reason, type, width, height, bytes, sha256,
       thumbnail_type, thumbnail_width, thumbnail_height, thumbnail_bytes, path, thumbnail_path)
     select ${ulid('A')}, '${SITE}', 'camera-' || camera, '${AGENT.agent}', at, at, 'interval', 'image/jpeg', 1280, 720, 90000, decode(repeat('00', 32), 'hex'),
       'image/jpeg', 320, 180, 9000, '${NO_FILE}', '${NO_FILE}'
     from generate_series(1, ${CAMERAS}) as camera, generate_series($1::timestamptz, $2, '${PICTURE_EVERY}') as at`,
    range,
  );
  await client.query(
    `insert into events (id, site, camera, agent, kind, at, until)
     select ${ulid('B')}, '${SITE}', 'camera-' || camera, '${AGENT.agent}', case when n % 20 = 0 then 'offline' else 'motion' end, at, at + interval '4 minutes'
     from generate_series(1, ${CAMERAS}) as camera, generate_series($1::timestamptz, $2, '${EVENT_EVERY}') with ordinality as moment (at, n)`,
    range,
  );
  await client.query(
    `insert into outages (site, kind, id, began, ended, reason)
     select '${SITE}', kind, id, at, at + interval '50 minutes', 'silent'
     from (
       select 'camera' as kind, 'camera-' || n as id from generate_series(1, ${CAMERAS}) as n
       union all select 'sensor', 'sensor-' || n from generate_series(1, ${SENSORS} / 4) as n
     ) as away, generate_series($1::timestamptz, $2, '${OUTAGE_EVERY}') as at`,
    range,
  );
}
