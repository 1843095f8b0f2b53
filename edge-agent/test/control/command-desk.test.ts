import { ulid } from 'ulid';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { reply, type Reply } from '@sitecast/shared/protocol/commands';
import { decodeMessage, encodeJson } from '@sitecast/shared/protocol/json-message';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import { AppError } from '@sitecast/shared/runtime/app-error';
import {
  CommandDesk,
  REMEMBERED_MAX_COMMANDS,
  RUNNING_MAX_COMMANDS,
} from '../../src/control/command-desk.ts';
import { operationsOf } from '../../src/control/operations.ts';
import { ClockWatch, SKEW_MAX_AGE_MS, SKEW_MAX_MS } from '../../src/health/clock-watch.ts';
import { silentLogger, waitFor, WrongClock } from '../support.ts';

const CLIP = '01K6ZK3W5T8Q2V7N4J9XGH0RCP';

let clock: WrongClock;
let clockWatch: ClockWatch;
let replies: Reply[];
let snapshotsTaken: number;
let takeSnapshot: () => Promise<string>;
let onRestart: ReturnType<typeof vi.fn<() => void>>;
let desk: CommandDesk;
let clipsAsked: unknown[];
let hurries: number;
let clips: Parameters<typeof operationsOf>[0]['clips'];

beforeEach(() => {
  clock = new WrongClock();
  clockWatch = new ClockWatch({ onStep: () => {}, logger: silentLogger, clock });
  replies = [];
  snapshotsTaken = 0;
  takeSnapshot = async () => ulid();
  onRestart = vi.fn<() => void>();
  clipsAsked = [];
  hurries = 0;
  clips = {
    record: async (...asked) => {
      clipsAsked.push(asked);
      return CLIP;
    },
    requestUpload: async (id) => {
      clipsAsked.push(id);
      return { bytes: 5 };
    },
  };
  openDesk();
});

function openDesk(): void {
  const report = (): CameraReport => ({
    ...{ id: 'front', name: 'Front', state: 'live', since: '2026-01-01T00:00:00.000Z', profiles: ['main'] },
    ...{ reason: null, detail: null, codec: null, width: null, height: null, fps: null },
  });
  const take = (): Promise<string> => {
    snapshotsTaken += 1;
    return takeSnapshot();
  };
  const camera = { hurry: () => void (hurries += 1) };
  desk = new CommandDesk({
    address: { site: 'demo', agent: 'gateway' },
    publish: async (topic, payload) => {
      expect(topic).toBe('sitecast/v1/demo/gateway/reply');
      replies.push(decodeMessage(reply, payload));
    },
    operations: operationsOf({
      clock: clockWatch,
      cameras: new Map([['front', { camera, live: { report }, snapshots: { take } }]]),
      clips,
      live: {
        lease: () => {
          throw new AppError('CAMERA_OFFLINE', 'no picture');
        },
        release: () => {},
      },
    }),
    onRestart,
    logger: silentLogger,
    serverNowMs: () => clockWatch.serverNowMs(),
  });
}

function send(op: string, args: unknown = {}, { id = ulid(), inMs = 5_000 } = {}): string {
  return sendAs(op, args, new Date(clock.nowMs() + inMs).toISOString(), id);
}

function sendAs(op: string, args: unknown, expiresAt: string, id = ulid()): string {
  desk.receive(encodeJson({ id, op, args, expiresAt }));
  return id;
}

/** Stamped by a server whose clock is right. */
function sendFromServer(inMs = 5_000): Promise<Reply> {
  const expiresAt = new Date(clock.trueMs() + inMs).toISOString();
  return replyTo(sendAs('snapshot', { camera: 'front' }, expiresAt));
}

/** As the server does after a health message: its command expires by its own clock, too. */
function tellClock(): Promise<Reply> {
  const healthAt = new Date(clock.nowMs()).toISOString();
  clockWatch.asked(healthAt);
  const serverAt = new Date(clock.trueMs()).toISOString();
  return replyTo(sendAs('clock', { healthAt, serverAt }, new Date(clock.trueMs() + 5_000).toISOString()));
}

