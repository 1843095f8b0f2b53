// A keyframe that no message holds: what is passed through would be holes and nothing else.

import { beforeEach, describe, expect, it } from 'vitest';
import { MAX_FRAME_BYTES } from '@sitecast/shared/protocol/limits';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import type { Camera } from '../../src/camera/camera.ts';
import type { EncodersOptions } from '../../src/camera/encoder/encoders.ts';
import { Epochs } from '../../src/camera/epochs.ts';
import type { Fragment, InitSegment } from '../../src/camera/fragment.ts';
import { GopRing } from '../../src/camera/gop-ring.ts';
import { LiveCamera } from '../../src/camera/live-camera.ts';
import { NO_MASKS } from '../../src/camera/privacy-masks.ts';
import { ManualClock, silentLogger } from '../support.ts';
import { fragmentsOf, initOf, scriptedEncoders, settled, type ScriptedRun } from './encoder/samples.ts';

const LARGE = MAX_FRAME_BYTES;
let ring: GopRing;
let listeners: Set<(fragment: Fragment) => void>;
let pictureListeners: Set<() => void>;
let warnings: { fields: unknown; message: string }[];
beforeEach(() => {
  ring = new GopRing();
  listeners = new Set();
  pictureListeners = new Set();
  warnings = [];
});

function emit(pattern: string, init: InitSegment, bytes = 10): void {
  for (const fragment of fragmentsOf(pattern, init, bytes)) {
    ring.push(fragment);
    for (const listener of listeners) listener(fragment);
  }
}

function open(more: Partial<EncodersOptions> = {}): {
  live: LiveCamera;
  runs: ScriptedRun[];
  told: unknown[];
} {
  const clock = new ManualClock();
  const { encoders, runs } = scriptedEncoders(clock, more);
  const report = (): CameraReport => ({
    ...{ id: 'front', name: 'Front', state: 'live', reason: null, detail: null, profiles: [] },
    ...{ since: '2026-01-01T00:00:00.000Z', codec: 'avc1.64001f', width: 1280, height: 720, fps: 25 },
  });
  const camera = {
    ...{ id: 'front', ring, report, masks: NO_MASKS, epochs: new Epochs() },
    onFragment: (listener: (fragment: Fragment) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onPicture: (listener: () => void) => {
      pictureListeners.add(listener);
      return () => pictureListeners.delete(listener);
    },
  } as unknown as Camera;
  const logger = silentLogger.child({});
  logger.warn = (fields: unknown, message?: string) => void warnings.push({ fields, message: message ?? '' });
  const told: unknown[] = [];
  const onChanged = (): void => void told.push(live.report().encoded);
  const live = new LiveCamera({ camera, encoders, onChanged, logger, clock });
  return { live, runs, told };
}

describe('A camera with keyframes above what a message holds', () => {
  it('is encoded for `main`, which its report says, and the log once', async () => {
    emit('Kp', initOf(), LARGE);
    const { live, runs } = open();
    expect(live.report().encoded).toContain('main');
    for (let lease = 0; lease < 2; lease += 1) {
      const video = live.open('main');
      await settled();
      runs.at(-1)!.encode(0);
      expect((await video.untilInit()).codec).toBe('avc1.42c01f');
      video.close();
    }
    expect(runs).toHaveLength(2);
    expect(warnings).toEqual([
      {
        fields: expect.objectContaining({ camera: 'front', keyframeBytes: LARGE }) as unknown,
        message: expect.stringMatching(/1 MiB\); lower bit rate, quality or size on the camera$/) as string,
      },
    ]);
  });

  it('is told to have to be encoded once, before anybody watches', async () => {
    const { live, told } = open();
    const init = initOf();
    for (const bytes of [10, LARGE, 10, LARGE]) {
      emit('Kp', init, bytes);
      for (const listener of pictureListeners) listener();
    }
    expect(told).toEqual([['main', 'low', 'mpeg1']]);
    await live.close();
    expect(pictureListeners.size).toBe(0);
  });

  it('goes over to an encoder at the first of them, and stays there until it starts anew', async () => {
    const init = initOf();
    emit('Kp', init);
    const { live, runs } = open();
    const video = live.open('main');
    const taken: Fragment[] = [];
    video.onFragment((fragment) => taken.push(fragment));
    emit('Kp', init);
    expect([taken.length, runs.length, live.report().encoded]).toEqual([2, 0, ['low', 'mpeg1']]);
    emit('Kp', init, LARGE);
    emit('Kp', init);
    await settled();
    expect([taken.length, runs.length]).toEqual([2, 1]);
    runs[0]!.encode(0);
    expect(taken.at(-1)!.init.codec).toBe('avc1.42c01f');
    ring.clear();
    emit('K', initOf('avc1.64001f', 9));
    expect([runs[0]!.isClosed, taken.at(-1)!.init.epoch]).toEqual([true, 9]);
    expect(live.report().encoded).not.toContain('main');
    video.close();
  });

  it('is refused without an encoder that is free, with what to change on the camera', () => {
    emit('Kp', initOf(), LARGE);
    const { live } = open({ maxProcesses: 1 });
    const other = live.open('low');
    expect(() => live.open('main')).toThrow(
      expect.objectContaining({
        code: 'ENCODER_LIMIT',
        message: expect.stringMatching(
          /\); close one of them, lower bit rate, quality or size on the camera \(a keyframe is larger .*, or raise/,
        ) as string,
      }),
    );
    other.close();
  });
});
