import { describe, expect, it } from 'vitest';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { CaptureOptions, CaptureRun } from '../../src/camera/capture.ts';
import { parseSource } from '../../src/camera/source.ts';
import { probeCamera, type CameraProbeOptions } from '../../src/probe/camera-probe.ts';
import { modernFfmpeg } from '../camera/encoder/samples.ts';
import { fragment, initSegment } from '../camera/fmp4-sample.ts';
import { ManualClock } from '../support.ts';

class ScriptedCapture implements CaptureRun {
  readonly pid = 42;
  readonly options: CaptureOptions;
  readonly #ended: Promise<AppError>;
  end: (reason: AppError) => void = () => {};

  constructor(options: CaptureOptions) {
    this.options = options;
    this.#ended = new Promise((resolve) => (this.end = resolve));
  }

  start(): Promise<AppError> {
    return this.#ended;
  }

  async close(): Promise<void> {
    this.end(new AppError('SHUTTING_DOWN', 'closed'));
  }

  setWatched(): void {}

  /** At 10 pictures a second. */
  give(pictures: number): void {
    const movie = {
      codec: 'hev1',
      width: 640,
      height: 360,
      timescale: 1_000,
      defaultFlags: 0,
      defaultDuration: 0,
    };
    this.options.onInit({ ...movie, bytes: initSegment() });
    for (let index = 0; index < pictures; index += 1) {
      const times = { decodeTime: index * 100, duration: 100, compositionOffset: 0 };
      const isKeyframe = index % 10 === 0;
      const bytes = fragment({ ...times, isKeyframe, payload: new Uint8Array(50) });
      this.options.onFragment({ bytes, isKeyframe, ...times });
    }
  }
}

function setUp(source: string, more: Partial<CameraProbeOptions> = {}) {
  const captures: ScriptedCapture[] = [];
  const clock = new ManualClock();
  const probing = probeCamera({
    source: parseSource(source),
    transport: 'auto',
    seconds: 5,
    ffmpeg: modernFfmpeg,
    runDir: '/nonexistent',
    clock,
    openCapture: (options) => {
      captures.push(new ScriptedCapture(options));
      return captures.at(-1)!;
    },
    ...more,
  });
  return { captures, clock, probing };
}

const ended = new AppError('SOURCE_ENDED', 'the camera ended the stream');
const refused = new AppError('SOURCE_UNREACHABLE', 'refused', { detail: { isTransportRefused: true } });

describe('probeCamera', () => {
  it('measures for so long from the first picture on', async () => {
    const { captures, clock, probing } = setUp('rtsp://camera/');
    clock.advance(8_000);
    captures[0]!.options.takeLogLine?.('Input #0, rtsp');
    captures[0]!.options.takeLogLine?.('  Stream #0:0: Video: hevc (Main), yuv420p');
    captures[0]!.give(51);
    clock.advance(5_000);
    expect(await probing).toMatchObject({
      transport: 'tcp',
      codec: 'hev1',
      profile: 'Main',
      declaredFps: null,
      fps: 10,
      accessUnits: 51,
      endedBy: undefined,
    });
  });

  it('tells what it saw of a camera that went away, and why that was all', async () => {
    const { captures, probing } = setUp('rtsp://camera/');
    captures[0]!.give(20);
    captures[0]!.end(ended);
    expect(await probing).toMatchObject({ accessUnits: 20, endedBy: ended });
  });

  it('tries UDP when the camera refuses TCP, unless the way is given or there is no other', async () => {
    const { captures, probing } = setUp('rtsp://camera/');
    captures[0]!.end(refused);
    await new Promise((resolve) => setImmediate(resolve));
    captures[1]!.give(20);
    captures[1]!.end(ended);
    expect(await probing).toMatchObject({ transport: 'udp' });
    for (const [source, more] of [
      ['rtsp://camera/', { transport: 'tcp' }],
      ['rtsps://camera/', {}],
    ] as const) {
      const only = setUp(source, more);
      only.captures[0]!.end(refused);
      await expect(only.probing).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' });
      expect(only.captures).toHaveLength(1);
    }
  });

  it('tells a camera that takes the connection and says nothing from one that is no camera, or not there', async () => {
    const noVideo = new AppError('SOURCE_UNREACHABLE', 'no video', { retryable: true });
    const reasonOf = async (afterMs: number, reach: () => Promise<void>): Promise<unknown> => {
      const { captures, clock, probing } = setUp('rtsp://camera/', { reach });
      clock.advance(afterMs);
      captures[0]!.end(noVideo);
      return probing.catch((error: unknown) => error);
    };
    const taken = async (): Promise<void> => {};
    const refusing = (): Promise<void> => Promise.reject(new Error('no answer in time'));
    expect(await reasonOf(8_000, taken)).toMatchObject({
      code: 'SOURCE_SILENT',
      message: expect.stringContaining('takes the connection and does not answer') as string,
    });
    expect(await reasonOf(8_000, refusing)).toMatchObject({ message: 'no video' });
    expect(await reasonOf(100, taken)).toMatchObject({ message: 'no video' });
  });

  it('fails with the tracks that were seen, and ends when it is told to', async () => {
    const failed = setUp('rtsp://camera/');
    failed.captures[0]!.options.takeLogLine?.('Input #0, rtsp');
    failed.captures[0]!.options.takeLogLine?.('  Stream #0:0: Video: vp8, yuv420p');
    failed.captures[0]!.end(new AppError('SOURCE_UNSUPPORTED', 'vp8'));
    await expect(failed.probing).rejects.toMatchObject({ detail: { tracks: [{ codec: 'vp8' }] } });
    const stopping = new AbortController();
    const stopped = setUp('demo:front', { signal: stopping.signal });
    stopped.captures[0]!.give(20);
    stopping.abort();
    await expect(stopped.probing).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await expect(setUp('demo:front', { signal: stopping.signal }).probing).rejects.toMatchObject({
      code: 'SHUTTING_DOWN',
    });
  });
});
