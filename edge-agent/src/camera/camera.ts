// One camera of the agent: keeps one capture running, and says in what state it is. Owns the capture, its timers and the GOP ring.

import type { Logger } from '@sitecast/shared/node/logger';
import type { CameraReport, CameraState } from '@sitecast/shared/protocol/status';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { Backoff } from '@sitecast/shared/runtime/backoff';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import { Listeners } from '@sitecast/shared/runtime/listeners';
import type { Transport } from './capture-arguments.ts';
import { isTransportRefused } from './capture-failure.ts';
import { Capture, type CaptureOptions, type CaptureRun } from './capture.ts';
import { Epochs } from './epochs.ts';
import type { FfmpegBinary } from './ffmpeg-binary.ts';
import type { SplitFragment, SplitInit } from './fmp4-splitter.ts';
import { initSegmentOf, type Fragment, type InitSegment, type KeyframePicture } from './fragment.ts';
import { FrameRateMeter } from './frame-rate.ts';
import { GopRing } from './gop-ring.ts';
import type { CapturedPicture } from './keyframe-pictures.ts';
import { NO_MASKS, type PrivacyMasks } from './privacy-masks.ts';
import { parseSource, type Source } from './source.ts';

export type { Fragment, InitSegment, KeyframePicture } from './fragment.ts';

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 5 * 60_000;
/** One try in this time after a refused password (cameras lock out) or a codec that somebody has to change. */
export const RECHECK_MS = 30 * 60_000;
/** Live for so long, a camera starts over with short delays. */
export const STABLE_AFTER_MS = 10_000;
/** From the end of a try to the next one, while somebody waits for a picture. */
export const HURRY_REST_MS = 3_000;
// Most cameras send a keyframe at once: one second more is waste that every viewer sees as a slow start. Those that do not are
// given more time for one, try by try, and then from the start again.
const PROBES_MS = [1_000, 5_000, 15_000] as const;
/** A stream that changed is opened anew at once, and no more often than that. */
const CHANGE_REST_MS = 5_000;
const MAX_DETAIL_CHARACTERS = 500;
const LISTENER_ERROR_LOG_MS = 60_000;

export interface CameraOptions {
  id: string;
  name: string;
  /** `rtsp: rtsps: file: demo:NAME`. */
  source: string;
  transport?: 'auto' | Transport | undefined;
  ffmpeg: FfmpegBinary;
  /** For the records by which `sweepOrphans` finds captures that outlived the agent. */
  runDir: string;
  clock?: Clock;
  logger: Logger;
  ringMaxBytes?: number;
  /** How far back clips may begin. */
  ringKeepMs?: number;
  /** Shared with whatever else sends on the topics of this camera. */
  epochs?: Epochs;
  /** False where nobody looks at keyframe pictures: nothing is decoded then. */
  hasPictures?: boolean;
  masks?: PrivacyMasks;
  /** [0, 1); of the back-off. */
  random?: () => number;
  openCapture?: (options: CaptureOptions) => CaptureRun;
}

export interface CameraCounters {
  /** Captures started after the first one. */
  restarts: number;
  accessUnits: number;
  keyframes: number;
  listenerErrors: number;
}

/**
 * States: `stopped` until `start()` and after `close()`. `connecting` while a capture has given no picture yet. `live` from the
 * first keyframe on. `waiting` for the next try, 1 s to 5 min (back-off), less when somebody asks for a picture. `failed` when somebody has to change something: a
 * refused password or a codec that cannot be passed through; tried again every 30 min.
 */
export class Camera {
  readonly id: string;
  readonly masks: PrivacyMasks;
  /** Fragments of the running capture only; emptied when it ends. */
  readonly ring: GopRing;
  readonly epochs: Epochs;
  readonly counters: CameraCounters = { restarts: 0, accessUnits: 0, keyframes: 0, listenerErrors: 0 };

  readonly #options: CameraOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #source: Source;
  readonly #backoff: Backoff;
  readonly #reports: Listeners<CameraReport>;
  readonly #fragments: Listeners<Fragment>;
  readonly #pictures: Listeners<KeyframePicture>;

  #capture: CaptureRun | undefined;
  #timer: Timer | undefined;
  #retryAtMs = 0;
  /** When the last capture ended. */
  #endedAtMs = -Infinity;
  #isClosed = false;
  #closing: Promise<void> | undefined;
  /** What last gave a picture; undefined starts with TCP. */
  #workingTransport: Transport | undefined;
  #init: InitSegment | undefined;
  #timescale = 1;
  #sequence = 0;
  #frameRate: FrameRateMeter | undefined;
  #picture: KeyframePicture | undefined;
  #report: CameraReport;
  #lastListenerErrorMs = -Infinity;
  #lastChangeMs = -Infinity;

