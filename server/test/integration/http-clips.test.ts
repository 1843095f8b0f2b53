import { ulid } from 'ulid';
import { describe, expect, it } from 'vitest';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { CLIP_DOWNLOADS_MAX, ClipDownloads } from '../../src/ingest/clip-downloads.ts';
import { ClipStore } from '../../src/ingest/clip-store.ts';
import { SnapshotStore } from '../../src/ingest/snapshot-store.ts';
import { rangeOf } from '../../src/routes/byte-range.ts';
import { makeClip, type MadeClip } from '../support/clips.ts';
import { openHttpHarness, type HttpHarness } from '../support/http-harness.ts';
import { useTestPostgres } from '../support/postgres.ts';
import { makeSnapshot } from '../support/snapshots.ts';
import { waitFor } from '../support/wait-for.ts';

const postgres = useTestPostgres();
const CAMERA: CameraReport = {
  ...{ id: 'front', name: 'Front door', state: 'live' as const, reason: null, detail: null },
  ...{ since: '2026-01-01T00:00:00.000Z', codec: 'avc1.64001f', width: 640, height: 360, fps: 15 },
  profiles: ['main'],
};

async function addCamera({ fleet, services }: HttpHarness): Promise<void> {
  await services.sites.create({ id: 'yard', name: 'Yard' });
  await fleet.applyInventory({ site: 'yard', agent: 'gateway' }, { cameras: [CAMERA] });
}

async function addClip(
  { database, clipFiles }: HttpHarness,
  startedAt = '2026-05-04T12:00:00.000Z',
): Promise<MadeClip> {
  const made = makeClip({ startedAt });
  const { header, content } = made;
  async function* whole(): AsyncGenerator<Uint8Array> {
    yield content;
  }
  await clipFiles.write(header.id, whole(), header.sha256);
  await new ClipStore(database).insert({ site: 'yard', agent: 'gateway' }, header, new Date());
  return made;
}

async function addSnapshot(
  { database, mediaStore }: HttpHarness,
  capturedAt: string,
  reason: 'interval' | 'motion',
): Promise<string> {
  const made = makeSnapshot({ id: ulid(Date.parse(capturedAt)), camera: 'front', capturedAt, reason });
  const paths = await mediaStore.put('yard', made);
  await new SnapshotStore(database).insert({
    ...{ site: 'yard', agent: 'gateway', receivedAt: new Date(), header: made.header },
    ...paths,
  });
  return made.header.id;
}

