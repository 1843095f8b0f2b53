// Some of the pictures of a site, spread over the period and the cameras.

import type { Readable } from 'node:stream';
import { isAppError } from '@sitecast/shared/runtime/app-error';
import type { MediaStore } from '../media-store/media-store.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { Span } from './down-time.ts';
import type { PicturePart } from './report-subject.ts';

const SHEET_PICTURES = 24;
/** Larger ones are left out: what came without a thumbnail is its own. */
export const SHEET_PICTURE_BYTES = 64 * 1024;
/** Times at which each camera is looked for, in all: more than there are places, as not every time has a picture. */
const PLACES_LOOKED_AT = 4 * SHEET_PICTURES;

interface Found {
  camera: string;
  capturedAt: Date;
  type: string;
  width: number;
  height: number;
  path: string;
}

// One look into the index for each camera and time.
const FIND = `
  with shown as (
    select id as camera from cameras where site = $1 order by id limit ${SHEET_PICTURES}
  ), places as (
    select greatest(1, ceil(${PLACES_LOOKED_AT}.0 / (select count(*) from shown)))::int as n
  )
  select distinct on (found.id) shown.camera, found.captured_at as "capturedAt", found.thumbnail_type as type,
    found.thumbnail_width as width, found.thumbnail_height as height, found.thumbnail_path as path
  from shown, places, generate_series(0, places.n - 1) as place
  cross join lateral (
    select * from snapshots
    where site = $1 and camera = shown.camera and thumbnail_bytes <= ${SHEET_PICTURE_BYTES}
      and captured_at >= $2::timestamptz + place * ($3::timestamptz - $2) / places.n
      and captured_at < $2::timestamptz + (place + 1) * ($3::timestamptz - $2) / places.n
    order by captured_at limit 1
  ) as found`;

/**
 * By time. What retention removes meanwhile is left out.
 * @throws {AppError} STORE_UNAVAILABLE (retryable).
 */
export async function* readSheet(
  { database, pictures }: { database: Queryable; pictures: Pick<MediaStore, 'open'> },
  site: string,
  { fromMs, toMs }: Span,
): AsyncGenerator<PicturePart> {
  const found = await database.query<Found>(FIND, [site, new Date(fromMs), new Date(toMs)]);
  const byTime = spread(found, SHEET_PICTURES).sort(
    (a, b) => a.capturedAt.getTime() - b.capturedAt.getTime(),
  );
  for (const { path, ...picture } of byTime) {
    const bytes = await readPicture(pictures, path);
    if (bytes) yield { ...picture, bytes };
  }
}

/** At most `max`, of each camera about as many, and of those of a camera evenly many of each part of the period. */
export function spread<Picture extends { camera: string; capturedAt: Date }>(
  pictures: readonly Picture[],
  max: number,
): Picture[] {
  const cameras = [...new Set(pictures.map(({ camera }) => camera))];
  const fewestFirst = cameras
    .map((camera) => pictures.filter((picture) => picture.camera === camera))
    .sort((a, b) => a.length - b.length);
  const chosen: Picture[] = [];
  fewestFirst.forEach((ofCamera, index) => {
    // What a camera has too few of goes to those after it.
    const share = Math.ceil((max - chosen.length) / (fewestFirst.length - index));
    const byTime = ofCamera.toSorted((a, b) => a.capturedAt.getTime() - b.capturedAt.getTime());
    chosen.push(...evenly(byTime, Math.min(share, max - chosen.length)));
  });
  return chosen;
}

/** `count` of the items, from the first to the last. */
function evenly<Item>(items: readonly Item[], count: number): Item[] {
  if (items.length <= count) return [...items];
  const step = items.length / count;
  return items
    .filter((_item, index) => Math.floor(index / step) !== Math.floor((index - 1) / step))
    .slice(0, count);
}

async function readPicture(pictures: Pick<MediaStore, 'open'>, path: string): Promise<Buffer | undefined> {
  try {
    const { stream } = await pictures.open(path);
    return await collect(stream);
  } catch (error) {
    if (isAppError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