  /** @throws {AppError} CONFIG_INVALID when the source cannot be understood. */
  constructor(options: CameraOptions) {
    const { id, name, clock = systemClock, logger, random, ringMaxBytes } = options;
    this.id = id;
    this.masks = options.masks ?? NO_MASKS;
    this.#options = options;
    this.#clock = clock;
    this.#logger = logger.child({ camera: id });
    this.#source = parseSource(options.source);
    this.#backoff = new Backoff({ firstMs: RETRY_FIRST_MS, maxMs: RETRY_MAX_MS, ...(random && { random }) });
    this.epochs = options.epochs ?? new Epochs();
    this.ring = new GopRing({ maxBytes: ringMaxBytes, keepMs: options.ringKeepMs, clock });
    const onError = (error: unknown): void => this.#countListenerError(error);
    this.#reports = new Listeners(onError);
    this.#fragments = new Listeners(onError);
    this.#pictures = new Listeners(onError);
    this.#report = this.#firstReport(id, name);
  }

  start(): void {
    if (!this.#isClosed && !this.#capture && !this.#timer) this.#connect(this.#firstTransport());
  }

  /** Somebody waits for a picture: the next try comes within seconds, however long the back-off is by now. */
  hurry(): void {
    if (this.#report.state !== 'waiting') return;
    const waitMs = Math.max(0, this.#endedAtMs + HURRY_REST_MS - this.#clock.monotonicMs());
    if (this.#clock.monotonicMs() + waitMs < this.#retryAtMs) this.#retryIn(waitMs);
  }

  /** Resolves when the capture process is gone. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  report(): CameraReport {
    return { ...this.#report };
  }

  /** Of the capture process; undefined while none runs. */
  get capturePid(): number | undefined {
    return this.#capture?.pid;
  }

  /** The newest keyframe of the running capture. */
  latestPicture(): KeyframePicture | undefined {
    return this.#picture;
  }

  onReport(listener: (report: CameraReport) => void): () => void {
    return this.#reports.add(listener);
  }

  onFragment(listener: (fragment: Fragment) => void): () => void {
    const remove = this.#fragments.add(listener);
    this.#tellWatched();
    return () => {
      remove();
      this.#tellWatched();
    };
  }

  onPicture(listener: (picture: KeyframePicture) => void): () => void {
    return this.#pictures.add(listener);
  }

  #connect(transport: Transport, alreadyRefused: Transport[] = []): void {
    this.#timer = undefined;
    this.#update({ state: 'connecting' });
    const capture = (this.#options.openCapture ?? openCapture)({
      source: this.#source,
      transport,
      probeMs: PROBES_MS[this.#backoff.failures % PROBES_MS.length]!,
      name: this.#options.name,
      hasPictures: this.#options.hasPictures ?? true,
      masks: this.masks,
      ffmpeg: this.#options.ffmpeg,
      runDir: this.#options.runDir,
      clock: this.#clock,
      onInit: (init) => this.#takeInit(init),
      onFragment: (fragment) => this.#takeFragment(fragment, transport),
      onPicture: (picture) => this.#takePicture(picture, transport),
    });
    this.#capture = capture;
    void capture.start().then((reason) => this.#captureEnded(reason, transport, alreadyRefused));
  }

  #captureEnded(reason: AppError, transport: Transport, alreadyRefused: Transport[]): void {
    const wasLive = this.#report.state === 'live';
    this.#forgetCapture();
    if (this.#isClosed) return;
    const other = transport === 'tcp' ? 'udp' : 'tcp';
    if (this.#mayChoose() && isTransportRefused(reason) && !alreadyRefused.includes(other)) {
      this.#logger.info({ refused: transport, trying: other }, 'the camera refused a transport');
      this.#connect(other, [...alreadyRefused, transport]);
      return;
    }
    if (wasLive && reason.code === 'SOURCE_CHANGED') return this.#openAnew(reason, transport);
    // What worked once is only worth remembering while it does: a new firmware or firewall may have turned it round.
    if (!wasLive) this.#workingTransport = undefined;
    this.#scheduleRetry(reason);
  }

  /** The camera answers: nothing failed that a longer wait could heal. */
  #openAnew(reason: AppError, transport: Transport): void {
    const nowMs = this.#clock.monotonicMs();
    const waitMs = Math.max(0, this.#lastChangeMs + CHANGE_REST_MS - nowMs);
    this.#lastChangeMs = nowMs + waitMs;
    this.#logger.info({ reason: reason.message, retryInMs: waitMs }, 'the stream changed');
    if (waitMs > 0) {
      this.#retryIn(waitMs);
      this.#pause('waiting', reason);
    } else {
      this.counters.restarts += 1;
      this.#connect(transport);
    }
  }

  #scheduleRetry(reason: AppError): void {
    const needsSomebody = this.#needsSomebody(reason);
    const delayMs = needsSomebody ? RECHECK_MS : this.#backoff.nextDelayMs();
    this.#retryIn(delayMs);
    this.#logger.warn(
      { code: reason.code, reason: reason.message, detail: reason.detail, retryInMs: delayMs },
      'the capture ended',
    );
    this.#pause(needsSomebody ? 'failed' : 'waiting', reason);
  }

  #needsSomebody({ code, retryable }: AppError): boolean {
    if (code !== 'SOURCE_UNSUPPORTED') return code === 'SOURCE_UNAUTHORIZED';
    // What is said of a camera that gave pictures before may be a mood of it.
    return !(retryable && this.counters.accessUnits > 0);
  }

  #retryIn(delayMs: number): void {
    this.#timer?.cancel();
    this.#retryAtMs = this.#clock.monotonicMs() + delayMs;
    this.#timer = this.#clock.after(delayMs, () => {
      this.counters.restarts += 1;
      this.#connect(this.#firstTransport());
    });
  }

  #pause(state: 'waiting' | 'failed', { code, message }: AppError): void {
    this.#update({ state, reason: code, detail: message.slice(0, MAX_DETAIL_CHARACTERS) });
  }

  #takeInit(init: SplitInit): void {
    this.#init = initSegmentOf(init, this.epochs.next(this.#clock.nowMs()));
    this.#timescale = init.timescale;
    const { codec, width, height } = init;
    this.#sequence = 0;
    this.#frameRate = new FrameRateMeter(init.timescale);
    this.#update({ codec, width, height });
  }

  #takeFragment({ bytes, isKeyframe, decodeTime }: SplitFragment, transport: Transport): void {
    if (this.#isClosed || !this.#init) return;
    this.#becomeLive(transport);
    this.counters.accessUnits += 1;
    if (isKeyframe) this.counters.keyframes += 1;
    const fragment: Fragment = {
      init: this.#init,
      bytes,
      isKeyframe,
      isDiscontinuity: this.#sequence === 0,
      sequence: this.#sequence++,
      capturedAtUs: Math.round(this.#clock.nowMs() * 1000),
      decodeTimeS: decodeTime / this.#timescale,
    };
    this.ring.push(fragment);
    this.#fragments.emit(fragment);
    this.#frameRate?.add(decodeTime);
    if (isKeyframe) this.#reportFrameRate();
  }

  // The first keyframe comes as a picture and as a fragment, by two pipes: either may be here first.
  #becomeLive(transport: Transport): void {
    if (this.#report.state === 'live') return;
    this.#workingTransport = transport;
    this.#timer = this.#clock.after(STABLE_AFTER_MS, () => this.#backoff.succeeded());
    this.#update({ state: 'live', reason: null, detail: null });
    this.#tellWatched();
    this.#logger.info(
      { codec: this.#report.codec, transport: this.#source.kind === 'rtsp' ? transport : undefined },
      'live',
    );
  }

  /** What connects is read as it comes: its first picture is waited for. */
  #tellWatched(): void {
    if (this.#report.state === 'live') this.#capture?.setWatched(this.#fragments.size > 0);
  }

  #takePicture(picture: CapturedPicture, transport: Transport): void {
    if (this.#isClosed) return;
    this.#becomeLive(transport);
    this.#picture = { ...picture, capturedAtMs: this.#clock.nowMs() };
    this.#pictures.emit(this.#picture);
  }

  #reportFrameRate(): void {
    const fps = this.#frameRate?.fps;
    const told = this.#report.fps;
    // A camera's rate trembles; a report goes out when it really is another one.
    if (fps !== undefined && (told === null || Math.abs(fps - told) > told * 0.1)) this.#update({ fps });
  }

  #forgetCapture(): void {
    this.#capture = undefined;
    this.#endedAtMs = this.#clock.monotonicMs();
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#init = undefined;
    this.#frameRate = undefined;
    this.#picture = undefined;
    this.ring.clear();
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#capture?.close();
    this.#forgetCapture();
    this.#update({ state: 'stopped', reason: null, detail: null });
  }

  #firstTransport(): Transport {
    const { transport = 'auto' } = this.#options;
    return transport === 'auto' ? (this.#workingTransport ?? 'tcp') : transport;
  }

  #mayChoose(): boolean {
    const { transport = 'auto' } = this.#options;
    // RTSP over TLS is interleaved: there is no other transport.
    return this.#source.kind === 'rtsp' && !this.#source.isEncrypted && transport === 'auto';
  }

  #firstReport(id: string, name: string): CameraReport {
    const nothing = { reason: null, detail: null, codec: null, width: null, height: null, fps: null };
    return { id, name, state: 'stopped', since: this.#now(), ...nothing, profiles: ['main', 'stills'] };
  }

  #update(change: Partial<CameraReport> & { state?: CameraState }): void {
    const isOtherState = change.state !== undefined && change.state !== this.#report.state;
    this.#report = { ...this.#report, ...change, ...(isOtherState && { since: this.#now() }) };
    this.#reports.emit(this.report());
  }

  #now(): string {
    return new Date(this.#clock.nowMs()).toISOString();
  }

  #countListenerError(error: unknown): void {
    this.counters.listenerErrors += 1;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lastListenerErrorMs < LISTENER_ERROR_LOG_MS) return;
    this.#lastListenerErrorMs = nowMs;
    this.#logger.error({ reason: messageOf(error) }, 'a listener of the camera failed');
  }
}

function openCapture(options: CaptureOptions): CaptureRun {
  return new Capture(options);
}
