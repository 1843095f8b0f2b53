import { expect, test } from 'vitest';
import { bucketMsFor, BUCKETS_MS } from '../../src/timeline/time-buckets.ts';

const range = (ms: number): { from: Date; to: Date } => ({
  from: new Date(12_345),
  to: new Date(12_345 + ms),
});

test('a bucket is the narrowest of which no more than so many touch the range, from seconds to months', () => {
  const day = 86_400_000;
  expect(bucketMsFor(range(60_000), 100)).toBe(1_000);
  expect(bucketMsFor(range(3_600_000), 61)).toBe(60_000);
  expect(bucketMsFor(range(day), 25)).toBe(3_600_000);
  expect(bucketMsFor(range(365 * day), 60)).toBe(7 * day);
  expect(bucketMsFor(range(10 * 365 * day), 3)).toBe(BUCKETS_MS.at(-1));
});
