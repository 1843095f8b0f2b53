// Events with their begin and end; from far, how many of each kind began in each stretch of time.

import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Queryable } from '../postgres/pool.ts';
import { bucketMsFor, fittingBucketsMs } from './time-buckets.ts';
import type { Part, Thinned, TimelineQuery } from './timeline-query.ts';

export interface TimelineEvent {
  id: string;
  /** Null: of the agent itself. */
  camera: string | null;
  agent: string;
  kind: string;
  at: Date;
  until: Date | null;
  detail: string | null;
  snapshotId: string | null;
  clipId: string | null;
}

export interface EventCount {
  from: Date;
  to: Date;
  kind: string;
  count: number;
}

/** Narrower than this, events are counted by looking at them. */
const COUNTED_FROM_MS = 12 * 3_600_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Stretches in which events are counted at most; fewer where there are many kinds. */
const COUNTS_ACROSS = 120;
/** Kinds that are told apart in counts; an agent may make up any number of them. */
const KINDS_MAX = 12;
const OTHER_KINDS = 'other';
/** Stands in event_counts for all of the site. */
const ALL_CAMERAS = '*';
/** Of events that began before the range and last into it, the newest. */
const LASTING_MAX = 100;
/** Of events without an end, the newest: those before them are of agents that never tell any. */
const OPEN_LOOKED_AT_MAX = 1_000;

const COLUMNS = `id, camera, agent, kind, at, until, detail, snapshot_id as "snapshotId", clip_id as "clipId"`;
const OF_ASKED = `site = $1 and ($2::text is null or camera = $2)`;

/** In order of time: either events or counts. */
export async function readEvents(
  database: Queryable,
  query: TimelineQuery,
  share: number,
): Promise<Part<TimelineEvent> & { counts: EventCount[] }> {
  const lasting = await lastingInto(database, query, Math.min(LASTING_MAX, Math.floor(share / 2)));
  const rest = share - lasting.length;
  const begun = await firstOf(database, query, rest + 1);
  if (begun.length <= rest) return { items: [...lasting, ...begun], counts: [], thinned: [] };
  const isFar = query.to.getTime() - query.from.getTime() >= COUNTED_FROM_MS;
  if (isFar) return countedEvents(database, query, share);
  const bucketMs = bucketMsFor(query, rest);
  const sampled = await oneOfEach(database, query, bucketMs);
  return { items: [...lasting, ...sampled], counts: [], thinned: [oneEach(bucketMs)] };
}

function firstOf(
  database: Queryable,
  { site, camera, from, to }: TimelineQuery,
  limit: number,
): Promise<TimelineEvent[]> {
  return database.query<TimelineEvent>(
    `select ${COLUMNS} from events where ${OF_ASKED} and at >= $3 and at < $4 order by at, id limit $5`,
    [site, camera ?? null, from, to, limit],
  );
}

/**
 * Began before the range and end in it, after it, or not yet. Those that last for more than an hour are few, and have an index, as
 * have those without an end. Of these the newest of each kind and camera goes on, if no later hour has another one of its kind
 * (its agent lost what it knew of the first), and if its camera is still there.
 */
async function lastingInto(
  database: Queryable,
  { site, camera, from }: TimelineQuery,
  limit: number,
): Promise<TimelineEvent[]> {
  const rows = await database.query<TimelineEvent>(
    `select * from (
       (select ${COLUMNS} from events
        where ${OF_ASKED} and at >= $3::timestamptz - interval '1 hour' and at < $3 and until > $3
          and (until - at) <= interval '1 hour' order by at desc, id desc limit $4)
       union all
       (select ${COLUMNS} from events
        where ${OF_ASKED} and at < $3 and until > $3 and (until - at) > interval '1 hour' order by at desc limit $4)
       union all
       (select distinct on (camera, kind) * from (
          select ${COLUMNS} from events
          where ${OF_ASKED} and at < $3 and until is null and kind not in ('online', 'offline')
          order by at desc limit ${OPEN_LOOKED_AT_MAX}
        ) as open
        where (camera is null or exists (select from cameras where (cameras.site, cameras.id) = ($1, open.camera)))
          and not exists (
            select from event_counts as later
            where later.site = $1 and later.camera = coalesce(open.camera, $5) and later.kind = open.kind
              and later.hour > open.at and later.hour < $3)
        order by camera, kind, at desc)
     ) as lasting order by at desc, id desc limit $4`,
    [site, camera ?? null, from, limit, ALL_CAMERAS],
  );
  return rows.toReversed();
}

