import { describe, expect, test } from 'vitest';
import { parseReadings, type Reading } from '@sitecast/shared/protocol/telemetry';
import { demoValues } from '../../src/sensors/demo-curves.ts';
import { DemoSensor } from '../../src/sensors/demo-sensor.ts';
import { ManualClock } from '../support.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const START_MS = Date.UTC(2026, 5, 1);

describe('demo curves', () => {
  test.each([
    ['climate', 'temperature', 15, 27, 0.2],
    ['climate', 'humidity', 30, 65, 0.5],
    ['power', 'watts', 100, 800, 50],
  ] as const)('%s: %s stays plausible and moves smoothly over a day', (kind, metric, low, high, maxStep) => {
    const values: number[] = [];
    for (let tsMs = START_MS; tsMs < START_MS + DAY_MS; tsMs += 2_000) {
      values.push(demoValues(kind, tsMs)[metric] ?? Number.NaN);
    }
    const steps = values.slice(1).map((value, index) => Math.abs(value - (values[index] ?? Number.NaN)));
    expect(Math.min(...values)).toBeGreaterThan(low);
    expect(Math.max(...values)).toBeLessThan(high);
    expect(Math.max(...steps)).toBeLessThanOrEqual(maxStep);
    expect(new Set(values).size).toBeGreaterThan(100);
  });
});

test('DemoSensor reads at once, then on every beat of its interval, until it is closed', () => {
  const clock = new ManualClock();
  clock.advance(700);
  const readings: Reading[] = [];
  const sensor = new DemoSensor({
    kind: 'climate',
    intervalMs: 2_000,
    onReading: (r) => readings.push(r),
    clock,
  });
  sensor.start();
  clock.advance(10_000);
  sensor.close();
  clock.advance(10_000);
  const [first, ...onBeat] = readings;
  expect(onBeat).toHaveLength(5);
  expect(onBeat.every(({ tsMs }) => tsMs % 2_000 === 0)).toBe(true);
  const payload = Buffer.from(
    JSON.stringify({ ts: first?.tsMs, values: first?.values, units: first?.units }),
  );
  expect(parseReadings(payload, clock.nowMs())).toEqual([first]);
});
