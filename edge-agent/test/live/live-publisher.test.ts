import { beforeEach, describe, expect, test } from 'vitest';
import { decodeFrame, FrameKind, type Frame, type Profile } from '@sitecast/shared/protocol/frame-header';
import { encodeJson } from '@sitecast/shared/protocol/json-message';
import { topics } from '@sitecast/shared/protocol/topics';
import { WINDOW_START_BYTES } from '../../src/live/flow-window.ts';
import { LivePublisher, WITHDRAWN_MAX_MS, type MediaPort } from '../../src/live/live-publisher.ts';
import type { LeaseKey } from '../../src/live/lease-book.ts';
import { ManualClock, silentLogger } from '../support.ts';
import { ScriptedCamera } from './scripted-camera.ts';

const address = { site: 'demo', agent: 'gateway' };
const main = { camera: 'front', profile: 'main' as Profile };

class RecordingMedia implements MediaPort {
  isOnline = true;
  isFull = false;
  frames: { topic: string; frame: Frame }[] = [];
  #offline = new Set<() => void>();
  #message = new Set<(message: { topic: string; payload: Uint8Array }) => void>();

  send(topic: string, payload: Uint8Array): boolean {
    if (!this.isOnline || this.isFull) return false;
    this.frames.push({ topic, frame: decodeFrame(payload) });
    return true;
  }

  onOffline(listener: () => void): () => void {
    this.#offline.add(listener);
    return () => void this.#offline.delete(listener);
  }

  onMessage(listener: (message: { topic: string; payload: Uint8Array }) => void): () => void {
    this.#message.add(listener);
    return () => void this.#message.delete(listener);
  }