describe('clips over HTTP', () => {
  it('are listed by camera and over all, newest first, page by page', async () => {
    await using harness = await openHttpHarness(postgres);
    await addCamera(harness);
    const ids: string[] = [];
    for (const minute of ['00', '01', '02'])
      ids.unshift((await addClip(harness, `2026-05-04T12:${minute}:00.000Z`)).header.id);
    const cookie = await harness.login('viewer');
    const list = async (path: string): Promise<{ items: { id: string }[]; nextCursor: string | null }> =>
      (await harness.request(cookie, { url: `/api/v1/${path}` })).json();
    const all = await list('clips');
    expect(all.items.map(({ id }) => id)).toEqual(ids);
    expect(all.items[0]).toMatchObject({
      site: 'yard',
      camera: 'front',
      durationMs: 15_040,
      type: 'video/mp4',
    });
    const first = await list('cameras/yard/front/clips?limit=2');
    expect(first.items.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const rest = await list(`cameras/yard/front/clips?limit=2&cursor=${first.nextCursor}`);
    expect([rest.items.map(({ id }) => id), rest.nextCursor]).toEqual([ids.slice(2), null]);
    expect((await list('clips?from=2026-05-04T12:01:00Z&to=2026-05-04T12:02:00Z')).items).toHaveLength(1);
    expect((await list('clips?reason=command')).items).toEqual([]);
  });

  it('are shown by a picture that was taken meanwhile, by preference for a reason', async () => {
    await using harness = await openHttpHarness(postgres);
    await addCamera(harness);
    const { header } = await addClip(harness);
    const pictureOf = async (cookie: string): Promise<unknown> =>
      (await harness.request(cookie, { url: '/api/v1/clips' })).json().items[0].snapshotId;
    const cookie = await harness.login('viewer');
    await addSnapshot(harness, '2026-05-04T11:59:59.000Z', 'motion');
    await addSnapshot(harness, '2026-05-04T12:00:16.000Z', 'motion');
    expect([header.durationMs, await pictureOf(cookie)]).toEqual([15_040, null]);
    const first = await addSnapshot(harness, '2026-05-04T12:00:02.000Z', 'interval');
    expect(await pictureOf(cookie)).toBe(first);
    const better = await addSnapshot(harness, '2026-05-04T12:00:07.000Z', 'motion');
    expect(await pictureOf(cookie)).toBe(better);
  });

  it('come whole or in parts, as players ask for them, and are kept by caches', async () => {
    await using harness = await openHttpHarness(postgres);
    await addCamera(harness);
    const { header, content } = await addClip(harness);
    const cookie = await harness.login('viewer');
    const get = (headers: Record<string, string> = {}) =>
      harness.request(cookie, { url: `/api/v1/clips/${header.id}`, headers });
    const whole = await get();
    expect(whole.statusCode).toBe(200);
    expect(whole.rawPayload.equals(content)).toBe(true);
    expect(whole.headers).toMatchObject({
      'content-type': 'video/mp4',
      'content-length': String(content.length),
      'accept-ranges': 'bytes',
      etag: `"${header.sha256}"`,
      'cache-control': 'private, max-age=31536000, immutable',
      'content-disposition': 'inline; filename="yard-front-2026-05-04T12-00-00.mp4"',
    });
    const part = await get({ range: 'bytes=100-199' });
    expect(part.statusCode).toBe(206);
    expect(part.headers['content-range']).toBe(`bytes 100-199/${content.length}`);
    expect(part.rawPayload.equals(content.subarray(100, 200))).toBe(true);
    const tail = await get({ range: 'bytes=-7' });
    expect(tail.rawPayload.equals(content.subarray(-7))).toBe(true);
    const rest = await get({ range: `bytes=${content.length - 3}-`, 'if-range': `"${header.sha256}"` });
    expect([rest.statusCode, rest.rawPayload.length]).toEqual([206, 3]);
    expect((await get({ range: 'bytes=0-1', 'if-range': '"another"' })).rawPayload.length).toBe(
      content.length,
    );
    const behind = await get({ range: `bytes=${content.length}-` });
    expect([behind.statusCode, behind.headers['content-range']]).toEqual([416, `bytes */${content.length}`]);
    expect((await get({ 'if-none-match': `"${header.sha256}"` })).statusCode).toBe(304);
  });

  it('of other sites look as if they did not exist', async () => {
    await using harness = await openHttpHarness(postgres);
    await addCamera(harness);
    await harness.services.sites.create({ id: 'farm', name: 'Farm' });
    const { header } = await addClip(harness);
    const stranger = await harness.login('operator', ['farm']);
    expect((await harness.request(stranger, { url: '/api/v1/clips' })).json()).toEqual({
      items: [],
      nextCursor: null,
    });
    for (const url of [`clips/${header.id}`, 'clips?site=yard', 'cameras/yard/front/clips'])
      expect([url, (await harness.request(stranger, { url: `/api/v1/${url}` })).statusCode]).toEqual([
        url,
        404,
      ]);
    for (const url of ['cameras/yard/front/clip', `cameras/yard/front/clips/${header.id}/upload`]) {
      const answer = await harness.request(stranger, { method: 'POST', url: `/api/v1/${url}`, payload: {} });
      expect([url, answer.statusCode]).toEqual([url, 404]);
    }
  });

  it('are recorded and fetched by operators, not by viewers, and what the gateway answers is told', async () => {
    const asked: unknown[] = [];
    await using harness = await openHttpHarness(postgres, {
      services: {
        recordClip: async (camera, upload) => {
          asked.push([camera, upload]);
          return { clipId: '01JZ0000000000000000000000' };
        },
        uploadClip: () => Promise.reject(new AppError('NOT_SUPPORTED', 'this gateway records no clips')),
      },
    });
    await addCamera(harness);
    const operator = await harness.login('operator');
    const post = (cookie: string, path: string, payload?: object) =>
      harness.request(cookie, {
        method: 'POST',
        url: `/api/v1/cameras/yard/${path}`,
        ...(payload && { payload }),
      });
    expect((await post(await harness.login('viewer'), 'front/clip')).statusCode).toBe(403);
    const made = await post(operator, 'front/clip');
    expect([made.statusCode, made.json()]).toEqual([202, { clipId: '01JZ0000000000000000000000' }]);
    await post(operator, 'front/clip', { upload: true });
    expect(asked).toEqual([
      [{ site: 'yard', id: 'front' }, false],
      [{ site: 'yard', id: 'front' }, true],
    ]);
    const refused = await post(operator, 'front/clips/01JZ0000000000000000000000/upload');
    expect([refused.statusCode, refused.json()]).toMatchObject([409, { error: { code: 'NOT_SUPPORTED' } }]);
    expect((await post(operator, 'back/clip')).statusCode).toBe(404);
  });

  it('on their way tell how much of them is here, to those who see their site', async () => {
    const arriving = {
      ...{ id: '01JZ0000000000000000000000', site: 'yard', camera: 'front' },
      ...{ bytes: 1_000_000, receivedBytes: 65_536, changedAt: '2026-05-04T12:00:00.000Z' },
    };
    await using harness = await openHttpHarness(postgres, {
      services: { clipIntake: { arriving: [arriving] } },
    });
    await addCamera(harness);
    const list = async (cookie: string): Promise<unknown> =>
      (await harness.request(cookie, { url: '/api/v1/clips/arriving' })).json();
    expect(await list(await harness.login('viewer'))).toEqual({ items: [arriving], nextCursor: null });
    expect(await list(await harness.login('operator', ['farm']))).toEqual({ items: [], nextCursor: null });
  });

  it('are read by so many at a time, and one that breaks off leaves its place', async () => {
    await using harness = await openHttpHarness(postgres);
    await addCamera(harness);
    const { header } = await addClip(harness);
    const downloads = new ClipDownloads(harness.clipFiles);
    const part = { from: 0, to: 9 };
    const open = await Promise.all(
      Array.from({ length: CLIP_DOWNLOADS_MAX }, () => downloads.open(header.id, part)),
    );
    await expect(downloads.open(header.id, part)).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      retryable: true,
    });
    const closed = new Promise((resolve) => open[0]!.once('close', resolve));
    open[0]!.destroy();
    await closed;
    const next = await downloads.open(header.id, part);
    expect([downloads.active, downloads.counters.downloadsRefused]).toEqual([CLIP_DOWNLOADS_MAX, 1]);
    for (const stream of [...open.slice(1), next]) stream.destroy();
    await waitFor('their places', () => downloads.active === 0);
    await expect(downloads.open('01JZ0000000000000000000000', part)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});

describe('a range', () => {
  it.each([
    ['bytes=0-0', { from: 0, to: 0 }],
    ['bytes=5-', { from: 5, to: 99 }],
    ['bytes=90-1000', { from: 90, to: 99 }],
    ['bytes=-10', { from: 90, to: 99 }],
    ['bytes=-1000', { from: 0, to: 99 }],
    ['bytes=100-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=9-5', 'whole'],
    ['bytes=0-1,5-6', 'whole'],
    ['bytes=-', 'whole'],
    ['pictures=0-1', 'whole'],
    [undefined, 'whole'],
  ])('%s of 100 bytes', (header, expected) => {
    expect(rangeOf(header, 100)).toEqual(expected);
  });
});
