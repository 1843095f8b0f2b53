import { describe, expect, it } from 'vitest';
import type { TimelineCurve } from '../src/api/types.ts';
import { extentOf, linesOf, pointsOf, valueAt } from '../src/timeline/curve.ts';
import { endOf, kindsOf, thingsOf } from '../src/timeline/found.ts';
import {
  lengthOf,
  NARROWEST_MS,
  newestView,
  pan,
  SPAN_MS,
  ticksOf,
  WIDEST_MS,
  zoom,
} from '../src/timeline/view.ts';

const NOW = new Date(2026, 4, 4, 12).getTime();
const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;

describe('the view of a timeline', () => {
  it('zooms around a moment that stays where it is, between seconds and years', () => {
    const day = { fromMs: NOW - DAY_MS, toMs: NOW };
    const aroundMs = NOW - DAY_MS / 4;
    const closer = zoom(day, 2, aroundMs, NOW);
    expect(lengthOf(closer)).toBe(DAY_MS / 2);
    expect((aroundMs - closer.fromMs) / lengthOf(closer)).toBeCloseTo(0.75, 6);
    let view = day;
    for (let step = 0; step < 40; step += 1) view = zoom(view, 2, aroundMs, NOW);
    expect(lengthOf(view)).toBe(NARROWEST_MS);
    for (let step = 0; step < 60; step += 1) view = zoom(view, 0.5, aroundMs, NOW);
    expect(lengthOf(view)).toBe(WIDEST_MS);
  });

  it('moves, but not into a future of which nothing is known', () => {
    const day = { fromMs: NOW - 10 * DAY_MS, toMs: NOW - 9 * DAY_MS };
    expect(pan(day, 0.5, NOW)).toEqual({ fromMs: NOW - 9.5 * DAY_MS, toMs: NOW - 8.5 * DAY_MS });
    const far = pan(day, 100, NOW);
    expect([far.toMs, lengthOf(far)]).toEqual([NOW + DAY_MS / 2, DAY_MS]);
    expect(newestView(SPAN_MS['1h'], NOW).toMs).toBeGreaterThan(NOW);
  });

  it('has marks at round times, never more than fit, from seconds to years', () => {
    for (const length of [
      NARROWEST_MS,
      MINUTE_MS,
      7 * MINUTE_MS,
      DAY_MS,
      9 * DAY_MS,
      200 * DAY_MS,
      WIDEST_MS,
    ]) {
      const { atsMs, unit } = ticksOf({ fromMs: NOW - length, toMs: NOW }, 8);
      expect(atsMs.length).toBeGreaterThan(0);
      expect(atsMs.length).toBeLessThanOrEqual(9);
      const isRound = (atMs: number): boolean => {
        const at = new Date(atMs);
        if (unit === 'month') return at.getDate() === 1 && at.getHours() === 0;
        if (unit === 'day') return at.getHours() === 0 && at.getMinutes() === 0;
        return unit === 'minute' ? at.getSeconds() === 0 : at.getMilliseconds() === 0;
      };
      expect([length, atsMs.every(isRound)]).toEqual([length, true]);
    }
  });
});

describe('a curve of the timeline', () => {
  const curve = (bucketMs: number, points: number[][]): TimelineCurve => ({
    sensor: 'boiler',
    metric: 'temperature',
    unit: '°C',
    label: null,
    tier: bucketMs === 0 ? 'raw' : '1m',
    bucketMs,
    points,
  });
  const buckets = [0, 1, 2, 3, 8, 9, 10, 20].map((n) => [n * MINUTE_MS, n, n - 1, n + 1, 60]);

  it('ends where nothing was measured, and begins again after', () => {
    const lines = linesOf(curve(MINUTE_MS, buckets));
    expect(lines.map((line) => line.map(({ value }) => value))).toEqual([[0, 1, 2, 3], [8, 9, 10], [20]]);
    const raw = [0, 10, 20, 30, 200, 210].map((second) => [second * 1_000, 1]);
    expect(linesOf(curve(0, raw)).map(({ length }) => length)).toEqual([4, 2]);
  });

  it('tells the value at a moment, and none within a gap', () => {
    const lines = linesOf(curve(MINUTE_MS, buckets));
    expect(valueAt(lines, 2.4 * MINUTE_MS)?.value).toBe(2);
    expect(valueAt(lines, 6 * MINUTE_MS)).toBeUndefined();
    expect(valueAt(lines, 9.6 * MINUTE_MS)?.value).toBe(9);
    expect(valueAt([], 0)).toBeUndefined();
  });

  it('is drawn from its smallest to its largest value, a flat one in the middle', () => {
    expect(extentOf(pointsOf(curve(MINUTE_MS, buckets)))).toEqual({ min: -1, max: 21 });
    expect(extentOf(pointsOf(curve(0, [[0, 5]])))).toEqual({ min: 4, max: 6 });
    expect(extentOf([])).toEqual({ min: 0, max: 1 });
  });
});

describe('what a timeline shows', () => {
  it('are events to their end, those that go on to now, and moments', () => {
    const at = new Date(NOW - DAY_MS).toISOString();
    const until = new Date(NOW - DAY_MS / 2).toISOString();
    expect(endOf({ kind: 'frozen', at, until }, NOW)).toBe(NOW - DAY_MS / 2);
    expect(endOf({ kind: 'frozen', at, until: null }, NOW)).toBe(NOW);
    expect(endOf({ kind: 'frozen', at, until: null }, NOW - 2 * DAY_MS)).toBe(NOW - DAY_MS);
    for (const kind of ['online', 'offline'])
      expect(endOf({ kind, at, until: null }, NOW)).toBe(NOW - DAY_MS);
  });

  it('are kinds of events by how many there are, and things that were away, gateways first', () => {
    const from = '2026-05-04T12:00:00.000Z';
    const counts = [
      { kind: 'dark', count: 3, from, to: from },
      { kind: 'motion', count: 2, from, to: from },
      { kind: 'motion', count: 5, from, to: from },
    ];
    expect(kindsOf([], counts)).toEqual([
      { kind: 'motion', count: 7 },
      { kind: 'dark', count: 3 },
    ]);
    const outage = { began: from, ended: null, reason: 'offline', count: 1, awayMs: 1 };
    const outages = [
      { ...outage, kind: 'sensor' as const, id: 'boiler' },
      { ...outage, kind: 'camera' as const, id: 'front' },
      { ...outage, kind: 'agent' as const, id: 'gateway' },
      { ...outage, kind: 'camera' as const, id: 'front', began: '2026-05-04T13:00:00.000Z' },
    ];
    expect(thingsOf(outages).map(([{ kind }, mine]) => [kind, mine.length])).toEqual([
      ['agent', 1],
      ['camera', 2],
      ['sensor', 1],
    ]);
  });
});
