import { beforeEach, describe, expect, it } from 'vitest';
import { isBrowserCodec } from '../../src/camera/browser-codec.ts';
import { CameraVideo, type VideoCamera } from '../../src/camera/camera-video.ts';
import type { EncodersOptions } from '../../src/camera/encoder/encoders.ts';
import { Epochs } from '../../src/camera/epochs.ts';
import type { Fragment, InitSegment } from '../../src/camera/fragment.ts';
import { GopRing } from '../../src/camera/gop-ring.ts';
import { NO_MASKS } from '../../src/camera/privacy-masks.ts';
import { ManualClock, silentLogger } from '../support.ts';
import { fragmentsOf, initOf, scriptedEncoders, settled, type ScriptedRun } from './encoder/samples.ts';

const H265 = initOf('hev1', 2);

class ScriptedCamera implements VideoCamera {
  readonly id = 'front';
  readonly ring = new GopRing();
  readonly epochs = new Epochs();
  readonly masks = NO_MASKS;
  #listener: ((fragment: Fragment) => void) | undefined;

  onFragment(listener: (fragment: Fragment) => void): () => void {
    this.#listener = listener;
    return () => (this.#listener = undefined);
  }

  get isWatched(): boolean {
    return this.#listener !== undefined;
  }

  restart(pattern: string, init: InitSegment): void {
    this.ring.clear();
    this.emit(pattern, init);
  }

  emit(pattern: string, init: InitSegment): void {
    for (const fragment of fragmentsOf(pattern, init)) {
      this.ring.push(fragment);
      this.#listener?.(fragment);
    }
  }
}

let clock: ManualClock;
let camera: ScriptedCamera;
let taken: Fragment[];
beforeEach(() => {
  clock = new ManualClock();
  camera = new ScriptedCamera();
  taken = [];
});

function open(
  more: Partial<EncodersOptions> = {},
  isPassedThrough: (init: InitSegment) => boolean = ({ codec }) => isBrowserCodec(codec),
): {
  video: CameraVideo;
  runs: ScriptedRun[];
  fill: () => void;
} {
  const { encoders, runs } = scriptedEncoders(clock, { maxProcesses: 1, ...more });
  const common = { source: camera, epochs: new Epochs(), masks: NO_MASKS };
  const job = { profile: 'main' as const, ...common, onFragment: () => {} };
  const video = new CameraVideo({
    camera,
    profile: 'main',
    isPassedThrough,
    encoders,
    clock,
    logger: silentLogger,
  });
  video.onFragment((fragment) => taken.push(fragment));
  return { video, runs, fill: () => void encoders.open({ ...job, camera: 'yard' }) };
}

describe('CameraVideo', () => {
  it('passes through what browsers play, with the ring, and without an encoder', async () => {
    camera.emit('Kp', initOf());
    const { video, runs } = open();
    video.start();
    expect(await video.untilInit()).toBe(video.init);
    expect(video.ring.fromLastKeyframe()).toHaveLength(2);
    camera.emit('K', initOf());
    expect([taken.length, runs.length]).toEqual([1, 0]);
  });

  it('goes over to an encoder when the camera changes to a codec that browsers do not play, and back', async () => {
    const h264 = initOf();
    camera.emit('Kp', h264);
    const { video, runs } = open();
    video.start();
    camera.restart('Kpp', H265);
    await settled();
    camera.emit('K', H265);
    expect(runs).toHaveLength(1);
    expect(video.ring.fromLastKeyframe()).toEqual([]);
    runs[0]!.encode(0);
    expect(taken.at(-1)!.init.codec).toBe('avc1.42c01f');
    camera.restart('Kp', initOf('avc1.64001f', 3));
    expect(runs[0]!.isClosed).toBe(true);
    expect(taken.at(-1)!.init.epoch).toBe(3);
  });

  it('changes from passing through to encoding at a keyframe, and shows the old until then', async () => {
    const h264 = initOf();
    camera.emit('Kp', h264);
    let isPassed = true;
    const { video, runs } = open({}, () => isPassed);
    video.start();
    camera.emit('p', h264);
    isPassed = false;
    camera.emit('p', h264);
    expect([taken.length, runs.length]).toEqual([2, 0]);
    camera.emit('K', h264);
    await settled();
    expect([taken.length, runs.length]).toEqual([2, 1]);
    runs[0]!.encode(0);
    expect(taken.at(-1)).toMatchObject({ isKeyframe: true, isDiscontinuity: true });
  });

  it('starts nothing when no encoder is left, and says why', () => {
    camera.emit('K', H265);
    const { video, fill } = open();
    fill();
    expect(() => video.start()).toThrow(expect.objectContaining({ code: 'ENCODER_LIMIT' }));
    expect(camera.isWatched).toBe(false);
  });

  it('says why there is no picture when the new codec finds no encoder', () => {
    camera.emit('K', initOf());
    const { video, fill } = open();
    video.start();
    fill();
    camera.restart('Kp', H265);
    expect(video.failure).toMatchObject({ code: 'ENCODER_LIMIT' });
    expect(video.init).toBeUndefined();
  });

  it('waits for the first picture, and not for ever', async () => {
    camera.emit('K', H265);
    const { video, runs } = open();
    video.start();
    const first = video.untilInit();
    await settled();
    runs[0]!.encode(0);
    expect(await first).toMatchObject({ codec: 'avc1.42c01f' });
    video.close();

    const late = open();
    late.video.start();
    const never = late.video.untilInit();
    clock.advance(3_600);
    await expect(never).rejects.toMatchObject({ code: 'ENCODER_FAILED', retryable: true });
    const closed = late.video.untilInit();
    late.video.close();
    await expect(closed).rejects.toMatchObject({ code: 'LEASE_ENDED', retryable: true });
    expect(camera.isWatched).toBe(false);
  });
});
