// History of one series as columns for the chart, extended by values that arrive. Pure.

import type { LatestValue } from '@sitecast/shared/protocol/viewer-messages';
import type { Series } from '../api/types.ts';

export const RANGES = ['15m', '1h', '24h', '7d', '30d', '1y'] as const;
export type Range = (typeof RANGES)[number];

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
export const RANGE_MS: Record<Range, number> = {
  '15m': 15 * MINUTE_MS,
  '1h': 60 * MINUTE_MS,
  '24h': DAY_MS,
  '7d': 7 * DAY_MS,
  '30d': 30 * DAY_MS,
  '1y': 365 * DAY_MS,
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

/** History from `fromMs` on, then the live values after its end; of buckets these become the one in progress. */
export function columnsOf(series: Series | undefined, live: LivePoint[], fromMs: number): Columns {
  const columns: Columns = { timesS: [], values: [], mins: [], maxs: [] };
  for (const [atMs, value, min, max] of series?.points ?? []) {
    if (atMs === undefined || value === undefined || atMs < fromMs) continue;
    push(columns, atMs, value, min ?? value, max ?? value);
  }
  const bucketMs = series?.bucketMs ?? 0;
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

/** Raw values that are so many times further apart than most have a gap between them, once it is longer than a minute. */
const GAP_STEPS = 5;

type Lines = [times: number[], ...values: (number | null)[][]];

/** Times, values, minima and maxima as the chart draws them: a line ends where nothing was measured, and begins again after. */
export function linesOf({ timesS, values, mins, maxs }: Columns, bucketMs: number): Lines {
  const gapS = bucketMs > 0 ? (1.5 * bucketMs) / 1000 : rawGapS(timesS);
  const lines: Lines = [[], [], [], []];
  timesS.forEach((atS, n) => {
    const beforeS = timesS[n - 1];
    if (beforeS !== undefined && atS - beforeS > gapS) append(lines, (atS + beforeS) / 2, [null, null, null]);
    append(lines, atS, [values[n] ?? null, mins[n] ?? null, maxs[n] ?? null]);
  });
  return lines;
}

function append([times, ...lines]: Lines, atS: number, values: (number | null)[]): void {
  times.push(atS);
  lines.forEach((line, n) => line.push(values[n] ?? null));
}

function rawGapS(timesS: number[]): number {
  const steps = timesS.slice(1).map((atS, n) => atS - (timesS[n] ?? atS));
  const usual = steps.toSorted((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
  return Math.max(GAP_STEPS * usual, MINUTE_MS / 1000);
}
