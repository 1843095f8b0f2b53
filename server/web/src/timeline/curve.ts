// Points of a curve as lines that end where nothing was measured, and what it was at a moment. Pure.

import type { TimelineCurve } from '../api/types.ts';

export interface CurvePoint {
  atMs: number;
  value: number;
  min: number;
  max: number;
}

const MINUTE_MS = 60_000;
/** Buckets that are further apart than one and a half have a hole between them; values when it is so many times the usual. */
const GAP_BUCKETS = 1.5;
const GAP_DISTANCES = 5;

/** In order of time; a bucket stands at its middle. */
export function pointsOf({ points, bucketMs }: TimelineCurve): CurvePoint[] {
  return points.flatMap(([atMs, value, min, max]) =>
    atMs === undefined || value === undefined
      ? []
      : [{ atMs: atMs + bucketMs / 2, value, min: min ?? value, max: max ?? value }],
  );
}

/** Lines without a hole. A point that stands alone is a line of one. */
export function linesOf(curve: TimelineCurve): CurvePoint[][] {
  const points = pointsOf(curve);
  const usualMs = usualDistanceMs(points.map(({ atMs }) => atMs));
  // Values come when they come.
  const isRaw = curve.bucketMs === 0;
  const gapMs = isRaw ? Math.max(GAP_DISTANCES * usualMs, MINUTE_MS) : GAP_BUCKETS * curve.bucketMs;
  const lines: CurvePoint[][] = [];
  for (const point of points) {
    const line = lines.at(-1);
    const last = line?.at(-1);
    if (line === undefined || last === undefined || point.atMs - last.atMs > gapMs) lines.push([point]);
    else line.push(point);
  }
  return lines;
}

/** The median: a hole does not change it. */
function usualDistanceMs(atsMs: number[]): number {
  const distances = atsMs.slice(1).map((atMs, index) => atMs - (atsMs[index] ?? atMs));
  return distances.toSorted((a, b) => a - b)[Math.floor(distances.length / 2)] ?? 0;
}

/** The nearest point of the line that spans the moment; undefined in a hole. */
export function valueAt(lines: CurvePoint[][], atMs: number): CurvePoint | undefined {
  for (const line of lines) {
    const [first, last] = [line[0], line.at(-1)];
    if (first === undefined || last === undefined) continue;
    const reachMs = line.length > 1 ? (last.atMs - first.atMs) / (line.length - 1) : MINUTE_MS / 2;
    if (atMs < first.atMs - reachMs || atMs > last.atMs + reachMs) continue;
    return line.reduce(
      (best, one) => (Math.abs(one.atMs - atMs) < Math.abs(best.atMs - atMs) ? one : best),
      first,
    );
  }
  return undefined;
}

export function extentOf(points: CurvePoint[]): { min: number; max: number } {
  const min = points.reduce((least, point) => Math.min(least, point.min), Infinity);
  const max = points.reduce((most, point) => Math.max(most, point.max), -Infinity);
  if (min > max) return { min: 0, max: 1 };
  return min === max ? { min: min - 1, max: max + 1 } : { min, max };
}
