import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isAppError } from '@sitecast/shared/runtime/app-error';
import { MAX_PICTURE_SIDE, readPictureHeader, type PictureHeader } from '../../src/ingest/picture-header.ts';
import { jpeg, webpExtended, webpLossless, webpLossy } from '../support/pictures.ts';

const SIZE = { width: 1280, height: 721 };
const PICTURES = {
  'baseline JPEG': jpeg(SIZE),
  'progressive JPEG': jpeg(SIZE, { frame: 0xc2 }),
  'lossy WebP': webpLossy(SIZE),
  'lossless WebP': webpLossless(SIZE),
  'extended WebP': webpExtended(SIZE),
};
const CODES = ['MEDIA_TYPE_UNSUPPORTED', 'PICTURE_MALFORMED'];

describe('the header of a picture', () => {
  it.each(Object.entries(PICTURES))('says the size of a %s', (name, picture) => {
    const type = name.endsWith('JPEG') ? 'image/jpeg' : 'image/webp';
    expect(readPictureHeader(picture)).toEqual({ type, ...SIZE });
  });

  it('is found behind fill bytes and markers without a length', () => {
    const [start, rest] = [jpeg(SIZE).subarray(0, 2), jpeg(SIZE).subarray(2)];
    const padded = Buffer.concat([start, Buffer.from([0xff, 0xff, 0xff, 0x01, 0xff]), rest]);
    expect(readPictureHeader(padded)).toMatchObject(SIZE);
  });

  it.each(Object.entries(PICTURES))('cut off anywhere is refused: %s', (name, picture) => {
    // A JPEG says its size before its scan, and only there; a WebP says its whole length first.
    const scanBytes = 64 + 2 + 14;
    const needed = name.endsWith('JPEG') ? picture.length - scanBytes : picture.length;
    for (let bytes = 0; bytes < needed; bytes += 1)
      expect([bytes, outcome(picture.subarray(0, bytes))]).toEqual([
        bytes,
        expect.stringMatching(CODES.join('|')),
      ]);
    expect(readPictureHeader(picture.subarray(0, needed))).toMatchObject(SIZE);
  });

  it.each(Object.entries(PICTURES))(
    'with any byte changed is read or refused, never worse: %s',
    (_, picture) => {
      for (let offset = 0; offset < picture.length; offset += 1) {
        for (const value of [0x00, 0x01, 0x7f, 0x80, 0xff]) {
          const changed = Buffer.from(picture);
          changed[offset] = value;
          expectReadOrRefused(changed);
        }
      }
    },
  );

  it('of random bytes is read or refused, never worse', () => {
    const starts = [[], [0xff, 0xd8, 0xff], [...Buffer.from('RIFF\x20\0\0\0WEBPVP8X')]];
    for (let round = 0; round < 3_000; round += 1) {
      const start = Buffer.from(starts[round % starts.length] ?? []);
      expectReadOrRefused(Buffer.concat([start, randomBytes(round % 97)]));
    }
  });

  it('never costs more than the bytes that it has: a JPEG of nothing but fill bytes or empty segments ends', () => {
    expect(outcome(Buffer.concat([Buffer.from([0xff, 0xd8]), Buffer.alloc(300 * 1024, 0xff)]))).toBe(
      'PICTURE_MALFORMED',
    );
    const empty = Buffer.alloc(300 * 1024);
    for (let offset = 0; offset < empty.length; offset += 4) empty.set([0xff, 0xe1, 0x00, 0x02], offset);
    expect(outcome(Buffer.concat([Buffer.from([0xff, 0xd8]), empty]))).toBe('PICTURE_MALFORMED');
  });

  it.each([
    ['absurdly wide', jpeg({ width: 65_535, height: 10 })],
    ['absurdly high', jpeg({ width: 10, height: MAX_PICTURE_SIDE + 1 })],
    ['absurdly many pixels', jpeg({ width: MAX_PICTURE_SIDE, height: MAX_PICTURE_SIDE })],
    ['nothing wide', jpeg({ width: 0, height: 100 })],
    ['no height before the scan', jpeg({ width: 100, height: 0 })],
    ['a canvas of 16 million pixels a side', webpExtended({ width: 1 << 24, height: 1 << 24 })],
    ['nothing wide, as WebP', webpLossy({ width: 0, height: 1 })],
  ])('of a size that no camera has is refused: %s', (_, picture) => {
    expect(outcome(picture)).toBe('PICTURE_MALFORMED');
  });

  it.each([
    ['PNG', Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'latin1')],
    ['GIF', Buffer.from('GIF89a')],
    ['text', Buffer.from('<svg/>')],
    ['nothing', Buffer.alloc(0)],
    ['lossless JPEG', jpeg(SIZE, { frame: 0xc3 })],
    ['arithmetic JPEG', jpeg(SIZE, { frame: 0xc9 })],
    ['12-bit JPEG', jpeg(SIZE, { precision: 12 })],
    ['animated WebP', webpExtended(SIZE, 0x02)],
  ])('of a kind that is not taken is refused: %s', (_, picture) => {
    expect(outcome(picture)).toBe('MEDIA_TYPE_UNSUPPORTED');
  });
});

function outcome(picture: Uint8Array): string | PictureHeader {
  try {
    return readPictureHeader(picture);
  } catch (error) {
    if (isAppError(error)) return error.code;
    throw error;
  }
}

function expectReadOrRefused(picture: Uint8Array): void {
  const result = outcome(picture);
  if (typeof result === 'string') return expect(CODES).toContain(result);
  expect(Math.min(result.width, result.height)).toBeGreaterThanOrEqual(1);
  expect(Math.max(result.width, result.height)).toBeLessThanOrEqual(MAX_PICTURE_SIDE);
}
