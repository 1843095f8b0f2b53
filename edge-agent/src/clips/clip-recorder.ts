// Records one clip: fragments in, a finished file out. Owns its source, its file and its timer.

import { AppError, isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { MIB } from '@sitecast/shared/protocol/limits';
import type { Clock, Timer } from '@sitecast/shared/runtime/clock';
import type { Fragment } from '../camera/fragment.ts';
import type { AgentErrorCode } from '../errors.ts';
import { ClipFile, overheadBytes, type PictureFormat } from './clip-file.ts';
import { Timeline, type ClipSource } from './clip-source.ts';

/** Fragments that wait for the disk, beside those of the pre-roll. Policy: the clip ends. Bounds in edge-agent/README.md. */
export const UNWRITTEN_MAX_BYTES = 4 * MIB;
/** Pictures of one clip. Policy: the clip ends. */
export const MAX_CLIP_PICTURES = 30_000;
/** A camera or an encoder that gives nothing ends the clip so long after it should have ended by itself. */
const GRACE_MS = 15_000;
const WRITE_AT_ONCE = 64;

/** Why a clip ended: `complete` as it was asked for, `changed` with the capture, `silent` because nothing came any more. */
export type ClipEnd =
  'complete' | 'full' | 'changed' | 'silent' | 'disk-slow' | 'failed' | 'reconfigured' | 'stopped';

export interface RecordedClip {
  end: ClipEnd;
  bytes: number;
  durationMs: number;
  /** By the gateway's clock when the first picture was captured. */
  startedAtMs: number;
  picture: PictureFormat;
}

export interface ClipRecorderOptions {
  /** Where the file grows. */
  path: string;
  source: ClipSource;
  postRollS: number;
  maxSeconds: number;
  maxBytes: number;
  clock: Clock;
}

export class ClipRecorder {
  readonly #options: ClipRecorderOptions;
  readonly #timeline = new Timeline();
  #endsAtS: number;
  #waiting: Fragment[] = [];
  #waitingBytes = 0;
  /** Taken, with those that wait. */
  #fragmentBytes = 0;
  #fragments = 0;
  #first: Fragment | undefined;
  /** Of the pre-roll, which the ring holds anyway; undefined until all of it was taken. */
  #backlogBytes: number | undefined;
  #file: ClipFile | undefined;
  #writing: Promise<void> = Promise.resolve();
  #isWriting = false;
  #failure: unknown;
  #end: ClipEnd | undefined;
  #timer: Timer | undefined;
  #resolveEnd: () => void = () => undefined;
  readonly #ended = new Promise<void>((resolve) => (this.#resolveEnd = resolve));

  constructor(options: ClipRecorderOptions) {
    this.#options = options;
    this.#endsAtS = options.source.preRollS + options.postRollS;
  }

  /**
   * Resolves when the clip is durable, under its temporary name.
   * @throws {AppError} CLIP_FAILED when nothing could be kept; there is no file then.
   */
  async record(): Promise<RecordedClip> {
    this.#wait();
    this.#options.source.start((fragment) => this.#take(fragment));
    this.#backlogBytes = this.#fragmentBytes;
    await this.#ended;
    this.#options.source.close();
    await this.#writing;
    return this.#finish();
  }

  /** The clip shall go on for its post-roll from now, as far as it may. */
  extend(): void {
    if (this.#end) return;
    this.#endsAtS = Math.max(this.#endsAtS, this.#timeline.seconds + this.#options.postRollS);
    this.#wait();
  }

  get isEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Ends it with what there is. */
  stop(why: 'reconfigured' | 'stopped' = 'stopped'): void {
    this.#endWith(why);
  }

  #wait(): void {
    const { clock, postRollS } = this.#options;
    this.#timer?.cancel();
    this.#timer = clock.after(postRollS * 1_000 + GRACE_MS, () => this.#endWith('silent'));
  }

  #take(fragment: Fragment): void {
    if (this.#end) return;
    this.#first ??= fragment;
    if (fragment.init !== this.#first.init) return this.#endWith('changed');
    const { length } = fragment.bytes;
    if (!this.#hasRoomFor(length)) return this.#endWith('full');
    const mayWait = UNWRITTEN_MAX_BYTES + (this.#backlogBytes ?? Infinity);
    if (this.#waitingBytes + length > mayWait) return this.#endWith('disk-slow');
    this.#timeline.add(fragment.decodeTimeS);
    this.#waiting.push(fragment);
    this.#waitingBytes += length;
    this.#fragmentBytes += length;
    this.#fragments += 1;
    this.#pump();
    const { maxSeconds } = this.#options;
    if (this.#timeline.seconds >= Math.min(this.#endsAtS, maxSeconds)) this.#endWith('complete');
  }

  #hasRoomFor(bytes: number): boolean {
    const { maxBytes } = this.#options;
    const init = this.#first?.init.bytes.length ?? 0;
    const afterwards = init + this.#fragmentBytes + bytes + overheadBytes(this.#fragments + 1);
    return afterwards <= maxBytes && this.#fragments < MAX_CLIP_PICTURES;
  }

  #endWith(end: ClipEnd): void {
    this.#end ??= end;
    this.#timer?.cancel();
    this.#resolveEnd();
  }

  #pump(): void {
    if (this.#isWriting) return;
    this.#isWriting = true;
    this.#writing = this.#write();
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    try {
      while (this.#waiting.length > 0 && this.#failure === undefined) {
        const batch = this.#waiting.splice(0, WRITE_AT_ONCE).map(({ bytes }) => bytes);
        this.#file ??= await ClipFile.create(this.#options.path, this.#first!.init.bytes);
        await this.#file.append(batch);
        this.#waitingBytes -= batch.reduce((sum, { length }) => sum + length, 0);
      }
    } catch (error) {
      this.#failure = error;
      this.#endWith('failed');
    } finally {
      // In the same turn as the last look at what waits, or a fragment in between would be forgotten.
      this.#isWriting = false;
    }
  }

  async #finish(): Promise<RecordedClip> {
    const [file, first] = [this.#file, this.#first];
    if (!file || !first || file.samples === 0) {
      await file?.abandon();
      throw this.#nothingKept();
    }
    try {
      const bytes = await file.finish();
      const startedAtMs = Math.round(first.capturedAtUs / 1_000);
      const { durationMs, picture } = file;
      return { end: this.#end ?? 'complete', bytes, durationMs, startedAtMs, picture };
    } catch (error) {
      await file.abandon();
      throw clipFailed(messageOf(error), error);
    }
  }

  #nothingKept(): AppError {
    const failure = this.#failure ?? this.#options.source.failure;
    if (isAppError(failure)) return failure;
    if (failure !== undefined) return clipFailed(messageOf(failure), failure);
    if (this.#end === 'full') return clipFailed('its first picture is larger than clips.maxBytes allows');
    return clipFailed('no picture came');
  }
}

export function clipFailed(why: string, cause?: unknown): AppError<AgentErrorCode> {
  return new AppError('CLIP_FAILED', `the clip could not be recorded: ${why}`, { cause, retryable: true });
}
