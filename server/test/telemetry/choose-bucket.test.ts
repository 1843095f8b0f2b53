import { describe, expect, it } from 'vitest';
import { chooseBucketMs } from '../../src/telemetry/query-buckets.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOON = Date.UTC(2026, 4, 4, 12);

describe('chooseBucketMs', () => {
  it.each([
    ['one hour in 600 points', HOUR, 600, MINUTE],
    ['a day in 600 points', DAY, 600, 5 * MINUTE],
    ['a week in 600 points', 7 * DAY, 600, 30 * MINUTE],
    ['a month in 600 points', 30 * DAY, 600, 2 * HOUR],
    ['two years in 600 points', 730 * DAY, 600, 2 * DAY],
    ['an afternoon in one point', DAY / 4, 1, 6 * HOUR],
    ['a night in one point', DAY / 2 + 1, 1, 4 * DAY],
  ])('%s', (_, rangeMs, maxPoints, expected) => {
    expect(chooseBucketMs(NOON, NOON + rangeMs, maxPoints, 0)).toBe(expected);
  });

  it('is not finer than asked', () => {
    expect(chooseBucketMs(NOON, NOON + HOUR, 600, HOUR)).toBe(HOUR);
    expect(chooseBucketMs(NOON, NOON + HOUR, 600, DAY)).toBe(DAY);
  });

  it('gives one point of all times, also of those before there were any', () => {
    expect(chooseBucketMs(Date.UTC(1, 0), NOON, 1, 0)).toBe(32_768 * DAY);
  });

  it('never gives more buckets than points, wherever the range begins', () => {
    for (let n = 0; n < 2_000; n += 1) {
      const fromMs = NOON + n * 7_919_111;
      const toMs = fromMs + 1 + n * n * 991;
      const maxPoints = 1 + (n % 50);
      const bucketMs = chooseBucketMs(fromMs, toMs, maxPoints, 0);
      const touched = Math.floor((toMs - 1) / bucketMs) - Math.floor(fromMs / bucketMs) + 1;
      expect(touched).toBeLessThanOrEqual(maxPoints);
    }
  });
});
