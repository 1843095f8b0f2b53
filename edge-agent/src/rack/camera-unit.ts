// One camera with all that belongs to it alone: capture, live streams, snapshots, picture sense, events. Part of the composition root.

import type { CameraEvent } from '@sitecast/shared/protocol/events';
import type { SnapshotEnvelope } from '@sitecast/shared/protocol/snapshot-envelope';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { MIB } from '@sitecast/shared/protocol/limits';
import { Lifetime } from '@sitecast/shared/runtime/lifetime';
import type { Logger } from '@sitecast/shared/node/logger';
import { Camera } from '../camera/camera.ts';
import type { Encoders } from '../camera/encoder/encoders.ts';
import { Epochs } from '../camera/epochs.ts';
import type { FfmpegBinary } from '../camera/ffmpeg-binary.ts';
import { LiveCamera } from '../camera/live-camera.ts';
import { privacyMasks } from '../camera/privacy-masks.ts';
import type { CameraSettings } from '../config.ts';
import type { QuietLog } from '../health/quiet-log.ts';
import type { SnapshotMaker } from '../imaging/snapshot-maker.ts';
import { CameraEvents } from '../reporting/camera-events.ts';
import type { CameraSense } from '../reporting/camera-sense.ts';
import { CameraSnapshots } from '../reporting/camera-snapshots.ts';
import { createSense } from '../reporting/create-sense.ts';
import type { Offer } from '../uplink/offer.ts';

/** Of the second stream of a camera, while it is leased. */
export const SUB_STREAM_RING_MAX_BYTES = 4 * MIB;

/** What the cameras share; all of it is borrowed. */
export interface UnitParts {
  ffmpeg: FfmpegBinary;
  encoders: Encoders;
  /** For the records of running processes. */
  runDir: string;
  /** How far back clips may begin. */
  ringKeepMs: number;
  /** What the uplink carries now. */
  offer: () => Offer;
  maker: Pick<SnapshotMaker, 'make'>;
  /** Resolves when the snapshot is durable. */
  keepSnapshot: (envelope: SnapshotEnvelope) => Promise<void>;
  /** Resolves when an event that begins or ends is durable. */
  tell: (camera: string, event: CameraEvent) => Promise<void>;
  /** Resolves when an event of one moment is durable. */
  put: (camera: string, event: CameraEvent) => Promise<void>;
  onReport: (report: CameraReport) => void;
  /** Of either kind, as it happens. */
  onEvent: (camera: string, event: CameraEvent) => void;
  logger: Logger;
  log: QuietLog;
}

export class CameraUnit {
  readonly settings: CameraSettings;
  readonly camera: Camera;
  readonly live: LiveCamera;
  readonly snapshots: CameraSnapshots;
  /** undefined where there is nothing to look for. */
  readonly sense: CameraSense | undefined;
  readonly #parts: UnitParts;
  readonly #events: CameraEvents;
  readonly #lifetime: Lifetime;

  /**
   * @param before the same camera with other settings: epochs go on, and what was told of it is not told again.
   * @throws {AppError} CONFIG_INVALID when the source cannot be understood.
   */
  constructor(settings: CameraSettings, ringMaxBytes: number, parts: UnitParts, before?: CameraUnit) {
    const { id } = settings;
    this.settings = settings;
    this.#parts = parts;
    this.#events = before ? before.#events : this.#createEvents();
    this.#lifetime = new Lifetime({
      onCloseError: (name, error) =>
        parts.logger.warn({ camera: id, name, reason: messageOf(error) }, 'closing failed'),
    });
    // Closed in the opposite order: the picture first, so that what goes on ends with it.
    this.camera = this.#createCamera(ringMaxBytes, before?.camera.epochs ?? new Epochs());
    this.snapshots = this.#createSnapshots();
    this.sense = createSense(settings, {
      camera: this.camera,
      snapshots: this.snapshots,
      tell: (camera, event) => {
        parts.onEvent(camera, event);
        return parts.tell(camera, event);
      },
      log: parts.log,
    });
    this.live = this.#createLive();
    if (this.sense) this.#lifetime.own('picture sense', this.sense);
    this.#lifetime.own('snapshots', this.snapshots);
    this.#lifetime.own('second stream', this.live);
    this.#lifetime.own('capture', this.camera);
  }

  get id(): string {
    return this.settings.id;
  }

  start(): void {
    this.#parts.encoders.start();
    for (const part of [this.snapshots, this.sense, this.camera]) part?.start();
  }

  /** Resolves when nothing of it runs any more. Idempotent; leases and recordings of it are ended by whoever has them, before. */
  close(): Promise<void> {
    return this.#lifetime.close();
  }

  #createEvents(): CameraEvents {
    const { onEvent, put } = this.#parts;
    return new CameraEvents((camera, event) => {
      onEvent(camera, event);
      // The outbox counts and logs a failure; there is nobody else to tell.
      void put(camera, event).catch(() => {});
    });
  }

  #createCamera(ringMaxBytes: number, epochs: Epochs): Camera {
    const { id, name = id, source, transport, masks } = this.settings;
    const { ffmpeg, runDir, ringKeepMs, onReport, logger } = this.#parts;
    const camera = new Camera({
      id,
      name,
      source,
      transport,
      masks: privacyMasks(masks),
      ffmpeg,
      runDir,
      ringMaxBytes,
      ringKeepMs,
      epochs,
      logger,
    });
    camera.onReport((report) => {
      onReport(report);
      this.#events.report(report);
    });
    return camera;
  }

  #createSnapshots(): CameraSnapshots {
    const { camera } = this;
    const { offer, maker, keepSnapshot, log } = this.#parts;
    return new CameraSnapshots({
      camera,
      intervalMs: this.settings.snapshotIntervalSeconds * 1_000,
      isHeld: () => !offer().hasSnapshots,
      make: (picture, reason) =>
        maker.make({ camera: camera.id, maskVersion: camera.masks.version, picture, reason }),
      keep: keepSnapshot,
      log,
    });
  }

  #createLive(): LiveCamera {
    const { camera } = this;
    const { id, name = id, subStream, transport } = this.settings;
    const { encoders, offer, ffmpeg, runDir, onReport, logger } = this.#parts;
    const onChanged = (): void => onReport(this.live.report());
    const shared = {
      id,
      name,
      transport,
      masks: camera.masks,
      epochs: camera.epochs,
      ffmpeg,
      runDir,
      logger,
    };
    const ofSubStream = { hasPictures: false, ringMaxBytes: SUB_STREAM_RING_MAX_BYTES };
    const createSubStream =
      subStream === undefined
        ? undefined
        : (): Camera => new Camera({ ...shared, ...ofSubStream, source: subStream });
    return new LiveCamera({ camera, encoders, offer, createSubStream, onChanged, logger });
  }
}
