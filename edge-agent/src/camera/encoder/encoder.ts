// One leased, encoded stream of one camera: keeps an encoder process running on what the camera gives. Owns the run and its timers.

import type { Profile } from '@sitecast/shared/protocol/frame-header';
import type { Logger } from '@sitecast/shared/node/logger';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { Backoff } from '@sitecast/shared/runtime/backoff';
import type { Clock, Timer } from '@sitecast/shared/runtime/clock';
import type { Epochs } from '../epochs.ts';
import type { Fragment, FragmentSource, InitSegment } from '../fragment.ts';
import type { PrivacyMasks } from '../privacy-masks.ts';
import { CaptureTimes } from './capture-times.ts';
import type { EncoderChoice } from './encoder-choice.ts';
import type { EncodedInit, EncoderRunOptions, EncodingRun } from './encoder-run.ts';
import type { Pace } from './pace.ts';
import type { VideoEncoder } from './video-encoders.ts';

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 30_000;
/** An encoder that ran for so long starts over with short delays. */
const STABLE_AFTER_MS = 60_000;
/** Ends in a row without a picture after which hardware, tried or not, is taken for unfit for this camera. */
const FAILURES_BEFORE_SOFTWARE = 2;
const RSS_CHECK_MS = 5_000;

export interface EncoderCounters {
  /** Runs that ended by themselves and were started anew. */
  restarts: number;
  /** Runs that were started anew because they held more memory than they may. */
  recycled: number;
  /** Access units that a slow encoder was not given. */
  fragmentsDropped: number;
}

export interface EncoderJob {
  camera: string;
  profile: Exclude<Profile, 'stills'>;
  source: Pick<FragmentSource, 'ring'>;
  epochs: Epochs;
  masks: PrivacyMasks;
  /** What an installer may do so that it needs none; said when there is none. */
  wayAround?: string;
  onFragment: (fragment: Fragment) => void;
}

export type RunJob = Pick<EncoderRunOptions, 'encoder' | 'input' | 'onInit' | 'onFragment' | 'onWrite'> & {
  pace: Pace;
};

export interface EncoderOptions extends EncoderJob {
  choice: Promise<EncoderChoice>;
  openRun: (job: RunJob) => EncodingRun;
  /** Of now; the same object for as long as it is the same. */
  pace: () => Pace;
  maxRssBytes: number;
  rssBytesOf: (pid: number) => number;
  /** Of all encoders together. */
  counters: EncoderCounters;
  clock: Clock;
  logger: Logger;
  onClosed: () => void;
}

interface Running {
  run: EncodingRun;
  input: InitSegment;
  encoder: VideoEncoder;
  pace: Pace;
  times: CaptureTimes;
  startedAtMs: number;
  init: (InitSegment & { timescale: number }) | undefined;
  sequence: number;
}

