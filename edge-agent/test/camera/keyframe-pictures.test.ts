import { describe, expect, test } from 'vitest';
import {
  KeyframePictures,
  MAX_UNPAIRED_PICTURES,
  type CapturedPicture,
} from '../../src/camera/keyframe-pictures.ts';
import { LUMA_HEIGHT, LUMA_WIDTH, LumaSplitter, type Luma } from '../../src/camera/luma.ts';

const LUMA_BYTES = LUMA_WIDTH * LUMA_HEIGHT;
const picture = (name: number) => ({ jpeg: Uint8Array.of(name), width: 640, height: 360 });

describe('KeyframePictures', () => {
  test('joins JPEG and luma in their order, whichever pipe is read first', () => {
    const joined: CapturedPicture[] = [];
    const pictures = new KeyframePictures((one) => void joined.push(one));
    pictures.addPicture(picture(1));
    pictures.addPicture(picture(2));
    expect(joined).toEqual([]);
    pictures.addLuma(Uint8Array.of(10));
    pictures.addLuma(Uint8Array.of(20));
    pictures.addLuma(Uint8Array.of(30));
    pictures.addPicture(picture(3));
    expect(joined.map(({ jpeg, luma }) => [jpeg[0], luma[0]])).toEqual([
      [1, 10],
      [2, 20],
      [3, 30],
    ]);
  });

  test('refuses more than a few of one pipe without the other', () => {
    const pictures = new KeyframePictures(() => expect.unreachable());
    for (let number = 0; number < MAX_UNPAIRED_PICTURES; number += 1) pictures.addPicture(picture(number));
    expect(() => pictures.addPicture(picture(9))).toThrow(
      expect.objectContaining({ code: 'FRAME_MALFORMED' }) as Error,
    );
  });
});

test('LumaSplitter cuts pictures wherever the pipe cuts its chunks', () => {
  const video = Uint8Array.from(
    { length: 3 * LUMA_BYTES },
    (_, at) => Math.floor(at / LUMA_BYTES) + (at % 7),
  );
  for (const chunkBytes of [1, 1_000, LUMA_BYTES, LUMA_BYTES + 1, video.length]) {
    const lumas: Luma[] = [];
    const splitter = new LumaSplitter((luma) => void lumas.push(luma));
    for (let at = 0; at < video.length; at += chunkBytes) splitter.push(video.subarray(at, at + chunkBytes));
    expect(Buffer.concat(lumas).equals(video)).toBe(true);
    expect(lumas.map(({ length }) => length)).toEqual([LUMA_BYTES, LUMA_BYTES, LUMA_BYTES]);
  }
});
