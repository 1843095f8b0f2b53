// The JSON messages of devices and viewers: what passes, what does not, and that nothing but an AppError comes out.

import type * as z from 'zod';
import { describe, expect, it } from 'vitest';
import {
  command,
  droppedNotice,
  leaseResult,
  liveAck,
  reply,
  streamName,
} from '../../src/protocol/commands.ts';
import { cameraEvent } from '../../src/protocol/events.ts';
import { decodeMessage, encodeJson } from '../../src/protocol/json-message.ts';
import { MAX_CAMERAS_PER_AGENT, MAX_JSON_MESSAGE_BYTES } from '../../src/protocol/limits.ts';
import { agentHealth, agentStatus, cameraInventory, type CameraReport } from '../../src/protocol/status.ts';
import { CloseCode, viewerMessage } from '../../src/protocol/viewer-messages.ts';
import { appErrorOf, codeOrPass } from '../app-error-of.ts';
import { mutated, seededRandom } from '../random.ts';

const ULID = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
const AT = '2026-03-01T09:00:00.000Z';

const camera: CameraReport = {
  id: 'front',
  name: 'Front door',
  state: 'live',
  reason: null,
  detail: null,
  since: AT,
  codec: 'avc1.64001f',
  width: 1280,
  height: 720,
  fps: 15,
  profiles: ['main', 'stills'],
};

const zeros = <Key extends string>(...keys: Key[]): Record<Key, number> =>
  Object.fromEntries(keys.map((key) => [key, 0])) as Record<Key, number>;

const health = {
  at: AT,
  cpu: { cores: 2, loadPercent: 12.5 },
  memory: zeros('rssBytes', 'totalBytes', 'freeBytes'),
  disk: zeros('totalBytes', 'freeBytes'),
  spool: {
    ...zeros('bytes', 'maxBytes', 'messages', 'messagesDropped', 'corruptTails'),
    replayBytesPerSecond: 12_000,
    disk: { state: 'full', since: AT, detail: 'ENOSPC: no space left on device' },
    lanes: [{ lane: 'alarms', ...zeros('bytes', 'maxBytes', 'messages', 'messagesDropped') }],
  },
  clock: {
    ...zeros('steps', 'messagesAcrossStep'),
    skewMs: -1_200,
    roundTripMs: 41,
    lastStep: { at: AT, byMs: -3_600_000 },
  },
  uplink: {
    ...zeros('connects', 'inFlight', 'acked', 'liveBytesSent', 'liveFramesDropped', 'messagesRefused'),
    ...zeros('noticesReceived', 'ackedBytesPerSecond'),
    roundTripMs: 41,
    liveRoundTripMs: null,
    rung: {
      ...zeros('level', 'maxBitsPerSecond', 'stepsDown', 'stepsUp'),
      profile: 'main',
      maxFps: null,
      since: AT,
    },
    budget: {
      ...zeros('budgetBytes', 'usedBytes', 'forecastBytes'),
      stage: 'all',
      from: AT,
      until: AT,
    },
  },
  cameras: [
    {
      id: 'front',
      ...zeros('restarts', 'accessUnits', 'keyframes', 'snapshots', 'ringBytes', 'processRssBytes'),
      ...zeros('picturesLooked', 'picturesSkipped'),
      conditions: ['motion'],
    },
  ],
  rules: [{ id: 'warm', state: 'firing', fired: 1, heldBack: 0, firedAt: AT }],
  reload: { at: AT, refused: null, needRestart: ['uplink.url'] },
  processes: [
    { camera: 'front', profile: null, encoder: null, cpuPercent: 2.5, rssBytes: 1 },
    { camera: 'front', profile: 'low', encoder: 'libx264', cpuPercent: 120, rssBytes: 2 },
  ],
  encoders: {
    chosen: null,
    rejected: [{ encoder: 'h264_vaapi', reason: 'there is no such device' }],
    running: 1,
    maxProcesses: 3,
    leasesRefused: 0,
    restarts: 0,
    recycled: 0,
    fragmentsDropped: 0,
  },
};

