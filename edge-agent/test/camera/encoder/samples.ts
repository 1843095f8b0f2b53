// Fragments and runs without a process behind them.

import type { Logger } from '@sitecast/shared/node/logger';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { EncodedInit, EncodingRun } from '../../../src/camera/encoder/encoder-run.ts';
import type { RunJob } from '../../../src/camera/encoder/encoder.ts';
import { Encoders, type EncodersOptions } from '../../../src/camera/encoder/encoders.ts';
import type { FfmpegBinary } from '../../../src/camera/ffmpeg-binary.ts';
import type { Fragment, InitSegment } from '../../../src/camera/fragment.ts';
import { silentLogger, type ManualClock } from '../../support.ts';

export const modernFfmpeg: FfmpegBinary = {
  path: '/nonexistent/ffmpeg',
  version: '5.1',
  origin: 'system',
  timeoutOption: '-timeout',
  passthroughOptions: ['-fps_mode', 'passthrough'],
  canHideUrl: true,
};

export function initOf(codec = 'avc1.64001f', epoch = 1): InitSegment {
  const bytes = Buffer.from(`init ${epoch}`);
  return { epoch, container: 'fmp4', bytes, codec, mime: '', width: 1280, height: 720 };
}

/** One a letter, a second apart; K is a keyframe. */
export function fragmentsOf(pattern: string, init = initOf(), bytes = 10): Fragment[] {
  return [...pattern].map((letter, index) => ({
    init,
    bytes: new Uint8Array(bytes).fill(index),
    isKeyframe: letter === 'K',
    isDiscontinuity: index === 0,
    sequence: index,
    capturedAtUs: 1_000_000 * (100 + index),
    decodeTimeS: 50 + index,
  }));
}

/** A run that does what the test says. */
export class ScriptedRun implements EncodingRun {
  readonly pid = 4242;
  readonly written: Fragment[] = [];
  readonly job: RunJob;
  fragmentsDropped = 0;
  isClosed = false;
  #end: (reason: AppError) => void = () => {};
  readonly #ended: Promise<AppError>;

  constructor(job: RunJob) {
    this.job = job;
    this.#ended = new Promise((resolve) => (this.#end = resolve));
  }

  start(): Promise<AppError> {
    return this.#ended;
  }

  write(fragment: Fragment): void {
    this.written.push(fragment);
    this.job.onWrite(fragment);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.fail('SHUTTING_DOWN');
  }

  /** Gives a picture, the first one with its init segment. */
  encode(decodeTime: number): void {
    const init: EncodedInit = { ...initOf('avc1.42c01f'), timescale: 1_000 };
    if (decodeTime === 0) this.job.onInit(init);
    this.job.onFragment({ bytes: new Uint8Array(1), isKeyframe: decodeTime % 1_000 === 0, decodeTime });
  }

  async fail(code = 'ENCODER_FAILED'): Promise<void> {
    this.#end(new AppError(code, 'the script says so', { retryable: true }));
    await settled();
  }
}

/** Lets what was resolved go on. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

export function scriptedEncoders(
  clock: ManualClock,
  more: Partial<EncodersOptions> = {},
  logger: Logger = silentLogger,
): { encoders: Encoders; runs: ScriptedRun[] } {
  const runs: ScriptedRun[] = [];
  const encoders = new Encoders({
    ffmpeg: modernFfmpeg,
    setting: 'software',
    maxProcesses: 2,
    maxRssBytes: 1_000,
    runDir: '/nonexistent',
    logger,
    clock,
    rssBytesOf: () => 0,
    openRun: (_, job) => {
      runs.push(new ScriptedRun(job));
      return runs.at(-1)!;
    },
    ...more,
  });
  return { encoders, runs };
}
