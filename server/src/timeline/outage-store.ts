// SQL of the table `outages`. Borrows the database.
//
// Those of a camera follow from the moments at which it was online or offline: events, which a spool may bring late and in any
// order, and the newest report of its gateway. Between two moments of being online there is at most one outage, from the
// first moment of being offline on. So each moment sets right what lies around it, and the order of arrival does not matter.

import type { Address } from '@sitecast/shared/protocol/ids';
import type { Database, Queryable } from '../postgres/pool.ts';

export type OutageKind = 'agent' | 'camera' | 'sensor';

/** What may be away. */
export interface Watched extends Address {
  kind: OutageKind;
}

export interface OpenOutage extends Watched {
  began: Date;
}

export interface NewOutage extends OpenOutage {
  /** A word; of a camera what its gateway said. */
  reason: string;
}

/** Rows of one answer; of more open outages those that began first. */
export const OPEN_OUTAGES_MAX = 5_000;
/** Of one series, looked through when its sensor speaks again. */
const READINGS_AFTER_SILENCE_MAX = 2_000;
/** Of one sensor: those with the newest names are not needed to tell when it speaks. */
const SERIES_LOOKED_AT = 8;
/** Neither is a time of a device: both are outside of what is believed. */
const BEGIN_OF_TIME = new Date(0);
const END_OF_TIME = new Date(Date.UTC(9000, 0, 1));

export class OutageStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async open(): Promise<OpenOutage[]> {
    return this.#database.query<OpenOutage & Record<string, unknown>>(
      `select site, kind, id, began from outages where ended is null order by began limit $1`,
      [OPEN_OUTAGES_MAX],
    );
  }

  /** What is away already stays as it is. */
  async begin(outages: NewOutage[]): Promise<void> {
    await this.#database.query(
      `insert into outages (site, kind, id, began, reason)
       select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[])
       on conflict do nothing`,
      [
        outages.map(({ site }) => site),
        outages.map(({ kind }) => kind),
        outages.map(({ id }) => id),
        outages.map(({ began }) => began),
        outages.map(({ reason }) => reason),
      ],
    );
  }

  /** Ends what is open; before its begin counts as at it. */
  async end({ site, kind, id }: Watched, ended: Date): Promise<void> {
    await this.#database.query(
      `update outages set ended = greatest(began, $4)
       where (site, kind, id) = ($1, $2, $3) and ended is null`,
      [site, kind, id, ended],
    );
  }

  /** A sensor whose own login was revoked is not missed any more. */
  async endOfRevokedSensors(): Promise<void> {
    await this.#database.query(
      `update outages set ended = greatest(began, d.revoked_at) from devices d
       where outages.kind = 'sensor' and outages.ended is null and d.kind = 'sensor' and d.revoked_at is not null
         and (d.site, d.id) = (outages.site, outages.id)`,
    );
  }

  /**
   * The sensor speaks again: its outage becomes what its readings say, since late ones may have filled some of it.
   * @param atLeastMs a silence that is shorter was none: the outage is removed.
   */
  async endOfSilence({ site, id }: Address, began: Date, atLeastMs: number): Promise<void> {
    const [gap] = await this.#database.query<{ began: Date; ended: Date }>(
      `select began, ended from (
         select lag(ts) over (order by ts) as began, ts as ended from (
           select $3::timestamptz as ts
           union select found.ts
           from (select id from series where site = $1 and sensor = $2 order by id limit ${SERIES_LOOKED_AT}) as one
           cross join lateral (
             select ts from telemetry where series_id = one.id and ts > $3 order by ts limit ${READINGS_AFTER_SILENCE_MAX}
           ) as found
         ) as readings
       ) as gaps
       where began is not null order by ended - began desc limit 1`,
      [site, id, began],
    );
    const isSilence = gap !== undefined && gap.ended.getTime() - gap.began.getTime() >= atLeastMs;
    await this.#database.query(
      isSilence
        ? `update outages set began = $4, ended = $5 where (site, kind, id, began) = ($1, 'sensor', $2, $3)`
        : `delete from outages where (site, kind, id, began) = ($1, 'sensor', $2, $3)`,
      isSilence ? [site, id, began, gap.began, gap.ended] : [site, id, began],
    );
  }

  /** Sets right what lies around a moment at which the camera is said to be online or offline. Durable once it resolves. */
  async followCamera(camera: Address, at: Date): Promise<void> {
    await this.#database.transaction(async (client) => {
      await client.query(`select pg_advisory_xact_lock(hashtextextended($1, 0))`, [
        `outages of ${camera.site}/${camera.id}`,
      ]);
      const { before, at: here, after } = await onlineAround(client, camera, at);
      const [first, last] = [before ?? BEGIN_OF_TIME, after ?? END_OF_TIME];
      const bounds = here ? [first, here, last] : [first, last];
      for (const [index, from] of bounds.slice(0, -1).entries())
        await setBetween(client, camera, from, bounds[index + 1] as Date);
    });
  }
}

/** Moments at which a camera was online: an event, the newest report (a camera that is stopped is not missed), the end of an outage. */
const ONLINE = `
  select at from events where site = $1 and camera = $2 and kind = 'online'
  union all
  select (report ->> 'since')::timestamptz from cameras
  where site = $1 and id = $2 and report ->> 'state' in ('live', 'stopped')
  union all
  select ended from outages where site = $1 and kind = 'camera' and id = $2`;

async function onlineAround(
  client: Queryable,
  { site, id }: Address,
  moment: Date,
): Promise<{ before: Date | null; at: Date | null; after: Date | null }> {
  const [row] = await client.query<{ before: Date | null; at: Date | null; after: Date | null }>(
    `select
       (select max(at) from (${ONLINE}) as online where at < $3) as before,
       (select max(at) from (${ONLINE}) as online where at = $3) as at,
       (select min(at) from (${ONLINE}) as online where at > $3) as after`,
    [site, id, moment],
  );
  return row ?? { before: null, at: null, after: null };
}

/** From the first moment of being offline to `to`, when the camera was online again; open where it was not yet. */
async function setBetween(client: Queryable, { site, id }: Address, from: Date, to: Date): Promise<void> {
  const [first] = await client.query<{ at: Date; reason: string }>(
    `select at, reason from (
       (select at, coalesce(nullif(detail, ''), 'offline') as reason from events
        where site = $1 and camera = $2 and kind = 'offline' and at >= $3 and at < $4 order by at limit 1)
       union all
       select (report ->> 'since')::timestamptz, coalesce(report ->> 'detail', report ->> 'reason', 'offline') from cameras
       where site = $1 and id = $2 and report ->> 'state' in ('waiting', 'failed')
       union all
       (select began, reason from outages
        where site = $1 and kind = 'camera' and id = $2 and began >= $3 and began < $4 order by began limit 1)
     ) as offline
     where at >= $3 and at < $4 order by at limit 1`,
    [site, id, from, to],
  );
  await client.query(
    `delete from outages where site = $1 and kind = 'camera' and id = $2 and began >= $3 and began < $4`,
    [site, id, from, to],
  );
  if (first === undefined) return;
  await client.query(
    `insert into outages (site, kind, id, began, ended, reason) values ($1, 'camera', $2, $3, $4, $5)`,
    [site, id, first.at, to === END_OF_TIME ? null : to, first.reason],
  );
}
