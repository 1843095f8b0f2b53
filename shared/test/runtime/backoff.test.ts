import { describe, expect, it } from 'vitest';
import { Backoff } from '../../src/runtime/backoff.ts';

const delays = (backoff: Backoff, count: number): number[] =>
  Array.from({ length: count }, () => backoff.nextDelayMs());

describe('Backoff', () => {
  it('doubles the upper bound up to its maximum, and stays there', () => {
    const backoff = new Backoff({ firstMs: 1_000, maxMs: 300_000, random: () => 0.999_999_999 });
    expect(delays(backoff, 11)).toEqual(
      [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map((seconds) => seconds * 1_000),
    );
    expect(delays(backoff, 2_000).every((delayMs) => delayMs === 300_000)).toBe(true);
  });

  it('never goes below a tenth of the bound, so that luck makes no busy loop', () => {
    const backoff = new Backoff({ firstMs: 1_000, maxMs: 300_000, random: () => 0 });
    expect(delays(backoff, 3)).toEqual([100, 200, 400]);
  });

  it('starts again after a success', () => {
    const backoff = new Backoff({ firstMs: 1_000, maxMs: 300_000, random: () => 0 });
    delays(backoff, 5);
    expect(backoff.failures).toBe(5);
    backoff.succeeded();
    expect(backoff.failures).toBe(0);
    expect(backoff.nextDelayMs()).toBe(100);
  });

  it('draws for itself when no randomness is given, or none is passed on', () => {
    const backoff = new Backoff({ firstMs: 1_000, maxMs: 1_000, random: undefined });
    const drawn = delays(backoff, 200);
    expect(drawn.every((delayMs) => delayMs >= 100 && delayMs <= 1_000)).toBe(true);
    expect(new Set(drawn).size).toBeGreaterThan(50);
  });
});
