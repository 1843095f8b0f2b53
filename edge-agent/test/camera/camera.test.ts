import { AppError } from '@sitecast/shared/runtime/app-error';
import { describe, expect, it } from 'vitest';
import {
  Camera,
  HURRY_REST_MS,
  RECHECK_MS,
  STABLE_AFTER_MS,
  type CameraOptions,
  type Fragment,
} from '../../src/camera/camera.ts';
import type { CaptureOptions, CaptureRun } from '../../src/camera/capture.ts';
import type { FfmpegBinary } from '../../src/camera/ffmpeg-binary.ts';
import { ManualClock, silentLogger } from '../support.ts';

/** A capture that does what the test says; the real one is tried in the integration suite. */
class ScriptedCapture implements CaptureRun {
  readonly options: CaptureOptions;
  readonly #ended: Promise<AppError>;
  #end: (reason: AppError) => void = () => {};

  constructor(options: CaptureOptions) {
    this.options = options;
    this.#ended = new Promise((resolve) => (this.#end = resolve));
  }

  start(): Promise<AppError> {
    return this.#ended;
  }

  async close(): Promise<void> {
    this.#end(new AppError('SHUTTING_DOWN', 'closed'));
  }

  readonly pid = 42;
  readonly watched: boolean[] = [];

  setWatched(isWatched: boolean): void {
    this.watched.push(isWatched);
  }

  goLive(): void {
    const movie = {
      codec: 'avc1.64001f',
      width: 640,
      height: 360,
      timescale: 90_000,
      defaultFlags: 0,
      defaultDuration: 0,
    };
    this.options.onInit({ ...movie, bytes: new Uint8Array(3) });
    this.fragment(true, 0);
  }

  fragment(isKeyframe: boolean, decodeTime: number): void {
    const times = { decodeTime, duration: 6_000, compositionOffset: 0 };
    this.options.onFragment({ bytes: new Uint8Array(5), isKeyframe, ...times });
  }

