import { describe, expect, it } from 'vitest';
import { MAX_FRAME_BYTES } from '@sitecast/shared/protocol/limits';
import type { ProbedStream } from '../../src/probe/camera-probe.ts';
import { adviceOn, codecName, verdictsOn, type Use } from '../../src/probe/verdict.ts';

const good: ProbedStream = {
  transport: 'tcp',
  codec: 'avc1.4d401f',
  profile: 'Main',
  level: '3.1',
  width: 1280,
  height: 720,
  declaredFps: 25,
  tracks: [{ kind: 'video', codec: 'h264', profile: 'Main' }],
  endedBy: undefined,
  accessUnits: 250,
  seconds: 10,
  fps: 24.8,
  bitsPerSecond: 2_000_000,
  keyframeIntervalS: { mean: 1, longest: 1 },
  hasBPictures: false,
  largestAccessUnitBytes: 60_000,
  clockJumps: 0,
};
const main: Use = { hasMasks: false, isSubStream: false };
const sub: Use = { hasMasks: false, isSubStream: true };

const made = (stream: ProbedStream, use = main): Record<string, string> =>
  Object.fromEntries(verdictsOn(stream, use).map((verdict) => [verdict.profile, verdict.made]));
const about = (change: Partial<ProbedStream>, use = main): string[] =>
  adviceOn({ ...good, ...change }, use).map((advice) => advice.about);
const textOf = (change: Partial<ProbedStream>): string => adviceOn({ ...good, ...change }, main)[0]!.text;

describe('verdictsOn', () => {
  it('passes through what browsers play', () => {
    expect(made(good)).toEqual({
      main: 'passed through',
      low: 'encoded',
      mpeg1: 'encoded',
      stills: 'encoded',
    });
  });

  it.each(['hev1', 'mp4v.6c', 'mp4v.20', 'avc1.6e0028'])('encodes %s', (codec) => {
    const [verdict] = verdictsOn({ ...good, codec }, main);
    expect(verdict).toMatchObject({ profile: 'main', made: 'encoded' });
    expect(verdict!.why).toMatch(/browsers do not play/);
  });

  it('encodes what does not fit into a message, and says how large it is', () => {
    const [verdict] = verdictsOn({ ...good, largestAccessUnitBytes: 2.5 * 1024 * 1024 }, main);
    expect(verdict).toEqual({
      profile: 'main',
      made: 'encoded',
      why: 'a picture has 2.5 MiB, more than fits into a message (1 MiB)',
    });
  });

  it('encodes a masked camera, whatever it sends', () => {
    const [verdict] = verdictsOn(good, { ...main, hasMasks: true });
    expect(verdict).toMatchObject({ made: 'encoded', why: expect.stringContaining('mask') as string });
    expect(made({ ...good, width: 640 }, { hasMasks: true, isSubStream: true })).toEqual({ low: 'encoded' });
  });

  it('passes a second stream through as `low` when it is small and H.264', () => {
    expect(made({ ...good, width: 640 }, sub)).toEqual({ low: 'passed through' });
    expect(made({ ...good, width: 641 }, sub)).toEqual({ low: 'encoded' });
    expect(made({ ...good, width: 320, codec: 'hev1' }, sub)).toEqual({ low: 'encoded' });
  });
});

describe('adviceOn', () => {
  it('finds nothing to change on a good camera', () => {
    expect(about({})).toEqual([]);
    expect(about({ declaredFps: null, fps: null, bitsPerSecond: null })).toEqual([]);
  });

  it('names the setting for each trouble', () => {
    expect(about({ codec: 'hev1' })).toEqual(['codec']);
    expect(textOf({ codec: 'hev1' })).toMatch(/H\.264.*with H\.265/);
    expect(textOf({ codec: 'avc1.f4001f' })).toMatch(/High, Main or Baseline/);
    expect(about({ hasBPictures: true })).toEqual(['B-pictures']);
    expect(about({ tracks: [...good.tracks, { kind: 'audio', codec: 'aac', profile: 'LC' }] })).toEqual([
      'audio',
    ]);
    expect(about({ fps: 21, declaredFps: 25 })).toEqual(['frame rate']);
    expect(textOf({ fps: 21, declaredFps: 25 })).toMatch(/declares 25 fps and sends 21/);
    expect(about({ fps: 21.5, declaredFps: 25 })).toEqual([]);
    expect(about({ bitsPerSecond: 8_000_000 })).toEqual(['bit rate']);
    expect(about({ largestAccessUnitBytes: MAX_FRAME_BYTES + 1 })).toEqual(['bit rate']);
    expect(about({ width: 3840, height: 2160 })).toEqual(['size']);
    expect(about({ width: 704, height: 576 }, sub)).toEqual(['size']);
    expect(about({ clockJumps: 2 })).toEqual(['clock']);
  });

  it('wants a keyframe at least every two seconds, and says how many pictures that is', () => {
    expect(about({ keyframeIntervalS: { mean: 2, longest: 2 } })).toEqual([]);
    const slow = { keyframeIntervalS: { mean: 4, longest: 10 }, fps: 12.5, declaredFps: 12.5 };
    expect(about(slow)).toEqual(['keyframes']);
    expect(textOf(slow)).toMatch(/after 10 s: set .* to 1 s, which is 13 pictures at 12\.5 fps/);
    expect(textOf({ keyframeIntervalS: null })).toMatch(/no second keyframe came in 10\.0 s/);
    expect(about({ keyframeIntervalS: null, seconds: 1.5 })).toEqual([]);
  });

  it('calls codecs by the names that the menus of cameras have', () => {
    const codecs = ['avc1.64001f', 'hev1', 'hvc1', 'mp4v.6c', 'mp4v.20', 'vp08'];
    expect(codecs.map(codecName)).toEqual(['H.264', 'H.265', 'H.265', 'MJPEG', 'MPEG-4', 'vp08']);
  });
});
