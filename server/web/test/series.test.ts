import { describe, expect, it } from 'vitest';
import type { Series, Tier } from '../src/api/types.ts';
import { appendLive, columnsOf, extentOf, linesOf, type LivePoint } from '../src/sensors/series.ts';
import { figuresOf, fractionOf } from '../src/system/figures.ts';

const series = (tier: Tier, points: number[][]): Series => ({
  site: 'demo',
  sensor: 'climate',
  metric: 'temperature',
  unit: '°C',
  label: null,
  tier,
  bucketMs: { raw: 0, '1m': 60_000, '1h': 3_600_000, '1d': 86_400_000 }[tier],
  points,
});
const live = (...points: [number, number][]): LivePoint[] => points.map(([atMs, value]) => ({ atMs, value }));

describe('series', () => {
  it('continues raw history with live values, each once', () => {
    const history = series('raw', [
      [1_000, 1],
      [2_000, 2],
    ]);
    const columns = columnsOf(history, live([1_500, 9], [2_000, 9], [3_000, 3]), 0);
    expect(columns.timesS).toEqual([1, 2, 3]);
    expect(columns.values).toEqual([1, 2, 3]);
  });

  it('puts live values after the end of the last bucket', () => {
    const columns = columnsOf(series('1m', [[60_000, 5, 4, 6, 60]]), live([90_000, 9], [120_000, 7]), 0);
    expect(columns).toEqual({ timesS: [60, 120], values: [5, 7], mins: [4, 7], maxs: [6, 7] });
  });

  it('ends the line where nothing was measured, and begins it again after', () => {
    const buckets = [0, 60_000, 240_000].map((ms) => [ms, 5, 4, 6, 60]);
    expect(linesOf(columnsOf(series('1m', buckets), [], 0), 60_000)).toEqual([
      [0, 60, 150, 240],
      [5, 5, null, 5],
      [4, 4, null, 4],
      [6, 6, null, 6],
    ]);
    const raw = [0, 10, 20, 30, 60, 200].map((s) => [s * 1_000, s]);
    expect(linesOf(columnsOf(series('raw', raw), [], 0), 0)[1]).toEqual([0, 10, 20, 30, 60, null, 200]);
  });

  it('leaves out what is older than the range', () => {
    expect(
      columnsOf(
        series('raw', [
          [1_000, 1],
          [2_000, 2],
        ]),
        [],
        1_500,
      ).values,
    ).toEqual([2]);
  });

  it('shows live values of a series without history', () => {
    expect(columnsOf(undefined, live([1_000, 4]), 0).values).toEqual([4]);
  });

  it('appends only newer values', () => {
    const value = (ts: number) => ({
      site: 'demo',
      sensor: 'climate',
      metric: 'temperature',
      unit: null,
      label: null,
      ts: new Date(ts).toISOString(),
      value: ts,
    });
    const points = [5_000, 4_000, 5_000, 6_000].reduce<LivePoint[]>(
      (list, ts) => appendLive(list, value(ts)),
      [],
    );
    expect(points.map(({ atMs }) => atMs)).toEqual([5_000, 6_000]);
    expect(appendLive(points, { ...value(1), ts: 'nonsense' })).toBe(points);
  });

  it('tells the extent with the minimum and maximum of buckets', () => {
    expect(extentOf(columnsOf(series('1h', [[0, 5, 1, 9, 2]]), [], 0))).toEqual({ min: 1, max: 9 });
    expect(extentOf(columnsOf(undefined, [], 0))).toBeUndefined();
  });
});

describe('system figures', () => {
  it('read an empty report as zeros', () => {
    const figures = figuresOf({});
    expect(figures).toMatchObject({
      streams: { value: 0, max: undefined },
      queue: { value: 0 },
      level: 'normal',
    });
  });

  it('count streams that take a slot, and waiting jobs over all queues', () => {
    const figures = figuresOf({
      streams: {
        max: 5,
        active: [
          { camera: 'demo/front', profile: 'main', viewers: 2, bytesPerSecond: 1 },
          { camera: 'demo/yard', profile: 'stills', viewers: 1, bytesPerSecond: 1 },
        ],
      },
      queues: { snapshots: { waiting: 3, active: 1 }, reports: { waiting: 2 } },
      limits: [{ name: 'viewers', env: 'MAX_VIEWERS', value: 100 } as never],
    });
    expect(figures.streams).toEqual({ value: 1, max: 5 });
    expect(figures.queue.value).toBe(5);
    expect(figures.viewers).toEqual({ value: 3, max: 100 });
  });

  it('do not count what the store of a queue does not tell as nothing, and know the rest', () => {
    const figures = figuresOf({
      memory: { rssBytes: 7, limitBytes: 10 },
      queues: { snapshots: { waiting: 3, active: null }, reports: { waiting: null, active: null } },
      limits: [{ name: 'images staged', env: 'IMAGE_QUEUE_MAX', value: 500 } as never],
    });
    expect(figures.queue).toEqual({ value: undefined, max: 500 });
    expect(fractionOf(figures.queue)).toBe(0);
    expect(figures.memory).toEqual({ value: 7, max: 10 });
  });
});
