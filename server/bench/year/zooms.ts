// What people ask of a year: curves at every zoom, anywhere in it, by the days of several zones; and the timeline.

import { percentile, round } from '../harness/statistics.ts';
import type { Year } from './dataset.ts';
import { METRICS, SENSORS, SITE } from './names.ts';
import { DAY_MS } from './fill.ts';

const HOUR_MS = 3_600_000;
const ZOOMS = {
  '15 min': HOUR_MS / 4,
  '1 h': HOUR_MS,
  '6 h': 6 * HOUR_MS,
  '1 d': DAY_MS,
  '7 d': 7 * DAY_MS,
  '30 d': 30 * DAY_MS,
  '90 d': 90 * DAY_MS,
  '365 d': 365 * DAY_MS,
};
/** Their days begin at midnight of UTC, at another hour, with a change of the clocks, at half past an hour, at a quarter to one. */
const ZONES = ['UTC', 'Asia/Seoul', 'America/New_York', 'Asia/Kolkata', 'Asia/Kathmandu'];
const ASKED = 100;
/** In one answer, of as many sensors. */
const SEVERAL = 10;

export interface ZoomRow {
  zoom: string;
  p50Ms: number;
  p95Ms: number;
  maxMs: number;
}

/** @param series in one answer. */
export async function measureCurves(year: Year, series: number, signal: AbortSignal): Promise<ZoomRow[]> {
  return measure(year, signal, (range, n) => curvesPath(n, series, ZONES[n % ZONES.length]!, range));
}

export const measureSeveral = (year: Year, signal: AbortSignal): Promise<ZoomRow[]> =>
  measureCurves(year, SEVERAL, signal);

/** One curve of the whole year, each zone by itself. */
export async function measureZones(year: Year, signal: AbortSignal): Promise<ZoomRow[]> {
  const { days } = year.dataset;
  const rows: ZoomRow[] = [];
  for (const zone of ZONES) {
    const pathOf = (range: string, n: number): string => curvesPath(n, 1, zone, range);
    rows.push(await measureZoom(year, `${days} d, ${zone}`, days * DAY_MS, signal, pathOf));
  }
  return rows;
}

function curvesPath(n: number, series: number, zone: string, range: string): string {
  const names = Array.from(
    { length: series },
    (_, i) => `sensor-${1 + ((n * 7 + i) % SENSORS)}:${METRICS[n % METRICS.length]}`,
  );
  const asked = names.map((name) => `series=${encodeURIComponent(name)}`).join('&');
  return `telemetry/query?site=${SITE}&${asked}&tz=${zone}&${range}`;
}

/** undefined where this server has no timeline. */
export async function measureTimeline(year: Year, signal: AbortSignal): Promise<ZoomRow[] | undefined> {
  const path = (range: string): string => `timeline?site=${SITE}&${range}`;
  const probe = await year.server.session.fetch(path(rangeOf(year, HOUR_MS, 0)));
  if (probe.status === 404) return undefined;
  return measure(year, signal, path);
}

type PathOf = (range: string, n: number) => string;

async function measure(year: Year, signal: AbortSignal, pathOf: PathOf): Promise<ZoomRow[]> {
  const { days } = year.dataset;
  const rows: ZoomRow[] = [];
  for (const [zoom, lengthMs] of Object.entries(ZOOMS))
    rows.push(await measureZoom(year, zoom, Math.min(lengthMs, days * DAY_MS), signal, pathOf));
  return rows;
}

async function measureZoom(
  year: Year,
  zoom: string,
  lengthMs: number,
  signal: AbortSignal,
  pathOf: PathOf,
): Promise<ZoomRow> {
  const tookMs: number[] = [];
  for (let n = 0; n < ASKED; n += 1) {
    signal.throwIfAborted();
    const path = pathOf(rangeOf(year, lengthMs, n), n);
    const startMs = performance.now();
    await year.server.session.get(path);
    tookMs.push(performance.now() - startMs);
  }
  const [p50Ms, p95Ms, maxMs] = [0.5, 0.95, 1].map((share) => round(percentile(tookMs, share), 1));
  return { zoom, p50Ms: p50Ms!, p95Ms: p95Ms!, maxMs: maxMs! };
}

/** Another place in the year for each `n`, with no pattern to it. */
function rangeOf({ dataset }: Year, lengthMs: number, n: number): string {
  const room = dataset.toMs - dataset.fromMs - lengthMs;
  const fromMs = dataset.fromMs + Math.floor(((n * 0.618_033_988_75) % 1) * room);
  return `from=${new Date(fromMs).toISOString()}&to=${new Date(fromMs + lengthMs).toISOString()}`;
}
