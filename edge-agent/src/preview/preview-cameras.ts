// The cameras of the preview: one session with each, and one video of it for all who watch. Owns cameras and encoders.

import type { Logger } from '@sitecast/shared/node/logger';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { Camera } from '../camera/camera.ts';
import { Encoders } from '../camera/encoder/encoders.ts';
import type { FfmpegBinary } from '../camera/ffmpeg-binary.ts';
import type { KeyframePicture } from '../camera/fragment.ts';
import { GOP_RING_MAX_BYTES } from '../camera/gop-ring.ts';
import { LiveCamera } from '../camera/live-camera.ts';
import { privacyMasks } from '../camera/privacy-masks.ts';
import type { AgentConfig, CameraSettings } from '../config.ts';
import type { LiveVideo } from '../live/live-source.ts';

export interface PreviewCamerasOptions {
  cameras: CameraSettings[];
  config: Pick<AgentConfig, 'encoder' | 'encoders'>;
  ffmpeg: FfmpegBinary;
  runDir: string;
  logger: Logger;
}

export interface PreviewCamera {
  id: string;
  name: string;
  state: string;
  width: number | null;
  height: number | null;
  isMasked: boolean;
}

export interface Watched {
  video: LiveVideo;
  /** Idempotent. */
  release: () => void;
}

/** What the HTTP side needs; tests put their own in its place. */
export interface WatchableCameras {
  list(): PreviewCamera[];
  /** Masked where the camera is. */
  still(id: string): KeyframePicture | undefined;
  /** @throws {AppError} NOT_FOUND, CAMERA_OFFLINE, ENCODER_LIMIT */
  watch(id: string): Watched;
}

interface Shared {
  video: LiveVideo;
  viewers: number;
}

/** Of all rings together: a preview needs no more than the newest GOP. */
const ALL_RINGS_MAX_BYTES = 128 * 1024 * 1024;

export class PreviewCameras implements WatchableCameras {
  readonly #cameras: Camera[];
  readonly #live: Map<string, LiveCamera>;
  readonly #encoders: Encoders;
  readonly #shared = new Map<string, Shared>();

  constructor({ cameras, config, ffmpeg, runDir, logger }: PreviewCamerasOptions) {
    const { encoder: setting, encoders } = config;
    const ringMaxBytes = Math.min(GOP_RING_MAX_BYTES, Math.floor(ALL_RINGS_MAX_BYTES / cameras.length));
    this.#encoders = new Encoders({ ffmpeg, setting, ...encoders, runDir, logger });
    this.#cameras = cameras.map(({ id, name = id, source, transport, masks }) => {
      const shared = { id, name, source, transport, masks: privacyMasks(masks) };
      return new Camera({ ...shared, ffmpeg, runDir, ringMaxBytes, logger });
    });
    const live = (camera: Camera): LiveCamera => new LiveCamera({ camera, encoders: this.#encoders, logger });
    this.#live = new Map(this.#cameras.map((camera) => [camera.id, live(camera)]));
  }

  start(): void {
    for (const camera of this.#cameras) camera.start();
  }

  async close(): Promise<void> {
    for (const { video } of this.#shared.values()) video.close();
    this.#shared.clear();
    await Promise.all([...this.#live.values()].map((live) => live.close()));
    await this.#encoders.close();
    await Promise.all(this.#cameras.map((camera) => camera.close()));
  }

  list(): PreviewCamera[] {
    return this.#cameras.map((camera) => {
      const { id, name, state, width, height } = camera.report();
      return { id, name, state, width, height, isMasked: camera.masks.areas.length > 0 };
    });
  }

  still(id: string): KeyframePicture | undefined {
    return this.#find(id).latestPicture();
  }

  watch(id: string): Watched {
    const live = this.#find(id);
    const shared = this.#shared.get(id) ?? { video: live.open('main'), viewers: 0 };
    this.#shared.set(id, shared);
    shared.viewers += 1;
    let isReleased = false;
    const release = (): void => {
      if (isReleased) return;
      isReleased = true;
      shared.viewers -= 1;
      if (shared.viewers === 0) this.#end(id, shared);
    };
    return { video: shared.video, release };
  }

  #end(id: string, shared: Shared): void {
    shared.video.close();
    if (this.#shared.get(id) === shared) this.#shared.delete(id);
  }

  #find(id: string): LiveCamera {
    const live = this.#live.get(id);
    if (!live) throw new AppError('NOT_FOUND', 'no such camera');
    return live;
  }
}
