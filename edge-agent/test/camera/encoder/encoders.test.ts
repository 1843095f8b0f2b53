import { beforeEach, describe, expect, it } from 'vitest';
import { Encoder, type EncoderJob } from '../../../src/camera/encoder/encoder.ts';
import { FULL_PACE, type Pace } from '../../../src/camera/encoder/pace.ts';
import { Epochs } from '../../../src/camera/epochs.ts';
import type { Fragment } from '../../../src/camera/fragment.ts';
import { NO_MASKS, privacyMasks } from '../../../src/camera/privacy-masks.ts';
import { GopRing } from '../../../src/camera/gop-ring.ts';
import { ManualClock, silentLogger } from '../../support.ts';
import { fragmentsOf, initOf, ScriptedRun, scriptedEncoders, settled } from './samples.ts';

let clock: ManualClock;
let ring: GopRing;
let taken: Fragment[];
let job: EncoderJob;
beforeEach(() => {
  clock = new ManualClock();
  ring = new GopRing();
  taken = [];
  job = {
    camera: 'front',
    profile: 'low',
    source: { ring },
    epochs: new Epochs(),
    masks: NO_MASKS,
    onFragment: (fragment) => taken.push(fragment),
  };
});

/** As a camera does: first into the ring, then to who listens. */
function emit(encoder: Encoder, fragments: Fragment[]): void {
  for (const fragment of fragments) {
    ring.push(fragment);
    encoder.push(fragment);
  }
}

describe('An encoder', () => {
  it('starts with the last keyframe of the ring, and gets each access unit once', async () => {
    const { encoders, runs } = scriptedEncoders(clock);
    const fragments = fragmentsOf('KppKpppp');
    for (const fragment of fragments.slice(0, 5)) ring.push(fragment);
    const encoder = encoders.open(job);
    await settled();
    emit(encoder, fragments.slice(5));
    expect(runs).toHaveLength(1);
    expect(runs[0]!.written.map(({ sequence }) => sequence)).toEqual([3, 4, 5, 6, 7]);
  });

  it('says of each picture when the camera gave it', async () => {
    const { encoders, runs } = scriptedEncoders(clock);
    const encoder = encoders.open(job);
    await settled();
    emit(encoder, fragmentsOf('Kpp'));
    for (const atMs of [0, 1_000, 2_000]) runs[0]!.encode(atMs);
    expect(taken.map(({ capturedAtUs }) => capturedAtUs / 1_000_000)).toEqual([100, 101, 102]);
    expect(taken.map(({ sequence, isDiscontinuity }) => [sequence, isDiscontinuity])).toEqual([
      [0, true],
      [1, false],
      [2, false],
    ]);
    expect(encoder.init).toMatchObject({ codec: 'avc1.42c01f' });
  });

  it('starts anew with the camera, as another epoch', async () => {
    const { encoders, runs } = scriptedEncoders(clock);
    const encoder = encoders.open(job);
    await settled();
    emit(encoder, fragmentsOf('Kp'));
    runs[0]!.encode(0);
    ring.clear();
    emit(encoder, fragmentsOf('Kp', initOf('hev1', 2)));
    expect(runs[0]!.isClosed).toBe(true);
    runs[1]!.encode(0);
    // What the old run still had is of no use.
    runs[0]!.encode(500);
    expect(new Set(taken.map(({ init }) => init.epoch)).size).toBe(2);
    expect(taken).toHaveLength(2);
    expect(encoders.counters.restarts).toBe(0);
  });

  it('comes back with growing delays when it ends, and says so from the second time on', async () => {
    const { encoders, runs } = scriptedEncoders(clock);
    const encoder = encoders.open(job);
    await settled();
    emit(encoder, fragmentsOf('Kp'));
    await runs[0]!.fail();
    expect(encoder.failure).toBeUndefined();
    clock.advance(1_000);
    expect(runs).toHaveLength(2);
    await runs[1]!.fail();
    expect(encoder.failure).toMatchObject({ code: 'ENCODER_FAILED' });
    clock.advance(2_000);
    expect(runs).toHaveLength(3);
    runs[2]!.encode(0);
    expect(encoder.failure).toBeUndefined();
    expect(encoders.counters.restarts).toBe(2);
  });

  it('gives up hardware that fails twice in a row with this camera', async () => {
    const runs: ScriptedRun[] = [];
    const encoder = new Encoder({
      ...job,
      choice: Promise.resolve({ encoder: 'h264_vaapi', rejected: [] }),
      openRun: (run) => {
        runs.push(new ScriptedRun(run));
        return runs.at(-1)!;
      },
      pace: () => FULL_PACE,
      maxRssBytes: Infinity,
      rssBytesOf: () => 0,
      counters: { restarts: 0, recycled: 0, fragmentsDropped: 0 },
      clock,
      logger: silentLogger,
      onClosed: () => {},
    });
    encoder.start();
    await settled();
    emit(encoder, fragmentsOf('Kp'));
    for (const run of [0, 1]) {
      await runs[run]!.fail();
      clock.advance(2_000);
    }
    expect(runs.map(({ job: { encoder: name } }) => name)).toEqual(['h264_vaapi', 'h264_vaapi', 'libx264']);
  });

  it('starts anew when it holds more memory than it may', async () => {
    let rssBytes = 900;
    const { encoders, runs } = scriptedEncoders(clock, { rssBytesOf: () => rssBytes });
    const encoder = encoders.open(job);
    await settled();
    emit(encoder, fragmentsOf('Kp'));
    clock.advance(20_000);
    expect(encoders.counters.recycled).toBe(0);
    rssBytes = 1_001;
    clock.advance(5_000);
    expect(runs.map(({ isClosed }) => isClosed)).toEqual([true, false]);
    expect(encoders.counters).toMatchObject({ recycled: 1, restarts: 0 });
  });

  it('takes another pace at the next keyframe of the camera, as another epoch, and encodes nothing twice', async () => {
    const slow: Pace = { maxBitsPerSecond: 220_000, maxFps: 10 };
    const { encoders, runs } = scriptedEncoders(clock);
    const encoder = encoders.open(job);
    await settled();
    const fragments = fragmentsOf('KppKpKp');
    emit(encoder, fragments.slice(0, 2));
    runs[0]!.encode(0);
    encoders.setPace(slow);
    emit(encoder, fragments.slice(2, 5));
    expect(runs.map(({ job: { pace } }) => pace)).toEqual([FULL_PACE, slow]);
    expect(runs.map(({ written }) => written.map(({ sequence }) => sequence))).toEqual([
      [0, 1, 2],
      [3, 4],
    ]);
    runs[1]!.encode(0);
    expect(taken[1]).toMatchObject({ isKeyframe: true, isDiscontinuity: true, sequence: 0 });
    expect(taken[1]!.init.epoch).toBeGreaterThan(taken[0]!.init.epoch);
    // There and back before the next keyframe: nothing has to change.
    encoders.setPace(FULL_PACE);
    encoders.setPace(slow);
    emit(encoder, fragments.slice(5));
    expect(runs).toHaveLength(2);
    expect(encoders.counters).toMatchObject({ restarts: 0, recycled: 0 });
  });

  it('keeps its pace as `main`: that cannot be made smaller', async () => {
    const { encoders, runs } = scriptedEncoders(clock);
    const encoder = encoders.open({ ...job, profile: 'main' });
    await settled();
    encoders.setPace({ maxBitsPerSecond: 120_000, maxFps: 5 });
    emit(encoder, fragmentsOf('KpKp'));
    expect(runs).toHaveLength(1);
  });

  it('counts what a slow process was not given, while it runs and afterwards', async () => {
    const { encoders, runs } = scriptedEncoders(clock);
    const encoder = encoders.open(job);
    await settled();
    emit(encoder, fragmentsOf('Kp'));
    runs[0]!.fragmentsDropped = 7;
    expect(encoders.counters.fragmentsDropped).toBe(7);
    await encoder.close();
    expect(encoders.counters.fragmentsDropped).toBe(7);
  });
});

