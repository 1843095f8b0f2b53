// The relay with real WebSockets: frames arrive whole beside ws' own messages, and one browser that stops reading neither
// delays another nor grows the server.

import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createLogger } from '@sitecast/shared/node/logger';
import {
  decodeFrame,
  encodeFrame,
  FrameKind,
  type FrameHeader,
} from '@sitecast/shared/protocol/frame-header';
import type { LiveMessage } from '@sitecast/shared/protocol/viewer-messages';
import { RELAY_LIMITS } from '../../src/relay/limits.ts';
import { StreamHub } from '../../src/relay/stream-hub.ts';
import { toViewerSocket } from '../../src/routes/live.ts';
import { FakeAgents, FRONT } from '../relay/relay-harness.ts';
import { waitFor } from '../support/wait-for.ts';

const PICTURES_A_GOP = 15;

let http: Server;
let sockets: WebSocketServer;
let hub: StreamHub;
let sequence: number;
let transports: Socket[];
const viewers: Viewer[] = [];

class Viewer {
  readonly socket: WebSocket;
  readonly headers: FrameHeader[] = [];
  readonly texts: LiveMessage[] = [];
  bytes = 0;

  constructor(port: number) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    this.socket.on('error', () => undefined);
    this.socket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) return void this.texts.push(JSON.parse(data.toString()) as LiveMessage);
      const { header, payload } = decodeFrame(data);
      // Each payload is filled with its own sequence: two messages that mixed would show.
      if (payload.some((byte) => byte !== header.sequence % 251))
        throw new Error(`frame ${header.sequence} is torn`);
      this.headers.push(header);
      this.bytes += data.length;
      if (header.sequence % 5 === 0) this.present(header.sequence);
    });
  }

  present(shown: number): void {
    this.socket.send(JSON.stringify({ type: 'presented', sequence: shown, bufferedMs: 0 }));
  }
}

beforeEach(async () => {
  sequence = 0;
  transports = [];
  hub = new StreamHub({
    agents: new FakeAgents(),
    limits: { ...RELAY_LIMITS, viewerLeaseMs: 60_000 },
    logger: createLogger({ name: 'test', level: 'silent' }),
  });
  http = createServer();
  sockets = new WebSocketServer({ server: http, perMessageDeflate: false });
  sockets.on('connection', (socket, request) => {
    transports.push(request.socket);
    const joined = hub.join({
      camera: FRONT,
      profile: 'main',
      codecs: [],
      userId: 'u',
      address: '192.0.2.1',
      socket: toViewerSocket(socket, request.socket),
    });
    socket.on('message', (data: Buffer) => void joined.then((handle) => handle.onMessage(data.toString())));
    socket.on('close', () => void joined.then((handle) => handle.onClose()));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  await hub.close();
  for (const viewer of viewers.splice(0)) viewer.socket.terminate();
  for (const socket of sockets.clients) socket.terminate();
  await new Promise((resolve) => http.close(resolve));
});

async function watch(): Promise<Viewer> {
  const viewer = new Viewer((http.address() as AddressInfo).port);
  viewers.push(viewer);
  await waitFor('ready', () => viewer.texts.some(({ type }) => type === 'ready'));
  return viewer;
}

function send(kind: FrameKind, bytes: number, isKeyframe = false): void {
  const header = {
    kind,
    isKeyframe,
    isDiscontinuity: false,
    isLast: false,
    epoch: 1,
    sequence,
    capturedAtUs: 1,
  };
  const payload = new Uint8Array(bytes).fill(sequence % 251);
  sequence += 1;
  hub.acceptFrame(FRONT, 'main', Buffer.from(encodeFrame(header, payload).buffer));
}

/** `gops` of one keyframe and small pictures, with a breath after each frame so that sockets can drain. */
async function film(gops: number, keyframeBytes: number, pictureBytes: number): Promise<void> {
  for (let i = 0; i < gops * PICTURES_A_GOP; i += 1) {
    const isKeyframe = i % PICTURES_A_GOP === 0;
    send(FrameKind.fragment, isKeyframe ? keyframeBytes : pictureBytes, isKeyframe);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

describe('frames over real sockets', () => {
  it('arrive whole and in order beside pings and texts of ws itself, in every length form', async () => {
    const viewer = await watch();
    let pongs = 0;
    for (const socket of sockets.clients) socket.on('pong', () => (pongs += 1));
    send(FrameKind.initSegment, 90);
    for (let i = 0; i < 300; i += 1) {
      send(FrameKind.fragment, [50, 500, 5_000, 70_000][i % 4] as number, i % 20 === 0);
      for (const socket of sockets.clients) {
        socket.ping();
        socket.send(JSON.stringify({ type: 'ended', reason: `${i}` }));
      }
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await waitFor('all of it', () => viewer.headers.at(-1)?.sequence === 300);
    await waitFor('the pongs', () => pongs === 300);
    expect(viewer.headers.length + hub.counters.framesDropped).toBe(301);
    expect(viewer.texts.filter(({ type }) => type === 'ended')).toHaveLength(300);
  });

  it('of a viewer that stops reading are dropped to the newest keyframe; another viewer gets every one', async () => {
    const slow = await watch();
    const quick = await watch();
    send(FrameKind.initSegment, 800);
    await film(1, 20_000, 5_000);
    await waitFor('a first picture', () => slow.headers.length > 1);
    slow.socket.pause();
    await film(40, 150_000, 30_000);
    await waitFor('the quick one to have all', () => quick.headers.at(-1)?.sequence === sequence - 1);
    expect(quick.headers).toHaveLength(sequence);
    expect(quick.texts.filter(({ type }) => type === 'dropped')).toEqual([]);
    const queued = Math.max(...transports.map((transport) => transport.writableLength));
    expect(queued).toBeLessThanOrEqual(RELAY_LIMITS.viewerMaxQueuedBytes + 150_100);
    expect(hub.snapshot().cachedBytes).toBeLessThan(700_000);

    slow.socket.resume();
    await waitFor('the slow one to be at the front', async () => {
      await film(1, 20_000, 5_000);
      return slow.headers.at(-1)?.sequence === sequence - 1;
    });
    const dropped = slow.texts.filter((text) => text.type === 'dropped');
    expect(dropped.length).toBeGreaterThan(0);
    expect(slow.headers.length + dropped.reduce((sum, { frames }) => sum + frames, 0)).toBe(sequence);
    // Every gap in what it got ends at a keyframe.
    for (const [i, header] of slow.headers.entries()) {
      const before = slow.headers[i - 1];
      if (before && header.sequence !== before.sequence + 1) expect(header.isKeyframe).toBe(true);
    }
  });
});
