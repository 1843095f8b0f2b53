import { describe, expect, it } from 'vitest';
import { isAppError } from '@sitecast/shared/runtime/app-error';
import { decodeTimeOf, readInitSegment } from '../src/live/fmp4.ts';

const ascii = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0));
const u32 = (value: number): number[] => [
  value >>> 24,
  (value >>> 16) & 255,
  (value >>> 8) & 255,
  value & 255,
];
const box = (type: string, ...content: number[][]): number[] => {
  const inside = content.flat();
  return [...u32(inside.length + 8), ...ascii(type), ...inside];
};

const avcC = box('avcC', [1, 0x64, 0x00, 0x1f, 0xff]);
const stsd = box('stsd', u32(0), u32(1), box('avc1', Array<number>(78).fill(0), avcC));
const mdhd = box('mdhd', u32(0), u32(0), u32(0), u32(15_360), u32(0), u32(0));
const longMdhd = box(
  'mdhd',
  u32(0x01000000),
  u32(0),
  u32(0),
  u32(0),
  u32(0),
  u32(90_000),
  u32(0),
  u32(0),
  u32(0),
);
const initWith = (media: number[][]): Uint8Array =>
  Uint8Array.from([
    ...box('ftyp', ascii('isom')),
    ...box('moov', box('mvhd', u32(0)), box('trak', box('mdia', ...media))),
  ]);
const fragmentWith = (tfdt: number[]): Uint8Array =>
  Uint8Array.from([
    ...box('moof', box('mfhd', u32(0)), box('traf', box('tfhd', u32(0)), tfdt)),
    ...box('mdat', [1, 2]),
  ]);

describe('fMP4 reader', () => {
  it('finds timescale and codec of an init segment', () => {
    const init = initWith([mdhd, box('minf', box('stbl', stsd))]);
    expect(readInitSegment(init)).toEqual({ timescale: 15_360, codec: 'avc1.64001f' });
  });

  it('reads the long form of the media header', () => {
    expect(readInitSegment(initWith([longMdhd]))).toEqual({ timescale: 90_000, codec: undefined });
  });

  it('reads decode times of 32 and of 64 bits', () => {
    expect(decodeTimeOf(fragmentWith(box('tfdt', u32(0), u32(1_024))))).toBe(1_024);
    expect(decodeTimeOf(fragmentWith(box('tfdt', u32(0x01000000), u32(2), u32(5))))).toBe(2 * 2 ** 32 + 5);
  });

  it('refuses a segment that was cut anywhere', () => {
    const init = initWith([mdhd]);
    for (let length = 0; length < init.length; length += 1) {
      expect(() => readInitSegment(init.subarray(0, length))).toThrow(
        expect.toSatisfy((error: unknown) => isAppError(error, 'FRAME_MALFORMED')),
      );
    }
  });

  it('refuses a fragment without a time, and boxes of absurd size', () => {
    expect(() => decodeTimeOf(fragmentWith([]))).toThrow('without tfdt');
    expect(() => decodeTimeOf(Uint8Array.from([...u32(0), ...ascii('moof')]))).toThrow('without tfdt');
    expect(() => decodeTimeOf(Uint8Array.from([...u32(0xffffffff), ...ascii('moof')]))).toThrow(
      'without tfdt',
    );
  });
});
