// Where the fragments of a clip come from: the ring and what the camera sends from then on. With privacy masks they come from an
// encoder that paints them over, from the first picture on; without one there is no clip. Nothing else may be kept of such a camera.

import type { Logger } from '@sitecast/shared/node/logger';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import type { AppError } from '@sitecast/shared/runtime/app-error';
import type { Clock } from '@sitecast/shared/runtime/clock';
import { CameraVideo, type CameraVideoOptions } from '../camera/camera-video.ts';
import type { Epochs } from '../camera/epochs.ts';
import type { Fragment, FragmentSource } from '../camera/fragment.ts';
import type { PrivacyMasks } from '../camera/privacy-masks.ts';
import { cameraOffline } from '../live/live-source.ts';

export interface ClipSource {
  /** Seconds of the clip that lie before this moment. */
  readonly preRollS: number;
  /** Why nothing comes. */
  readonly failure: AppError | undefined;
  /** Gives fragments, oldest first, the first of them a keyframe. */
  start(take: (fragment: Fragment) => void): void;
  close(): void;
}

/** A camera as far as clips care. */
export interface ClipCamera {
  readonly id: string;
  readonly epochs: Epochs;
  readonly masks: PrivacyMasks;
  readonly ring: FragmentSource['ring'] & { fromBefore(agoMs: number): Fragment[] };
  report(): CameraReport;
  onFragment(listener: (fragment: Fragment) => void): () => void;
}

export interface ClipSourceOptions {
  camera: ClipCamera;
  preRollMs: number;
  encoders: CameraVideoOptions['encoders'];
  clock: Clock;
  logger: Logger;
}

/** The caller closes it. @throws {AppError} CAMERA_OFFLINE; ENCODER_LIMIT for a camera with masks. */
export function openClipSource(options: ClipSourceOptions): ClipSource {
  const { camera, preRollMs } = options;
  const backlog = camera.ring.fromBefore(preRollMs);
  if (backlog.length === 0) throw cameraOffline(camera.report());
  const preRollS = secondsOf(backlog);
  if (camera.masks.areas.length > 0) return maskedSource(options, preRollS);
  return plainSource(camera, backlog, preRollS);
}

function plainSource(camera: ClipCamera, backlog: Fragment[], preRollS: number): ClipSource {
  let unsubscribe: (() => void) | undefined;
  // What follows a GOP of which only the start is held cannot be decoded after it.
  let needsKeyframe = !camera.ring.isNewestGopComplete;
  return {
    preRollS,
    failure: undefined,
    start(take) {
      for (const fragment of backlog.splice(0)) take(fragment);
      unsubscribe = camera.onFragment((fragment) => {
        needsKeyframe &&= !fragment.isKeyframe;
        if (!needsKeyframe) take(fragment);
      });
    },
    close: () => unsubscribe?.(),
  };
}

/** Its encoder begins with what a clip begins with, instead of with the newest keyframe. */
function maskedSource(options: ClipSourceOptions, preRollS: number): ClipSource {
  const { camera, preRollMs, encoders, clock, logger } = options;
  const { id, epochs, masks } = camera;
  const ring: FragmentSource['ring'] = {
    fromLastKeyframe: () => camera.ring.fromBefore(preRollMs),
    get isNewestGopComplete() {
      return camera.ring.isNewestGopComplete;
    },
  };
  const source = { id, epochs, masks, ring, onFragment: camera.onFragment.bind(camera) };
  const isPassedThrough = (): boolean => false;
  const video = new CameraVideo({
    camera: source,
    profile: 'main',
    isPassedThrough,
    encoders,
    clock,
    logger,
  });
  // At once: what it says of too many encoders is the answer to whoever wants the clip.
  video.start();
  return {
    preRollS,
    get failure() {
      return video.failure;
    },
    start: (take) => void video.onFragment(take),
    close: () => video.close(),
  };
}

/** On the timeline of the camera, as far as that can be believed. */
function secondsOf(fragments: Fragment[]): number {
  const timeline = new Timeline();
  for (const { decodeTimeS } of fragments) timeline.add(decodeTimeS);
  return timeline.seconds;
}

const MAX_STEP_S = 10;
const USUAL_STEP_S = 1 / 25;

/** How long pictures last together, whatever the clock of their camera does. */
export class Timeline {
  #seconds = 0;
  #newestS: number | undefined;
  #stepS = USUAL_STEP_S;

  get seconds(): number {
    return this.#seconds;
  }

  add(decodeTimeS: number): void {
    const step = decodeTimeS - (this.#newestS ?? decodeTimeS);
    if (this.#newestS !== undefined) {
      if (step > 0 && step <= MAX_STEP_S) this.#stepS = step;
      this.#seconds += this.#stepS;
    }
    this.#newestS = decodeTimeS;
  }
}
