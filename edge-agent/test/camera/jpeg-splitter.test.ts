import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { mutated, seededRandom } from '../../../shared/test/random.ts';
import { JpegSplitter, type SplitPicture } from '../../src/camera/jpeg-splitter.ts';
import { thrownBy } from './thrown.ts';

const random = seededRandom(7);
let pictures: Buffer[];

beforeAll(async () => {
  const sizes = [
    [64, 48],
    [33, 17],
    [320, 180],
  ] as const;
  pictures = await Promise.all(
    sizes.map(([width, height]) =>
      sharp(random.bytes(width * height * 3), { raw: { width, height, channels: 3 } })
        .jpeg({ quality: 80, progressive: width === 33 })
        .toBuffer(),
    ),
  );
});

function split(chunks: Iterable<Buffer>, maxPictureBytes?: number): SplitPicture[] {
  const found: SplitPicture[] = [];
  const splitter = new JpegSplitter({
    onPicture: (picture) => found.push(picture),
    ...(maxPictureBytes !== undefined && { maxPictureBytes }),
  });
  for (const chunk of chunks) splitter.push(chunk);
  return found;
}

describe('JpegSplitter', () => {
  it('gives each picture with its size', () => {
    const found = split([Buffer.concat(pictures)]);
    expect(found.map(({ width, height }) => [width, height])).toEqual([
      [64, 48],
      [33, 17],
      [320, 180],
    ]);
    expect(found.map(({ jpeg }) => Buffer.from(jpeg))).toEqual(pictures);
  });

  it('gives the same pictures for whatever chunks they come in', () => {
    const stream = Buffer.concat(pictures);
    for (let round = 0; round < 30; round += 1) {
      const chunks: Buffer[] = [];
      for (let at = 0; at < stream.length; at += chunks.at(-1)!.length) {
        chunks.push(stream.subarray(at, at + 1 + random.int(random.pick([7, 300, 9_000]))));
      }
      expect(Buffer.concat(split(chunks).map(({ jpeg }) => jpeg)).equals(stream)).toBe(true);
    }
  });

  it('does not take the end marker of an embedded thumbnail for the end of the picture', () => {
    const [picture] = pictures as [Buffer];
    const note = Buffer.from('ffe10006ffd9ffd8', 'hex');
    const withNote = Buffer.concat([picture.subarray(0, 2), note, picture.subarray(2)]);
    expect(split([withNote]).map(({ jpeg }) => jpeg.length)).toEqual([withNote.length]);
  });

  it('refuses a picture above the bound', () => {
    expect(thrownBy(() => split([pictures[2]!.subarray(0, -2)], 1_000))?.code).toBe('FRAME_MALFORMED');
  });

  it('answers damaged and random bytes with FRAME_MALFORMED or not at all', () => {
    let refused = 0;
    for (let round = 0; round < 600; round += 1) {
      const bytes = round % 2 === 0 ? random.bytes(60) : mutated(random, Buffer.concat(pictures.slice(0, 2)));
      const error = thrownBy(() => split([Buffer.from(bytes)]));
      if (error) expect(error.code).toBe('FRAME_MALFORMED');
      refused += error ? 1 : 0;
    }
    expect(refused).toBeGreaterThan(250);
  });
});
