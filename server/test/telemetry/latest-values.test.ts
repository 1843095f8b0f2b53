import { describe, expect, it, vi } from 'vitest';
import type { LatestValue } from '@sitecast/shared/protocol/viewer-messages';
import { LatestValues, type NewestValue } from '../../src/telemetry/latest-values.ts';

const value = (given: Partial<NewestValue>): NewestValue => ({
  site: 'home',
  sensor: 'climate',
  metric: 'temperature',
  unit: '°C',
  tsMs: 1_760_000_000_000,
  value: 20,
  ...given,
});

describe('LatestValues', () => {
  it('tell each change once, with the newest value of a batch', () => {
    const latest = new LatestValues();
    const changed = latest.accept([
      value({}),
      value({ tsMs: 1_760_000_000_002, value: 22 }),
      value({ tsMs: 1_760_000_000_001 }),
    ]);
    expect(changed).toEqual([
      {
        site: 'home',
        sensor: 'climate',
        metric: 'temperature',
        unit: '°C',
        label: null,
        ts: '2025-10-09T08:53:20.002Z',
        value: 22,
      },
    ]);
    expect(latest.accept([value({})])).toEqual([]);
  });

  it('go on with the clock after it was set back: what came while it was ahead hides nothing', () => {
    let nowMs = 1_760_000_000_000 + 100 * 86_400_000;
    const latest = new LatestValues({ clock: { nowMs: () => nowMs } });
    const series = { site: 'home', sensor: 'climate', metric: 'temperature' };
    latest.accept([value({ tsMs: nowMs, value: 99 })]);
    expect(latest.timeOf(series)).toBe(nowMs);
    nowMs = 1_760_000_000_000;
    expect(latest.timeOf(series)).toBeUndefined();
    expect(latest.accept([value({ tsMs: nowMs, value: 21 })])).toMatchObject([{ value: 21 }]);
    expect(latest.timeOf(series)).toBe(nowMs);
  });

  it('leave out the series above their bound, and go on with the known ones', () => {
    const latest = new LatestValues({ max: 2 });
    latest.accept([
      value({ metric: 'a' }),
      value({ metric: 'b' }),
      value({ sensor: 'other' }),
      value({ metric: 'c' }),
    ]);
    expect([latest.size, latest.seriesLeftOut]).toEqual([2, 2]);
    expect(latest.accept([value({ metric: 'a', tsMs: 1_760_000_000_001, value: 1 })])).toHaveLength(1);
    expect(answerOf(latest)).toHaveLength(2);
    expect(latest.of({ site: 'home', id: 'other' })).toEqual([]);
  });

  it('carry what their device calls them, whatever comes afterwards, and of series that are here only', () => {
    const latest = new LatestValues();
    latest.accept([value({}), value({ metric: 'other' })]);
    latest.nameSeries({ site: 'home', id: 'climate' }, { temperature: '거실 온도', unknown: 'Unknown' });
    expect(answerOf(latest).map(({ label }) => label)).toEqual(['거실 온도', null]);
    const [changed] = latest.accept([value({ tsMs: 1_760_000_000_001 })]);
    expect(changed?.label).toBe('거실 온도');
    const labelOf = (metric: string) => latest.labelOf({ site: 'home', sensor: 'climate', metric });
    expect([labelOf('temperature'), labelOf('other'), labelOf('unknown')]).toEqual([
      '거실 온도',
      undefined,
      undefined,
    ]);
  });

  it('answer with what is newest, to each of the sites that they see', () => {
    const latest = new LatestValues();
    expect(answerOf(latest)).toEqual([]);
    latest.accept([value({}), value({ metric: 'b"' }), value({ site: 'shop', sensor: 'door', value: 1 })]);
    const metricsOf = (...sites: string[]): string[] => answerOf(latest, sites).map(({ metric }) => metric);
    expect(answerOf(latest)).toHaveLength(3);
    expect(metricsOf('home')).toEqual(['temperature', 'b"']);
    expect(metricsOf('shop', 'home')).toHaveLength(3);
    expect(metricsOf()).toEqual([]);
    expect(JSON.parse(latest.answer({ sites: null, sensor: 'door' }).toString())).toMatchObject({
      items: [{ site: 'shop', sensor: 'door', value: 1 }],
      nextCursor: null,
    });
    latest.accept([value({ tsMs: 1_760_000_000_003, value: 25 })]);
    expect(answerOf(latest, ['home'])).toContainEqual(
      expect.objectContaining({ metric: 'temperature', value: 25 }),
    );
  });

  it('of twenty thousand series are written down once, however many ask', () => {
    const latest = new LatestValues();
    const values = Array.from({ length: 20_000 }, (_, i) =>
      value({ sensor: `sensor-${i % 100}`, metric: `metric-${Math.floor(i / 100)}` }),
    );
    latest.accept(values);
    let written = 0;
    const stringify = vi.spyOn(JSON, 'stringify').mockImplementation(() => ((written += 1), '{}'));
    latest.answer({ sites: null });
    latest.answer({ sites: ['home'] });
    latest.accept([value({ sensor: 'sensor-1', metric: 'metric-1', tsMs: 1_760_000_000_009 })]);
    latest.answer({ sites: null });
    stringify.mockRestore();
    expect(written).toBe(20_000 + 200);
  });
});

function answerOf(latest: LatestValues, sites: string[] | null = null): LatestValue[] {
  return (JSON.parse(latest.answer({ sites }).toString()) as { items: LatestValue[] }).items;
}
