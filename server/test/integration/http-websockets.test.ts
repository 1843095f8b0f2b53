import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { LiveMessage, UpdateMessage } from '@sitecast/shared/protocol/viewer-messages';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { JoinRequest } from '../../src/relay/ports.ts';
import { MESSAGE_FRAGMENTS_MAX } from '../../src/plugins/web-sockets.ts';
import { prebuildFrame } from '../../src/relay/ws-frame.ts';
import { openHttpHarness, type HttpHarness } from '../support/http-harness.ts';
import { useTestPostgres } from '../support/postgres.ts';
import { waitFor } from '../support/wait-for.ts';

const postgres = useTestPostgres();
const SUBSCRIBE = JSON.stringify({
  type: 'subscribe',
  camera: 'yard/front',
  profile: 'main',
  codecs: ['avc1.640029'],
});

describe('a WebSocket', () => {
  it.each(['live', 'updates'])('to %s needs a login, from our own origin', async (path) => {
    await using harness = await openHttpHarness(postgres);
    const url = await listen(harness);
    const cookie = await harness.login('viewer');
    expect(await refusal(new WebSocket(`${url}/${path}`))).toBe(401);
    expect(
      await refusal(new WebSocket(`${url}/${path}`, { headers: { cookie, origin: 'https://evil.example' } })),
    ).toBe(403);
    const own = new WebSocket(`${url}/${path}`, {
      headers: { cookie, origin: url.replace('ws', 'http').slice(0, -7) },
    });
    await once(own, 'open');
    own.terminate();
  });

  it.each(['live', 'updates'])(
    'to %s is in the OpenAPI document, and says so to who asks for a page',
    async (path) => {
      await using harness = await openHttpHarness(postgres);
      const cookie = await harness.login('viewer');
      const document = await harness.request(cookie, { url: '/api/v1/openapi.json' });
      expect(document.json<{ paths: object }>().paths).toHaveProperty([`/api/v1/${path}`, 'get']);
      const plain = await harness.request(cookie, { url: `/api/v1/${path}` });
      expect(plain.statusCode).toBe(400);
      expect(plain.json()).toMatchObject({
        error: { code: 'BAD_REQUEST', messageKo: expect.any(String) as string },
      });
    },
  );

  it('may log in with a token', async () => {
    await using harness = await openHttpHarness(postgres);
    const url = await listen(harness);
    const made = await harness.request(await harness.login('viewer'), {
      method: 'POST',
      url: '/api/v1/tokens',
      payload: { name: 'viewer wall' },
    });
    const { token } = made.json<{ token: string }>();
    const socket = new WebSocket(`${url}/updates`, { headers: { authorization: `Bearer ${token}` } });
    await once(socket, 'open');
    socket.terminate();
  });

  it('ends with the session that opened it, and with no other', async () => {
    await using harness = await openHttpHarness(postgres);
    const url = await listen(harness);
    const [leaving, staying] = [await harness.login('viewer'), await harness.login('viewer')];
    const sockets = ['live', 'updates'].map(
      (path) => new WebSocket(`${url}/${path}`, { headers: { cookie: leaving } }),
    );
    const other = new WebSocket(`${url}/updates`, { headers: { cookie: staying } });
    await Promise.all([...sockets, other].map((socket) => once(socket, 'open')));
    const closed = Promise.all(sockets.map((socket) => once(socket, 'close')));
    await harness.request(leaving, { method: 'POST', url: '/api/v1/auth/logout' });
    expect((await closed).map(([code]) => code as number)).toEqual([1008, 1008]);
    expect(other.readyState).toBe(WebSocket.OPEN);
    other.terminate();
  });

  it('ends with the token that opened it', async () => {
    await using harness = await openHttpHarness(postgres);
    const url = await listen(harness);
    const cookie = await harness.login('operator');
    const made = await harness.request(cookie, {
      method: 'POST',
      url: '/api/v1/tokens',
      payload: { name: 'wall' },
    });
    const { id, token } = made.json<{ id: string; token: string }>();
    const socket = new WebSocket(`${url}/updates`, { headers: { authorization: `Bearer ${token}` } });
    await once(socket, 'open');
    const closed = once(socket, 'close');
    await harness.request(cookie, { method: 'DELETE', url: `/api/v1/tokens/${id}` });
    expect((await closed)[0]).toBe(1008);
  });

  it('above the number of sockets is refused with 429', async () => {
    await using harness = await openHttpHarness(postgres);
    const url = await listen(harness);
    const headers = { cookie: await harness.login('viewer') };
    const sockets = Array.from({ length: 3 }, () => new WebSocket(`${url}/live`, { headers }));
    await Promise.all(sockets.map((socket) => once(socket, 'open')));
    expect(await refusal(new WebSocket(`${url}/live`, { headers }))).toBe(429);
    await waitFor('the refusal to be counted', async () =>
      (await harness.services.metrics.render()).includes(
        'sitecast_http_errors_total{code="VIEWER_LIMIT"} 1\n',
      ),
    );
    for (const socket of sockets) socket.terminate();
  });

  it.each(['healthz', 'api/v1/auth/me', 'nothing/here'])(
    'to /%s, where there is none, is refused',
    async (path) => {
      await using harness = await openHttpHarness(postgres);
      const url = (await listen(harness)).replace('/api/v1', '');
      const sockets = Array.from({ length: 5 }, () => new WebSocket(`${url}/${path}`));
      for (const socket of sockets) expect([400, 401, 404]).toContain(await refusal(socket));
      const live = new WebSocket(`${url}/api/v1/live`, {
        headers: { cookie: await harness.login('viewer') },
      });
      await once(live, 'open');
      live.terminate();
    },
  );

  it('that sends more than a megabyte at once is closed with 1009', async () => {
    await using harness = await openHttpHarness(postgres);
    const socket = new WebSocket(`${await listen(harness)}/live`, {
      headers: { cookie: await harness.login('viewer') },
    });
    await once(socket, 'open');
    socket.send(Buffer.alloc(1_000_001));
    expect((await once(socket, 'close'))[0]).toBe(1009);
    expect(await harness.services.metrics.render()).toContain(
      'sitecast_sockets_messages_too_large_total 1\n',
    );
  });

  it('that sends a message in too many pieces is closed with 1008', async () => {
    await using harness = await openHttpHarness(postgres);
    const socket = new WebSocket(`${await listen(harness)}/live`, {
      headers: { cookie: await harness.login('viewer') },
    });
    await once(socket, 'open');
    const closed = once(socket, 'close');
    for (let piece = 0; piece <= MESSAGE_FRAGMENTS_MAX; piece += 1) socket.send('{', { fin: false });
    expect((await closed)[0]).toBe(1008);
    expect(await harness.services.metrics.render()).toContain(
      'sitecast_sockets_messages_in_pieces_total 1\n',
    );
  });

  it('that answers no ping is cut off', async () => {
    await using harness = await openHttpHarness(postgres, {
      app: { webSocket: { maxSockets: 3, maxPayloadBytes: 1_000, pingIntervalMs: 50, pongTimeoutMs: 200 } },
    });
    const url = await listen(harness);
    const headers = { cookie: await harness.login('viewer') };
    const alive = new WebSocket(`${url}/updates`, { headers });
    const dead = new WebSocket(`${url}/updates`, { headers, autoPong: false });
    await Promise.all([once(alive, 'open'), once(dead, 'open')]);
    expect((await once(dead, 'close'))[0]).toBe(1006);
    expect(await harness.services.metrics.render()).toContain('sitecast_sockets_without_pong_total 1\n');
    expect(alive.readyState).toBe(WebSocket.OPEN);
    alive.terminate();
  });

  it('that is frozen does not hold up the end of the server; others are told 1001', async () => {
    await using harness = await openHttpHarness(postgres);
    const url = await listen(harness);
    const headers = { cookie: await harness.login('viewer') };
    const [good, frozen] = [
      new WebSocket(`${url}/updates`, { headers }),
      new WebSocket(`${url}/updates`, { headers }),
    ];
    await Promise.all([once(good, 'open'), once(frozen, 'open')]);
    frozen.pause();
    const closed = once(good, 'close');
    const startedMs = performance.now();
    await harness.app.close();
    // ws itself gives each socket 30 s to answer a close frame.
    expect(performance.now() - startedMs).toBeLessThan(20_000);
    expect((await closed)[0]).toBe(1001);
    frozen.terminate();
  });
});

