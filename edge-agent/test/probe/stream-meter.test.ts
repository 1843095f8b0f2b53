import { describe, expect, it } from 'vitest';
import { StreamMeter, type StreamFigures } from '../../src/probe/stream-meter.ts';
import { fragment } from '../camera/fmp4-sample.ts';

interface Picture {
  isKeyframe?: boolean;
  /** Seconds. */
  at: number;
  shownAt?: number;
  bytes?: number;
}

const TIMESCALE = 90_000;

function measure(pictures: Picture[]): StreamFigures {
  const meter = new StreamMeter({ timescale: TIMESCALE });
  for (const { isKeyframe = false, at, shownAt = at, bytes = 1_000 } of pictures) {
    const decodeTime = Math.round(at * TIMESCALE);
    const compositionOffset = Math.round(shownAt * TIMESCALE) - decodeTime;
    const payload = new Uint8Array(bytes);
    const sample = fragment({ isKeyframe, decodeTime, duration: 0, payload, compositionOffset });
    meter.add({ bytes: sample, isKeyframe, decodeTime, compositionOffset });
  }
  return meter.figures;
}

/** 25 a second, a keyframe every `gop` pictures. */
function steady(count: number, gop: number, fps = 25): Picture[] {
  return Array.from({ length: count }, (_, index) => {
    const isKeyframe = index % gop === 0;
    return { isKeyframe, at: index / fps, bytes: isKeyframe ? 20_000 : 1_000 };
  });
}

describe('StreamMeter', () => {
  it('measures a steady stream', () => {
    const figures = measure(steady(101, 50));
    expect(figures).toEqual({
      accessUnits: 101,
      seconds: 4,
      fps: 25,
      // A GOP of 2 s: one picture of 20,000 bytes, 49 of 1,000; the container's bytes do not count.
      bitsPerSecond: (69_000 * 8) / 2,
      keyframeIntervalS: { mean: 2, longest: 2 },
      hasBPictures: false,
      largestAccessUnitBytes: 20_000,
      clockJumps: 0,
    });
  });

  it('tells the longest time between keyframes where it varies', () => {
    const pictures = steady(251, 25).map((picture, index) => ({
      ...picture,
      isKeyframe: [0, 25, 50, 200, 250].includes(index),
    }));
    expect(measure(pictures).keyframeIntervalS).toEqual({ mean: 2.5, longest: 6 });
  });

  it('says nothing of what it did not see', () => {
    expect(measure([{ isKeyframe: true, at: 0 }])).toMatchObject({
      fps: null,
      bitsPerSecond: null,
      keyframeIntervalS: null,
    });
    expect(measure(steady(50, 100))).toMatchObject({ fps: 25, keyframeIntervalS: null });
    expect(new StreamMeter({ timescale: TIMESCALE }).figures.accessUnits).toBe(0);
  });

  it('knows B-pictures by pictures that are shown before what was decoded earlier', () => {
    // I P B B as decoded: shown as I B B P.
    const shown = [0.04, 0.16, 0.08, 0.12].map((shownAt, index) => ({ at: index / 25, shownAt }));
    expect(measure(shown).hasBPictures).toBe(true);
    const late = steady(20, 10).map((picture) => ({ ...picture, shownAt: picture.at + 0.2 }));
    expect(measure(late).hasBPictures).toBe(false);
  });

  it('leaves jumps of the clock out of rates, and counts them', () => {
    const back = steady(50, 25).map((picture) => ({ ...picture, at: picture.at + 100 }));
    const ahead = steady(50, 25).map((picture) => ({ ...picture, at: picture.at + 5_000 }));
    expect(measure([...back, ...steady(50, 25), ...ahead])).toMatchObject({
      fps: 25,
      clockJumps: 2,
      hasBPictures: false,
      keyframeIntervalS: { mean: 1, longest: 1 },
    });
  });
});
