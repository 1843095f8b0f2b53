import { describe, expect, test } from 'vitest';
import { billingPeriodOf } from '../../src/uplink/billing-period.ts';
import { FORECAST_MAX_DAYS, TrafficMonth, trafficState } from '../../src/uplink/traffic-month.ts';

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
const at = (year: number, month: number, day: number, hour = 0): number =>
  new Date(year, month - 1, day, hour).getTime();

describe('billingPeriodOf', () => {
  test.each([
    [at(2026, 3, 20), 15, at(2026, 3, 15), at(2026, 4, 15)],
    [at(2026, 3, 15), 15, at(2026, 3, 15), at(2026, 4, 15)],
    [at(2026, 3, 14, 23), 15, at(2026, 2, 15), at(2026, 3, 15)],
    [at(2026, 1, 3), 28, at(2025, 12, 28), at(2026, 1, 28)],
    [at(2026, 12, 31), 1, at(2026, 12, 1), at(2027, 1, 1)],
  ])('of %i with reset day %i', (nowMs, resetDay, fromMs, untilMs) => {
    expect(billingPeriodOf(nowMs, resetDay)).toEqual({ fromMs, untilMs });
  });
});

describe('TrafficMonth', () => {
  test('counts, and begins anew on the reset day', () => {
    const month = new TrafficMonth(10, undefined);
    month.add(100, at(2026, 3, 9, 22));
    month.add(100, at(2026, 3, 9, 23));
    expect(month.usedBytes).toBe(200);
    month.add(7, at(2026, 3, 10));
    expect(month.usedBytes).toBe(7);
  });

  test('forecasts the end of the month by the last seven days', () => {
    const month = new TrafficMonth(1, undefined);
    // Ten days of 1,000 a day, then ten of 100.
    for (let day = 1; day <= 20; day += 1) {
      for (let hour = 0; hour < 24; hour += 6) month.add(day <= 10 ? 250 : 25, at(2026, 4, day, hour));
    }
    const forecast = month.forecastBytes(at(2026, 4, 21));
    expect(month.usedBytes).toBe(11_000);
    expect(forecast).toBeGreaterThan(11_900);
    expect(forecast).toBeLessThan(12_200);
  });

  test('takes the first hours for a whole day: one long look at a camera is no month', () => {
    const month = new TrafficMonth(1, undefined);
    month.add(0, at(2026, 4, 1));
    month.add(1_000, at(2026, 4, 1, 1));
    expect(month.forecastBytes(at(2026, 4, 1, 1))).toBeLessThan(31_500);
  });

  test('remembers seven days, and what it remembers can be read again', () => {
    const month = new TrafficMonth(1, undefined);
    for (let day = 1; day <= 28; day += 1) month.add(day, at(2026, 4, day, 12));
    expect(month.state.days).toHaveLength(FORECAST_MAX_DAYS);
    const again = new TrafficMonth(1, trafficState.parse(JSON.parse(JSON.stringify(month.state))));
    const nowMs = at(2026, 4, 28, 13);
    expect([again.usedBytes, again.forecastBytes(nowMs)]).toEqual([
      month.usedBytes,
      month.forecastBytes(nowMs),
    ]);
  });

  test('forgets nothing because of a clock that was not set yet, or was set back', () => {
    const month = new TrafficMonth(1, undefined);
    month.add(10, 5_000);
    month.add(10, at(2026, 4, 2));
    expect(month.usedBytes).toBe(20);
    month.add(10, 5_000);
    month.add(10, at(2026, 3, 30));
    month.add(10, at(2026, 4, 2));
    expect(month.usedBytes).toBe(50);
    month.add(10, at(2026, 5, 1));
    expect(month.usedBytes).toBe(10);
  });

  test.each([20, 40, 61, 70])(
    'a clock that was %i days ahead for a while costs nothing of the count',
    (days) => {
      const month = new TrafficMonth(1, undefined);
      const nowMs = at(2026, 11, 26);
      month.add(1_000, nowMs);
      month.add(10, nowMs + days * DAY_MS);
      const again = new TrafficMonth(1, trafficState.parse(JSON.parse(JSON.stringify(month.state))));
      again.add(5, nowMs + HOUR_MS);
      expect(again.usedBytes).toBe(1_015);
      again.add(7, at(2026, 12, 1));
      expect(again.usedBytes).toBe(7);
    },
  );

  test('comes back from a clock that was years ahead', () => {
    const month = new TrafficMonth(1, undefined);
    month.add(10, at(2038, 1, 1));
    month.add(10, at(2026, 4, 2));
    expect(month.usedBytes).toBe(20);
    month.add(1, at(2026, 5, 2));
    expect(month.usedBytes).toBe(1);
    expect(month.forecastBytes(at(2026, 5, 2) + DAY_MS)).toBeGreaterThan(0);
  });
});
