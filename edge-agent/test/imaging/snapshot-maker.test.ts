import { createHash } from 'node:crypto';
import {
  decodeSnapshotEnvelope,
  encodeSnapshotEnvelope,
  type SnapshotEnvelope,
} from '@sitecast/shared/protocol/snapshot-envelope';
import { MAX_SNAPSHOT_BYTES, MAX_THUMBNAIL_BYTES } from '@sitecast/shared/protocol/limits';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../shared/test/random.ts';
import { decodePicture, encodeToFit } from '../../src/imaging/picture-encoder.ts';
import { SnapshotMaker, type SourcePicture } from '../../src/imaging/snapshot-maker.ts';

const random = seededRandom(3);
const capturedAtMs = Date.UTC(2026, 4, 1, 12);

/** Noise is the worst that a JPEG encoder can meet; `softness` blurs it towards a real picture. */
async function noisyJpeg(
  width: number,
  height: number,
  softness: number,
  quality = 95,
): Promise<SourcePicture> {
  const pixels = sharp(random.bytes(width * height * 3), { raw: { width, height, channels: 3 } });
  const jpeg = await (softness > 0 ? pixels.blur(softness) : pixels).jpeg({ quality }).toBuffer();
  return { jpeg, width, height, capturedAtMs };
}

const makeOne = (picture: SourcePicture): Promise<SnapshotEnvelope> =>
  new SnapshotMaker().make({ camera: 'front', reason: 'interval', maskVersion: 7, picture });

describe('SnapshotMaker', () => {
  it('makes an envelope that the server accepts', async () => {
    const envelope = await makeOne(await noisyJpeg(960, 540, 3));
    const { header, snapshot, thumbnail } = decodeSnapshotEnvelope(encodeSnapshotEnvelope(envelope));
    expect(header).toMatchObject({
      camera: 'front',
      reason: 'interval',
      capturedAt: '2026-05-01T12:00:00.000Z',
      maskVersion: 7,
    });
    expect(header.sha256).toBe(createHash('sha256').update(snapshot).digest('hex'));
    expect(await sharp(thumbnail).metadata()).toMatchObject({ format: 'jpeg', width: 320, height: 180 });
    expect(header.thumbnail).toMatchObject({ width: 320, height: 180 });
  });

  it('sends a keyframe that fits untouched', async () => {
    const picture = await noisyJpeg(640, 360, 3);
    const { snapshot } = await makeOne(picture);
    expect(Buffer.from(snapshot).equals(Buffer.from(picture.jpeg))).toBe(true);
  });

  it('finds the best quality that fits when the keyframe is too large', async () => {
    const picture = await noisyJpeg(1280, 720, 0.8);
    expect(picture.jpeg.length).toBeGreaterThan(MAX_SNAPSHOT_BYTES);
    const { header, snapshot, thumbnail } = await makeOne(picture);
    expect(snapshot.length).toBeLessThanOrEqual(MAX_SNAPSHOT_BYTES);
    // Close to the bound: a search, not a guess.
    expect(snapshot.length).toBeGreaterThan(MAX_SNAPSHOT_BYTES * 0.85);
    expect(thumbnail.length).toBeLessThanOrEqual(MAX_THUMBNAIL_BYTES);
    expect(header.width).toBe(1280);
  });

  it('makes the picture smaller when no quality fits', async () => {
    const pixels = await decodePicture((await noisyJpeg(640, 480, 0)).jpeg, 640);
    const { bytes, width } = await encodeToFit(pixels, 320, 6_000);
    expect(bytes.length).toBeLessThanOrEqual(6_000);
    expect(width).toBeLessThan(320);
  });

  it('never sends a picture wider than 1280', async () => {
    const { header } = await makeOne(await noisyJpeg(1920, 1080, 4, 60));
    expect([header.width, header.height]).toEqual([1280, 720]);
  });

  it('does not enlarge a small picture', async () => {
    const { header } = await makeOne(await noisyJpeg(160, 120, 1));
    expect(header).toMatchObject({ width: 160, height: 120, thumbnail: { width: 160, height: 120 } });
  });

  it.each([
    ['that is cut off', async () => (await noisyJpeg(640, 360, 1)).jpeg.subarray(0, 9_000)],
    // prettier-ignore
    ['that is no JPEG', async () => sharp({ create: { width: 9, height: 9, channels: 3, background: 'red' } }).png().toBuffer()],
    ['that is empty', async () => Buffer.alloc(0)],
    ['of too many pixels', async () => sharp({ create: { width: 9000, height: 4000, channels: 3, background: 'red' } }).jpeg().toBuffer()], // prettier-ignore
  ])('refuses a picture %s', async (_, jpeg) => {
    const maker = new SnapshotMaker();
    const picture = { jpeg: await jpeg(), width: 640, height: 360, capturedAtMs };
    await expect(
      maker.make({ camera: 'a', reason: 'command', maskVersion: 0, picture }),
    ).rejects.toMatchObject({
      code: 'FRAME_MALFORMED',
    });
    expect(maker.counters.snapshotsFailed).toBe(1);
  });

  it('refuses what is above its bound, and takes more when there is room again', async () => {
    const maker = new SnapshotMaker({ maxQueued: 2 });
    const picture = await noisyJpeg(64, 48, 1);
    const request = { camera: 'a', reason: 'interval', maskVersion: 0, picture } as const;
    const taken = [maker.make(request), maker.make(request)];
    await expect(maker.make(request)).rejects.toMatchObject({ code: 'QUEUE_FULL', retryable: true });
    const ids = (await Promise.all(taken)).map(({ header }) => header.id);
    expect(new Set(ids).size).toBe(2);
    await maker.make(request);
    expect(maker.counters).toEqual({ snapshotsMade: 3, snapshotsFailed: 0, snapshotsRefused: 1 });
    expect(maker.queued).toBe(0);
  });

  it('settles everything when it is closed', async () => {
    const maker = new SnapshotMaker();
    const picture = await noisyJpeg(64, 48, 1);
    const waiting = [1, 2, 3].map(() =>
      maker.make({ camera: 'a', reason: 'interval', maskVersion: 0, picture }),
    );
    const settled = Promise.allSettled(waiting);
    await maker.close();
    expect((await settled).every((one) => one.status === 'rejected')).toBe(true);
    expect(maker.queued).toBe(0);
  });
});
