import { describe, expect, it } from 'vitest';
import type { SplitFragment } from '../../src/camera/fmp4-splitter.ts';
import { StreamChanges } from '../../src/camera/stream-changes.ts';

const TIMESCALE = 90_000;
const [SPS, OTHER_SPS, PPS, IDR, SLICE] = ['6742c01e', '6764001f', '68ce3c80', '6588ff', '419aff'];

function unit(decodeTimeS: number, isKeyframe: boolean, ...nals: string[]): SplitFragment {
  const sample = Buffer.concat(
    nals.map((hex) => {
      const nal = Buffer.from(hex, 'hex');
      const length = Buffer.alloc(4);
      length.writeUInt32BE(nal.length);
      return Buffer.concat([length, nal]);
    }),
  );
  const box = (type: string, body: Buffer): Buffer => {
    const header = Buffer.alloc(8);
    header.writeUInt32BE(8 + body.length);
    header.write(type, 4, 'latin1');
    return Buffer.concat([header, body]);
  };
  const bytes = Buffer.concat([box('moof', Buffer.alloc(16)), box('mdat', sample)]);
  return {
    bytes,
    isKeyframe,
    decodeTime: decodeTimeS * TIMESCALE,
    compositionOffset: 0,
    duration: TIMESCALE / 25,
  };
}

const changesOf = (codec: string): StreamChanges => new StreamChanges({ codec, timescale: TIMESCALE });

function firstChange(units: SplitFragment[], codec = 'avc1.42c01e'): string | undefined {
  const changes = changesOf(codec);
  return units.map((one) => changes.look(one)).find((found) => found !== undefined);
}

const steady = Array.from({ length: 100 }, (_, index) =>
  unit(index / 25, index % 25 === 0, ...(index % 25 === 0 ? [SPS, PPS, IDR] : [SLICE])),
);

describe('StreamChanges', () => {
  it('says nothing of a steady stream, nor of one that carries no parameters', () => {
    expect(firstChange(steady)).toBeUndefined();
    expect(firstChange([unit(0, true, IDR), unit(1, true, IDR)])).toBeUndefined();
  });

  it('tells of other parameters in two keyframes, of H.264 and of H.265', () => {
    const changed = 'the camera changed the parameters of its video';
    const others = [4, 5].map((at) => unit(at, true, OTHER_SPS, PPS, IDR));
    expect(firstChange([...steady, ...others])).toBe(changed);
    // H.265: SPS is type 33, a slice of an IDR picture type 19.
    const [one, ...other] = ['420101', '420102', '420102'].map((sps, at) => unit(at, true, sps, '2601af'));
    expect(firstChange([one!, ...other], 'hev1')).toBe(changed);
    expect(firstChange([one!, one!, one!], 'hev1')).toBeUndefined();
  });

  it('does not take garbage for a change: what comes once, or is another one each time', () => {
    const garbage = ['67ff01', '67ff02'].map((sps, at) => unit(5 + at, true, sps, IDR));
    expect(firstChange([...steady, ...garbage])).toBeUndefined();
    const [once] = garbage;
    expect(
      firstChange([...steady, once!, unit(6, true, SPS, IDR), { ...once!, decodeTime: 7 * TIMESCALE }]),
    ).toBeUndefined();
  });

  it('takes the parameters of the first keyframe that has some for those of the stream', () => {
    expect(
      firstChange([unit(0, true, IDR), unit(1, true, SPS, IDR), unit(2, true, SPS, IDR)]),
    ).toBeUndefined();
  });

  it('does not read codecs that it does not know, nor what is cut', () => {
    expect(
      firstChange([unit(0, true, SPS), unit(1, true, OTHER_SPS), unit(2, true, OTHER_SPS)], 'mp4v.20'),
    ).toBeUndefined();
    const cut = unit(1, true, OTHER_SPS);
    const short = { ...cut, bytes: cut.bytes.subarray(0, -1) };
    expect(firstChange([unit(0, true, SPS), short, short])).toBeUndefined();
  });

  it('tells of a clock that jumped, not of a pause', () => {
    expect(firstChange([unit(0, true, IDR), unit(9, false, SLICE)])).toBeUndefined();
    expect(firstChange([unit(0, true, IDR), unit(3_600, false, SLICE)])).toBe(
      'the clock of the camera jumped by 3600 s',
    );
  });

  it('tells of a clock that was set back, which ffmpeg shows as single ticks', () => {
    const ticks = Array.from({ length: 30 }, (_, index) => unit(4 + index / TIMESCALE, false, SLICE));
    expect(firstChange([...steady, ...ticks])).toBe('the clock of the camera was set back');
    expect(firstChange([...steady, ...ticks.slice(0, 10), unit(4.1, false, SLICE)])).toBeUndefined();
  });
});
