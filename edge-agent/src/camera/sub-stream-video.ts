// `low` from the camera's own second stream: a session of its own while it is leased, and the first stream encoded when it fails.

import type { Logger } from '@sitecast/shared/node/logger';
import { AppError, isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { Listeners } from '@sitecast/shared/runtime/listeners';
import type { LiveVideo } from '../live/live-source.ts';
import type { Camera } from './camera.ts';
import type { Fragment, FragmentSource, InitSegment } from './fragment.ts';

export interface SubStreamVideoOptions {
  /** Reads the second stream. Owned. */
  camera: Camera;
  /** What is shown of it. */
  video: LiveVideo;
  /** The first stream in its place. @throws {AppError} ENCODER_LIMIT */
  openInstead: () => LiveVideo;
  /** When the second stream is given up for this lease. */
  onGivenUp: () => void;
  /** Ends the session with it; called at least once. */
  endSession: () => void;
  logger: Logger;
}

export class SubStreamVideo implements LiveVideo {
  readonly #options: SubStreamVideoOptions;
  readonly #listeners: Listeners<Fragment>;
  #video: LiveVideo;
  #isGivenUp = false;
  #refusal: AppError | undefined;
  #unsubscribe: () => void;
  #unfollow: (() => void) | undefined;

  constructor(options: SubStreamVideoOptions) {
    this.#options = options;
    this.#listeners = new Listeners((error) =>
      options.logger.error({ reason: messageOf(error) }, 'a live stream failed'),
    );
    this.#video = options.video;
    this.#unsubscribe = this.#follow();
  }

  get ring(): FragmentSource['ring'] {
    return this.#video.ring;
  }

  get init(): InitSegment | undefined {
    return this.#video.init;
  }

  get failure(): AppError | undefined {
    return this.#refusal ?? this.#video.failure;
  }

  start(): void {
    const { camera } = this.#options;
    this.#unfollow = camera.onReport(({ state, detail }) => {
      if (state === 'waiting' || state === 'failed') this.#giveUp(detail ?? state);
    });
    camera.start();
  }

  onFragment(listener: (fragment: Fragment) => void): () => void {
    return this.#listeners.add(listener);
  }

  async untilInit(): Promise<InitSegment> {
    const asked = this.#video;
    try {
      return await asked.untilInit();
    } catch (error) {
      if (this.#isGivenUp && this.#video !== asked) return this.#video.untilInit();
      if (!isAppError(error, 'LEASE_ENDED')) this.#giveUp(messageOf(error));
      throw this.#refusal ?? error;
    }
  }

  close(): void {
    this.#unfollow?.();
    this.#unsubscribe();
    this.#video.close();
    this.#options.endSession();
  }

  #follow(): () => void {
    return this.#video.onFragment((fragment) => this.#listeners.emit(fragment));
  }

  #giveUp(reason: string): void {
    if (this.#isGivenUp) return;
    this.#isGivenUp = true;
    const { openInstead, onGivenUp, endSession, camera, logger } = this.#options;
    logger.warn(
      { camera: camera.id, reason },
      'the subStream failed; the first stream is encoded in its place',
    );
    const before = this.#video;
    this.#unfollow?.();
    this.#unsubscribe();
    try {
      this.#video = openInstead();
      this.#unsubscribe = this.#follow();
    } catch (error) {
      if (!isAppError(error)) throw error;
      this.#refusal = error;
    }
    // Only now: who waits for the second stream finds the first in its place.
    before.close();
    endSession();
    onGivenUp();
  }
}
