import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../../src/runtime/token-bucket.ts';
import { ManualClock } from '../manual-clock.ts';

const bucketOf = (clock: ManualClock): TokenBucket =>
  new TokenBucket({ perSecond: 10, burst: 40, maxDebt: 20, clock });

describe('TokenBucket', () => {
  it('gives out what was saved up, and then as much as comes in', () => {
    const clock = new ManualClock();
    const bucket = bucketOf(clock);
    for (let i = 0; i < 40; i += 1) expect(bucket.tryTake()).toBe(true);
    expect(bucket.tryTake()).toBe(false);
    clock.advance(100);
    expect(bucket.tryTake()).toBe(true);
    expect(bucket.tryTake()).toBe(false);
  });

  it('goes into debt for what has happened already, and no further than it may', () => {
    const clock = new ManualClock();
    const bucket = bucketOf(clock);
    bucket.spend(45);
    expect(bucket.tokens).toBe(-5);
    bucket.spend(1_000);
    expect(bucket.tokens).toBe(-20);
    expect(bucket.msUntil(1)).toBe(2_100);
  });

  it('says when there will be enough; more than it can hold is what it can hold', () => {
    const clock = new ManualClock();
    const bucket = bucketOf(clock);
    expect(bucket.msUntil(40)).toBe(0);
    bucket.spend(40);
    expect(bucket.msUntil(1_000)).toBe(4_000);
    clock.advance(4_000);
    expect(bucket.msUntil(1_000)).toBe(0);
    expect(bucket.isFull).toBe(true);
  });
});
