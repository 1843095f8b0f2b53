import { describe, expect, it } from 'vitest';
import { move, type Phase, type Standing, type Verdict } from '../../src/alerts/phase.ts';

const DURATIONS = { forMs: 100, clearMs: 50 };

describe('a phase', () => {
  it.each<[Phase, Verdict, number, Phase]>([
    ['ok', 'good', 1_000, 'ok'],
    ['ok', 'between', 1_000, 'ok'],
    ['ok', 'bad', 0, 'pending'],
    ['pending', 'bad', 99, 'pending'],
    ['pending', 'bad', 100, 'firing'],
    ['pending', 'between', 100, 'ok'],
    ['pending', 'good', 100, 'ok'],
    ['firing', 'bad', 1_000, 'firing'],
    ['firing', 'between', 1_000, 'firing'],
    ['firing', 'good', 1_000, 'clearing'],
    ['clearing', 'good', 49, 'clearing'],
    ['clearing', 'good', 50, 'ok'],
    ['clearing', 'between', 50, 'firing'],
    ['clearing', 'bad', 50, 'firing'],
  ])('%s, found %s after %i ms, is %s', (phase, verdict, lastedMs, expected) => {
    const standing: Standing = { phase, sinceMs: 5_000 };
    const next = move(standing, verdict, 5_000 + lastedMs, DURATIONS);
    expect(next.phase).toBe(expected);
    // A phase that goes on goes on from where it began.
    expect(next.sinceMs).toBe(expected === phase ? 5_000 : 5_000 + lastedMs);
  });

  it('needs no time where the rule asks for none', () => {
    expect(move({ phase: 'ok', sinceMs: 0 }, 'bad', 7, { forMs: 0, clearMs: 50 })).toEqual({
      phase: 'firing',
      sinceMs: 7,
    });
  });

  it('fires no more often than its durations allow, whatever comes', () => {
    const verdicts: Verdict[] = ['bad', 'between', 'good'];
    let standing: Standing = { phase: 'ok', sinceMs: 0 };
    let fired = 0;
    let isOpen = false;
    let seed = 7;
    for (let nowMs = 0; nowMs < 100_000; nowMs += 5) {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      standing = move(standing, verdicts[(seed >> 16) % 3] ?? 'good', nowMs, { forMs: 0, clearMs: 50 });
      if (standing.phase === 'firing' && !isOpen) fired += 1;
      isOpen = standing.phase === 'firing' || standing.phase === 'clearing';
    }
    expect(fired).toBeGreaterThan(0);
    expect(fired).toBeLessThanOrEqual(100_000 / 50);
  });
});
