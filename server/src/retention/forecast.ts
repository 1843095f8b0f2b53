// When it will be full: from what came and went over the last days. Pure.

import { HIGH, LOW, type ByteBounds, type StoredAmount } from './marks.ts';
import { MEDIA_KINDS, type FileKind, type MediaKind } from './media-kinds.ts';

/** Of the last whole days; undefined before there is one. */
export interface DailyFlow {
  addedBytes: number;
  removedBytes: number;
}

export interface ForecastSources {
  stored: Readonly<Record<FileKind, StoredAmount>>;
  flow: Readonly<Record<FileKind, DailyFlow | undefined>>;
  /** What the file system loses a day, to whatever it is; undefined before two days were seen. */
  diskBytesPerDay: number | undefined;
  disk: { freeBytes: number; minFreeBytes: number };
  bounds: ByteBounds & { reportsMaxBytes: number };
  /** 0 is for ever. */
  maxAgeDays: Readonly<Record<FileKind, number>>;
}

export interface KindForecast extends StoredAmount {
  /** null where it has no bound of its own. */
  maxBytes: number | null;
  /** null: for ever. */
  maxAgeDays: number | null;
  /** What comes in; null before a whole day was seen. */
  bytesPerDay: number | null;
}

/** `fullInDays` 0: the oldest go already. null: not to be foreseen, or never, as things go on now. */
export interface StorageReport {
  kinds: Record<FileKind, KindForecast>;
  media: { bytes: number; maxBytes: number | null; fullInDays: number | null };
  clips: { fullInDays: number | null };
  disk: { bytesPerDay: number | null; fullInDays: number | null };
}

export function forecast(sources: ForecastSources): StorageReport {
  const { stored, bounds, disk, diskBytesPerDay } = sources;
  const { mediaMaxBytes, clipsMaxBytes, reportsMaxBytes } = bounds;
  return {
    kinds: {
      snapshots: ofKind('snapshots', null, sources),
      clips: ofKind('clips', clipsMaxBytes, sources),
      reports: ofKind('reports', reportsMaxBytes, sources),
    },
    media: {
      bytes: stored.snapshots.bytes + stored.clips.bytes,
      maxBytes: mediaMaxBytes === 0 ? null : mediaMaxBytes,
      fullInDays: mediaMaxBytes === 0 ? null : fullIn(MEDIA_KINDS, mediaMaxBytes, sources),
    },
    clips: { fullInDays: fullIn(['clips'], clipsMaxBytes, sources) },
    disk: {
      bytesPerDay: diskBytesPerDay ?? null,
      fullInDays: daysUntil(disk.freeBytes - disk.minFreeBytes, diskBytesPerDay),
    },
  };
}

function ofKind(
  kind: FileKind,
  maxBytes: number | null,
  { stored, flow, maxAgeDays }: ForecastSources,
): KindForecast {
  return {
    ...stored[kind],
    maxBytes,
    maxAgeDays: maxAgeDays[kind] === 0 ? null : maxAgeDays[kind],
    bytesPerDay: flow[kind]?.addedBytes ?? null,
  };
}

/** What age alone will let them grow to may be below the bound: then they never reach it. */
function fullIn(kinds: readonly MediaKind[], maxBytes: number, sources: ForecastSources): number | null {
  const { stored, flow, maxAgeDays } = sources;
  const sum = (of: (kind: MediaKind) => number): number => kinds.reduce((total, kind) => total + of(kind), 0);
  const bytes = sum((kind) => stored[kind].bytes);
  const settled = sum((kind) => (flow[kind]?.addedBytes ?? 0) * (maxAgeDays[kind] || Infinity) || 0);
  if (settled <= maxBytes * HIGH) return null;
  if (bytes >= maxBytes * LOW) return 0;
  const net = sum((kind) => (flow[kind]?.addedBytes ?? 0) - (flow[kind]?.removedBytes ?? 0));
  return daysUntil(maxBytes * HIGH - bytes, net);
}

function daysUntil(bytes: number, bytesPerDay: number | undefined): number | null {
  if (bytesPerDay === undefined || bytesPerDay <= 0) return null;
  return Math.max(0, bytes / bytesPerDay);
}
