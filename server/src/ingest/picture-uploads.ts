// Pictures that come over HTTP, from devices without an agent: let in, read, checked, and handed to the same intake as the
// snapshots of agents. Never waits for room: whoever uploads is told at once to come back. Borrows everything.

import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { MAX_SNAPSHOT_BYTES, MAX_SNAPSHOT_HEADER_BYTES } from '@sitecast/shared/protocol/limits';
import {
  encodeSnapshotEnvelope,
  type SnapshotHeader,
  type SnapshotReason,
} from '@sitecast/shared/protocol/snapshot-envelope';
import { AppError, isAppError } from '@sitecast/shared/runtime/app-error';
import type { AgentAddress } from '@sitecast/shared/protocol/topics';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import { readBody, tooLarge } from './bounded-body.ts';
import { pictureOfMultipart } from './multipart-picture.ts';
import { readPictureHeader, type PictureHeader } from './picture-header.ts';
import type { SnapshotIntake } from './snapshot-intake.ts';
import type { SnapshotStore } from './snapshot-store.ts';
import { UploadGate, type UploadLimits } from './upload-gate.ts';
import { uploadId } from './upload-id.ts';

/** What multipart may add around a picture. */
const MULTIPART_EXTRA_BYTES = 16 * 1024;
export const MAX_UPLOAD_BODY_BYTES = MAX_SNAPSHOT_BYTES + MULTIPART_EXTRA_BYTES;
export const UPLOAD_DEADLINE_MS = 20_000;
export const UPLOAD_BYTES_IN_FLIGHT_MAX = 4 * 1024 * 1024;
export const UPLOADS_PER_DEVICE_MAX = 4;
export const UPLOAD_BYTES_PER_DEVICE_MAX = 1024 * 1024;
const RETRY_AFTER_MS = 5_000;

export interface Upload {
  device: AgentAddress;
  camera: string;
  contentType: string;
  /** As the request says; undefined where it does not. */
  declaredBytes: number | undefined;
  body: Readable;
  reason: SnapshotReason;
  /** ISO 8601; undefined is now. */
  capturedAt: string | undefined;
  idempotencyKey: string | undefined;
}

export interface PictureUploadsOptions {
  intake: Pick<SnapshotIntake, 'accept' | 'hasRoom'>;
  snapshots: Pick<SnapshotStore, 'has'>;
  /** Makes the camera known. @throws {AppError} when the device may not file pictures under it. */
  expectCamera: (device: AgentAddress, camera: string, size: PictureHeader) => Promise<void>;
  maxUploads: number;
  deadlineMs?: number;
  clock?: Clock;
}