const replyTo = (id: string): Promise<Reply> =>
  waitFor(() => replies.find((one) => one.id === id), `the reply to ${id}`);

describe('CommandDesk', () => {
  test('carries a command out and answers with its result', async () => {
    const id = send('snapshot', { camera: 'front' });
    expect(await replyTo(id)).toMatchObject({ ok: true, result: { snapshotId: expect.any(String) } });
  });

  test('tests a camera that there is, and knows no other', async () => {
    const known = await replyTo(send('camera.test', { camera: 'front' }));
    expect(known).toMatchObject({ ok: true, result: { id: 'front', state: 'live' } });
    for (const op of ['camera.test', 'snapshot']) {
      const unknown = await replyTo(send(op, { camera: 'gone' }));
      expect(unknown).toMatchObject({ ok: false, error: { code: 'NOT_FOUND' } });
    }
  });

  test('hurries the camera that somebody wants a picture of, whatever the answer is now', async () => {
    const lease = { camera: 'front', profile: 'main', ttlMs: 30_000 };
    expect(await replyTo(send('live.lease', lease))).toMatchObject({ error: { code: 'CAMERA_OFFLINE' } });
    for (const op of ['snapshot', 'clip', 'camera.test']) await replyTo(send(op, { camera: 'front' }));
    expect(hurries).toBe(4);
    await replyTo(send('live.lease', { ...lease, camera: 'gone' }));
    expect(hurries).toBe(4);
  });

  test('carries the same command out once, however often it comes, and answers each time', async () => {
    const id = send('snapshot', { camera: 'front' });
    await replyTo(id);
    send('snapshot', { camera: 'front' }, { id });
    await waitFor(() => replies.length === 2, 'the second reply');
    expect(replies[1]).toEqual(replies[0]);
    expect(snapshotsTaken).toBe(1);
  });

  test('records a clip, uploaded as it says or as the settings do, and uploads one on request', async () => {
    const plain = await replyTo(send('clip', { camera: 'front' }));
    expect(plain).toMatchObject({ ok: true, result: { clipId: CLIP } });
    await replyTo(send('clip', { camera: 'front', upload: true }));
    const asked = await replyTo(send('clip.upload', { clipId: CLIP }));
    expect(asked).toMatchObject({ ok: true, result: { bytes: 5 } });
    expect(clipsAsked).toEqual([
      ['front', { reason: 'command', upload: undefined }],
      ['front', { reason: 'command', upload: 'always' }],
      CLIP,
    ]);
  });

  test('says that there are no clips where the configuration wants none', async () => {
    clips = undefined;
    openDesk();
    for (const [op, args] of [
      ['clip', { camera: 'front' }],
      ['clip.upload', { clipId: CLIP }],
    ] as const)
      expect(await replyTo(send(op, args))).toMatchObject({ ok: false, error: { code: 'NOT_SUPPORTED' } });
  });

  test.each([
    ['an expired command', 'snapshot', { camera: 'front' }, -1, 'COMMAND_EXPIRED'],
    ['a camera that is not there', 'snapshot', { camera: 'back' }, 5_000, 'NOT_FOUND'],
    ['wrong arguments', 'snapshot', { camera: '../etc' }, 5_000, 'BAD_REQUEST'],
    [
      'a profile that is none',
      'live.lease',
      { camera: 'front', profile: 'x', ttlMs: 1_000 },
      5_000,
      'BAD_REQUEST',
    ],
    [
      'an error of the operation',
      'live.lease',
      { camera: 'front', profile: 'main', ttlMs: 1_000 },
      5_000,
      'CAMERA_OFFLINE',
    ],
    ['config.apply', 'config.apply', { config: {} }, 5_000, 'NOT_SUPPORTED'],
    ['a command of the future', 'firmware.update', {}, 5_000, 'NOT_SUPPORTED'],
  ])('answers %s with its code', async (_, op, args, inMs, code) => {
    const id = send(op, args, { inMs });
    expect(await replyTo(id)).toMatchObject({ ok: false, error: { code } });
    expect(snapshotsTaken).toBe(0);
  });

  test('judges the expiry by the clock of the server once that told it, however wrong the own one is', async () => {
    clock.set(3 * 3_600_000);
    expect(await sendFromServer()).toMatchObject({ ok: false, error: { code: 'COMMAND_EXPIRED' } });
    expect(await tellClock()).toMatchObject({ ok: true });
    expect(await sendFromServer()).toMatchObject({ ok: true });
    expect(await sendFromServer(-1)).toMatchObject({ ok: false, error: { code: 'COMMAND_EXPIRED' } });
    clock.set(-4 * 3_600_000);
    await tellClock();
    expect(await sendFromServer()).toMatchObject({ ok: true });
    expect(await sendFromServer(-1)).toMatchObject({ ok: false, error: { code: 'COMMAND_EXPIRED' } });
  });

  test('forgets how wrong the clock is when that was told long ago, or the clock was set since', async () => {
    clock.set(3_600_000);
    await tellClock();
    clock.advance(SKEW_MAX_AGE_MS + 1);
    expect(await sendFromServer()).toMatchObject({ error: { code: 'COMMAND_EXPIRED' } });
    await tellClock();
    clock.set(-3_600_000);
    expect(await sendFromServer()).toMatchObject({ ok: true });
    expect(await sendFromServer(-1)).toMatchObject({ error: { code: 'COMMAND_EXPIRED' } });
  });

  test('believes in no clock that is more than a year off', async () => {
    clock.set(SKEW_MAX_MS + 1_000);
    await tellClock();
    expect(await sendFromServer()).toMatchObject({ error: { code: 'COMMAND_EXPIRED' } });
  });

  test('says no more than INTERNAL about a failure that nobody foresaw', async () => {
    takeSnapshot = async () => {
      throw new Error('secret detail');
    };
    const answer = await replyTo(send('snapshot', { camera: 'front' }));
    expect(answer).toMatchObject({ ok: false, error: { code: 'INTERNAL' } });
    expect(JSON.stringify(answer)).not.toContain('secret detail');
  });

  test('refuses more than it may carry out at once', async () => {
    takeSnapshot = () => new Promise(() => {});
    for (let n = 0; n < RUNNING_MAX_COMMANDS; n += 1) send('snapshot', { camera: 'front' });
    const id = send('snapshot', { camera: 'front' });
    expect(await replyTo(id)).toMatchObject({ ok: false, error: { code: 'QUEUE_FULL' } });
    expect(snapshotsTaken).toBe(RUNNING_MAX_COMMANDS);
  });

  test('remembers a bounded number of commands', async () => {
    const first = send('snapshot', { camera: 'front' });
    await replyTo(first);
    for (let n = 0; n < REMEMBERED_MAX_COMMANDS; n += 1)
      send('live.release', { camera: 'front', profile: 'main' });
    await waitFor(() => replies.length === 1 + REMEMBERED_MAX_COMMANDS, 'all replies');
    send('snapshot', { camera: 'front' }, { id: first });
    await waitFor(() => snapshotsTaken === 2, 'the forgotten command to be carried out again');
  });

  test('restarts after its reply was delivered', async () => {
    const id = send('restart');
    expect(onRestart).not.toHaveBeenCalled();
    expect(await replyTo(id)).toMatchObject({ ok: true });
    await waitFor(() => onRestart.mock.calls.length === 1, 'the restart');
  });

  test('survives bytes that are no command', () => {
    for (const bytes of ['', '{', 'null', '[]', '{"id":1}', '\u0000']) desk.receive(Buffer.from(bytes));
    expect(replies).toEqual([]);
  });
});