describe('live', () => {
  it.each([
    [
      new AppError('STREAM_LIMIT', '5 of 5', {
        retryable: true,
        detail: { limit: 5, active: 5, retryAfterMs: 5_000 },
      }),
      1013,
    ],
    [new AppError('AGENT_OFFLINE', 'gateway is away'), 4001],
    [new AppError('PROFILE_UNSUPPORTED', 'no low'), 4001],
    [new AppError('SHUTTING_DOWN', 'closing'), 1001],
    [new TypeError('a mistake with rtsp://user:hunter2@camera in it'), 1013],
  ])('tells the reason of a refusal in both languages, then closes: %s', async (error, closeCode) => {
    await using harness = await openHttpHarness(postgres, {
      services: { join: () => Promise.reject(error) },
    });
    const { messages, closed } = await subscribe(harness);
    expect(await closed).toBe(closeCode);
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatchObject({
      type: 'error',
      code: error instanceof AppError ? error.code : 'INTERNAL',
      messageKo: expect.stringMatching(/[가-힣]/) as string,
      ...(error instanceof AppError ? error.detail : {}),
    });
    expect(JSON.stringify(messages)).not.toContain('hunter2');
  });

  it.each([
    [
      'something else',
      JSON.stringify({ type: 'presented', sequence: 1, bufferedMs: 1 }),
      'BAD_REQUEST',
      1008,
    ],
    ['no JSON', 'hello', 'FRAME_MALFORMED', 1008],
    ['a camera of a site that the user does not see', SUBSCRIBE, 'NOT_FOUND', 4001],
  ])('refuses %s as the first message', async (_what, text, code, closeCode) => {
    await using harness = await openHttpHarness(postgres);
    const { messages, closed } = await subscribe(harness, text, ['farm']);
    expect(await closed).toBe(closeCode);
    expect(messages[0]).toMatchObject({ type: 'error', code });
  });

  it('gives the relay a socket whose frames and texts arrive whole and in order', async () => {
    const payload = Buffer.alloc(70_000, 7);
    const heard: string[] = [];
    await using harness = await openHttpHarness(postgres, {
      services: {
        join: async ({ socket }) => {
          for (let index = 0; index < 20; index += 1) {
            socket.sendFrame(prebuildFrame(payload));
            socket.sendText(JSON.stringify({ type: 'ended', reason: String(index) }));
          }
          return { onMessage: (text) => heard.push(text), onClose: () => heard.push('closed') };
        },
      },
    });
    const { socket, messages, frames } = await subscribe(harness);
    await waitFor('all frames', () => messages.length === 20 && frames.length === 20);
    expect(frames.every((frame) => frame.equals(payload))).toBe(true);
    const presented = JSON.stringify({ type: 'presented', sequence: 1, bufferedMs: 20 });
    socket.send(presented);
    await waitFor('the progress', () => heard.includes(presented));
    socket.close();
    await waitFor('the end', () => heard.includes('closed'));
  });

  it('tells the relay at once when a browser leaves while its stream is being opened', async () => {
    const asked: JoinRequest[] = [];
    await using harness = await openHttpHarness(postgres, {
      services: {
        join: (request) => {
          asked.push(request);
          return new Promise(() => undefined);
        },
      },
    });
    const { socket } = await subscribe(harness);
    await waitFor('the join', () => asked.length === 1);
    expect(asked[0]).toMatchObject({
      camera: { site: 'yard', id: 'front' },
      profile: 'main',
      codecs: ['avc1.640029'],
    });
    expect(asked[0]?.closed?.aborted).toBe(false);
    socket.terminate();
    await waitFor('the relay to be told', () => asked[0]?.closed?.aborted === true);
  });

  it('closes a browser that floods', async () => {
    await using harness = await openHttpHarness(postgres, {
      services: { join: async () => ({ onMessage: () => undefined, onClose: () => undefined }) },
    });
    const { socket, messages, closed } = await subscribe(harness);
    for (let index = 0; index < 150; index += 1) socket.send('x');
    await closed;
    expect(messages[0]).toMatchObject({ type: 'error', code: 'RATE_LIMITED' });
  });
});

