// A camera as live streams see it: which profiles it offers, how each is made, and the video of one while it is leased.

import type { Logger } from '@sitecast/shared/node/logger';
import type { Profile } from '@sitecast/shared/protocol/frame-header';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import { cameraOffline, type LiveSource, type LiveVideo } from '../live/live-source.ts';
import { isBrowserCodec } from './browser-codec.ts';
import { CameraVideo, type CameraVideoOptions } from './camera-video.ts';
import type { Camera } from './camera.ts';
import type { EncoderJob } from './encoder/encoder.ts';
import type { InitSegment, KeyframePicture } from './fragment.ts';

const LIVE_PROFILES = ['main', 'low', 'stills'] as const satisfies readonly Profile[];

export interface LiveCameraOptions {
  camera: Camera;
  encoders: CameraVideoOptions['encoders'];
  logger: Logger;
  clock?: Clock;
}

/** Borrows the camera and the encoders. */
export class LiveCamera implements LiveSource {
  readonly #options: LiveCameraOptions;

  constructor(options: LiveCameraOptions) {
    this.#options = options;
  }

  get id(): string {
    return this.#options.camera.id;
  }

  /** The camera's own report, and what is made of it for viewers. */
  report(): CameraReport {
    const report = this.#options.camera.report();
    const isMainEncoded = report.codec !== null && !isBrowserCodec(report.codec);
    return { ...report, profiles: [...LIVE_PROFILES], encoded: isMainEncoded ? ['main', 'low'] : ['low'] };
  }

  latestPicture(): KeyframePicture | undefined {
    return this.#options.camera.latestPicture();
  }

  onPicture(listener: (picture: KeyframePicture) => void): () => void {
    return this.#options.camera.onPicture(listener);
  }

  /** Starts it; the caller closes it. @throws {AppError} CAMERA_OFFLINE, ENCODER_LIMIT */
  open(profile: EncoderJob['profile']): LiveVideo {
    const { camera, encoders, logger, clock = systemClock } = this.#options;
    if (camera.ring.fromLastKeyframe().length === 0) throw cameraOffline(camera.report());
    const video = new CameraVideo({
      cameraId: camera.id,
      camera,
      profile,
      isPassedThrough: profile === 'main' ? isPlayable : () => false,
      encoders,
      clock,
      logger,
    });
    video.start();
    return video;
  }
}

function isPlayable({ codec }: InitSegment): boolean {
  return isBrowserCodec(codec);
}