export class PictureUploads {
  readonly #options: PictureUploadsOptions;
  readonly #clock: Clock;
  readonly #gate: UploadGate;
  #isShed = false;
  #stagingBytes = 0;
  readonly #counters = {
    accepted: 0,
    repeated: 0,
    refusedQueueFull: 0,
    refusedPressure: 0,
    tooLarge: 0,
    tooSlow: 0,
    aborted: 0,
    malformed: 0,
  };

  constructor(options: PictureUploadsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#gate = new UploadGate(limitsOf(options.maxUploads));
  }

  get counters(): Readonly<Record<string, number>> {
    return { ...this.#counters, ...this.#gate.counters };
  }

  /** While `true` uploads are refused: their devices are told to come back, and lose nothing that they had. */
  shed(isShed: boolean): void {
    this.#isShed = isShed;
  }

  /** Uploads that are under way, and the bytes that they may come to. */
  get held(): Readonly<{ uploads: number; bytes: number }> {
    return this.#gate.held;
  }

  /** Of the envelopes that are made of uploads, a copy of each picture, until they are durable. */
  get stagingBytes(): number {
    return this.#stagingBytes;
  }

  /**
   * @returns the id of the snapshot, which is durable; the same upload again gives the same id, and is stored once.
   * @throws {AppError} PAYLOAD_TOO_LARGE, UPLOAD_TOO_SLOW, UPLOAD_ABORTED, MEDIA_TYPE_UNSUPPORTED, PICTURE_MALFORMED,
   * BAD_REQUEST, FORBIDDEN, FRAME_MALFORMED (capturedAt); RATE_LIMITED, QUEUE_FULL, MEMORY_PRESSURE, STORE_UNAVAILABLE,
   * SHUTTING_DOWN (retryable).
   */
  async store(upload: Upload): Promise<string> {
    try {
      return await this.#store(upload);
    } catch (error) {
      this.#count(error);
      throw error;
    }
  }

  async #store(upload: Upload): Promise<string> {
    const maxBytes = isMultipart(upload) ? MAX_UPLOAD_BODY_BYTES : MAX_SNAPSHOT_BYTES;
    const { declaredBytes = maxBytes } = upload;
    if (declaredBytes > maxBytes) throw tooLarge(maxBytes);
    this.#expectRoom();
    const leave = this.#gate.enter(upload.device.agent, declaredBytes);
    try {
      return await this.#take(upload, maxBytes);
    } finally {
      leave();
    }
  }

  #expectRoom(): void {
    const detail = { retryAfterMs: RETRY_AFTER_MS };
    if (this.#isShed) throw new AppError('MEMORY_PRESSURE', 'uploads are shed', { retryable: true, detail });
    if (!this.#options.intake.hasRoom)
      throw new AppError('QUEUE_FULL', 'too many snapshots wait to be filed', { retryable: true, detail });
  }

  async #take(upload: Upload, maxBytes: number): Promise<string> {
    const { deadlineMs = UPLOAD_DEADLINE_MS } = this.#options;
    const body = await readBody(upload.body, { maxBytes, deadlineMs, clock: this.#clock });
    const picture = isMultipart(upload) ? await pictureOfMultipart(body, upload.contentType) : body;
    if (picture.length > MAX_SNAPSHOT_BYTES) throw tooLarge(MAX_SNAPSHOT_BYTES);
    const header = readPictureHeader(picture);
    if (!isMultipart(upload) && mediaTypeOf(upload) !== header.type)
      throw new AppError('MEDIA_TYPE_UNSUPPORTED', `declared ${mediaTypeOf(upload)}, it is ${header.type}`);
    await this.#options.expectCamera(upload.device, upload.camera, header);
    return this.#stage(upload, picture, header);
  }

  async #stage(upload: Upload, picture: Buffer, size: PictureHeader): Promise<string> {
    const sha256 = createHash('sha256').update(picture).digest('hex');
    const id = uploadId({ ...upload, sha256 });
    if (await this.#isFiled(id)) {
      this.#counters.repeated += 1;
      return id;
    }
    const { camera, reason, capturedAt = new Date(this.#clock.nowMs()).toISOString() } = upload;
    const header = { id, camera, capturedAt, reason, ...size, bytes: picture.length, sha256, maskVersion: 0 };
    await this.#accept({ ...upload.device, camera }, header, picture);
    this.#counters.accepted += 1;
    return id;
  }

  async #accept(
    from: AgentAddress & { camera: string },
    header: SnapshotHeader,
    snapshot: Buffer,
  ): Promise<void> {
    const bytes = snapshot.length + MAX_SNAPSHOT_HEADER_BYTES;
    this.#stagingBytes += bytes;
    try {
      const envelope = encodeSnapshotEnvelope({ header, snapshot, thumbnail: Buffer.alloc(0) });
      await this.#options.intake.accept(from, envelope, { mayWait: false });
    } finally {
      this.#stagingBytes -= bytes;
    }
  }

  /** While PostgreSQL is away the picture is staged again: filing it twice changes nothing. */
  #isFiled(id: string): Promise<boolean> {
    return this.#options.snapshots.has(id).catch(() => false);
  }

  #count(error: unknown): void {
    const counter = isAppError(error) ? COUNTER_OF[error.code] : undefined;
    if (counter !== undefined) this.#counters[counter] += 1;
  }
}

const COUNTER_OF: Partial<
  Record<string, 'refusedQueueFull' | 'refusedPressure' | 'tooLarge' | 'tooSlow' | 'aborted' | 'malformed'>
> = {
  QUEUE_FULL: 'refusedQueueFull',
  MEMORY_PRESSURE: 'refusedPressure',
  PAYLOAD_TOO_LARGE: 'tooLarge',
  UPLOAD_TOO_SLOW: 'tooSlow',
  UPLOAD_ABORTED: 'aborted',
  MEDIA_TYPE_UNSUPPORTED: 'malformed',
  PICTURE_MALFORMED: 'malformed',
  BAD_REQUEST: 'malformed',
};

function limitsOf(maxUploads: number): UploadLimits {
  return {
    uploads: maxUploads,
    bytes: UPLOAD_BYTES_IN_FLIGHT_MAX,
    uploadsPerDevice: UPLOADS_PER_DEVICE_MAX,
    bytesPerDevice: UPLOAD_BYTES_PER_DEVICE_MAX,
  };
}

function mediaTypeOf({ contentType }: Upload): string {
  return (contentType.split(';')[0] ?? '').trim().toLowerCase();
}

function isMultipart(upload: Upload): boolean {
  return mediaTypeOf(upload) === 'multipart/form-data';
}
