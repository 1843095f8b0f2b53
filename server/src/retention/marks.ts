// When bytes are too many, and down to how many the oldest go. Pure.

import type { DiskReading } from '../guard/disk-watch.ts';
import { MEDIA_KINDS, type MediaKind } from './media-kinds.ts';

/** Deleting begins above the high mark and ends below the low one, so that it comes in runs instead of all the time. */
export const HIGH = 0.95;
export const LOW = 0.9;
/** Of MIN_FREE_DISK_BYTES: begins before the server says that it is not ready. */
const DISK_BEGIN = 1.25;
const DISK_END = 1.5;
/** A kind that has less of MEDIA_MAX_BYTES is left alone while the other one has more. */
const GUARANTEED_SHARE = 0.25;

export interface StoredAmount {
  items: number;
  bytes: number;
}
export type Stored = Readonly<Record<MediaKind, StoredAmount>>;

export interface ByteBounds {
  /** Of all kinds together; 0 is as much as the disk has room for. */
  mediaMaxBytes: number;
  clipsMaxBytes: number;
}

/** 0 while `bytes` are below the high mark of `maxBytes`. */
export function surplusOf(bytes: number, maxBytes: number): number {
  return bytes > maxBytes * HIGH ? bytes - maxBytes * LOW : 0;
}

/** 0 while there is room. A disk that cannot be asked has nothing to be freed for. */
export function shortfallOf({ totalBytes, freeBytes, minFreeBytes }: DiskReading): number {
  return totalBytes > 0 && freeBytes < minFreeBytes * DISK_BEGIN ? minFreeBytes * DISK_END - freeBytes : 0;
}

/**
 * Which kind gives next. The oldest goes first, whatever it is, so that all go back equally far; but what is small next to the
 * other is not eaten up by it.
 * @param oldest of each kind, undefined where there is nothing that may go.
 * @param maxBytes of all together; undefined where only the disk bounds them.
 */
export function nextKind(
  oldest: Readonly<Record<MediaKind, Date | undefined>>,
  stored: Stored,
  maxBytes: number | undefined,
): MediaKind | undefined {
  const whole = maxBytes ?? MEDIA_KINDS.reduce((sum, kind) => sum + stored[kind].bytes, 0);
  const filled = MEDIA_KINDS.filter((kind) => oldest[kind] !== undefined);
  const large = filled.filter((kind) => stored[kind].bytes > whole * GUARANTEED_SHARE);
  const from = large.length > 0 ? large : filled;
  return from.toSorted((a, b) => Number(oldest[a]) - Number(oldest[b]))[0];
}