const good: [what: string, schema: z.ZodType, message: object][] = [
  ['status', agentStatus, { state: 'online', since: AT, version: '0.1.0', bootId: ULID }],
  ['inventory', cameraInventory, { cameras: [camera] }],
  ['health', agentHealth, health],
  ['event', cameraEvent, { id: ULID, kind: 'motion', at: AT, until: null, detail: null, snapshotId: null }],
  [
    'lease',
    command,
    { id: ULID, expiresAt: AT, op: 'live.lease', args: { camera: 'front', profile: 'main', ttlMs: 15_000 } },
  ],
  [
    'release',
    command,
    { id: ULID, expiresAt: AT, op: 'live.release', args: { camera: 'front', profile: 'main' } },
  ],
  ['clip command', command, { id: ULID, expiresAt: AT, op: 'clip', args: { camera: 'front', upload: true } }],
  ['clip upload', command, { id: ULID, expiresAt: AT, op: 'clip.upload', args: { clipId: ULID } }],
  ['snapshot command', command, { id: ULID, expiresAt: AT, op: 'snapshot', args: { camera: 'front' } }],
  ['camera test', command, { id: ULID, expiresAt: AT, op: 'camera.test', args: { camera: 'front' } }],
  ['config command', command, { id: ULID, expiresAt: AT, op: 'config.apply', args: { config: { a: [1] } } }],
  ['restart', command, { id: ULID, expiresAt: AT, op: 'restart', args: {} }],
  ['reply', reply, { id: ULID, ok: true, result: { snapshotId: ULID } }],
  ['failed reply', reply, { id: ULID, ok: false, error: { code: 'CAMERA_OFFLINE', message: 'no picture' } }],
  [
    'lease result',
    leaseResult,
    { stream: 'front/main', epoch: 2 ** 32 - 1, container: 'fmp4', mime: 'video/mp4', width: 1, height: 1 },
  ],
  ['live ack', liveAck, { stream: 'front/main', sequence: 2 ** 32 - 1, receivedBytes: 2 ** 40 }],
  ['notice', droppedNotice, { topic: 'a/b', code: 'FRAME_MALFORMED', message: 'no', id: null, at: AT }],
  [
    'subscribe',
    viewerMessage,
    { type: 'subscribe', camera: 'seoul-1/front', profile: 'low', codecs: ['avc1.640029'] },
  ],
  ['presented', viewerMessage, { type: 'presented', sequence: 7, bufferedMs: 120.5 }],
];

describe('messages', () => {
  it.each(good)('%s comes back as it went in', (_what, schema, message) => {
    expect(decodeMessage(schema, encodeJson(message))).toEqual(message);
  });

  it.each(good)('%s with a key more loses it', (_what, schema, message) => {
    expect(decodeMessage(schema, encodeJson({ ...message, newer: 1 }))).toEqual(message);
  });

  it.each(good)(
    '%s without any one of its keys is refused or completed, never accepted half',
    (_what, schema, message) => {
      for (const key of Object.keys(message)) {
        const { [key]: _left, ...rest } = message as Record<string, unknown>;
        let read: unknown;
        const code = codeOrPass(() => (read = decodeMessage(schema, encodeJson(rest))), ['FRAME_MALFORMED']);
        if (code === undefined) expect(read).toHaveProperty(key);
      }
    },
  );

  it.each(good)(
    '%s damaged only ever throws a known AppError with a short sentence',
    (_what, schema, message) => {
      const random = seededRandom(8);
      const honest = encodeJson(message);
      for (let round = 0; round < 400; round += 1) {
        const bytes = mutated(random, honest);
        if (codeOrPass(() => decodeMessage(schema, bytes), ['FRAME_MALFORMED']) === undefined) continue;
        expect(appErrorOf(() => decodeMessage(schema, bytes)).message.length).toBeLessThan(400);
      }
    },
  );

  it.each(good)('%s stays below the limit of a JSON message', (_what, _schema, message) => {
    expect(encodeJson(message).length).toBeLessThan(MAX_JSON_MESSAGE_BYTES);
  });
});

describe('inventory', () => {
  it('of the most cameras with the longest texts fits one message', () => {
    const cameras = Array.from({ length: MAX_CAMERAS_PER_AGENT }, (_camera, at) => ({
      ...camera,
      id: `${'x'.repeat(60)}-${at}`,
      name: 'x'.repeat(120),
      reason: 'x'.repeat(64),
      detail: 'x'.repeat(500),
      codec: 'x'.repeat(64),
    }));
    const bytes = encodeJson({ cameras });
    expect(bytes.length).toBeLessThanOrEqual(MAX_JSON_MESSAGE_BYTES);
    expect(decodeMessage(cameraInventory, bytes).cameras).toHaveLength(MAX_CAMERAS_PER_AGENT);
  });

  it('of one camera too many, or of the same camera twice, is refused', () => {
    const many = Array.from({ length: MAX_CAMERAS_PER_AGENT + 1 }, (_camera, at) => ({
      ...camera,
      id: `c${at}`,
    }));
    expect(appErrorOf(() => decodeMessage(cameraInventory, encodeJson({ cameras: many }))).message).toMatch(
      /^cameras: /,
    );
    const twice = encodeJson({ cameras: [camera, camera] });
    expect(appErrorOf(() => decodeMessage(cameraInventory, twice)).message).toMatch(/twice/);
  });
});