describe('Encoders', () => {
  it('are no more than may run; what is above is told what to do', async () => {
    const { encoders } = scriptedEncoders(clock);
    const first = encoders.open(job);
    encoders.open({ ...job, camera: 'yard', profile: 'main' });
    const refused = (): unknown => encoders.open({ ...job, camera: 'gate' });
    expect(refused).toThrow(
      expect.objectContaining({
        code: 'ENCODER_LIMIT',
        message: expect.stringMatching(/2 streams.*front\/low, yard\/main.*subStream.*cores/),
      }),
    );
    expect(encoders.leasesRefused).toBe(1);
    await first.close();
    expect(refused).not.toThrow();
  });

  it('advise what spares the encoder of the stream that is refused: with masks, nothing of the camera does', () => {
    const { encoders } = scriptedEncoders(clock, { maxProcesses: 1 });
    encoders.open(job);
    const masks = privacyMasks([{ x: 0, y: 0, width: 0.5, height: 0.5 }]);
    const adviceFor = (refused: Partial<typeof job>): string => {
      try {
        encoders.open({ ...job, ...refused });
      } catch (error) {
        return (error as Error).message;
      }
      return 'not refused';
    };
    expect(adviceFor({ profile: 'main' })).toContain('set the camera to H.264');
    expect(adviceFor({ profile: 'low' })).toContain('a subStream');
    for (const profile of ['main', 'low', 'mpeg1'] as const) {
      const advice = adviceFor({ profile, masks });
      expect(advice).toContain('close one of them, or raise the number');
      expect(advice).not.toMatch(/H\.264|subStream/);
    }
  });

  it('end with the agent', async () => {
    const { encoders, runs } = scriptedEncoders(clock);
    emit(encoders.open(job), fragmentsOf('Kp'));
    await settled();
    await encoders.close();
    expect(runs.map(({ isClosed }) => isClosed)).toEqual([true]);
    expect(encoders.running).toEqual([]);
    clock.advance(60_000);
    expect(runs).toHaveLength(1);
  });
});
