// One profile of a camera while somebody watches it: passed through, or encoded where it has to be. What it has to be may change
// with each capture, because the codec is what the camera's settings say.

import type { Logger } from '@sitecast/shared/node/logger';
import { AppError, isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import type { Clock, Timer } from '@sitecast/shared/runtime/clock';
import { Listeners } from '@sitecast/shared/runtime/listeners';
import type { LiveVideo } from '../live/live-source.ts';
import type { Encoder, EncoderJob } from './encoder/encoder.ts';
import type { Epochs } from './epochs.ts';
import type { Fragment, FragmentSource, InitSegment } from './fragment.ts';
import type { PrivacyMasks } from './privacy-masks.ts';

/** From the lease to the first picture. The server waits 4 s for the answer. */
const READY_TIMEOUT_MS = 3_500;

const EMPTY_RING: FragmentSource['ring'] = { fromLastKeyframe: () => [], isNewestGopComplete: true };

export interface VideoCamera extends FragmentSource {
  readonly id: string;
  readonly epochs: Epochs;
  readonly masks: PrivacyMasks;
}

export interface CameraVideoOptions {
  camera: VideoCamera;
  profile: EncoderJob['profile'];
  /** Whether it may be shown as the camera sends it; asked at keyframes. */
  isPassedThrough: (init: InitSegment, keyframe: Fragment) => boolean;
  encoders: { open(job: EncoderJob): Encoder };
  clock: Clock;
  logger: Logger;
}

interface Waiter {
  resolve: (init: InitSegment) => void;
  reject: (error: AppError) => void;
  timer: Timer;
}

/** Borrows the camera; owns its encoder. */
export class CameraVideo implements LiveVideo {
  readonly #options: CameraVideoOptions;
  readonly #listeners: Listeners<Fragment>;
  readonly #waiters = new Set<Waiter>();
  #unsubscribe: (() => void) | undefined;
  #encoder: Encoder | undefined;
  /** What was last decided, and of which run of the camera. */
  #passed: { init: InitSegment; isPassed: boolean } | undefined;
  /** Why the camera's new codec cannot be encoded. */
  #refusal: AppError | undefined;

  constructor(options: CameraVideoOptions) {
    this.#options = options;
    this.#listeners = new Listeners((error) =>
      options.logger.error({ camera: options.camera.id, reason: messageOf(error) }, 'a live stream failed'),
    );
  }

  /** What a viewer starts from: an encoder starts with the viewer, so it has nothing older. */
  get ring(): FragmentSource['ring'] {
    return this.init === undefined || this.#encoder ? EMPTY_RING : this.#options.camera.ring;
  }

  get init(): InitSegment | undefined {
    if (this.#encoder) return this.#encoder.init;
    const [keyframe] = this.#options.camera.ring.fromLastKeyframe();
    return keyframe && this.#options.isPassedThrough(keyframe.init, keyframe) ? keyframe.init : undefined;
  }

  get failure(): AppError | undefined {
    return this.#refusal ?? this.#encoder?.failure;
  }

  /** @throws {AppError} ENCODER_LIMIT; nothing is started then. */
  start(): void {
    const { camera, isPassedThrough } = this.#options;
    const [keyframe] = camera.ring.fromLastKeyframe();
    if (keyframe && !isPassedThrough(keyframe.init, keyframe)) this.#openEncoder();
    this.#unsubscribe = camera.onFragment((fragment) => this.#take(fragment));
  }

  onFragment(listener: (fragment: Fragment) => void): () => void {
    return this.#listeners.add(listener);
  }

  untilInit(): Promise<InitSegment> {
    const { init } = this;
    if (init) return Promise.resolve(init);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        resolve,
        reject,
        timer: this.#options.clock.after(READY_TIMEOUT_MS, () => this.#giveUp(waiter)),
      };
      this.#waiters.add(waiter);
    });
  }

  close(): void {
    this.#unsubscribe?.();
    void this.#encoder?.close();
    for (const waiter of this.#waiters) {
      waiter.timer.cancel();
      waiter.reject(
        new AppError('LEASE_ENDED', 'the stream was released before its first picture', { retryable: true }),
      );
    }
    this.#waiters.clear();
  }

  #take(fragment: Fragment): void {
    const { init, isKeyframe } = fragment;
    // Between two keyframes a decoder of the other kind would have nothing to start with.
    if (isKeyframe || this.#passed?.init !== init) {
      this.#passed = { init, isPassed: this.#options.isPassedThrough(init, fragment) };
    }
    if (this.#passed.isPassed) this.#passThrough(fragment);
    else this.#encode(fragment);
  }

  #passThrough(fragment: Fragment): void {
    void this.#encoder?.close();
    this.#encoder = undefined;
    this.#refusal = undefined;
    this.#emit(fragment);
  }

  #encode(fragment: Fragment): void {
    // A new encoder starts with what is in the ring, this one included.
    if (this.#encoder) return this.#encoder.push(fragment);
    if (!fragment.isKeyframe) return;
    try {
      this.#openEncoder();
      this.#refusal = undefined;
    } catch (error) {
      if (!isAppError(error)) throw error;
      this.#refusal = error;
    }
  }

  #openEncoder(): void {
    const { camera, profile, encoders } = this.#options;
    this.#encoder = encoders.open({
      camera: camera.id,
      profile,
      source: camera,
      epochs: camera.epochs,
      masks: camera.masks,
      onFragment: (fragment) => this.#emit(fragment),
    });
  }

  #emit(fragment: Fragment): void {
    this.#listeners.emit(fragment);
    for (const { resolve, timer } of this.#waiters) {
      timer.cancel();
      resolve(fragment.init);
    }
    this.#waiters.clear();
  }

  #giveUp(waiter: Waiter): void {
    this.#waiters.delete(waiter);
    const { camera, profile } = this.#options;
    const message = `"${camera.id}" gave no picture as ${profile} within ${READY_TIMEOUT_MS / 1000} s`;
    waiter.reject(this.failure ?? new AppError('ENCODER_FAILED', message, { retryable: true }));
  }
}
