import { describe, expect, it } from 'vitest';
import { LiveEdge, SEEK_ABOVE_MS } from '../src/live/live-edge.ts';

const rateOf = (edge: LiveEdge, aheadMs: number, picturesDecoded = 100): number => {
  const decision = edge.decide({ aheadMs, picturesDecoded });
  if (decision.kind !== 'rate') throw new Error(`expected a rate at ${aheadMs} ms, got a seek`);
  return decision.rate;
};

describe('live edge', () => {
  it('plays at normal speed near the edge', () => {
    expect([0, 200, 500, 700].map((aheadMs) => rateOf(new LiveEdge(), aheadMs))).toEqual([1, 1, 1, 1]);
  });

  it('plays faster the later it is, between 1.05 and 1.2', () => {
    const rates = [900, 1_500, 2_500, SEEK_ABOVE_MS].map((aheadMs) => rateOf(new LiveEdge(), aheadMs));
    expect(rates).toEqual([1.05, 1.1, 1.2, 1.2]);
  });

  it('keeps hurrying until the target is reached, then rests', () => {
    const edge = new LiveEdge();
    expect(rateOf(edge, 1_000)).toBe(1.05);
    expect(rateOf(edge, 400)).toBe(1.05);
    expect(rateOf(edge, 300)).toBe(1);
    expect(rateOf(edge, 500)).toBe(1);
  });

  it('seeks only above 3 s of lateness', () => {
    const edge = new LiveEdge();
    expect(edge.decide({ aheadMs: SEEK_ABOVE_MS, picturesDecoded: 5 }).kind).toBe('rate');
    expect(edge.decide({ aheadMs: SEEK_ABOVE_MS + 1, picturesDecoded: 5 }).kind).toBe('seek');
  });

  it('does not seek again before a picture was decoded since the last seek', () => {
    const edge = new LiveEdge();
    const late = (picturesDecoded: number) => edge.decide({ aheadMs: 6_000, picturesDecoded }).kind;
    expect([late(10), late(10), late(10), late(11)]).toEqual(['seek', 'rate', 'rate', 'seek']);
    expect(edge.seeks).toBe(2);
  });

  it('does not seek before the first picture', () => {
    expect(new LiveEdge().decide({ aheadMs: 9_000, picturesDecoded: 0 })).toEqual({
      kind: 'rate',
      rate: 1.2,
    });
  });

  it('seeks again in a new source whose count of pictures starts at zero', () => {
    const edge = new LiveEdge();
    edge.decide({ aheadMs: 6_000, picturesDecoded: 500 });
    edge.restarted();
    expect(edge.decide({ aheadMs: 6_000, picturesDecoded: 3 }).kind).toBe('seek');
  });

  it('keeps more in hand after stalls, up to a bound, and gives it back while playing is calm', () => {
    const edge = new LiveEdge();
    const calmTargetMs = edge.targetMs;
    edge.stalled();
    expect(edge.targetMs).toBeGreaterThan(calmTargetMs);
    for (let stall = 0; stall < 50; stall += 1) edge.stalled();
    expect(edge.targetMs).toBeLessThan(SEEK_ABOVE_MS);
    expect(rateOf(edge, 1_500)).toBe(1);
    for (let sample = 0; sample < 5_000; sample += 1) edge.decide({ aheadMs: 300, picturesDecoded: sample });
    expect(edge.targetMs).toBe(calmTargetMs);
  });

  it('comes from 2.9 s late to the edge without a seek, and stays there', () => {
    const edge = new LiveEdge();
    let aheadMs = 2_900;
    for (let tick = 0; tick < 400; tick += 1) aheadMs -= 250 * (rateOf(edge, aheadMs, tick) - 1);
    expect(aheadMs).toBeLessThan(400);
    expect(aheadMs).toBeGreaterThan(250);
    expect(edge.seeks).toBe(0);
  });
});
