// Each opens something, breaks it without a word, 200 times, and ends with the numbers that it began with.

import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectMqtt, type MqttClient } from 'mqtt';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { command } from '@sitecast/shared/protocol/commands';
import { decodeMessage, encodeJson } from '@sitecast/shared/protocol/json-message';
import { topics } from '@sitecast/shared/protocol/topics';
import { UPLOADS_PER_DEVICE_MAX } from '../../src/ingest/picture-uploads.ts';
import { expectNothingLeft } from '../support/leak-check.ts';
import { jpeg } from '../support/pictures.ts';
import { useTestPostgres } from '../support/postgres.ts';
import { appStarter, type RunningApp } from '../support/running-app.ts';
import { waitFor } from '../support/wait-for.ts';

const GATEWAY = { site: 'yard', agent: 'gateway' };
const CAMERAS = Array.from({ length: 8 }, (_, index) => `cam-${index}`);
/** The bounds are not what is tested here, and the pool has its final size from the start. */
const ROOMY = {
  HTTP_REQUESTS_PER_MINUTE: '1000000',
  MAX_VIEWERS: '250',
  MAX_VIEWERS_PER_STREAM: '250',
  MAX_VIEWERS_PER_USER: '250',
  MAX_VIEWERS_PER_ADDRESS: '250',
  MAX_UPDATE_SOCKETS_PER_USER: '250',
  MAX_UPDATE_SOCKETS_PER_ADDRESS: '250',
  MEMORY_LIMIT_BYTES: String(8 * 1024 ** 3),
  PG_POOL_MIN: '4',
  PG_POOL_MAX: '4',
};
/** Where nobody answers: elsewhere a machine that stands still for a moment would cut off who does. */
const QUICK_PINGS = { WS_PING_INTERVAL_MS: '1000', WS_PONG_TIMEOUT_MS: '2000' };

const postgres = useTestPostgres();
const start = appStarter(postgres);

describe('nothing is left of', () => {
  it('a viewer whose connection is cut without a close frame', async () => {
    await using server = await start({ env: ROOMY });
    await openAgent(server);
    await expectNothingLeft(server, (rounds) => inParallel(rounds, () => watchSurelyAndCut(server, 'cam-0')));
  });

  it('a viewer that is gone while its stream is being opened', async () => {
    await using server = await start({ env: ROOMY });
    const agent = await openAgent(server, { leaseAfterMs: 200 });
    await expectNothingLeft(server, (rounds) =>
      inParallel(rounds, async () => {
        const socket = await openViewer(server, 'cam-0');
        socket.terminate();
      }),
    );
    expect(agent.leases).toBeGreaterThan(0);
  });

  it.each(['live', 'updates'])('a half-open browser at %s, which answers no ping', async (path) => {
    await using server = await start({ env: { ...ROOMY, ...QUICK_PINGS } });
    await openAgent(server);
    await expectNothingLeft(server, (rounds) =>
      inParallel(rounds, () => openAndFreeze(server, path), path === 'live' ? 100 : 50),
    );
  });

  it('a device that is reset in the middle of a packet', async () => {
    await using server = await start({ env: ROOMY });
    const secret = await server.makeDevice('gateway', 'agent');
    await expectNothingLeft(server, (rounds) => inParallel(rounds, () => vanish(server, secret), 1));
    await waitFor('the agent to be offline', async () => (await server.agent()).state === 'offline');
    expect((await server.metrics(['broker_data_held_bytes'])).broker_data_held_bytes).toBe(0);
  });

  it('a lease that the agent never gives back, of a viewer that vanished', async () => {
    await using server = await start({ env: ROOMY });
    const agent = await openAgent(server, { answersRelease: false });
    let round = 0;
    await expectNothingLeft(server, (rounds) =>
      inParallel(rounds, () => watchAndCut(server, CAMERAS[round++ % CAMERAS.length] ?? ''), 4),
    );
    expect(agent.releases).toBeGreaterThan(0);
  });

  it('a job that throws', async () => {
    await using server = await start({ env: ROOMY });
    const upload = await uploader(server);
    let stored = 0;
    await expectNothingLeft(server, async (rounds) => {
      const failedBefore = await server.metric('queue_attempts_failed_total');
      // No folder can be made where a file lies.
      const obstacle = join(server.dataDir, 'media', 'yard');
      await rm(obstacle, { recursive: true, force: true });
      await writeFile(obstacle, '');
      await inParallel(rounds, () => upload.whole(), 4);
      await waitFor(
        'jobs to throw',
        async () => (await server.metric('queue_attempts_failed_total')) > failedBefore,
      );
      await rm(obstacle);
      stored += rounds;
      await waitFor('all to be filed', async () => (await server.metric('snapshots_filed_total')) === stored);
    });
    expect(await server.metric('snapshots_set_aside_total')).toBe(0);
  });

  it('an upload that is broken off', async () => {
    await using server = await start({ env: ROOMY });
    const upload = await uploader(server);
    await expectNothingLeft(server, (rounds) => upload.broken(rounds));
    expect(await server.metric('uploads_aborted_total')).toBeGreaterThanOrEqual(200);
    expect(await server.metric('uploads_accepted_total')).toBe(0);
  });
});

