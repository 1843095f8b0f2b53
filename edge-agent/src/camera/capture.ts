// One run of ffmpeg on one camera, from the look-up of its host to the end of the process. Owns the process and the deadlines;
// knows nothing of retries (camera.ts).

import { AppError, isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import type { Clock } from '@sitecast/shared/runtime/clock';
import { captureCommand, LUMA_FD, PICTURE_FD, VIDEO_FD, type Transport } from './capture-arguments.ts';
import { explainExit, isNoVideo, MUTE_CAMERA } from './capture-failure.ts';
import { ChildProcess, type ChildExit } from './child-process.ts';
import type { FfmpegBinary } from './ffmpeg-binary.ts';
import { Fmp4Splitter, type SplitFragment, type SplitInit } from './fmp4-splitter.ts';
import { JpegSplitter } from './jpeg-splitter.ts';
import { KeyframePictures, type CapturedPicture } from './keyframe-pictures.ts';
import { LumaSplitter } from './luma.ts';
import type { PrivacyMasks } from './privacy-masks.ts';
import { resolveHost, type Source } from './source.ts';
import { StreamChanges } from './stream-changes.ts';
import { Watchdog } from './watchdog.ts';

/** From the start to the init segment, beside the time in which ffmpeg looks at the stream. */
const CONNECT_TIMEOUT_MS = 9_000;
/** From the init segment to the first keyframe: cameras with long GOPs do not all send one at PLAY. */
const FIRST_KEYFRAME_TIMEOUT_MS = 30_000;
/** Without a byte from the camera: ffmpeg itself gives up. */
const SILENT_TIMEOUT_MS = 8_000;
/** Without an access unit, whatever else comes. Later than the one above, so that each has a reason of its own. */
const STALLED_TIMEOUT_MS = 10_000;
/** Of a camera that is silent, for the answer to TEARDOWN. */
const SILENT_KILL_AFTER_MS = 500;
/** How far what ffmpeg does at its time-out may be from it: the video may be read in batches. */
const SILENT_SLACK_MS = 500;
/** From one picture to the next: what lies between the two time-outs above. */
const FEW_PICTURES_S = 2;

export interface CaptureOptions {
  source: Source;
  transport: Transport;
  probeMs: number;
  name: string;
  hasPictures: boolean;
  masks: PrivacyMasks;
  ffmpeg: FfmpegBinary;
  runDir: string;
  clock: Clock;
  onInit: (init: SplitInit) => void;
  onFragment: (fragment: SplitFragment) => void;
  onPicture: (picture: CapturedPicture) => void;
  isProbe?: boolean;
  /** Returns whether a line of ffmpeg's log is none that could explain the end of the capture. */
  takeLogLine?: (line: string) => boolean;
}

/** What `Camera` needs of a capture; tests put their own in its place. */
export interface CaptureRun {
  /** @returns resolves with the reason when nothing of it runs any more; never rejects. */
  start(): Promise<AppError>;
  close(): Promise<void>;
  /** While nobody watches, the video is read in batches: it costs less, and its access units come up to 0.4 s late. */
  setWatched(isWatched: boolean): void;
  /** undefined while no process runs. */
  readonly pid: number | undefined;
}

export class Capture implements CaptureRun {
  readonly #options: CaptureOptions;
  readonly #watchdog: Watchdog;
  #child: ChildProcess | undefined;
  #ended: Promise<AppError> | undefined;
  /** Why we ended it; else the process tells. */
  #reason: AppError | undefined;
  /** Settles with `#reason`: a look-up of a name cannot be cancelled, only left behind. */
  readonly #stopped: Promise<undefined>;
  #tellStopped: () => void = () => {};
  #startedMs = 0;
  #isLive = false;
  #lastUnitMs = 0;
  #lastIntervalMs = Infinity;
  /** By the camera's clock, when it is shown: of a stream that may have B pictures, ffmpeg guesses when it is decoded. */
  #lastUnitS = 0;
  #timescale = 1;
  /** When ffmpeg, at its time-out, gave what it had kept back; undefined since pictures came again. */
  #flushedAtMs: number | undefined;
  #changes: StreamChanges | undefined;

  constructor(options: CaptureOptions) {
    this.#options = options;
    this.#watchdog = new Watchdog(options.clock);
    this.#stopped = new Promise((resolve) => (this.#tellStopped = () => resolve(undefined)));
  }

  start(): Promise<AppError> {
    this.#ended ??= this.#run().finally(() => this.#watchdog.close());
    return this.#ended;
  }

  /** Resolves when the process is gone. Idempotent. */
  async close(): Promise<void> {
    this.#reason ??= new AppError('SHUTTING_DOWN', 'the capture was closed');
    this.#tellStopped();
    await this.#child?.close();
    await this.#ended;
  }

  setWatched(isWatched: boolean): void {
    // A datagram that finds no room is lost, so a process that takes them must never wait for us.
    const isUdp = this.#options.source.kind === 'rtsp' && this.#options.transport === 'udp';
    this.#child?.attendTo(VIDEO_FD, isWatched || isUdp);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async #run(): Promise<AppError> {
    try {
      const withinMs = CONNECT_TIMEOUT_MS + this.#options.probeMs;
      this.#watchdog.expect(withinMs, () =>
        this.#stop(unreachable(`the camera gave no picture within ${withinMs / 1000} s`)),
      );
      const source = await Promise.race([this.#findHost(), this.#stopped]);
      if (this.#reason || !source)
        return this.#reason ?? new AppError('SHUTTING_DOWN', 'the capture was closed');
      this.#child = this.#newChild(source);
      this.#startedMs = this.#options.clock.monotonicMs();
      const exit = await this.#child.start();
      return this.#reason ?? this.#explain(exit);
    } catch (error) {
      if (isAppError(error)) return error;
      return new AppError('ENCODER_FAILED', `the capture failed: ${messageOf(error)}`, { retryable: true });
    }
  }

  /** @returns the source as it may be given to this ffmpeg. */
  async #findHost(): Promise<Source> {
    const { source, ffmpeg } = this.#options;
    // The name in a certificate is only known to who connects by name, so an encrypted source keeps it where ffmpeg can look it up.
    if (source.kind !== 'rtsp' || (source.isEncrypted && ffmpeg.origin === 'system')) return source;
    return await resolveHost(source);
  }

  #newChild(source: Source): ChildProcess {
    const { ffmpeg, runDir, clock, takeLogLine } = this.#options;
    const { args, stdin } = captureCommand({ ...this.#options, source, socketTimeoutMs: SILENT_TIMEOUT_MS });
    const video = new Fmp4Splitter({
      onInit: (init) => this.#takeInit(init),
      onFragment: (fragment) => this.#takeFragment(fragment),
    });
    const pictures = new KeyframePictures(this.#options.onPicture);
    const jpegs = new JpegSplitter({ onPicture: (picture) => pictures.addPicture(picture) });
    const lumas = new LumaSplitter((luma) => pictures.addLuma(luma));
    const onOutput = {
      [VIDEO_FD]: (chunk: Buffer) => this.#guarded(() => video.push(chunk)),
      [PICTURE_FD]: (chunk: Buffer) => this.#guarded(() => jpegs.push(chunk)),
      [LUMA_FD]: (chunk: Buffer) => this.#guarded(() => lumas.push(chunk)),
    };
    return new ChildProcess({ path: ffmpeg.path, args, stdin, takeLogLine, onOutput, runDir, clock });
  }

  // After a malformed box nothing that follows can be trusted; the rest of the output is read and thrown away.
  #guarded(feed: () => void): void {
    if (this.#reason) return;
    try {
      feed();
    } catch (error) {
      this.#stop(
        isAppError(error) ? error : new AppError('ENCODER_FAILED', messageOf(error), { retryable: true }),
      );
    }
  }

  #takeInit(init: SplitInit): void {
    this.#watchdog.expect(FIRST_KEYFRAME_TIMEOUT_MS, () =>
      this.#stop(stalled(`the camera sent no keyframe within ${FIRST_KEYFRAME_TIMEOUT_MS / 1000} s`)),
    );
    this.#timescale = init.timescale;
    this.#changes = new StreamChanges(init);
    this.#options.onInit(init);
  }

  #takeFragment(fragment: SplitFragment): void {
    const change = this.#changes?.look(fragment);
    if (change !== undefined)
      return this.#stop(new AppError('SOURCE_CHANGED', `${change}; it is opened anew`, { retryable: true }));
    const shownAtS = (fragment.decodeTime + fragment.compositionOffset) / this.#timescale;
    if (this.#hasComeFromCamera(shownAtS)) this.#feed();
    this.#options.onFragment(fragment);
  }

  /**
   * At its time-out ffmpeg gives the access units that it had kept back, and waits for as long again. So what comes that long after the
   * one before, and at that moment alone, says that the camera is silent; unless it is a camera with so few pictures that it may well
   * have come now.
   */
  #hasComeFromCamera(shownAtS: number): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    const intervalMs = nowMs - this.#lastUnitMs;
    const intervalS = Math.max(this.#lastIntervalMs / 1_000, Math.abs(shownAtS - this.#lastUnitS));
    const wasFlushed = isTimeOut(intervalMs) && intervalS < FEW_PICTURES_S;
    this.#lastUnitMs = nowMs;
    this.#lastIntervalMs = intervalMs;
    this.#lastUnitS = shownAtS;
    if (wasFlushed) this.#flushedAtMs = nowMs;
    else if (nowMs - (this.#flushedAtMs ?? 0) > SILENT_SLACK_MS) this.#flushedAtMs = undefined;
    return this.#flushedAtMs === undefined;
  }

  #feed(): void {
    if (this.#isLive) return this.#watchdog.feed(STALLED_TIMEOUT_MS);
    this.#isLive = true;
    this.#watchdog.expect(STALLED_TIMEOUT_MS, () => this.#stop(this.#whyNoPicture()));
  }

  #whyNoPicture(): AppError {
    if (this.#flushedAtMs !== undefined) return silent();
    return stalled(`the camera sent no picture for ${STALLED_TIMEOUT_MS / 1000} s`);
  }

  /** ffmpeg says of its time-out only that the stream ended; it keeps the last access unit back until then. */
  #explain(exit: ChildExit): AppError {
    const nowMs = this.#options.clock.monotonicMs();
    const isSilent = this.#flushedAtMs !== undefined || isTimeOut(nowMs - this.#lastUnitMs);
    if (this.#isLive && isSilent) return silent();
    const reason = explainExit(exit, this.#isLive);
    const isMute = isNoVideo(reason) && isTimeOut(nowMs - this.#startedMs);
    return isMute && this.#options.source.kind === 'rtsp' ? silent(MUTE_CAMERA) : reason;
  }

  #stop(reason: AppError): void {
    this.#reason ??= reason;
    this.#tellStopped();
    void this.#child?.close(reason.code === 'SOURCE_SILENT' ? SILENT_KILL_AFTER_MS : undefined);
  }
}

function unreachable(message: string): AppError {
  return new AppError('SOURCE_UNREACHABLE', message, { retryable: true });
}

function isTimeOut(withoutUnitMs: number): boolean {
  return withoutUnitMs >= SILENT_TIMEOUT_MS - SILENT_SLACK_MS;
}

function silent(message = `nothing came from the camera for ${SILENT_TIMEOUT_MS / 1000} s`): AppError {
  return new AppError('SOURCE_SILENT', message, { retryable: true });
}

function stalled(message: string): AppError {
  return new AppError('SOURCE_STALLED', message, { retryable: true });
}
