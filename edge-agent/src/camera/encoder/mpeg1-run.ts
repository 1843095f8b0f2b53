// One run of node-rtsp-stream's muxer: ffmpeg that makes MPEG-1 in MPEG-TS, for browsers that play no H.264. Only its muxer is used:
// its server has no login, no bound and falls to a bad frame.
//
// The muxer is fed through the standard input of its ffmpeg rather than by a port, which everybody on the gateway could
// connect to. What it leaves undone is done here: errors of the start, every kind of end, and ending it for certain.

import { setPriority } from 'node:os';
import { redact } from '@sitecast/shared/node/logger';
import { AppError, isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import Mpeg1Muxer from 'node-rtsp-stream/mpeg1muxer.js';
import { STDERR_LINE_CHARACTERS, STDERR_LINES } from '../child-process.ts';
import type { Fragment } from '../fragment.ts';
import { recordProcess } from '../process-record.ts';
import { mpeg1Options } from './encoder-arguments.ts';
import {
  encoderFailed,
  ENCODER_NICENESS,
  OutputDeadline,
  type EncoderRunOptions,
  type EncodingRun,
} from './encoder-run.ts';
import { FragmentWriter } from './fragment-writer.ts';
import { MpegTsSplitter, type TsUnit } from './mpeg-ts-splitter.ts';

const TIMESCALE = 90_000;

export class Mpeg1Run implements EncodingRun {
  readonly #options: EncoderRunOptions;
  readonly #deadline: OutputDeadline;
  readonly #output = new MpegTsSplitter((unit) => this.#takeUnit(unit));
  readonly #stderr: string[] = [];
  #muxer: Mpeg1Muxer | undefined;
  #writer: FragmentWriter | undefined;
  #ended: Promise<AppError> | undefined;
  #hasInit = false;
  #reason: AppError | undefined;
  #forget = (): void => {};

  constructor(options: EncoderRunOptions) {
    this.#options = options;
    this.#deadline = new OutputDeadline(options.clock, (reason) => void this.close(reason));
  }

  get pid(): number | undefined {
    const stream = this.#muxer?.stream;
    return stream && stream.exitCode === null && stream.signalCode === null ? stream.pid : undefined;
  }

  get fragmentsDropped(): number {
    return this.#writer?.fragmentsDropped ?? 0;
  }

  start(): Promise<AppError> {
    this.#ended ??= this.#run();
    return this.#ended;
  }

  write(fragment: Fragment, isContinuous: boolean): void {
    this.#writer?.push(fragment, isContinuous);
  }

  async close(reason: AppError = new AppError('SHUTTING_DOWN', 'the encoder was closed')): Promise<void> {
    this.#reason ??= reason;
    this.#muxer?.stream.kill('SIGKILL');
    await this.#ended;
  }

  #run(): Promise<AppError> {
    const { ffmpeg, target } = this.#options;
    return new Promise((resolve) => {
      const finish = (how: string): void => {
        this.#forget();
        this.#deadline.close();
        const detail = { stderr: this.#stderr };
        resolve(this.#reason ?? encoderFailed(`the encoder mpeg1video ended (${how})`, detail));
      };
      try {
        const ffmpegOptions = mpeg1Options(target);
        const muxer = new Mpeg1Muxer({ url: 'pipe:0', ffmpegPath: ffmpeg.path, ffmpegOptions });
        this.#muxer = muxer;
        muxer.stream.once('error', (error) => muxer.stream.pid === undefined && finish(messageOf(error)));
        muxer.stream.once('close', (code, signal) => finish(signal ?? `exit code ${code}`));
        this.#connect(muxer);
      } catch (error) {
        finish(messageOf(error));
      }
    });
  }

  #connect(muxer: Mpeg1Muxer): void {
    const { clock, input, runDir } = this.#options;
    const { stdin, stdout, stderr, pid } = muxer.stream;
    // EPIPE of a dying process: its end is reported by 'close'.
    for (const stream of [stdin, stdout, stderr]) stream.on('error', () => {});
    muxer.on('mpeg1data', (chunk: Buffer) => this.#take(chunk));
    muxer.on('ffmpegStderr', (chunk: Buffer) => this.#takeStderr(chunk));
    if (pid === undefined) return;
    this.#forget = recordProcess(runDir, pid);
    setPriority(pid, ENCODER_NICENESS);
    this.#writer = new FragmentWriter({
      sink: stdin,
      clock,
      onWrite: (fragment) => this.#noteWritten(fragment),
    });
    stdin.write(input.bytes);
    this.#deadline.start();
  }

  #noteWritten(fragment: Fragment): void {
    this.#deadline.written();
    this.#options.onWrite(fragment);
  }

  #take(chunk: Buffer): void {
    if (this.#reason) return;
    try {
      this.#output.push(chunk);
    } catch (error) {
      void this.close(isAppError(error) ? error : encoderFailed(messageOf(error)));
    }
  }

  #takeUnit(unit: TsUnit): void {
    const { onInit, onFragment, target } = this.#options;
    this.#deadline.output();
    if (!this.#hasInit) {
      this.#hasInit = true;
      const { width, height } = target;
      const described = { codec: 'mpeg1video', mime: 'video/mp2t', width, height, timescale: TIMESCALE };
      onInit({ container: 'mpegts', bytes: new Uint8Array(0), ...described });
    }
    onFragment(unit);
  }

  #takeStderr(chunk: Buffer): void {
    for (const line of chunk.toString().split(/[\r\n]+/)) {
      if (line.trim() !== '') this.#stderr.push(redact(line).slice(0, STDERR_LINE_CHARACTERS));
    }
    this.#stderr.splice(0, this.#stderr.length - STDERR_LINES);
  }
}