export class Encoder {
  readonly #options: EncoderOptions;
  readonly #backoff = new Backoff({ firstMs: RETRY_FIRST_MS, maxMs: RETRY_MAX_MS });
  #running: Running | undefined;
  /** Runs that are being ended; `close()` waits for them. */
  readonly #ending = new Set<Promise<void>>();
  #choice: EncoderChoice | undefined;
  #retryTimer: Timer | undefined;
  #rssTimer: Timer | undefined;
  #failure: AppError | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: EncoderOptions) {
    this.#options = options;
  }

  get camera(): string {
    return this.#options.camera;
  }

  get profile(): EncoderJob['profile'] {
    return this.#options.profile;
  }

  /** undefined while no process runs. */
  get process(): { pid: number; encoder: VideoEncoder } | undefined {
    const pid = this.#running?.run.pid;
    return pid === undefined ? undefined : { pid, encoder: this.#running!.encoder };
  }

  /** What the running process yields; undefined until its first picture. */
  get init(): InitSegment | undefined {
    return this.#running?.init;
  }

  /** By the running process. */
  get fragmentsDropped(): number {
    return this.#running?.run.fragmentsDropped ?? 0;
  }

  /** Why there is no picture although it was tried more than once. */
  get failure(): AppError | undefined {
    return this.#failure;
  }

  start(): void {
    void this.#options.choice.then((choice) => {
      this.#choice = choice;
      this.#startRun();
    });
    this.#scheduleRssCheck();
  }

  /** What the camera has just put into its ring. */
  push(fragment: Fragment): void {
    if (this.#running && this.#isOver(this.#running, fragment)) this.#endRun();
    if (this.#running) this.#running.run.write(fragment, true);
    else if (!this.#retryTimer) this.#startRun();
  }

  /** Resolves when no process is left. Idempotent. */
  close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = this.#close();
      this.#options.onClosed();
    }
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#retryTimer?.cancel();
    this.#rssTimer?.cancel();
    this.#endRun();
    await Promise.all(this.#ending);
  }

  /** A new pace begins with a keyframe of the camera: nothing is encoded twice. */
  #isOver({ input, pace }: Running, { init, isKeyframe }: Fragment): boolean {
    return input !== init || (isKeyframe && pace !== this.#options.pace());
  }

  #startRun(): void {
    const { ring } = this.#options.source;
    const backlog = ring.fromLastKeyframe();
    const input = backlog[0]?.init;
    if (this.#closing || this.#running || !this.#choice || !input) return;
    const running = this.#open(this.#encoderFor(this.#choice), input);
    this.#running = running;
    void running.run.start().then((reason) => this.#runEnded(running, reason));
    for (const fragment of backlog) {
      running.run.write(fragment, fragment !== backlog.at(-1) || ring.isNewestGopComplete);
    }
  }

  #open(encoder: VideoEncoder, input: InitSegment): Running {
    const { openRun, clock } = this.#options;
    const times = new CaptureTimes();
    const pace = this.#options.pace();
    const run = openRun({
      encoder,
      input,
      pace,
      onInit: (init) => this.#takeInit(running, init),
      onFragment: (encoded) => this.#takeEncoded(running, encoded),
      onWrite: (fragment) => times.note(fragment),
    });
    const startedAtMs = clock.monotonicMs();
    const parts = { run, input, encoder, pace, times, startedAtMs };
    const running: Running = { ...parts, init: undefined, sequence: 0 };
    return running;
  }

  // The trial was with a small picture: hardware may still fail with this camera's.
  #encoderFor({ encoder }: EncoderChoice): VideoEncoder {
    return this.#backoff.failures >= FAILURES_BEFORE_SOFTWARE ? 'libx264' : encoder;
  }

  #takeInit(running: Running, init: EncodedInit): void {
    const { epochs, clock } = this.#options;
    running.init = { ...init, epoch: epochs.next(clock.nowMs()) };
  }

  #takeEncoded(running: Running, encoded: Parameters<RunJob['onFragment']>[0]): void {
    const { init } = running;
    if (running !== this.#running || !init) return;
    const { clock, onFragment } = this.#options;
    const decodeTimeS = encoded.decodeTime / init.timescale;
    const capturedAtUs = running.times.capturedAtUs(decodeTimeS) ?? Math.round(clock.nowMs() * 1000);
    const { bytes, isKeyframe } = encoded;
    const sequence = running.sequence++;
    this.#failure = undefined;
    onFragment({
      init,
      bytes,
      isKeyframe,
      isDiscontinuity: sequence === 0,
      sequence,
      capturedAtUs,
      decodeTimeS,
    });
  }

  #runEnded(running: Running, reason: AppError): void {
    if (running !== this.#running) return;
    const { counters, clock, logger, camera, profile } = this.#options;
    const livedMs = clock.monotonicMs() - running.startedAtMs;
    this.#forgetRun(running);
    if (livedMs >= STABLE_AFTER_MS) this.#backoff.succeeded();
    const retryInMs = this.#backoff.nextDelayMs();
    if (this.#backoff.failures >= FAILURES_BEFORE_SOFTWARE) this.#failure = reason;
    logger.warn(
      { camera, profile, encoder: running.encoder, reason: reason.message, detail: reason.detail, retryInMs },
      'an encoder ended',
    );
    this.#retryTimer = clock.after(retryInMs, () => {
      this.#retryTimer = undefined;
      counters.restarts += 1;
      this.#startRun();
    });
  }

  /** Without waiting: what it still gives is thrown away. */
  #endRun(): void {
    const running = this.#running;
    if (!running) return;
    this.#forgetRun(running);
    const ended = running.run.close().finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }

  #forgetRun({ run }: Running): void {
    this.#running = undefined;
    this.#options.counters.fragmentsDropped += run.fragmentsDropped;
  }

  #scheduleRssCheck(): void {
    this.#rssTimer = this.#options.clock.after(RSS_CHECK_MS, () => {
      this.#scheduleRssCheck();
      this.#recycleAboveCap();
    });
  }

  #recycleAboveCap(): void {
    const { maxRssBytes, rssBytesOf, counters, logger, camera, profile } = this.#options;
    const pid = this.#running?.run.pid;
    const rssBytes = pid === undefined ? 0 : rssBytesOf(pid);
    if (rssBytes <= maxRssBytes) return;
    counters.recycled += 1;
    logger.warn(
      { camera, profile, rssBytes, maxRssBytes },
      'an encoder held too much memory and starts anew',
    );
    this.#endRun();
    this.#startRun();
  }
}