/** `rounds` in all, so many at a time. */
async function inParallel(rounds: number, once: () => Promise<void>, atOnce = 20): Promise<void> {
  for (let done = 0; done < rounds; done += atOnce)
    await Promise.all(Array.from({ length: Math.min(atOnce, rounds - done) }, () => once()));
}

async function openAgent(server: RunningApp, { leaseAfterMs = 0, answersRelease = true } = {}) {
  const client = await server.connect('gateway', await server.makeDevice('gateway', 'agent'));
  const seen = { leases: 0, releases: 0 };
  client.on('message', (_topic, payload) => {
    const { id, op, args } = decodeMessage(command, payload);
    if (op === 'live.lease') seen.leases += 1;
    if (op === 'live.release') seen.releases += 1;
    if (op === 'live.release' && !answersRelease) return;
    const result = op === 'live.lease' ? leaseOf((args as { camera: string }).camera) : {};
    const answer = (): void => void reply(client, { id, ok: true, result });
    if (leaseAfterMs === 0) answer();
    else setTimeout(answer, leaseAfterMs);
  });
  await client.subscribeAsync(topics.command(GATEWAY), { qos: 1 });
  const cameras = CAMERAS.map((id) => ({ ...REPORT, id }));
  await client.publishAsync(topics.cameras(GATEWAY), Buffer.from(encodeJson({ cameras })), { qos: 1 });
  return seen;
}

function reply(client: MqttClient, answer: object): void {
  if (client.connected) client.publish(topics.reply(GATEWAY), Buffer.from(encodeJson(answer)), { qos: 1 });
}

function leaseOf(camera: string) {
  return {
    stream: `${camera}/main`,
    epoch: 1,
    container: 'fmp4',
    mime: 'video/mp4; codecs="avc1.64001f"',
    width: 640,
    height: 360,
  };
}

const REPORT = {
  name: 'Camera',
  state: 'live',
  reason: null,
  detail: null,
  since: '2026-01-01T00:00:00.000Z',
  codec: 'avc1.64001f',
  width: 640,
  height: 360,
  fps: 25,
  profiles: ['main', 'stills'],
};

const subscribeTo = (camera: string): string =>
  JSON.stringify({ type: 'subscribe', camera: `yard/${camera}`, profile: 'main', codecs: [] });

async function openViewer(server: RunningApp, camera: string): Promise<WebSocket> {
  const url = `${server.url.replace('http', 'ws')}/api/v1/live`;
  const socket = new WebSocket(url, { headers: { cookie: server.cookie } });
  socket.on('error', () => undefined);
  await once(socket, 'open');
  socket.send(subscribeTo(camera));
  return socket;
}

/** Until `ready`, or the refusal of a server that has commands enough without an answer. */
async function watchAndCut(server: RunningApp, camera: string): Promise<void> {
  const socket = await openViewer(server, camera);
  await once(socket, 'message');
  // No close frame: the TCP connection is simply gone.
  socket.terminate();
}

/** Again until it is `ready`: a server that its machine is too slow for holds new viewers back for a while. */
async function watchSurelyAndCut(server: RunningApp, camera: string): Promise<void> {
  for (let isWatching = false; !isWatching;) {
    const socket = await openViewer(server, camera);
    isWatching = await new Promise<boolean>((resolve) => {
      socket.on('message', (data: Buffer) => data.includes('"ready"') && resolve(true));
      socket.once('close', () => resolve(false));
    });
    socket.terminate();
  }
}

