// One picture of each camera and stretch of time: each is looked up in the index, none of the others is touched.

import type { SnapshotReason } from '@sitecast/shared/protocol/snapshot-envelope';
import type { Queryable } from '../postgres/pool.ts';
import { bucketMsFor } from './time-buckets.ts';
import type { Part, Thinned, TimelineQuery } from './timeline-query.ts';

export interface TimelinePicture {
  id: string;
  camera: string;
  capturedAt: Date;
  reason: SnapshotReason;
}

/** Of one answer; the first ones by name. */
const CAMERAS_MAX = 100;

/** In order of time. */
export async function readPictures(
  database: Queryable,
  { site, from, to, camera }: TimelineQuery,
  share: number,
): Promise<Part<TimelinePicture>> {
  const cameras = camera === undefined ? await camerasOf(database, site) : [camera];
  const asked = cameras.slice(0, Math.min(CAMERAS_MAX, share));
  if (asked.length === 0) return { items: [], thinned: [] };
  const bucketMs = bucketMsFor({ from, to }, Math.floor(share / asked.length));
  const rows = await database.query<TimelinePicture & { isFirst: boolean }>(
    `select found.id, camera, found.captured_at as "capturedAt", found.reason, found.is_first as "isFirst"
     from unnest($2::text[]) as camera
     cross join generate_series(
       date_bin($5 * interval '1 millisecond', $3::timestamptz, 'epoch'), $4::timestamptz - interval '1 microsecond',
       $5 * interval '1 millisecond') as bucket
     cross join lateral (
       select id, captured_at, reason, row_number() over (order by captured_at, id) = 1 as is_first
       from (
         select id, captured_at, reason from snapshots
         where site = $1 and snapshots.camera = camera.camera and captured_at >= greatest(bucket, $3)
           and captured_at < least(bucket + $5 * interval '1 millisecond', $4)
         order by captured_at, id limit 2
       ) as two
     ) as found
     order by found.captured_at, found.id`,
    [site, asked, from, to, bucketMs],
  );
  const thinned: Thinned[] = [];
  if (rows.some(({ isFirst }) => !isFirst))
    thinned.push({ what: 'pictures', bucketMs, shown: null, of: null });
  if (asked.length < cameras.length)
    thinned.push({ what: 'cameras', bucketMs: null, shown: asked.length, of: cameras.length });
  const items = rows.filter(({ isFirst }) => isFirst).map(({ isFirst: _, ...picture }) => picture);
  return { items, thinned };
}

/** Cameras that have pictures, whether or not they are in an inventory still: from one name to the next in the index. */
async function camerasOf(database: Queryable, site: string): Promise<string[]> {
  const rows = await database.query<{ camera: string }>(
    `with recursive named as (
       (select camera::text from snapshots where site = $1 order by snapshots.camera limit 1)
       union all
       select (select s.camera::text from snapshots s where s.site = $1 and s.camera > named.camera order by s.camera limit 1)
       from named where named.camera is not null
     )
     select camera from named where camera is not null limit $2`,
    [site, 10 * CAMERAS_MAX],
  );
  return rows.map(({ camera }) => camera);
}
