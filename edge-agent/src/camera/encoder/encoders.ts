// All encoders of the gateway: how many may run, on what, and what they take.

import type { Logger } from '@sitecast/shared/node/logger';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import type { FfmpegBinary } from '../ffmpeg-binary.ts';
import { rssBytesOf } from '../process-usage.ts';
import { lowTarget, mainTarget, mpeg1Target } from './encoder-arguments.ts';
import { chooseEncoder, type EncoderChoice } from './encoder-choice.ts';
import { EncoderRun, type EncodingRun } from './encoder-run.ts';
import { Encoder, type EncoderCounters, type EncoderJob, type RunJob } from './encoder.ts';
import { Mpeg1Run } from './mpeg1-run.ts';
import { FULL_PACE, type Pace } from './pace.ts';
import type { EncoderSetting } from './video-encoders.ts';

export interface EncodersOptions {
  ffmpeg: FfmpegBinary;
  setting: EncoderSetting;
  maxProcesses: number;
  /** Of one process. */
  maxRssBytes: number;
  runDir: string;
  logger: Logger;
  clock?: Clock;
  openRun?: (job: EncoderJob, run: RunJob) => EncodingRun;
  rssBytesOf?: (pid: number) => number;
}

/** Owns every encoder that it has given out. */
export class Encoders {
  readonly #options: EncodersOptions;
  readonly #clock: Clock;
  readonly #active = new Set<Encoder>();
  readonly #closing = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #choice: Promise<EncoderChoice> | undefined;
  #chosen: EncoderChoice | undefined;
  readonly #counters: EncoderCounters = { restarts: 0, recycled: 0, fragmentsDropped: 0 };
  #leasesRefused = 0;
  #pace = FULL_PACE;

  constructor(options: EncodersOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get counters(): EncoderCounters {
    const { fragmentsDropped } = this.#counters;
    const running = [...this.#active].reduce((sum, encoder) => sum + encoder.fragmentsDropped, 0);
    return { ...this.#counters, fragmentsDropped: fragmentsDropped + running };
  }

  get maxProcesses(): number {
    return this.#options.maxProcesses;
  }

  /** Encoders that were not given out, because as many as may run did. */
  get leasesRefused(): number {
    return this.#leasesRefused;
  }

  get hasRoom(): boolean {
    return this.#active.size < this.#options.maxProcesses;
  }

  /** Of `low` and `mpeg1` from the next keyframe of each camera on. */
  setPace(pace: Pace): void {
    this.#pace = pace;
  }

  /** undefined while it is being found out. */
  get chosen(): EncoderChoice | undefined {
    return this.#chosen;
  }

  get running(): readonly Encoder[] {
    return [...this.#active];
  }

  /** Finds out which encoder works here, so that the first viewer need not wait for it. Once a run of the agent. */
  start(): void {
    void this.#choose();
  }

  /**
   * Starts encoding; the caller closes it.
   * @throws {AppError} ENCODER_LIMIT
   */
  open(job: EncoderJob): Encoder {
    const { maxRssBytes, logger } = this.#options;
    if (!this.hasRoom) {
      this.#leasesRefused += 1;
      throw new AppError('ENCODER_LIMIT', this.#refusal(job), { retryable: true });
    }
    const encoder: Encoder = new Encoder({
      ...job,
      choice: this.#choose(),
      openRun: (run) => (this.#options.openRun ?? this.#openRun)(job, run),
      pace: () => (job.profile === 'main' ? FULL_PACE : this.#pace),
      maxRssBytes,
      rssBytesOf: this.#options.rssBytesOf ?? rssBytesOf,
      counters: this.#counters,
      clock: this.#clock,
      logger,
      onClosed: () => this.#closed(encoder),
    });
    this.#active.add(encoder);
    encoder.start();
    return encoder;
  }

  /** Resolves when no encoder process is left. Idempotent. */
  async close(): Promise<void> {
    this.#stopping.abort();
    for (const encoder of this.#active) void encoder.close();
    await Promise.all([...this.#closing, this.#choice]);
  }

  #choose(): Promise<EncoderChoice> {
    const { ffmpeg, setting, logger } = this.#options;
    this.#choice ??= chooseEncoder({ ffmpeg, setting, logger, signal: this.#stopping.signal }).then(
      (choice) => (this.#chosen = choice),
    );
    return this.#choice;
  }

  // Its place is free at once, although its process, which was killed, may take some milliseconds more to be gone.
  #closed(encoder: Encoder): void {
    this.#active.delete(encoder);
    const closed = encoder.close().finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }

  #refusal(refused: EncoderJob): string {
    const streams = [...this.#active].map(({ camera, profile }) => `${camera}/${profile}`).join(', ');
    const ways = ['close one of them', ...waysAround(refused)].join(', ');
    return (
      `this gateway encodes ${this.#active.size} streams already, as many as encoders.maxProcesses allows (${streams}); ` +
      `${ways}, or raise the number where the gateway has cores to spare`
    );
  }

  readonly #openRun = ({ profile, masks }: EncoderJob, job: RunJob): EncodingRun => {
    const { ffmpeg, runDir } = this.#options;
    const { input, pace } = job;
    const shared = { ...job, ffmpeg, runDir, clock: this.#clock };
    if (profile === 'mpeg1') return new Mpeg1Run({ ...shared, target: mpeg1Target(input, masks, pace) });
    const target = profile === 'main' ? mainTarget(input, masks) : lowTarget(input, masks, pace);
    return new EncoderRun({ ...shared, target });
  };
}

/** What spares the encoder of this stream. Masks are painted by encoding, whatever the camera sends. */
function waysAround({ profile, masks, wayAround }: EncoderJob): string[] {
  if (masks.areas.length > 0 || profile === 'mpeg1') return [];
  if (wayAround !== undefined) return [wayAround];
  return profile === 'main' ? ['set the camera to H.264'] : ['give the camera a subStream'];
}
