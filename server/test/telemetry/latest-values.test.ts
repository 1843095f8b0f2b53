import { describe, expect, it } from 'vitest';
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
        ts: '2025-10-09T08:53:20.002Z',
        value: 22,
      },
    ]);
    expect(latest.accept([value({})])).toEqual([]);
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
    expect(latest.all()).toHaveLength(2);
    expect(latest.of({ site: 'home', id: 'other' })).toEqual([]);
  });
});
