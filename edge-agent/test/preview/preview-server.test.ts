import { get } from 'node:http';
import { connect } from 'node:net';
import { pino } from 'pino';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '@sitecast/shared/runtime/clock';
import { GUESSES, PreviewLogin } from '../../src/preview/preview-login.ts';
import { MAX_VIEWERS, PreviewServer } from '../../src/preview/preview-server.ts';
import { UNCONFIRMED_MAX_BYTES, UNCONFIRMED_MAX_BYTES_A_CAMERA } from '../../src/preview/viewer-stream.ts';
import { ScriptedCamera } from '../live/scripted-camera.ts';
import { silentLogger, waitFor } from '../support.ts';

const PASSWORD = 'correct horse';

let camera: ScriptedCamera;
let server: PreviewServer;
let base: string;
let watched: number;
let errors: number;

beforeEach(async () => {
  camera = new ScriptedCamera();
  camera.emit('I0');
  watched = 0;
  errors = 0;
  server = await PreviewServer.open({
    host: '127.0.0.1',
    port: 0,
    login: new PreviewLogin(PASSWORD, systemClock),
    logger: pino({ level: 'error' }, { write: () => void (errors += 1) }),
    clock: systemClock,
    cameras: {
      list: () => [{ id: 'front', name: 'Front', state: 'live', width: 960, height: 540, isMasked: false }],
      still: () => camera.latestPicture(),
      watch: () => {
        watched += 1;
        return { video: camera.open('main'), release: () => (watched -= 1) };
      },
    },
  });
  base = `http://127.0.0.1:${server.port}`;
  onTestFinished(() => server.close());
});

const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(base + path, { method: 'POST', body: JSON.stringify(body), headers });

async function logIn(): Promise<{ cookie: string }> {
  const response = await post('/login', { password: PASSWORD });
  expect(response.status).toBe(200);
  return { cookie: response.headers.get('set-cookie')!.split(';')[0]! };
}

