// Snapshots of one camera: the first as soon as there is a picture, then by interval, and whenever one is asked for.

import type { SnapshotEnvelope, SnapshotReason } from '@sitecast/shared/protocol/snapshot-envelope';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import { AppError, isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { KeyframePicture } from '../camera/fragment.ts';
import type { QuietLog } from '../health/quiet-log.ts';
import { uplinkLimited } from '../live/live-source.ts';

/** An older picture is not "now": cameras send a keyframe at least every ten seconds or so. */
const FRESH_MS = 30_000;

export interface CameraSnapshotsOptions {
  camera: {
    readonly id: string;
    report(): CameraReport;
    latestPicture(): KeyframePicture | undefined;
    onPicture(listener: (picture: KeyframePicture) => void): () => void;
  };
  /** 0: only when asked. */
  intervalMs: number;
  /** Whether none may be taken at the moment: nobody would get it. */
  isHeld?: () => boolean;
  make: (picture: KeyframePicture, reason: SnapshotReason) => Promise<SnapshotEnvelope>;
  /** Resolves when the snapshot is durable. */
  keep: (envelope: SnapshotEnvelope) => Promise<void>;
  log: QuietLog;
  clock?: Clock;
}

/** Borrows the camera; owns its timer and its subscription. */
export class CameraSnapshots {
  readonly #options: CameraSnapshotsOptions;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #unsubscribe: (() => void) | undefined;
  #lastPictureAtMs = 0;
  #snapshots = 0;

  constructor(options: CameraSnapshotsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get cameraId(): string {
    return this.#options.camera.id;
  }

  /** Taken since the start. */
  get snapshots(): number {
    return this.#snapshots;
  }

  start(): void {
    const { camera, intervalMs } = this.#options;
    if (intervalMs === 0) return;
    this.#unsubscribe = camera.onPicture(() => {
      this.#unsubscribe?.();
      this.#tick();
    });
  }

  close(): void {
    this.#timer?.cancel();
    this.#unsubscribe?.();
  }

  /**
   * @returns the id of the snapshot, once it is durable.
   * @throws {AppError} CAMERA_OFFLINE when there is no picture of now; UPLINK_LIMITED.
   */
  async take(reason: SnapshotReason): Promise<string> {
    const { camera, make, keep, isHeld } = this.#options;
    if (isHeld?.()) throw uplinkLimited(camera.id, 'snapshots');
    const picture = camera.latestPicture();
    if (
      !picture ||
      camera.report().state !== 'live' ||
      this.#clock.nowMs() - picture.capturedAtMs > FRESH_MS
    ) {
      throw new AppError('CAMERA_OFFLINE', `"${camera.id}" gives no picture at the moment`, {
        retryable: true,
      });
    }
    this.#lastPictureAtMs = picture.capturedAtMs;
    const envelope = await make(picture, reason);
    await keep(envelope);
    this.#snapshots += 1;
    return envelope.header.id;
  }

  #tick(): void {
    this.#timer = this.#clock.after(this.#options.intervalMs, () => this.#tick());
    // The same picture again would be a second record of one moment.
    if (this.#options.camera.latestPicture()?.capturedAtMs === this.#lastPictureAtMs) return;
    this.take('interval').catch((error: unknown) => {
      if (isAppError(error, 'CAMERA_OFFLINE') || isAppError(error, 'UPLINK_LIMITED')) return;
      const fields = { camera: this.cameraId, reason: messageOf(error) };
      this.#options.log.warn('SNAPSHOT', fields, 'a snapshot was not taken');
    });
  }
}
