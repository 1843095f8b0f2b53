// One run of ffmpeg as an encoder, fed with the fragments of one run of a capture. Owns the process and the deadline of its output;
// knows nothing of retries (encoder.ts).

import { AppError, isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import type { Clock } from '@sitecast/shared/runtime/clock';
import { ChildProcess, type ChildExit } from '../child-process.ts';
import type { FfmpegBinary } from '../ffmpeg-binary.ts';
import { Fmp4Splitter, type SplitFragment, type SplitInit } from '../fmp4-splitter.ts';
import { fmp4Mime, type Fragment, type InitSegment } from '../fragment.ts';
import { Watchdog } from '../watchdog.ts';
import { encoderArguments, type Target } from './encoder-arguments.ts';
import { FragmentWriter } from './fragment-writer.ts';
import type { VideoEncoder } from './video-encoders.ts';

/** Below every camera and the agent itself. */
export const ENCODER_NICENESS = 10;
const NO_OUTPUT_TIMEOUT_MS = 15_000;
/** Pictures that an encoder may hold back: with fewer it is the camera that is silent. */
const MAX_HELD_BACK = 30;

/** Its run gets a number from whoever keeps the encoder. */
export type EncodedInit = Omit<InitSegment, 'epoch'> & {
  /** Ticks per second of decode times. */
  timescale: number;
};

export interface EncoderRunOptions {
  ffmpeg: FfmpegBinary;
  encoder: VideoEncoder;
  target: Target;
  /** Of the fragments that will be written. */
  input: InitSegment;
  runDir: string;
  clock: Clock;
  onInit: (init: EncodedInit) => void;
  onFragment: (fragment: Pick<SplitFragment, 'bytes' | 'isKeyframe' | 'decodeTime'>) => void;
  /** Just before it goes into the process. */
  onWrite: (fragment: Fragment) => void;
}

/** What `Encoder` needs of a run; tests put their own in its place. */
export interface EncodingRun {
  /** @returns resolves with the reason when the process is gone; never rejects. */
  start(): Promise<AppError>;
  write(fragment: Fragment, isContinuous: boolean): void;
  close(reason?: AppError): Promise<void>;
  readonly pid: number | undefined;
  /** Not encoded, because the process was too slow. */
  readonly fragmentsDropped: number;
}

/** Ends an encoder that takes pictures and gives none. */
export class OutputDeadline {
  readonly #watchdog: Watchdog;
  readonly #onMissed: (reason: AppError) => void;
  /** Written since the last output. */
  #heldBack = 0;

  constructor(clock: Clock, onMissed: (reason: AppError) => void) {
    this.#watchdog = new Watchdog(clock);
    this.#onMissed = onMissed;
  }

  start(): void {
    this.#watchdog.expect(NO_OUTPUT_TIMEOUT_MS, () => {
      if (this.#heldBack <= MAX_HELD_BACK) return this.start();
      this.#onMissed(encoderFailed(`the encoder gave nothing for ${NO_OUTPUT_TIMEOUT_MS / 1000} s`));
    });
  }

  written(): void {
    this.#heldBack += 1;
  }

  output(): void {
    this.#heldBack = 0;
    this.#watchdog.feed(NO_OUTPUT_TIMEOUT_MS);
  }

  close(): void {
    this.#watchdog.close();
  }
}

export class EncoderRun implements EncodingRun {
  readonly #options: EncoderRunOptions;
  readonly #child: ChildProcess;
  readonly #deadline: OutputDeadline;
  #writer: FragmentWriter | undefined;
  #reason: AppError | undefined;

  constructor(options: EncoderRunOptions) {
    this.#options = options;
    this.#deadline = new OutputDeadline(options.clock, (reason) => void this.close(reason));
    const { ffmpeg, runDir, clock } = options;
    const output = new Fmp4Splitter({
      onInit: (init) => options.onInit(withoutEpoch(init)),
      onFragment: (fragment) => {
        this.#deadline.output();
        options.onFragment(fragment);
      },
    });
    this.#child = new ChildProcess({
      path: ffmpeg.path,
      args: encoderArguments(options),
      stdin: undefined,
      isStdinOpen: true,
      niceness: ENCODER_NICENESS,
      onOutput: { 1: (chunk) => this.#take(output, chunk) },
      runDir,
      clock,
      // It has nobody to say goodbye to.
      killAfterMs: 0,
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get fragmentsDropped(): number {
    return this.#writer?.fragmentsDropped ?? 0;
  }

  async start(): Promise<AppError> {
    const exited = this.#child.start();
    const { clock, input } = this.#options;
    const { stdin } = this.#child;
    if (stdin) {
      this.#writer = new FragmentWriter({
        sink: stdin,
        clock,
        onWrite: (fragment) => this.#noteWritten(fragment),
      });
      stdin.write(input.bytes);
    }
    this.#deadline.start();
    const exit = await exited;
    this.#deadline.close();
    return this.#reason ?? explain(exit, this.#options.encoder);
  }

  write(fragment: Fragment, isContinuous: boolean): void {
    this.#writer?.push(fragment, isContinuous);
  }

  async close(reason: AppError = new AppError('SHUTTING_DOWN', 'the encoder was closed')): Promise<void> {
    this.#reason ??= reason;
    await this.#child.close();
  }

  #noteWritten(fragment: Fragment): void {
    this.#deadline.written();
    this.#options.onWrite(fragment);
  }

  #take(output: Fmp4Splitter, chunk: Buffer): void {
    if (this.#reason) return;
    try {
      output.push(chunk);
    } catch (error) {
      void this.close(isAppError(error) ? error : encoderFailed(messageOf(error)));
    }
  }
}

function withoutEpoch({ bytes, codec, width, height, timescale }: SplitInit): EncodedInit {
  return { container: 'fmp4', bytes, codec, mime: fmp4Mime(codec), width, height, timescale };
}

function explain(exit: ChildExit, encoder: VideoEncoder): AppError {
  if (exit.spawnError !== undefined) return encoderFailed(`ffmpeg could not be started: ${exit.spawnError}`);
  const how = exit.signal ?? `exit code ${exit.code}`;
  return encoderFailed(`the encoder ${encoder} ended (${how})`, { stderr: exit.stderr });
}

export function encoderFailed(message: string, detail: Record<string, unknown> = {}): AppError {
  return new AppError('ENCODER_FAILED', message, { retryable: true, detail });
}
