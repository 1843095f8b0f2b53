import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { PictureUploads, UPLOAD_DEADLINE_MS, type Upload } from '../../src/ingest/picture-uploads.ts';
import { jpeg } from '../support/pictures.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { waitFor } from '../support/wait-for.ts';

const NOTHING_HELD = { uploads: 0, bytes: 0 };

describe('uploads', () => {
  it('that trickle in are given up at their deadline, and nothing of them stays', async () => {
    const { uploads, clock, send } = openUploads();
    const body = new PassThrough();
    const stored = send({ body });
    body.write(jpeg({ width: 64, height: 64 }).subarray(0, 20));
    expect(uploads.held).toEqual({ uploads: 1, bytes: 300 * 1024 });
    clock.advance(UPLOAD_DEADLINE_MS);
    await expect(stored).rejects.toMatchObject({ code: 'UPLOAD_TOO_SLOW' });
    expect(uploads.held).toEqual(NOTHING_HELD);
    expect(uploads.counters).toMatchObject({ tooSlow: 1 });
    expect([body.listenerCount('data'), body.listenerCount('end'), body.isPaused()]).toEqual([0, 0, true]);
  });

  it('are refused at once while memory is short or the queue is full, before a byte is read', async () => {
    for (const [state, code] of [
      [{ isShed: true }, 'MEMORY_PRESSURE'],
      [{ hasRoom: false }, 'QUEUE_FULL'],
    ] as const) {
      const { uploads, send } = openUploads(state);
      const body = new PassThrough();
      await expect(send({ body })).rejects.toMatchObject({ code, detail: { retryAfterMs: 5_000 } });
      expect([body.readableFlowing, uploads.held]).toEqual([null, NOTHING_HELD]);
    }
  });

  it('are counted a second time as what is staged, until that is durable', async () => {
    const picture = jpeg({ width: 64, height: 64 });
    const endings: ((error?: Error) => void)[] = [];
    const accept = (): Promise<void> =>
      new Promise((resolve, reject) => endings.push((error) => (error ? reject(error) : resolve())));
    const { uploads, send } = openUploads({ accept });
    const sent = [1, 2].map(() => send({ body: new PassThrough().end(picture) }));
    await waitFor('both to be staged', () => endings.length === 2);
    const each = uploads.stagingBytes / 2;
    expect(each).toBeGreaterThan(picture.length);
    expect(each).toBeLessThan(picture.length + 5_000);
    endings[0]?.();
    await sent[0];
    expect(uploads.stagingBytes).toBe(each);
    endings[1]?.(new AppError('STORE_UNAVAILABLE', 'the disk is full', { retryable: true }));
    await expect(sent[1]).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(uploads.stagingBytes).toBe(0);
  });

  it('that are broken off, too large or not a picture give their place back', async () => {
    const { uploads, send } = openUploads();
    const broken = new PassThrough();
    const aborted = send({ body: broken });
    broken.destroy();
    await expect(aborted).rejects.toMatchObject({ code: 'UPLOAD_ABORTED' });
    const large = new PassThrough();
    const refused = send({ body: large });
    large.write(Buffer.alloc(300 * 1024 + 1));
    await expect(refused).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    await expect(send({ body: new PassThrough().end('no picture') })).rejects.toMatchObject({
      code: 'MEDIA_TYPE_UNSUPPORTED',
    });
    expect(uploads.held).toEqual(NOTHING_HELD);
    expect(uploads.counters).toMatchObject({ aborted: 1, tooLarge: 1, malformed: 1, accepted: 0 });
  });
});

interface Intake {
  isShed?: boolean;
  hasRoom?: boolean;
  accept?: () => Promise<void>;
}

function openUploads({ isShed = false, hasRoom = true, accept = async () => undefined }: Intake = {}) {
  const clock = new ManualClock();
  const uploads = new PictureUploads({
    intake: { accept, hasRoom },
    snapshots: { has: async () => false },
    expectCamera: async () => undefined,
    maxUploads: 4,
    clock,
  });
  uploads.shed(isShed);
  const send = (given: Pick<Upload, 'body'>): Promise<string> =>
    uploads.store({
      device: { site: 'yard', agent: 'cam-1' },
      camera: 'gate',
      contentType: 'image/jpeg',
      declaredBytes: undefined,
      reason: 'interval',
      capturedAt: undefined,
      idempotencyKey: undefined,
      ...given,
    });
  return { uploads, clock, send };
}