describe('updates', () => {
  it('reach the page as they happen, and only those of its sites', async () => {
    await using harness = await openHttpHarness(postgres);
    const cookie = await harness.login('viewer', ['yard']);
    const socket = new WebSocket(`${await listen(harness)}/updates`, { headers: { cookie } });
    const messages: UpdateMessage[] = [];
    socket.on('message', (bytes: Buffer) => messages.push(JSON.parse(bytes.toString()) as UpdateMessage));
    await once(socket, 'open');
    await waitFor('the subscription', () => harness.updates.subscribers === 1);
    await harness.services.sites.create({ id: 'yard', name: 'Yard' });
    await harness.services.sites.create({ id: 'farm', name: 'Farm' });
    await harness.fleet.connectionChanged({ site: 'farm', agent: 'other' }, true);
    await harness.fleet.connectionChanged({ site: 'yard', agent: 'gateway' }, true);
    await waitFor('the update', () => messages.length > 0);
    expect(messages).toEqual([
      expect.objectContaining({
        type: 'agent',
        site: 'yard',
        id: 'gateway',
        status: expect.anything() as unknown,
      }),
    ]);
    socket.terminate();
    await waitFor('the end of the subscription', () => harness.updates.subscribers === 0);
  });

  it('of one user, and for one address, are bounded; the one too many is closed with the reason', async () => {
    await using harness = await openHttpHarness(postgres, { app: { webSocket: ROOMY_SOCKETS } });
    const url = await listen(harness);
    const [kim, lee, park] = await Promise.all([
      harness.login('viewer'),
      harness.login('operator'),
      harness.login('admin'),
    ]);
    const sockets: WebSocket[] = [];
    const open = async (cookie: string): Promise<string> => {
      const socket = new WebSocket(`${url}/updates`, { headers: { cookie } });
      sockets.push(socket);
      const before = harness.updates.subscribers;
      let end: string | undefined;
      socket.on('close', (code, reason) => {
        end = `${code} ${reason.toString()}`;
      });
      return waitFor('an answer', () => end ?? (harness.updates.subscribers > before ? 'open' : undefined));
    };
    expect([await open(kim), await open(kim)]).toEqual(['open', 'open']);
    expect(await open(kim)).toBe('1013 OWN_VIEWER_LIMIT');
    expect(await open(lee)).toBe('open');
    expect(await open(park)).toBe('1013 OWN_VIEWER_LIMIT');
    expect(harness.updates.counters).toMatchObject({ socketsRefusedOfOwn: 2, socketsRefused: 0 });
    for (const socket of sockets) socket.terminate();
    await waitFor('the end of the subscriptions', () => harness.updates.subscribers === 0);
  });
});

