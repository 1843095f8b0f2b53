// Outages that touch the range; where they are too many, those of one thing that are close together are one.

import type { Queryable } from '../postgres/pool.ts';
import type { OutageKind } from './outage-store.ts';
import { BUCKETS_MS } from './time-buckets.ts';
import type { Part, TimelineQuery } from './timeline-query.ts';

export interface TimelineOutage {
  kind: OutageKind;
  id: string;
  began: Date;
  /** Null while it goes on. */
  ended: Date | null;
  reason: string;
  /** How many outages this is, one after the other. */
  count: number;
  /** How long of it, and within the range, it was away. */
  awayMs: number;
}

const COLUMNS = 'kind, id, began, ended, reason';
const OF_ASKED = `site = $1 and (kind <> 'camera' or $4::text is null or id = $4) and (kind <> 'sensor' or $5::text is null or id = $5)`;
/** How long each is away within the range, in ms. */
const AWAY = `(extract(epoch from least(coalesce(ended, $3), $3) - greatest(began, $2)) * 1000)::float8`;

/**
 * Those of one thing do not overlap: of those that began before the range only the last one of each may reach into it. The
 * index goes from one thing to the next.
 */
const TOUCHING = `
  with recursive things as (
    (select kind, id::text from outages where site = $1 order by outages.kind, outages.id limit 1)
    union all
    select next.kind, next.id from things cross join lateral (
      select o.kind, o.id::text from outages o
      where o.site = $1 and (o.kind, o.id) > (things.kind, things.id) order by o.kind, o.id limit 1
    ) as next
  ), touching as (
    select ${COLUMNS} from outages where ${OF_ASKED} and began >= $2 and began < $3
    union all
    select ${COLUMNS} from things cross join lateral (
      select site, began, ended, reason from outages o
      where (o.site, o.kind, o.id) = ($1, things.kind, things.id) and o.began < $2 order by o.began desc limit 1
    ) as before
    where (ended is null or ended > $2) and ${OF_ASKED}
  )`;

/** In order of time. */
export async function readOutages(
  database: Queryable,
  { site, from, to, camera, sensor }: TimelineQuery,
  share: number,
): Promise<Part<TimelineOutage>> {
  const asked = [site, from, to, camera ?? null, sensor ?? null];
  const found = await database.query<TimelineOutage>(
    `${TOUCHING} select ${COLUMNS}, 1 as count, ${AWAY} as "awayMs" from touching order by began, kind, id limit $6`,
    [...asked, share + 1],
  );
  if (found.length <= share) return { items: found, thinned: [] };
  return mergedOutages(database, { from, to }, asked, share);
}

/** Of what is still too much the longest are kept. */
async function mergedOutages(
  database: Queryable,
  { from, to }: { from: Date; to: Date },
  asked: unknown[],
  share: number,
): Promise<Part<TimelineOutage>> {
  const [{ things = 1 } = {}] = await database.query<{ things: number }>(
    `${TOUCHING} select count(distinct (kind, id))::int as things from touching`,
    asked,
  );
  const across = Math.max(1, Math.floor(share / things));
  const widthMs = (to.getTime() - from.getTime()) / across;
  const bucketMs = BUCKETS_MS.find((width) => width >= widthMs) ?? widthMs;
  const rows = await database.query<TimelineOutage & { of: number }>(
    `${TOUCHING} select *, count(*) over ()::int as of from (
       select kind, id, min(began) as began, nullif(max(coalesce(ended, 'infinity')), 'infinity') as ended,
         min(reason) as reason, count(*)::int as count, sum(${AWAY}) as "awayMs"
       from touching
       group by kind, id, date_bin($6 * interval '1 millisecond', greatest(began, $2), $2)
     ) as merged order by "awayMs" desc limit $7`,
    [...asked, Math.max(1, Math.floor(bucketMs)), share],
  );
  const items = rows.map(({ of: _, ...outage }) => outage);
  const of = rows[0]?.of ?? 0;
  const cut = of > items.length ? { shown: items.length, of } : { shown: null, of: null };
  return {
    items: items.toSorted((a, b) => a.began.getTime() - b.began.getTime()),
    thinned: [{ what: 'outages', bucketMs, ...cut }],
  };
}
