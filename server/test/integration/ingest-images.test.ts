// POST ingest/images at the whole server: real HTTP, real PostgreSQL, real disk.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeJson } from '@sitecast/shared/protocol/json-message';
import { topics } from '@sitecast/shared/protocol/topics';
import { jpeg, webpLossy } from '../support/pictures.ts';
import { useTestPostgres } from '../support/postgres.ts';
import { appStarter, type RunningApp } from '../support/running-app.ts';
import { waitFor } from '../support/wait-for.ts';

const postgres = useTestPostgres();
const start = appStarter(postgres);
const SIZE = { width: 640, height: 360 };

interface Listed {
  items: { id: string; type: string; reason: string; capturedAt: string; width: number; thumbnail: object }[];
}

describe('an uploaded picture', () => {
  it('is durable, listed, shown in place of its thumbnail, and makes its camera known', async () => {
    await using server = await start();
    const device = await uploader(server);
    const picture = jpeg(SIZE, { scanBytes: 40_000 });
    const { status, body } = await device.upload(picture, { query: '&capturedAt=2026-05-01T10:00:00.000Z' });
    expect([status, body]).toEqual([202, { id: expect.any(String) as string }]);
    const [listed] = (await filed(server, 'gate', 1)).items;
    expect(listed).toMatchObject({
      id: body.id,
      type: 'image/jpeg',
      reason: 'interval',
      capturedAt: '2026-05-01T10:00:00.000Z',
      ...SIZE,
      bytes: picture.length,
      thumbnail: { type: 'image/jpeg', bytes: picture.length },
    });
    for (const path of [`snapshots/${body.id}`, `snapshots/${body.id}/thumbnail`]) {
      const answer = await server.fetch(path);
      expect(answer.headers.get('content-type')).toBe('image/jpeg');
      expect(Buffer.from(await answer.arrayBuffer()).equals(picture)).toBe(true);
    }
    expect(await server.get('cameras/yard/gate')).toMatchObject({
      agent: 'cam-1',
      state: 'stopped',
      reason: 'UPLOADS_ONLY',
      profiles: [],
      online: false,
      lastSnapshot: { id: body.id },
    });
    const asked = await server.fetch('cameras/yard/gate/snapshot', { method: 'POST', body: '{}' });
    expect(await asked.json()).toMatchObject({ error: { code: 'PROFILE_UNSUPPORTED' } });
  });

  it('may be a WebP, and may come as a form', async () => {
    await using server = await start();
    const device = await uploader(server);
    expect(
      (await device.upload(webpLossy(SIZE), { type: 'image/webp', query: '&reason=motion' })).status,
    ).toBe(202);
    const form = new FormData();
    form.set('serial', 'A1');
    form.set('file', new Blob([new Uint8Array(jpeg(SIZE))], { type: 'image/jpeg' }), 'snap.jpg');
    expect((await device.post(form)).status).toBe(202);
    const { items } = await filed(server, 'gate', 2);
    expect(items.map(({ type }) => type).sort()).toEqual(['image/jpeg', 'image/webp']);
    expect(items.map(({ reason }) => reason).sort()).toEqual(['interval', 'motion']);
  });

  it('is stored once however often it is sent, and again only under another key or time', async () => {
    await using server = await start();
    const device = await uploader(server);
    const picture = jpeg(SIZE);
    const atOnce = await Promise.all([1, 2, 3].map(() => device.upload(picture)));
    await filed(server, 'gate', 1);
    const later = await device.upload(picture);
    expect(new Set([...atOnce, later].map(({ body }) => body.id)).size).toBe(1);
    const keyed = await device.upload(picture, { key: 'a' });
    expect((await device.upload(picture, { key: 'a' })).body).toEqual(keyed.body);
    await device.upload(picture, { query: '&capturedAt=2026-05-01T10:00:00.000Z' });
    // The same key for another picture: nothing that was acknowledged is lost.
    await device.upload(jpeg(SIZE), { key: 'a' });
    await filed(server, 'gate', 4);
    expect(await server.metric('snapshots_set_aside_total')).toBe(0);
  });

  it('comes from a device of the site, for a camera that is its own', async () => {
    await using server = await start();
    const device = await uploader(server);
    const unasked = await device.upload(jpeg(SIZE), { authorization: '' });
    expect([unasked.status, unasked.headers.get('www-authenticate')]).toEqual([
      401,
      'Basic realm="sitecast", charset="UTF-8"',
    ]);
    const wrong = await device.upload(jpeg(SIZE), { authorization: basic('cam-1', 'wrong') });
    expect(wrong.status).toBe(401);
    // A person's session opens nothing here.
    expect((await server.fetch('ingest/images?camera=gate', { method: 'POST' })).status).toBe(401);

    const gateway = { site: 'yard', agent: 'gateway' };
    const secret = await server.makeDevice('gateway', 'agent');
    const agent = await server.connect('gateway', secret);
    await agent.publishAsync(topics.cameras(gateway), Buffer.from(encodeJson({ cameras: [REPORT] })), {
      qos: 1,
    });
    const ofAgent = await device.upload(jpeg(SIZE), { authorization: basic('gateway', secret) });
    expect([ofAgent.status, ofAgent.body.error?.code]).toEqual([403, 'FORBIDDEN']);
    const ofOther = await device.upload(jpeg(SIZE), { camera: 'front' });
    expect([ofOther.status, ofOther.body.error?.code]).toEqual([403, 'FORBIDDEN']);
    const revoked = await server.fetch('devices/cam-1', { method: 'DELETE' });
    expect(revoked.status).toBe(204);
    expect((await device.upload(jpeg(SIZE))).status).toBe(401);
  });

  it('makes at most 64 cameras', async () => {
    await using server = await start();
    const device = await uploader(server);
    for (let camera = 0; camera < 64; camera += 1)
      expect((await device.upload(jpeg(SIZE), { camera: `c${camera}` })).status).toBe(202);
    const refused = await device.upload(jpeg(SIZE), { camera: 'one-more' });
    expect([refused.status, refused.body.error?.code]).toEqual([400, 'BAD_REQUEST']);
    expect(await server.metric('fleet_cameras_refused_total')).toBe(1);
  });

  describe('is refused with a reason:', () => {
    let server: RunningApp;
    let device: Awaited<ReturnType<typeof uploader>>;
    beforeAll(async () => {
      server = await start();
      device = await uploader(server);
    });
    afterAll(() => server?.[Symbol.asyncDispose]());

    it.each([
      [
        'a PNG',
        415,
        'MEDIA_TYPE_UNSUPPORTED',
        { type: 'image/png' },
        Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
      ],
      ['a PNG that says JPEG', 415, 'MEDIA_TYPE_UNSUPPORTED', {}, Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')],
      ['a WebP that says JPEG', 415, 'MEDIA_TYPE_UNSUPPORTED', {}, webpLossy(SIZE)],
      ['JSON', 415, 'MEDIA_TYPE_UNSUPPORTED', { type: 'application/json' }, Buffer.from('{}')],
      ['absurd dimensions', 422, 'PICTURE_MALFORMED', {}, jpeg({ width: 65_000, height: 65_000 })],
      ['a header that is cut off', 422, 'PICTURE_MALFORMED', {}, jpeg(SIZE).subarray(0, 100)],
      ['300 KiB and one byte', 413, 'PAYLOAD_TOO_LARGE', {}, Buffer.alloc(300 * 1024 + 1)],
      [
        'a form without a file',
        400,
        'BAD_REQUEST',
        { type: 'multipart/form-data; boundary=x' },
        Buffer.from('--x--\r\n'),
      ],
      [
        'a form without a boundary',
        400,
        'BAD_REQUEST',
        { type: 'multipart/form-data' },
        Buffer.from('--x--\r\n'),
      ],
      ['a form that ends early', 400, 'BAD_REQUEST', { type: 'multipart/form-data; boundary=x' }, cutForm()],
      ['a camera that is no name', 400, 'BAD_REQUEST', { camera: 'Gate!' }, jpeg(SIZE)],
      ['a time to come', 400, 'FRAME_MALFORMED', { query: '&capturedAt=2999-01-01T00:00:00Z' }, jpeg(SIZE)],
    ])('%s', async (_, status, code, options, picture) => {
      const answer = await device.upload(picture, options);
      expect([answer.status, answer.body.error?.code]).toEqual([status, code]);
      expect(await server.metric('uploads_active')).toBe(0);
    });
  });

  it('of a gigabyte is cut off at the cap, whether it says so first or not', async () => {
    await using server = await start();
    const device = await uploader(server);
    for (const length of ['content-length: 1000000000', 'transfer-encoding: chunked']) {
      const { answer, bytesTaken } = await flood(server, device.authorization, length);
      expect(answer).toMatch(/^HTTP\/1\.1 413 /);
      // What lies in the buffers of two sockets, not what was read.
      expect(bytesTaken).toBeLessThan(16 * 1024 * 1024);
    }
    expect(await server.metric('uploads_too_large_total')).toBe(2);
    expect(await server.metric('uploads_held_bytes')).toBe(0);
  });

  it('that is broken off frees its place', async () => {
    await using server = await start();
    const device = await uploader(server);
    const sockets = await Promise.all([1, 2, 3, 4].map(() => beginUpload(server, device.authorization)));
    await waitFor('all four to be under way', async () => (await server.metric('uploads_active')) === 4);
    const fifth = await device.upload(jpeg(SIZE));
    expect([fifth.status, fifth.body.error?.code, fifth.headers.get('retry-after')]).toEqual([
      429,
      'RATE_LIMITED',
      '2',
    ]);
    for (const socket of sockets) socket.resetAndDestroy();
    await waitFor('them to be gone', async () => (await server.metric('uploads_active')) === 0);
    expect(await server.metric('uploads_aborted_total')).toBe(4);
    expect(await server.metric('uploads_refused_of_device_total')).toBe(1);
    expect((await device.upload(jpeg(SIZE))).status).toBe(202);
  });
});

const REPORT = {
  id: 'front',
  name: 'Front door',
  state: 'live',
  reason: null,
  detail: null,
  since: '2026-01-01T00:00:00.000Z',
  codec: 'avc1.64001f',
  width: 1280,
  height: 720,
  fps: 25,
  profiles: ['main', 'stills'],
};

function basic(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
}

interface UploadOptions {
  camera?: string;
  type?: string;
  query?: string;
  key?: string;
  authorization?: string;
}

async function uploader(server: RunningApp) {
  const authorization = basic('cam-1', await server.makeDevice('cam-1', 'sensor'));
  const send = async (query: string, headers: Record<string, string>, body: BodyInit) => {
    const answer = await fetch(`${server.url}/api/v1/ingest/images?${query}`, {
      method: 'POST',
      headers,
      body,
    });
    const { status } = answer;
    return {
      status,
      headers: answer.headers,
      body: (await answer.json()) as { id?: string; error?: { code: string } },
    };
  };
  return {
    authorization,
    post: (form: FormData) => send('camera=gate', { authorization }, form),
    upload: (
      picture: Buffer,
      { camera = 'gate', type = 'image/jpeg', query = '', key, ...given }: UploadOptions = {},
    ) =>
      send(
        `camera=${camera}${query}`,
        {
          authorization,
          'content-type': type,
          ...(key === undefined ? {} : { 'idempotency-key': key }),
          ...given,
        },
        new Uint8Array(picture),
      ),
  };
}

async function filed(server: RunningApp, camera: string, count: number): Promise<Listed> {
  const read = () => server.get<Listed>(`cameras/yard/${camera}/snapshots`);
  await waitFor(`${count} snapshots`, async () => (await read()).items.length >= count);
  await waitFor('nothing staged', async () => (await server.metric('snapshots_staged')) === 0);
  const listed = await read();
  expect(listed.items).toHaveLength(count);
  return listed;
}

function cutForm(): Buffer {
  const head = '--x\r\ncontent-disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n';
  return Buffer.concat([Buffer.from(head), jpeg(SIZE)]);
}

function headOf(authorization: string, length: string): string {
  const lines = ['host: x', `authorization: ${authorization}`, 'content-type: image/jpeg', length];
  return `POST /api/v1/ingest/images?camera=gate HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

async function beginUpload(server: RunningApp, authorization: string): Promise<Socket> {
  const socket = connect(server.ports.http, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(headOf(authorization, 'content-length: 200000'));
  socket.write(jpeg(SIZE));
  return socket;
}

/** Sends until the server cuts it off. */
async function flood(server: RunningApp, authorization: string, length: string) {
  const socket = connect(server.ports.http, '127.0.0.1');
  const block = randomBytes(64 * 1024);
  const isChunked = length.includes('chunked');
  let answer = '';
  socket.on('data', (bytes) => (answer += bytes.toString('latin1')));
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(headOf(authorization, length));
  const pump = (): void => {
    if (socket.destroyed || !socket.writable) return;
    socket.write(
      isChunked ? Buffer.concat([Buffer.from('10000\r\n'), block, Buffer.from('\r\n')]) : block,
      pump,
    );
  };
  pump();
  await closed;
  return { answer, bytesTaken: socket.bytesWritten };
}