/** The first of each stretch, each from the index. */
function oneOfEach(
  database: Queryable,
  { site, camera, from, to }: TimelineQuery,
  bucketMs: number,
): Promise<TimelineEvent[]> {
  return database.query<TimelineEvent>(
    `select found.* from generate_series(
       date_bin($5 * interval '1 millisecond', $3::timestamptz, 'epoch'), $4::timestamptz - interval '1 microsecond',
       $5 * interval '1 millisecond') as bucket
     cross join lateral (
       select ${COLUMNS} from events
       where ${OF_ASKED} and at >= greatest(bucket, $3) and at < least(bucket + $5 * interval '1 millisecond', $4)
       order by at, id limit 1
     ) as found
     order by found.at, found.id`,
    [site, camera ?? null, from, to, bucketMs],
  );
}

async function countedEvents(
  database: Queryable,
  query: TimelineQuery,
  share: number,
): Promise<Part<TimelineEvent> & { counts: EventCount[] }> {
  const widths = fittingBucketsMs(query, COUNTS_ACROSS).filter((bucketMs) => bucketMs >= HOUR_MS);
  for (const bucketMs of widths) {
    const counts = foldKinds(await countsOf(database, query, bucketMs));
    const isLast = bucketMs === widths.at(-1);
    if (counts.length > share && !isLast) continue;
    return { items: [], counts: counts.slice(0, share), thinned: [oneEach(bucketMs)] };
  }
  throw new TypeError('no width of time is wide enough');
}

/** Hours are whole: the first one counts when any of it is in the range. @throws {AppError} BAD_REQUEST for an unknown time zone. */
async function countsOf(
  database: Queryable,
  { site, camera, from, to, timeZone = 'UTC' }: TimelineQuery,
  bucketMs: number,
): Promise<EventCount[]> {
  // Days are of the calendar: one of 23 or 25 hours is one too. 2001 began on a Monday.
  const width = bucketMs < DAY_MS ? `${bucketMs / HOUR_MS} hours` : `${bucketMs / DAY_MS} days`;
  return database.query<EventCount>(
    `select local at time zone $6 as "from", (local + $5::interval) at time zone $6 as "to", kind, count
     from (
       select date_bin($5::interval, hour at time zone $6, timestamp '2001-01-01') as local, kind, sum(count)::int as count
       from event_counts
       where site = $1 and camera = $2 and hour >= date_bin('1 hour', $3::timestamptz, 'epoch') and hour < $4
       group by 1, 2
     ) as counted
     order by 1, 3 limit 20000`,
    [site, camera ?? ALL_CAMERAS, from, to, width, timeZone],
  );
}

/** The kinds that are rarest become one where they are too many. */
function foldKinds(counts: EventCount[]): EventCount[] {
  const totals = new Map<string, number>();
  for (const { kind, count } of counts) totals.set(kind, (totals.get(kind) ?? 0) + count);
  if (totals.size <= KINDS_MAX) return counts;
  const kept = new Set(
    [...totals]
      .toSorted((a, b) => b[1] - a[1])
      .slice(0, KINDS_MAX - 1)
      .map(([kind]) => kind),
  );
  const folded = new Map<string, EventCount>();
  for (const one of counts) {
    const kind = kept.has(one.kind) ? one.kind : OTHER_KINDS;
    const key = `${one.from.getTime()} ${kind}`;
    folded.set(key, { ...one, kind, count: (folded.get(key)?.count ?? 0) + one.count });
  }
  return [...folded.values()];
}

const oneEach = (bucketMs: number): Thinned => ({ what: 'events', bucketMs, shown: null, of: null });

/** @throws {AppError} BAD_REQUEST when this program, and so nearly certainly PostgreSQL, does not know it. */
export function expectTimeZone(timeZone: string): void {
  try {
    // An offset is one to PostgreSQL too, but of the other sign.
    if (!/^[A-Za-z]/.test(timeZone)) throw new RangeError('not a name');
    new Intl.DateTimeFormat('en', { timeZone });
  } catch (cause) {
    throw new AppError('BAD_REQUEST', `tz ${JSON.stringify(timeZone)} is no time zone`, { cause });
  }
}
