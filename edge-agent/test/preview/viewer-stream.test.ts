import { describe, expect, it } from 'vitest';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { PreviewCamera, WatchableCameras } from '../../src/preview/preview-cameras.ts';
import {
  FrameKind,
  SILENCE_MAX_MS,
  UNCONFIRMED_MAX_BYTES,
  UNCONFIRMED_MAX_BYTES_A_CAMERA,
  ViewerStream,
} from '../../src/preview/viewer-stream.ts';
import { ScriptedCamera } from '../live/scripted-camera.ts';
import { ManualClock } from '../support.ts';

interface Frame {
  kind: number;
  camera: number;
  text: string;
}

function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 8 + bytes.readUInt32BE(at + 4);
    const text = bytes.toString('latin1', at + 8, end).replace(/[\0 ]+$/, '');
    frames.push({ kind: bytes[at]!, camera: bytes[at + 1]!, text });
    at = end;
  }
  return frames;
}

function setUp(ids = ['front']) {
  const scripted = new Map(ids.map((id) => [id, new ScriptedCamera()]));
  let watched = 0;
  const cameras: WatchableCameras = {
    list: (): PreviewCamera[] => [],
    still: () => undefined,
    watch: (id) => {
      const video = scripted.get(id)!.open('main');
      watched += 1;
      return { video, release: () => (watched -= 1) };
    },
  };
  const clock = new ManualClock();
  let sent = Buffer.alloc(0);
  let isSilent = false;
  const sink = { write: (bytes: Uint8Array) => (sent = Buffer.concat([sent, bytes])) };
  const viewer = new ViewerStream({
    cameraIds: ids,
    cameras,
    sink,
    clock,
    onSilent: () => (isSilent = true),
  });
  return {
    cameras: [...scripted.values()],
    clock,
    viewer,
    frames: () => framesOf(sent),
    texts: () => framesOf(sent).map(({ text }) => text),
    sentBytes: () => sent.length,
    watched: () => watched,
    isSilent: () => isSilent,
  };
}

describe('ViewerStream', () => {
  it('starts each camera with what it is, its init segment and its newest GOP', () => {
    const { cameras, viewer, frames, watched } = setUp(['front', 'yard']);
    cameras[0]!.emit('I0');
    cameras[0]!.emit('P1');
    cameras[1]!.emit('I0');
    viewer.start();
    cameras[1]!.emit('P1');
    const start = JSON.stringify({ mime: 'video/mp4; codecs="avc1.42c01f"', width: 960, height: 540 });
    expect(frames()).toEqual([
      { kind: FrameKind.start, camera: 0, text: start },
      { kind: FrameKind.init, camera: 0, text: 'init 1' },
      { kind: FrameKind.fragment, camera: 0, text: 'I0' },
      { kind: FrameKind.fragment, camera: 0, text: 'P1' },
      { kind: FrameKind.start, camera: 1, text: start },
      { kind: FrameKind.init, camera: 1, text: 'init 1' },
      { kind: FrameKind.fragment, camera: 1, text: 'I0' },
      { kind: FrameKind.fragment, camera: 1, text: 'P1' },
    ]);
    viewer.close();
    expect(watched()).toBe(0);
    expect(cameras.map(({ listeners }) => listeners)).toEqual([0, 0]);
  });

  it('starts over when the camera does', () => {
    const { cameras, viewer, texts } = setUp();
    cameras[0]!.emit('I0');
    viewer.start();
    cameras[0]!.restartCapture(2);
    cameras[0]!.emit('I0');
    expect(texts().filter((text) => text.startsWith('init'))).toEqual(['init 1', 'init 2']);
  });

  it('tells once that a camera is away, and shows it when it is back', () => {
    const { cameras, clock, viewer, frames, texts } = setUp();
    viewer.start();
    clock.advance(10_000);
    expect(frames()).toEqual([{ kind: FrameKind.trouble, camera: 0, text: '{"code":"CAMERA_OFFLINE"}' }]);
    cameras[0]!.emit('I0');
    clock.advance(3_000);
    expect(texts().at(-1)).toBe('I0');
  });

  it('leaves out whole GOPs while the viewer confirms too little', () => {
    const { cameras, viewer, texts, sentBytes } = setUp();
    cameras[0]!.emit('I0');
    viewer.start();
    const bytes = 200_000;
    for (let n = 0; n < 20; n += 1) cameras[0]!.emit(`P${n}`, { bytes });
    const most = UNCONFIRMED_MAX_BYTES + UNCONFIRMED_MAX_BYTES_A_CAMERA;
    expect(sentBytes()).toBeLessThan(most + bytes + 100);
    expect(viewer.fragmentsDropped).toBeGreaterThan(5);
    const before = texts().length;
    viewer.confirm(sentBytes());
    cameras[0]!.emit('P20');
    expect(texts()).toHaveLength(before);
    cameras[0]!.emit('I21');
    cameras[0]!.emit('P22');
    expect(texts().slice(before)).toEqual(['I21', 'P22']);
  });

  it('believes no confirmation of what was not sent, or was confirmed already', () => {
    const { cameras, viewer, sentBytes, texts } = setUp();
    cameras[0]!.emit('I0');
    viewer.start();
    for (let n = 0; n < 20; n += 1) cameras[0]!.emit(`P${n}`, { bytes: 200_000 });
    for (const bytes of [Infinity, NaN, -1, sentBytes() + 1]) viewer.confirm(bytes);
    const before = texts().length;
    cameras[0]!.emit('I21');
    expect(texts()).toHaveLength(before);
  });

  it('gives up a viewer that confirms nothing', () => {
    const { cameras, clock, viewer, isSilent, sentBytes } = setUp();
    cameras[0]!.emit('I0');
    viewer.start();
    clock.advance(SILENCE_MAX_MS - 3_000);
    viewer.confirm(sentBytes());
    clock.advance(SILENCE_MAX_MS * 2);
    expect(isSilent()).toBe(false);
    cameras[0]!.emit('P1');
    clock.advance(SILENCE_MAX_MS - 3_000);
    expect(isSilent()).toBe(false);
    clock.advance(6_000);
    expect(isSilent()).toBe(true);
  });

  it('says what else goes wrong', () => {
    const { clock } = setUp();
    const failing: WatchableCameras = {
      list: () => [],
      still: () => undefined,
      watch: () => {
        throw new AppError('ENCODER_LIMIT', 'all encoders run');
      },
    };
    let sent = Buffer.alloc(0);
    const viewer = new ViewerStream({
      cameraIds: ['front'],
      cameras: failing,
      sink: { write: (bytes) => (sent = Buffer.concat([sent, bytes])) },
      clock,
      onSilent: () => {},
    });
    viewer.start();
    expect(framesOf(sent)).toMatchObject([{ text: '{"code":"ENCODER_LIMIT"}' }]);
  });
});