describe('events', () => {
  const event = { id: ULID, kind: 'clip', at: AT, until: AT, detail: null, snapshotId: null };

  it('name a clip where there is one, and nothing where there is none', () => {
    const withClip = { ...event, clipId: ULID };
    expect(decodeMessage(cameraEvent, encodeJson(withClip))).toEqual(withClip);
    expect(decodeMessage(cameraEvent, encodeJson(event))).toEqual(event);
  });

  it('with something else in the place of its id are refused', () => {
    for (const clipId of [null, '../x', 7])
      expect(appErrorOf(() => decodeMessage(cameraEvent, encodeJson({ ...event, clipId }))).code).toBe(
        'FRAME_MALFORMED',
      );
  });
});

describe('commands', () => {
  it.each([
    ['another op', { op: 'shell', args: {} }],
    ['no camera', { op: 'snapshot', args: {} }],
    ['a camera that is a path', { op: 'snapshot', args: { camera: '../x' } }],
    ['a clip that has no id', { op: 'clip.upload', args: { clipId: '../x' } }],
    ['an unknown profile', { op: 'live.lease', args: { camera: 'front', profile: '4k', ttlMs: 15_000 } }],
    ['a lease for ever', { op: 'live.lease', args: { camera: 'front', profile: 'main', ttlMs: 60_001 } }],
    ['a lease of no time', { op: 'live.lease', args: { camera: 'front', profile: 'main', ttlMs: 999 } }],
  ])('with %s are refused', (_what, part) => {
    const bytes = encodeJson({ id: ULID, expiresAt: AT, ...part });
    expect(appErrorOf(() => decodeMessage(command, bytes)).code).toBe('FRAME_MALFORMED');
  });

  it('to restart need no args', () => {
    expect(decodeMessage(command, encodeJson({ id: ULID, expiresAt: AT, op: 'restart' }))).toHaveProperty(
      'args',
      {},
    );
  });

  it('that have nothing to give back may be answered without a result', () => {
    expect(decodeMessage(reply, encodeJson({ id: ULID, ok: true }))).toEqual({
      id: ULID,
      ok: true,
      result: null,
    });
  });

  it('that failed must say why', () => {
    expect(appErrorOf(() => decodeMessage(reply, encodeJson({ id: ULID, ok: false }))).code).toBe(
      'FRAME_MALFORMED',
    );
  });

  it('name a stream by camera and profile', () => {
    expect(streamName('front', 'main')).toBe('front/main');
  });
});

describe('viewer messages', () => {
  it('to subscribe need only the camera', () => {
    expect(decodeMessage(viewerMessage, encodeJson({ type: 'subscribe', camera: 'a/b' }))).toEqual({
      type: 'subscribe',
      camera: 'a/b',
      profile: 'main',
      codecs: [],
    });
  });

  it.each(['', 'front', 'a/b/c', 'a/b/', '/b', 'A/b', 'a/../b', `a/${'x'.repeat(64)}`, 'a/b\n'])(
    'with the camera %j are refused',
    (address) => {
      const bytes = encodeJson({ type: 'subscribe', camera: address });
      expect(appErrorOf(() => decodeMessage(viewerMessage, bytes)).message).toMatch(/^camera: /);
    },
  );

  it.each([
    { type: 'presented', sequence: -1, bufferedMs: 0 },
    { type: 'presented', sequence: 2 ** 32, bufferedMs: 0 },
    { type: 'presented', sequence: 0.5, bufferedMs: 0 },
    { type: 'presented', sequence: 0, bufferedMs: -1 },
    { type: 'presented', sequence: 0, bufferedMs: 1e12 },
    { type: 'ready' },
    { type: 'subscribe', camera: 'a/b', codecs: Array.from({ length: 33 }, () => 'avc1') },
    { type: 'subscribe', camera: 'a/b', codecs: ['x'.repeat(65)] },
    {},
  ])('of the form %j are refused', (message) => {
    expect(appErrorOf(() => decodeMessage(viewerMessage, encodeJson(message))).code).toBe('FRAME_MALFORMED');
  });

  it('close with codes that an endpoint may send', () => {
    for (const code of Object.values(CloseCode)) {
      // RFC 6455 7.4.2: 4000-4999 are free for private use; of the registered ones, those that a server may send.
      expect([1001, 1008, 1013].includes(code) || (code >= 4000 && code <= 4999)).toBe(true);
    }
    expect(new Set(Object.values(CloseCode)).size).toBe(Object.keys(CloseCode).length);
  });
});
