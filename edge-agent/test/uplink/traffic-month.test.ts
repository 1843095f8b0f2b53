import { afterEach, describe, expect, test } from 'vitest';
import { billingPeriodOf } from '../../src/uplink/billing-period.ts';
import {
  FORECAST_MAX_DAYS,
  PERIODS_MAX,
  TrafficMonth,
  trafficState,
  type TrafficState,
} from '../../src/uplink/traffic-month.ts';

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

  describe('with other settings, the period goes on', () => {
    const zone = process.env.TZ;
    afterEach(() => {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    });

    const monthOf = (resetDay: number, state?: TrafficState): TrafficMonth =>
      new TrafficMonth(resetDay, state && trafficState.parse(JSON.parse(JSON.stringify(state))));
    const tillTheTwentyFifth = (resetDay: number): TrafficMonth => {
      const month = monthOf(resetDay);
      for (let day = 1; day <= 25; day += 1) month.add(100, Date.UTC(2026, 10, day, 12));
      return month;
    };

    test.each(['America/New_York', 'Pacific/Auckland', 'Asia/Seoul', 'Pacific/Honolulu'])(
      'in the zone %s, and back',
      (other) => {
        process.env.TZ = 'UTC';
        const { state } = tillTheTwentyFifth(1);
        process.env.TZ = other;
        const there = monthOf(1, state);
        there.add(100, Date.UTC(2026, 10, 25, 23));
        expect(there.usedBytes).toBe(2_600);
        process.env.TZ = 'UTC';
        const back = monthOf(1, there.state);
        back.add(100, Date.UTC(2026, 10, 26, 23));
        expect(back.usedBytes).toBe(2_700);
        back.add(7, Date.UTC(2026, 11, 2));
        expect(back.usedBytes).toBe(7);
      },
    );

    test.each([
      [1, 15],
      [15, 1],
      [20, 22],
    ])('with reset day %i, then %i: never less than what is known', (before, after) => {
      const first = tillTheTwentyFifth(before);
      const month = monthOf(after, first.state);
      month.add(1, at(2026, 11, 25, 18));
      expect(month.usedBytes).toBeGreaterThan(first.usedBytes);
      for (let day = 26; day < 60; day += 1) month.add(1, at(2026, 11, day));
      expect(month.usedBytes).toBeLessThan(32);
    });

    test('an earlier reset day counts the last seven days that lie in the period', () => {
      const month = monthOf(20, tillTheTwentyFifth(25).state);
      month.enter(at(2026, 11, 25, 18));
      expect(month.usedBytes).toBe(600);
    });
  });

  // What was counted in December before its time stays there as well: whether the clock is right now, nobody knows.
  test.each([
    [20, 17],
    [40, 7],
    [61, 7],
    [70, 7],
  ])('a clock that was %i days ahead for a while costs nothing of the count', (days, inDecember) => {
    const month = new TrafficMonth(1, undefined);
    const nowMs = at(2026, 11, 26);
    month.add(1_000, nowMs);
    month.add(10, nowMs + days * DAY_MS);
    const again = new TrafficMonth(1, trafficState.parse(JSON.parse(JSON.stringify(month.state))));
    again.add(5, nowMs + HOUR_MS);
    expect(again.usedBytes).toBe(1_015);
    again.add(0, at(2026, 11, 30, 23));
    again.add(7, at(2026, 12, 1));
    expect(again.usedBytes).toBe(inDecember);
  });

  test.each([20, 45, 63, 100, 400])(
    'a boot with a clock %i days behind forgets nothing, then and when the clock is set',
    (days) => {
      const month = new TrafficMonth(1, undefined);
      const nowMs = at(2026, 11, 26);
      month.add(25_000, nowMs);
      const again = new TrafficMonth(1, trafficState.parse(JSON.parse(JSON.stringify(month.state))));
      again.add(4, nowMs - days * DAY_MS);
      expect(again.usedBytes).toBe(25_004);
      again.add(5, nowMs + HOUR_MS);
      expect(again.usedBytes).toBe(25_009);
    },
  );

  test('a clock that runs ahead over two ends of months forgets nothing', () => {
    const month = new TrafficMonth(1, undefined);
    const nowMs = at(2026, 11, 26);
    month.add(10_000, nowMs);
    for (const ahead of [at(2026, 12, 31, 23), at(2027, 1, 1), at(2027, 1, 31, 23), at(2027, 2, 1)])
      month.add(2, ahead);
    month.add(1, nowMs + HOUR_MS);
    expect(month.usedBytes).toBe(10_009);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'whatever the clock says in between, a right one finds every byte of its month (seed %i)',
    (seed) => {
      const random = randomOf(seed);
      let month = new TrafficMonth(1, undefined);
      const counted = new Map<number, number>();
      let nowMs = at(2026, 1, 10);
      let isRight = true;
      let offsetMs = 0;
      for (let step = 0; step < 3_000; step += 1) {
        nowMs += random() * 20 * HOUR_MS;
        if (step > 0 && random() < 0.2) isRight = !isRight;
        // Behind or ahead by up to a year, in the middle of a month: it is set again before that ends.
        if (isRight) offsetMs = 0;
        else if (offsetMs === 0) offsetMs = wrongTime(nowMs, random) - nowMs;
        const clockMs = nowMs + offsetMs;
        if (new Date(clockMs).getDate() > 25 && !isRight) isRight = true;
        const bytes = Math.ceil(random() * 1_000);
        const { fromMs } = billingPeriodOf(nowMs, 1);
        counted.set(fromMs, (counted.get(fromMs) ?? 0) + bytes);
        month.add(bytes, clockMs);
        if (offsetMs === 0) expect(month.usedBytes).toBeGreaterThanOrEqual(counted.get(fromMs)!);
        if (random() < 0.1)
          month = new TrafficMonth(1, trafficState.parse(JSON.parse(JSON.stringify(month.state))));
      }
      expect(month.state.periods.length).toBeLessThanOrEqual(PERIODS_MAX);
    },
  );

  test('a month that nothing goes wrong in is not counted twice, with a day of power off at each end', () => {
    const month = new TrafficMonth(1, undefined);
    for (let ofYear = 1; ofYear <= 12; ofYear += 1) {
      for (let day = 3; day <= 26; day += 1) month.add(10, at(2026, ofYear, day, 12));
      expect(month.usedBytes).toBe(240);
    }
  });

  test('a clock that was months ahead once adds no month to the one that it said', () => {
    const month = new TrafficMonth(1, undefined);
    month.add(10, at(2026, 1, 20));
    month.add(3, at(2026, 9, 5));
    for (let day = 20; day < 30 * 8; day += 0.5) month.add(10, at(2026, 1, 1) + day * DAY_MS);
    month.add(0, at(2026, 8, 30));
    month.add(1, at(2026, 9, 2));
    expect(month.usedBytes).toBeLessThan(10 * 2 * 31);
    month.add(0, at(2026, 9, 30, 12));
    month.add(1, at(2026, 10, 1));
    expect(month.usedBytes).toBe(1);
  });

  test('goes on with the file of an agent that kept one period and the one before', () => {
    const [fromMs, sinceMs] = [at(2026, 4, 1), at(2026, 3, 5)];
    const earlier = { fromMs: at(2026, 3, 1), usedBytes: 900 };
    const before = { fromMs, usedBytes: 500, sinceMs, earlier, days: [[20_550, 500]] };
    const month = new TrafficMonth(1, trafficState.parse(before));
    expect(month.usedBytes).toBe(500);
    month.add(1, at(2026, 4, 9));
    expect(month.usedBytes).toBe(501);
    month.add(1, at(2026, 5, 1));
    expect(month.usedBytes).toBe(1);
  });

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

/** Numerical Recipes' linear congruential generator. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** The tenth of another month, within a year of now. A wrong day of the month that is, or has just been, cannot be told from a right one. */
function wrongTime(nowMs: number, random: () => number): number {
  const now = new Date(nowMs);
  const away = 1 + Math.floor(random() * 11);
  return at(now.getFullYear(), now.getMonth() + 1 + (random() < 0.5 ? away : -away - 1), 10);
}