describe('PreviewServer', () => {
  it('shows the page to everybody, and nothing else to who has not logged in', async () => {
    const page = await fetch(base);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'/);
    for (const path of ['/page.js', '/page.css', '/player.js', '/words.js']) {
      expect((await fetch(base + path)).status).toBe(200);
    }
    for (const path of ['/cameras', '/live?camera=front', '/stills/front', '/nothing']) {
      expect((await fetch(base + path)).status).toBe(401);
      const forged = { cookie: `sitecast_preview=${'A'.repeat(43)}` };
      expect((await fetch(base + path, { headers: forged })).status).toBe(401);
    }
    expect((await post('/viewers/x', { bytes: 1 })).status).toBe(401);
    for (const path of ['/../package.json', '/..%2fpackage.json', '//etc/passwd']) {
      expect([401, 404]).toContain((await fetch(base + path)).status);
    }
  });

  it('answers a path that is no URL as a bad request, and logs nothing', async () => {
    for (const path of ['//', '//:1', 'http://']) {
      const status = await new Promise<number | undefined>((resolve, reject) => {
        const asked = get({ host: '127.0.0.1', port: server.port, path }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        asked.on('error', reject);
      });
      expect(status).toBe(400);
    }
    expect(errors).toBe(0);
  });

  it('lets in with the password, by a cookie that no script and no other site can use', async () => {
    const response = await post('/login', { password: PASSWORD });
    expect(response.headers.get('set-cookie')).toMatch(
      /^sitecast_preview=[\w-]{43}; HttpOnly; SameSite=Strict;/,
    );
    const headers = await logIn();
    expect(await (await fetch(`${base}/cameras`, { headers })).json()).toMatchObject({
      cameras: [{ id: 'front' }],
    });
    await post('/logout', {}, headers);
    expect((await fetch(`${base}/cameras`, { headers })).status).toBe(401);
  });

  it('slows down whoever guesses, and says for how long', async () => {
    const statuses: number[] = [];
    for (let guess = 0; guess <= GUESSES.burst; guess += 1) {
      statuses.push((await post('/login', { password: `wrong ${guess}` })).status);
    }
    expect(statuses).toEqual([...Array<number>(GUESSES.burst).fill(401), 429]);
    const right = await post('/login', { password: PASSWORD });
    expect(right.status).toBe(429);
    expect(Number(right.headers.get('retry-after'))).toBeGreaterThan(20);
  });

  it('answers what is no request of its page', async () => {
    expect((await post('/login', {})).status).toBe(400);
    expect((await post('/login', { password: 'x'.repeat(5_000) })).status).toBe(413);
    const text = await fetch(`${base}/login`, { method: 'POST', body: 'password' });
    expect(text.status).toBe(400);
    const foreign = await post('/login', { password: PASSWORD }, { origin: 'http://evil.example' });
    expect(foreign.status).toBe(400);
    const headers = await logIn();
    for (const path of ['/live', '/live?camera=attic', '/live?camera=front&camera=attic', '/stills/', '/x']) {
      expect((await fetch(base + path, { headers })).status).toBe(404);
    }
    expect((await post('/viewers/x', { bytes: 1 }, headers)).status).toBe(404);
  });

  it('gives the newest keyframe, and says when there is none', async () => {
    const headers = await logIn();
    expect((await fetch(`${base}/stills/front`, { headers })).status).toBe(503);
    camera.emitPicture(1);
    const still = await fetch(`${base}/stills/front`, { headers });
    expect(still.headers.get('content-type')).toBe('image/jpeg');
    expect(await still.text()).toBe('jpeg 1');
  });

  it('streams to so many viewers and no more, and forgets one that leaves', async () => {
    const headers = await logIn();
    const leaving = new AbortController();
    const watch = (): Promise<Response> =>
      fetch(`${base}/live?camera=front`, { headers, signal: leaving.signal });
    const viewers = await Promise.all(Array.from({ length: MAX_VIEWERS }, watch));
    expect(viewers.map(({ status }) => status)).toEqual(Array(MAX_VIEWERS).fill(200));
    const { value } = await viewers[0]!.body!.getReader().read();
    expect(Buffer.from(value!).toString('latin1')).toContain('avc1.42c01f');
    const refused = await watch();
    expect(refused.status).toBe(429);
    const viewer = viewers[0]!.headers.get('x-viewer');
    expect((await post(`/viewers/${viewer}`, { bytes: 10 }, headers)).status).toBe(200);
    leaving.abort();
    await waitFor(() => server.viewers === 0 && watched === 0, 'the viewers to be gone');
    expect(camera.listeners).toBe(0);
  });

  it('sends no more than its bound to a viewer that confirms nothing', async () => {
    const { cookie } = await logIn();
    const socket = connect(server.port, '127.0.0.1').on('error', () => {});
    onTestFinished(() => void socket.destroy());
    socket.write(`GET /live?camera=front HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n\r\n`);
    let received = 0;
    socket.on('data', (chunk) => (received += chunk.length)).pause();
    await waitFor(() => server.viewers === 1, 'the viewer');
    for (let n = 0; n < 300; n += 1) camera.emit(n % 25 === 0 ? `I${n}` : `P${n}`, { bytes: 200_000 });
    socket.resume();
    await waitFor(() => received > UNCONFIRMED_MAX_BYTES, 'what was sent');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(received).toBeLessThan(UNCONFIRMED_MAX_BYTES + UNCONFIRMED_MAX_BYTES_A_CAMERA + 210_000);
    await server.close();
    expect(watched).toBe(0);
  });

  it('says what is wrong when its port is taken', async () => {
    const opening = PreviewServer.open({
      host: '127.0.0.1',
      port: server.port,
      login: new PreviewLogin(PASSWORD, systemClock),
      logger: silentLogger,
      clock: systemClock,
      cameras: { list: () => [], still: () => undefined, watch: () => Promise.reject(new Error()) as never },
    });
    await expect(opening).rejects.toMatchObject({ code: 'PORT_IN_USE' });
  });
});