  async end(code: string, detail: Record<string, unknown> = {}, retryable = false): Promise<void> {
    this.#end(new AppError(code, `because ${code}`, { detail, retryable }));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function setUp(more: Partial<CameraOptions> = {}): {
  camera: Camera;
  clock: ManualClock;
  captures: ScriptedCapture[];
} {
  const clock = new ManualClock();
  const captures: ScriptedCapture[] = [];
  const camera = new Camera({
    id: 'front',
    name: 'Front door',
    source: 'rtsp://10.0.0.5/live',
    ffmpeg: {} as FfmpegBinary,
    runDir: '/nonexistent',
    clock,
    logger: silentLogger,
    random: () => 1,
    openCapture: (options) => {
      captures.push(new ScriptedCapture(options));
      return captures.at(-1)!;
    },
    ...more,
  });
  return { camera, clock, captures };
}

const transports = (captures: ScriptedCapture[]): string[] =>
  captures.map(({ options }) => options.transport);

describe('Camera', () => {
  it('starts nothing before start(), and once only', () => {
    const { camera, captures } = setUp();
    expect([captures.length, camera.report().state]).toEqual([0, 'stopped']);
    camera.start();
    camera.start();
    expect([captures.length, camera.report().state]).toEqual([1, 'connecting']);
  });

  it('tells its capture whether anybody watches, once it is live', () => {
    const { camera, captures } = setUp();
    const stopEarly = camera.onFragment(() => {});
    camera.start();
    stopEarly();
    const [capture] = captures;
    expect(capture!.watched).toEqual([]);
    capture!.goLive();
    expect(capture!.watched).toEqual([false]);
    const [stopOne, stopOther] = [camera.onFragment(() => {}), camera.onFragment(() => {})];
    stopOne();
    expect(capture!.watched.at(-1)).toBe(true);
    stopOther();
    expect(capture!.watched.at(-1)).toBe(false);
  });

  it('tells a new capture of those who watched the last one', async () => {
    const { camera, clock, captures } = setUp();
    camera.start();
    captures[0]!.goLive();
    camera.onFragment(() => {});
    await captures[0]!.end('SOURCE_ENDED', {}, true);
    clock.advance(60_000);
    captures[1]!.goLive();
    expect(captures[1]!.watched).toEqual([true]);
  });

  it('is live from its first keyframe on, and says what it sends', () => {
    const { camera, captures } = setUp();
    camera.start();
    captures[0]!.goLive();
    expect(camera.report()).toMatchObject({
      state: 'live',
      reason: null,
      codec: 'avc1.64001f',
      width: 640,
      height: 360,
    });
    for (let index = 1; index <= 15; index += 1) captures[0]!.fragment(index % 15 === 0, index * 6_000);
    expect(camera.report().fps).toBe(15);
    expect(camera.counters).toMatchObject({ accessUnits: 16, keyframes: 2, restarts: 0 });
    expect(camera.capturePid).toBe(42);
  });

  it('is live too when the first picture comes before the first fragment', () => {
    const { camera, captures } = setUp();
    const states: string[] = [];
    camera.onPicture(() => states.push(camera.report().state));
    camera.start();
    captures[0]!.options.onPicture({
      jpeg: new Uint8Array(1),
      luma: new Uint8Array(1),
      width: 640,
      height: 360,
    });
    expect(states).toEqual(['live']);
    expect(camera.latestPicture()).toMatchObject({ width: 640, height: 360 });
  });

  it('numbers fragments within an epoch and never gives an epoch twice, however quick the restarts', async () => {
    const { camera, clock, captures } = setUp();
    const seen: Fragment[] = [];
    camera.onFragment((fragment) => seen.push(fragment));
    camera.start();
    for (let round = 0; round < 3; round += 1) {
      captures.at(-1)!.goLive();
      captures.at(-1)!.fragment(false, 6_000);
      await captures.at(-1)!.end('SOURCE_ENDED');
      clock.advance(4_000);
    }
    expect(seen.map(({ sequence, isDiscontinuity }) => [sequence, isDiscontinuity])).toEqual(
      [0, 1, 2].flatMap(() => [
        [0, true],
        [1, false],
      ]),
    );
    expect(new Set(seen.map(({ init }) => init.epoch)).size).toBe(3);
    expect(seen[0]!.init).toMatchObject({ mime: 'video/mp4; codecs="avc1.64001f"', width: 640, height: 360 });
  });

  it('gives epochs that differ when the clock stands still', async () => {
    const { camera, captures } = setUp();
    const epochs: number[] = [];
    camera.onFragment(({ init }) => epochs.push(init.epoch));
    camera.start();
    captures[0]!.goLive();
    captures[0]!.goLive();
    expect(epochs[1]).toBe(epochs[0]! + 1);
  });

  it('forgets pictures and fragments of a capture that ended', async () => {
    const { camera, captures } = setUp();
    camera.start();
    captures[0]!.goLive();
    captures[0]!.options.onPicture({ jpeg: new Uint8Array(1), luma: new Uint8Array(1), width: 2, height: 2 });
    await captures[0]!.end('SOURCE_ENDED');
    expect([camera.latestPicture(), camera.ring.bytes, camera.capturePid]).toEqual([undefined, 0, undefined]);
  });

  it('tries an unreachable camera again, ever more slowly, up to five minutes', async () => {
    const { camera, clock, captures } = setUp();
    camera.start();
    for (const delayMs of [
      1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000,
    ]) {
      const tries = captures.length;
      await captures.at(-1)!.end('SOURCE_UNREACHABLE');
      expect(camera.report()).toMatchObject({ state: 'waiting', reason: 'SOURCE_UNREACHABLE' });
      clock.advance(delayMs - 1);
      expect(captures).toHaveLength(tries);
      clock.advance(1);
      expect(captures).toHaveLength(tries + 1);
    }
    expect(camera.counters.restarts).toBe(11);
  });

  it('tries within seconds, whatever the back-off, when somebody asks for a picture', async () => {
    const { camera, clock, captures } = setUp();
    camera.start();
    for (let round = 0; round < 8; round += 1) {
      await captures.at(-1)!.end('SOURCE_UNREACHABLE');
      clock.advance(128_000);
    }
    const tries = captures.length;
    await captures.at(-1)!.end('SOURCE_UNREACHABLE');
    for (let asked = 0; asked < 10; asked += 1) camera.hurry();
    clock.advance(HURRY_REST_MS - 1);
    camera.hurry();
    expect(captures).toHaveLength(tries);
    clock.advance(1);
    expect(captures).toHaveLength(tries + 1);
    camera.hurry();
    await captures.at(-1)!.end('SOURCE_UNREACHABLE');
    clock.advance(60_000);
    camera.hurry();
    clock.advance(0);
    expect(captures).toHaveLength(tries + 2);
  });

  it('is not hurried to a refused password', async () => {
    const { camera, clock, captures } = setUp();
    camera.start();
    await captures[0]!.end('SOURCE_UNAUTHORIZED');
    camera.hurry();
    clock.advance(60_000);
    expect(captures).toHaveLength(1);
  });

  it('opens a stream that changes again and again every five seconds at most, and never more slowly', async () => {
    const { camera, clock, captures } = setUp();
    const waits: number[] = [];
    camera.start();
    for (let round = 0; round < 20; round += 1) {
      captures.at(-1)!.goLive();
      clock.advance(2_000);
      const opened = captures.length;
      const endedMs = clock.monotonicMs();
      await captures.at(-1)!.end('SOURCE_CHANGED');
      while (captures.length === opened) clock.advance(100);
      waits.push(clock.monotonicMs() - endedMs);
    }
    expect(waits[0]).toBe(0);
    expect(waits.slice(1).every((waitMs) => waitMs === 3_000)).toBe(true);
    expect(captures.at(-1)!.options.probeMs).toBe(captures[0]!.options.probeMs);
  });

  it('starts over with short delays once the camera was live for ten seconds', async () => {
    const { camera, clock, captures } = setUp();
    camera.start();
    for (let round = 0; round < 5; round += 1) {
      await captures.at(-1)!.end('SOURCE_UNREACHABLE');
      clock.advance(60_000);
    }
    captures.at(-1)!.goLive();
    clock.advance(STABLE_AFTER_MS);
    const tries = captures.length;
    await captures.at(-1)!.end('SOURCE_ENDED');
    clock.advance(1_000);
    expect(captures).toHaveLength(tries + 1);
  });

  it('tries a refused password once in thirty minutes, over one transport only', async () => {
    const { camera, clock, captures } = setUp();
    camera.start();
    await captures[0]!.end('SOURCE_UNAUTHORIZED');
    expect(camera.report()).toMatchObject({ state: 'failed', reason: 'SOURCE_UNAUTHORIZED' });
    clock.advance(RECHECK_MS - 1);
    expect(captures).toHaveLength(1);
    clock.advance(1);
    expect(transports(captures)).toEqual(['tcp', 'tcp']);
  });

  it('fails on a codec that cannot be passed through, and looks again after thirty minutes', async () => {
    const { camera, clock, captures } = setUp();
    camera.start();
    await captures[0]!.end('SOURCE_UNSUPPORTED');
    expect(camera.report()).toMatchObject({
      state: 'failed',
      reason: 'SOURCE_UNSUPPORTED',
      detail: 'because SOURCE_UNSUPPORTED',
    });
    clock.advance(RECHECK_MS);
    captures[1]!.goLive();
    expect(camera.report()).toMatchObject({ state: 'live', reason: null, detail: null });
  });

  it('takes what may be a mood for one only when the camera has given pictures before', async () => {
    const { camera, clock, captures } = setUp();
    camera.start();
    await captures[0]!.end('SOURCE_UNSUPPORTED', {}, true);
    expect(camera.report().state).toBe('failed');
    clock.advance(RECHECK_MS);
    captures[1]!.goLive();
    await captures[1]!.end('SOURCE_ENDED');
    clock.advance(5_000);
    await captures[2]!.end('SOURCE_UNSUPPORTED', {}, true);
    expect(camera.report()).toMatchObject({ state: 'waiting', reason: 'SOURCE_UNSUPPORTED' });
  });

  it('goes to UDP at once when the camera refuses TCP, and starts with UDP next time', async () => {
    const { camera, clock, captures } = setUp();
    camera.start();
    await captures[0]!.end('SOURCE_UNREACHABLE', { isTransportRefused: true });
    expect(transports(captures)).toEqual(['tcp', 'udp']);
    captures[1]!.goLive();
    await captures[1]!.end('SOURCE_ENDED');
    clock.advance(5_000);
    expect(transports(captures)).toEqual(['tcp', 'udp', 'udp']);
  });

  it('waits when both transports are refused, and starts over with TCP', async () => {
    const { camera, clock, captures } = setUp();
    camera.start();
    await captures[0]!.end('SOURCE_UNREACHABLE', { isTransportRefused: true });
    await captures[1]!.end('SOURCE_UNREACHABLE', { isTransportRefused: true });
    expect(camera.report().state).toBe('waiting');
    clock.advance(5_000);
    expect(transports(captures)).toEqual(['tcp', 'udp', 'tcp']);
  });

  it('keeps to the transport that the configuration names', async () => {
    const { camera, captures } = setUp({ transport: 'udp' });
    camera.start();
    await captures[0]!.end('SOURCE_UNREACHABLE', { isTransportRefused: true });
    expect(transports(captures)).toEqual(['udp']);
    expect(camera.report().state).toBe('waiting');
  });

  it('is not hurt by listeners that throw', () => {
    const { camera, captures } = setUp();
    let heard = 0;
    const fail = (): never => {
      throw new Error('listener');
    };
    camera.onFragment(fail);
    camera.onReport(fail);
    const unsubscribe = camera.onFragment(() => (heard += 1));
    camera.start();
    captures[0]!.goLive();
    unsubscribe();
    captures[0]!.fragment(false, 6_000);
    expect([camera.report().state, heard]).toEqual(['live', 1]);
    expect(camera.counters.listenerErrors).toBeGreaterThan(2);
  });

  it('stops for good on close(), whatever it was waiting for', async () => {
    const { camera, clock, captures } = setUp();
    camera.start();
    await captures[0]!.end('SOURCE_UNREACHABLE');
    await Promise.all([camera.close(), camera.close()]);
    clock.advance(RECHECK_MS);
    camera.start();
    expect([captures.length, camera.report().state]).toEqual([1, 'stopped']);
  });

  it('refuses a source that it cannot understand, without repeating its password', () => {
    expect(() => setUp({ source: 'http://admin:hunter2@cam/' })).toThrow(/^(?!.*hunter2)/);
  });
});
