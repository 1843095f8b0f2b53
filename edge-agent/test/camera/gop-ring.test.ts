import { describe, expect, it } from 'vitest';
import type { Fragment, InitSegment } from '../../src/camera/fragment.ts';
import { GopRing } from '../../src/camera/gop-ring.ts';
import { ManualClock } from '../support.ts';

const init: InitSegment = {
  epoch: 1,
  container: 'fmp4',
  bytes: new Uint8Array(1),
  codec: 'avc1.64001f',
  mime: '',
  width: 2,
  height: 2,
};

function fragments(pattern: string, bytes = 10, from = 0): Fragment[] {
  return [...pattern].map((letter, index) => ({
    init,
    bytes: new Uint8Array(bytes),
    isKeyframe: letter === 'K',
    isDiscontinuity: index === 0,
    sequence: from + index,
    capturedAtUs: index,
    decodeTimeS: index,
  }));
}

function ringOf(pattern: string, maxBytes: number): GopRing {
  const ring = new GopRing({ maxBytes, keepMs: 60_000 });
  for (const fragment of fragments(pattern)) ring.push(fragment);
  return ring;
}

const sequences = (ring: GopRing): number[] => ring.fromLastKeyframe().map(({ sequence }) => sequence);

describe('GopRing', () => {
  it('starts a viewer at the newest keyframe', () => {
    expect(sequences(ringOf('KppKpp', 1_000))).toEqual([3, 4, 5]);
  });

  it('takes nothing before the first keyframe', () => {
    const ring = ringOf('ppKp', 1_000);
    expect(sequences(ring)).toEqual([2, 3]);
    expect(ring.bytes).toBe(20);
    expect(ring.counters.fragmentsRefused).toBe(2);
  });

  it('drops the oldest GOP as a whole to stay within its bytes', () => {
    const ring = ringOf('KppKppKpp', 70);
    expect(ring.bytes).toBe(60);
    expect(ring.counters.gopsDropped).toBe(1);
    expect(sequences(ring)).toEqual([6, 7, 8]);
  });

  it('keeps the start of a GOP that is longer than the ring, and says that it is not whole', () => {
    const ring = ringOf('Kppppppp', 40);
    expect(sequences(ring)).toEqual([0, 1, 2, 3]);
    expect(ring.isNewestGopComplete).toBe(false);
    for (const fragment of fragments('Kp', 10, 8)) ring.push(fragment);
    expect(sequences(ring)).toEqual([8, 9]);
    expect(ring.isNewestGopComplete).toBe(true);
  });

  it('refuses a keyframe that alone is above the bound, and everything that depends on it', () => {
    const ring = new GopRing({ maxBytes: 40 });
    for (const fragment of fragments('K', 41)) ring.push(fragment);
    for (const fragment of fragments('pp', 5, 1)) ring.push(fragment);
    expect(sequences(ring)).toEqual([]);
    expect(ring.bytes).toBe(0);
  });

  it('never holds more than its bound, whatever comes', () => {
    const ring = new GopRing({ maxBytes: 100, keepMs: 60_000 });
    for (let round = 0; round < 2_000; round += 1) {
      const [fragment] = fragments(round % 7 === 0 ? 'K' : 'p', 1 + ((round * 37) % 45));
      ring.push(fragment!);
      expect(ring.bytes).toBeLessThanOrEqual(100);
      const held = ring.fromLastKeyframe();
      expect(held.every(({ isKeyframe }, index) => isKeyframe === (index === 0))).toBe(true);
    }
  });

  it('holds the newest GOP only, unless more has to be kept', () => {
    const ring = new GopRing();
    for (const fragment of fragments('KppKpp')) ring.push(fragment);
    expect([ring.bytes, sequences(ring), ring.counters.gopsDropped]).toEqual([30, [3, 4, 5], 0]);
    expect(ring.fromBefore(60_000)).toHaveLength(3);
  });

  it('keeps as many GOPs as it takes to begin so long ago, by a clock that no camera can set', () => {
    const clock = new ManualClock();
    const ring = new GopRing({ keepMs: 5_000, clock });
    for (let second = 0; second < 20; second += 1) {
      for (const fragment of fragments('Kp', 10, second * 2)) ring.push(fragment);
      clock.advance(1_000);
    }
    // The newest GOP began a second ago, the one that covers five seconds five.
    expect(ring.fromBefore(5_000).map(({ sequence }) => sequence)).toEqual([
      30, 31, 32, 33, 34, 35, 36, 37, 38, 39,
    ]);
    expect(ring.fromBefore(2_500).map(({ sequence }) => sequence)).toEqual([34, 35, 36, 37, 38, 39]);
    expect(ring.fromBefore(60_000).length).toBeLessThanOrEqual(14);
    expect(ring.bytes).toBeLessThanOrEqual(140);
  });

  it('given less room drops the oldest GOPs first, then the end of the newest', () => {
    const ring = ringOf('KppKpp', 60);
    ring.resize(45);
    expect([ring.bytes, sequences(ring), ring.isNewestGopComplete]).toEqual([30, [3, 4, 5], true]);
    ring.resize(25);
    expect([ring.bytes, sequences(ring), ring.isNewestGopComplete]).toEqual([20, [3, 4], false]);
    for (const fragment of fragments('pKp', 10, 6)) ring.push(fragment);
    expect([sequences(ring), ring.isNewestGopComplete]).toEqual([[7, 8], true]);
    ring.resize(60);
    for (const fragment of fragments('pppp', 10, 9)) ring.push(fragment);
    expect(ring.bytes).toBe(60);
  });

  it('forgets everything when the capture ends', () => {
    const ring = ringOf('Kpp', 1_000);
    ring.clear();
    expect([ring.bytes, ring.fromLastKeyframe().length]).toEqual([0, 0]);
  });
});