const ROOMY_SOCKETS = {
  maxSockets: 10,
  maxPayloadBytes: 1_000,
  pingIntervalMs: 25_000,
  pongTimeoutMs: 60_000,
};

/** @returns the address of the API. */
async function listen({ app }: HttpHarness): Promise<string> {
  await app.listen({ host: '127.0.0.1', port: 0 });
  return `ws://127.0.0.1:${(app.server.address() as AddressInfo).port}/api/v1`;
}

/** The HTTP status that a handshake was refused with. */
async function refusal(socket: WebSocket): Promise<number | undefined> {
  socket.on('error', () => undefined);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode?: number }];
  socket.terminate();
  return response.statusCode;
}

async function subscribe(harness: HttpHarness, text = SUBSCRIBE, sites: string[] | null = null) {
  const cookie = await harness.login('viewer', sites);
  const socket = new WebSocket(`${await listen(harness)}/live`, { headers: { cookie } });
  const messages: LiveMessage[] = [];
  const frames: Buffer[] = [];
  socket.on('message', (bytes: Buffer, isBinary) => {
    if (isBinary) frames.push(bytes);
    else messages.push(JSON.parse(bytes.toString()) as LiveMessage);
  });
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  await once(socket, 'open');
  socket.send(text);
  return { socket, messages, frames, closed };
}