  disconnect(): void {
    this.isOnline = false;
    for (const listener of this.#offline) listener();
  }

  /** Acknowledges all that was sent. */
  ack(stream = 'front/main'): void {
    const sequence = this.frames.at(-1)?.frame.header.sequence ?? 0;
    const payload = encodeJson({ stream, sequence, receivedBytes: 1 });
    for (const listener of this.#message) listener({ topic: topics.liveAck(address), payload });
  }

  /** `init 1`, `I1`, ... in the order of sending, and forgotten. */
  taken(): string[] {
    return this.frames
      .splice(0)
      .map(({ frame }) => Buffer.from(frame.payload.subarray(0, 8)).toString().trim());
  }
}

let clock: ManualClock;
let camera: ScriptedCamera;
let media: RecordingMedia;
let sources: Map<string, ScriptedCamera>;
let publisher: LivePublisher;

beforeEach(() => {
  clock = new ManualClock();
  camera = new ScriptedCamera();
  media = new RecordingMedia();
  sources = new Map([['front', camera]]);
  publisher = new LivePublisher({
    address,
    sources,
    media,
    stillsEpoch: 77,
    logger: silentLogger,
    clock,
  });
  publisher.start();
});

describe('LivePublisher', () => {
  test('sends nothing without a lease', () => {
    camera.emit('I1');
    camera.emitPicture(1);
    expect(media.frames).toHaveLength(0);
  });

  test('answers a lease with what the stream is, and starts with the init segment and the last keyframe', async () => {
    for (const text of ['I1', 'P', 'I2', 'P2a']) camera.emit(text);
    expect(await publisher.lease(main, 15_000)).toEqual({
      stream: 'front/main',
      epoch: 1,
      container: 'fmp4',
      mime: 'video/mp4; codecs="avc1.42c01f"',
      width: 960,
      height: 540,
    });
    camera.emit('P2b');
    expect(media.frames.every(({ topic }) => topic === topics.live(address, 'front', 'main'))).toBe(true);
    expect(media.frames.map(({ frame }) => frame.header.kind)).toEqual([1, 2, 2, 2]);
    expect(media.frames.map(({ frame }) => frame.header.sequence)).toEqual([0, 1, 2, 3]);
    expect(media.frames.map(({ frame }) => frame.header.isKeyframe)).toEqual([false, true, false, false]);
    expect(media.taken()).toEqual(['init 1', 'I2', 'P2a', 'P2b']);
  });

  test('stops at once when the lease is released or runs out, and lives on when it is renewed', () => {
    camera.emit('I1');
    void publisher.lease(main, 15_000);
    clock.advance(14_000);
    void publisher.lease(main, 15_000);
    clock.advance(14_000);
    camera.emit('P1');
    expect(media.taken()).toEqual(['init 1', 'I1', 'P1']);
    clock.advance(1_001);
    camera.emit('P2');
    expect(media.frames).toHaveLength(0);
    void publisher.lease(main, 15_000);
    media.taken();
    publisher.release(main);
    camera.emit('P3');
    expect(media.frames).toHaveLength(0);
    expect(camera.listeners).toBe(0);
  });

  test('numbers go on over leases within one epoch', () => {
    camera.emit('I1');
    void publisher.lease(main, 15_000);
    publisher.release(main);
    void publisher.lease(main, 15_000);
    expect(media.frames.map(({ frame }) => frame.header.sequence)).toEqual([0, 1, 2, 3]);
  });

  test('ends what it sends of a camera that is gone, and begins with another one in its place when it is asked to', async () => {
    camera.emit('I1');
    await publisher.lease(main, 15_000);
    await publisher.lease({ ...main, profile: 'stills' }, 15_000).catch(() => {});
    media.isFull = true;
    clock.advance(2_000);
    camera.emit('P1');
    clock.advance(2_000);
    camera.emit('P2');
    const { framesDropped } = publisher;
    expect(framesDropped).toBeGreaterThan(0);
    media.isFull = false;
    media.taken();

    sources.delete('front');
    publisher.forget('front');
    camera.emit('I2');
    expect(media.frames).toEqual([]);
    expect(camera.listeners).toBe(0);
    expect(publisher.framesDropped).toBe(framesDropped);
    await expect(publisher.lease(main, 15_000)).rejects.toMatchObject({ code: 'NOT_FOUND' });

    const other = new ScriptedCamera();
    other.restartCapture(2);
    sources.set('front', other);
    await expect(publisher.lease(main, 15_000)).rejects.toMatchObject({ code: 'CAMERA_OFFLINE' });
    other.emit('I1');
    expect(await publisher.lease(main, 15_000)).toMatchObject({ epoch: 2 });
    expect(media.frames.map(({ frame }) => frame.header.sequence)).toEqual([0, 1]);
    expect(media.taken()).toEqual(['init 2', 'I1']);
  });

  test('a restarted capture gives a new init segment, a new epoch and numbers from 0', () => {
    camera.emit('I1');
    void publisher.lease(main, 15_000);
    media.taken();
    camera.restartCapture(9);
    camera.emit('I9');
    expect(
      media.frames.map(({ frame: { header } }) => [
        header.kind,
        header.epoch,
        header.sequence,
        header.isDiscontinuity,
      ]),
    ).toEqual([
      [FrameKind.initSegment, 9, 0, true],
      [FrameKind.fragment, 9, 1, true],
    ]);
  });

  test('sends nothing over a new media connection before it is asked again, and then from the init segment on', () => {
    for (const text of ['I1', 'P1']) camera.emit(text);
    void publisher.lease(main, 15_000);
    media.taken();
    media.disconnect();
    camera.emit('P2');
    media.isOnline = true;
    camera.emit('P3');
    expect(media.taken()).toEqual([]);
    void publisher.lease(main, 15_000);
    expect(media.frames[0]?.frame.header.isDiscontinuity).toBe(true);
    expect(media.taken()).toEqual(['init 1', 'I1', 'P1', 'P2', 'P3']);
  });

  test('waits for acknowledgements when the window is full, and goes on where it was', () => {
    camera.emit('I1');
    void publisher.lease(main, 15_000);
    camera.emit('P1', { bytes: WINDOW_START_BYTES });
    camera.emit('P2');
    expect(media.taken()).toEqual(['init 1', 'I1', 'P1']);
    media.frames.push({
      topic: '',
      frame: { header: { sequence: 2 }, payload: Buffer.alloc(8) } as unknown as Frame,
    });
    media.ack();
    expect(media.taken().slice(1)).toEqual(['P2']);
    expect(publisher.framesDropped).toBe(0);
  });

  test('drops whole GOPs on a slow uplink, resumes at the newest keyframe, and says how much is missing', () => {
    camera.emit('I1');
    void publisher.lease(main, 60_000);
    camera.emit('P1', { bytes: WINDOW_START_BYTES });
    for (const text of ['P1b', 'I2', 'P2', 'I3', 'P3']) camera.emit(text);
    clock.advance(1_100);
    camera.emit('P3b');
    expect(publisher.framesDropped).toBe(3);
    media.ack();
    const [resumed, ...rest] = media.frames.slice(3).map(({ frame }) => frame);
    expect(resumed?.header).toMatchObject({ isKeyframe: true, isDiscontinuity: true, sequence: 6 });
    expect(rest.map(({ header }) => [header.sequence, header.isDiscontinuity])).toEqual([
      [7, false],
      [8, false],
    ]);
    expect(media.taken().slice(3)).toEqual(['I3', 'P3', 'P3b']);
  });

  test('leaves out the rest of a GOP that it had to break, up to the next keyframe', () => {
    camera.emit('I1');
    void publisher.lease(main, 60_000);
    camera.emit('P1', { bytes: WINDOW_START_BYTES });
    camera.emit('P1b');
    clock.advance(1_100);
    camera.emit('P1c');
    media.ack();
    camera.emit('P1d');
    camera.emit('I2');
    expect(media.taken()).toEqual(['init 1', 'I1', 'P1', 'I2']);
    expect(publisher.framesDropped).toBe(3);
  });

  test('goes on by itself when acknowledgements were lost', () => {
    camera.emit('I1');
    void publisher.lease(main, 60_000);
    camera.emit('P1', { bytes: WINDOW_START_BYTES });
    media.taken();
    clock.advance(5_100);
    camera.emit('I2');
    expect(media.taken()).toEqual(['I2']);
  });

  test('a full socket counts as a full window', () => {
    camera.emit('I1');
    void publisher.lease(main, 60_000);
    media.isFull = true;
    camera.emit('P1');
    media.isFull = false;
    camera.emit('P2');
    expect(media.taken()).toEqual(['init 1', 'I1', 'P1', 'P2']);
  });

  test('leaves a fragment out that no packet can carry, with its GOP', () => {
    camera.emit('I1');
    void publisher.lease(main, 60_000);
    camera.emit('Phuge', { bytes: 1024 * 1024 });
    camera.emit('P2');
    camera.emit('I3');
    expect(media.taken()).toEqual(['init 1', 'I1', 'I3']);
    expect(publisher.framesDropped).toBe(2);
  });

  test('sends stills, the newest at once and then at most one a second', async () => {
    camera.emitPicture(1);
    const result = await publisher.lease({ camera: 'front', profile: 'stills' }, 60_000);
    expect(result).toMatchObject({
      stream: 'front/stills',
      container: 'jpeg',
      mime: 'image/jpeg',
      epoch: 77,
    });
    for (let n = 2; n <= 11; n += 1) {
      clock.advance(250);
      camera.emitPicture(n);
    }
    expect(media.frames.map(({ frame }) => frame.header.kind)).toEqual([4, 4, 4]);
    expect(media.frames.every(({ frame }) => frame.header.isKeyframe)).toBe(true);
    expect(media.taken()).toEqual(['jpeg 1', 'jpeg 5', 'jpeg 9']);
  });

  test.each<[LeaseKey, string]>([
    [{ camera: 'back', profile: 'main' }, 'NOT_FOUND'],
    [{ camera: 'front', profile: 'low' }, 'PROFILE_UNSUPPORTED'],
    [{ camera: 'front', profile: 'mpeg1' }, 'PROFILE_UNSUPPORTED'],
    [{ camera: 'front', profile: 'main' }, 'CAMERA_OFFLINE'],
    [{ camera: 'front', profile: 'stills' }, 'CAMERA_OFFLINE'],
  ])('refuses a lease on %j with %s', async (key, code) => {
    await expect(publisher.lease(key, 15_000)).rejects.toMatchObject({ code });
  });

  test('refuses a new lease while the media connection is down', async () => {
    camera.emit('I1');
    media.isOnline = false;
    await expect(publisher.lease(main, 15_000)).rejects.toMatchObject({ code: 'AGENT_OFFLINE' });
  });

  test('renews the lease of a camera that is away for a while', async () => {
    camera.emit('I1');
    const first = await publisher.lease(main, 15_000);
    camera.state = 'waiting';
    camera.ring.clear();
    expect(await publisher.lease(main, 15_000)).toEqual(first);
    camera.state = 'live';
    camera.restartCapture(2);
    camera.emit('I2');
    expect(media.taken().slice(-2)).toEqual(['init 2', 'I2']);
  });

  test('ends what the uplink does not carry any more at once, but keeps its lease for a moment', async () => {
    camera.emit('I1');
    camera.emitPicture(1);
    const first = await publisher.lease(main, 15_000);
    await publisher.lease({ camera: 'front', profile: 'stills' }, 60_000);
    media.taken();
    Object.assign(camera, { offered: ['stills'], limitedBy: 'uplink-slow' });
    publisher.offersChanged();
    camera.emit('P1');
    expect(media.taken()).toEqual([]);
    expect(publisher.traffic()).toMatchObject({ highest: undefined, streams: 0 });
    clock.advance(WITHDRAWN_MAX_MS);
    expect(await publisher.lease(main, 15_000)).toEqual(first);
    clock.advance(1);
    await expect(publisher.lease(main, 15_000)).rejects.toMatchObject({ code: 'UPLINK_LIMITED' });
    await expect(publisher.lease(main, 15_000)).rejects.toMatchObject({ code: 'UPLINK_LIMITED' });
    camera.emitPicture(2);
    expect(media.taken()).toEqual(['jpeg 2']);
    Object.assign(camera, { offered: ['main', 'stills'], limitedBy: undefined });
    camera.emit('I2');
    await publisher.lease(main, 15_000);
    expect(media.taken()).toEqual(['init 1', 'I2']);
    publisher.close();
    expect(camera.listeners).toBe(0);
  });

  test('tells what its videos do to the uplink, and that stills do nothing', async () => {
    camera.emitPicture(1);
    await publisher.lease({ camera: 'front', profile: 'stills' }, 60_000);
    expect(publisher.traffic()).toEqual({ highest: undefined, streams: 0, lagMs: 0, timesLate: 0 });
    camera.emit('I1');
    await publisher.lease(main, 60_000);
    camera.emit('P1', { bytes: WINDOW_START_BYTES });
    camera.emit('I2');
    clock.advance(1_100);
    expect(publisher.traffic()).toEqual({ highest: 'main', streams: 1, lagMs: 1_100, timesLate: 0 });
    camera.emit('P2');
    expect(publisher.traffic()).toMatchObject({ timesLate: 1 });
    media.ack();
    expect(publisher.traffic().lagMs).toBe(0);
  });

  test('leaves no listener behind when it is closed', () => {
    camera.emit('I1');
    camera.emitPicture(1);
    void publisher.lease(main, 15_000);
    void publisher.lease({ camera: 'front', profile: 'stills' }, 15_000);
    publisher.close();
    expect(camera.listeners).toBe(0);
  });
});
