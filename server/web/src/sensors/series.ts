// History of one series as columns for the chart, extended by values that arrive. Pure.

import type { LatestValue } from '@sitecast/shared/protocol/viewer-messages';
import type { Series, Tier } from '../api/types.ts';

export const RANGES = ['15m', '1h', '24h', '7d'] as const;
export type Range = (typeof RANGES)[number];

const MINUTE_MS = 60_000;
export const RANGE_MS: Record<Range, number> = {
  '15m': 15 * MINUTE_MS,
  '1h': 60 * MINUTE_MS,
  '24h': 24 * 60 * MINUTE_MS,
  '7d': 7 * 24 * 60 * MINUTE_MS,
};

const BUCKET_MS: Record<Tier, number> = {
  raw: 0,
  '1m': MINUTE_MS,
  '1h': 60 * MINUTE_MS,
  '1d': 24 * 60 * MINUTE_MS,
};
/** Live values kept between two reads of the history. */
const MAX_LIVE_POINTS = 3_600;

export interface Columns {
  timesS: number[];
  values: number[];
  mins: number[];
  maxs: number[];
}

export interface LivePoint {
  atMs: number;
  value: number;
}

/** Appends in order of time; a value that is not newer than the last is one that is known already. */
export function appendLive(points: LivePoint[], value: LatestValue): LivePoint[] {
  const atMs = Date.parse(value.ts);
  const last = points.at(-1);
  if (Number.isNaN(atMs) || (last !== undefined && last.atMs >= atMs)) return points;
  return [...points, { atMs, value: value.value }].slice(-MAX_LIVE_POINTS);
}

/** History from `fromMs` on, then the live values after its end; in a coarse tier these become the bucket in progress. */
export function columnsOf(series: Series | undefined, live: LivePoint[], fromMs: number): Columns {
  const columns: Columns = { timesS: [], values: [], mins: [], maxs: [] };
  for (const [atMs, value, min, max] of series?.points ?? []) {
    if (atMs === undefined || value === undefined || atMs < fromMs) continue;
    push(columns, atMs, value, min ?? value, max ?? value);
  }
  const bucketMs = BUCKET_MS[series?.tier ?? 'raw'];
  const endMs = (columns.timesS.at(-1) ?? 0) * 1000 + bucketMs;
  for (const { atMs, value } of live) {
    if (atMs < fromMs || atMs < endMs || (bucketMs === 0 && atMs === endMs)) continue;
    push(columns, atMs, value, value, value);
  }
  return columns;
}

function push(columns: Columns, atMs: number, value: number, min: number, max: number): void {
  columns.timesS.push(atMs / 1000);
  columns.values.push(value);
  columns.mins.push(min);
  columns.maxs.push(max);
}

/** Smallest and largest of the columns; undefined when there is nothing. */
export function extentOf(columns: Columns): { min: number; max: number } | undefined {
  if (columns.values.length === 0) return undefined;
  return {
    min: columns.mins.reduce((a, b) => Math.min(a, b)),
    max: columns.maxs.reduce((a, b) => Math.max(a, b)),
  };
}