/** Speaks WebSocket by hand, so that nothing answers pings. Resolves when the server has cut it off. */
async function openAndFreeze(server: RunningApp, path: string): Promise<void> {
  const socket = await openTcp(server.ports.http);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(
    `GET /api/v1/${path} HTTP/1.1\r\nhost: 127.0.0.1:${server.ports.http}\r\ncookie: ${server.cookie}\r\n` +
      'connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n' +
      'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  const [head] = (await once(socket, 'data')) as [Buffer];
  expect(head.toString('latin1')).toMatch(/^HTTP\/1\.1 101 /);
  if (path === 'live') socket.write(textFrame(subscribeTo('cam-0')));
  socket.resume();
  await closed;
}

/** RFC 6455 5.2: final text frame below 126 bytes, masked with zeros. */
function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  expect(payload.length).toBeLessThan(126);
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

async function openTcp(port: number): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Logs in with a Will, sends half a packet, and is reset. */
async function vanish(server: RunningApp, password: string): Promise<void> {
  const client = await connectWhenAllowed(server, password);
  const stream = client.stream as unknown as Socket;
  const closed = new Promise((resolve) => stream.once('close', resolve));
  // MQTT 3.1.1 3.3: a PUBLISH of 20,000 bytes, of which 1,000 follow.
  stream.write(Buffer.concat([Buffer.from([0x32, 0xa0, 0x9c, 0x01]), Buffer.alloc(1_000, 1)]));
  await new Promise((resolve) => setImmediate(resolve));
  stream.resetAndDestroy();
  await closed;
  await client.endAsync(true);
}

/** The broker lets in so many a second. */
async function connectWhenAllowed(server: RunningApp, password: string): Promise<MqttClient> {
  const will = {
    topic: topics.status(GATEWAY),
    payload: Buffer.from(encodeJson(OFFLINE)),
    qos: 1,
    retain: true,
  } as const;
  const options = { port: server.ports.data, clientId: 'gateway', username: 'gateway', password, will };
  return waitFor('a connection', async () => {
    const client = connectMqtt({ ...options, reconnectPeriod: 0, protocolVersion: 4 });
    const isConnected = await new Promise<boolean>((resolve) => {
      client.once('connect', () => resolve(true));
      client.once('close', () => resolve(false));
      client.on('error', () => resolve(false));
    });
    if (isConnected) return client;
    await client.endAsync(true);
    return undefined;
  });
}

const OFFLINE = {
  state: 'offline',
  since: '2026-01-01T00:00:00.000Z',
  version: '1.2.3',
  bootId: '01JZ0000000000000000000000',
};

async function uploader(server: RunningApp) {
  const secret = await server.makeDevice('uploader', 'sensor');
  const authorization = `Basic ${Buffer.from(`uploader:${secret}`).toString('base64')}`;
  const path = '/api/v1/ingest/images?camera=gate';
  const head =
    `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\n` +
    'content-type: image/jpeg\r\ncontent-length: 200000\r\n\r\n';
  return {
    async whole(): Promise<void> {
      const body = new Uint8Array(jpeg({ width: 64, height: 64 }));
      const headers = { authorization, 'content-type': 'image/jpeg' };
      const answer = await fetch(server.url + path, { method: 'POST', headers, body });
      expect(answer.status).toBe(202);
      await answer.arrayBuffer();
    },
    async broken(rounds: number): Promise<void> {
      for (let left = rounds; left > 0; left -= UPLOADS_PER_DEVICE_MAX)
        await breakOff(server, Math.min(left, UPLOADS_PER_DEVICE_MAX), head);
    },
  };
}

/** Begins so many uploads, and cuts their connections once the server reads all of them. */
async function breakOff(server: RunningApp, count: number, head: string): Promise<void> {
  const reached = (name: string, value: number): Promise<boolean> =>
    waitFor(`${name} to be ${value}`, async () => (await server.metric(name)) === value);
  const abortedBefore = await server.metric('uploads_aborted_total');
  const sockets = await Promise.all(Array.from({ length: count }, () => openTcp(server.ports.http)));
  for (const socket of sockets)
    socket.write(Buffer.concat([Buffer.from(head), jpeg({ width: 64, height: 64 })]));
  await reached('uploads_active', count);
  for (const socket of sockets) socket.resetAndDestroy();
  await reached('uploads_aborted_total', abortedBefore + count);
}
