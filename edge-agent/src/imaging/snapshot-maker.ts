// Turns a keyframe picture into what is sent and kept: a snapshot, its thumbnail, their digest and id. One at a time for all
// cameras of the agent; what waits is bounded.

import { createHash } from 'node:crypto';
import { monotonicFactory } from 'ulid';
import {
  MAX_SNAPSHOT_BYTES,
  MAX_SNAPSHOT_WIDTH,
  MAX_THUMBNAIL_BYTES,
  THUMBNAIL_WIDTH,
} from '@sitecast/shared/protocol/limits';
import type { SnapshotEnvelope, SnapshotReason } from '@sitecast/shared/protocol/snapshot-envelope';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { decodePicture, encodeToFit, type EncodedPicture } from './picture-encoder.ts';

/** Policy: reject with QUEUE_FULL. Requests of snapshots that wait or run. Bounds in edge-agent/README.md. */
export const MAX_SNAPSHOTS_QUEUED = 64;

/** What is needed of a camera's keyframe picture. */
export interface SourcePicture {
  jpeg: Uint8Array;
  width: number;
  height: number;
  capturedAtMs: number;
}

export interface SnapshotRequest {
  camera: string;
  reason: SnapshotReason;
  /** Of the masks that are painted into the picture; 0 for none. */
  maskVersion: number;
  picture: SourcePicture;
}

export class SnapshotMaker {
  readonly counters = { snapshotsMade: 0, snapshotsFailed: 0, snapshotsRefused: 0 };
  readonly #maxQueued: number;
  readonly #newId: (timeMs: number) => string;
  #queued = 0;
  #isClosed = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: { maxQueued?: number; newId?: (timeMs: number) => string } = {}) {
    this.#maxQueued = options.maxQueued ?? MAX_SNAPSHOTS_QUEUED;
    this.#newId = options.newId ?? monotonicFactory();
  }

  get queued(): number {
    return this.#queued;
  }

  /**
   * @throws {AppError} QUEUE_FULL (retryable) when too many wait; FRAME_MALFORMED when the picture cannot be decoded;
   * SHUTTING_DOWN after `close()`.
   */
  async make(request: SnapshotRequest): Promise<SnapshotEnvelope> {
    if (this.#queued >= this.#maxQueued) {
      this.counters.snapshotsRefused += 1;
      throw new AppError('QUEUE_FULL', `${this.#queued} snapshots wait to be made`, { retryable: true });
    }
    this.#queued += 1;
    const envelope = this.#last.then(() => this.#makeNow(request));
    this.#last = envelope.then(
      () => void (this.counters.snapshotsMade += 1),
      () => void (this.counters.snapshotsFailed += 1),
    );
    return await envelope.finally(() => void (this.#queued -= 1));
  }

  /** Refuses what waits; resolves when the one at work is done. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#last;
  }

  async #makeNow({ camera, reason, maskVersion, picture }: SnapshotRequest): Promise<SnapshotEnvelope> {
    if (this.#isClosed) throw new AppError('SHUTTING_DOWN', 'the agent is stopping');
    const pixels = await decodePicture(picture.jpeg, MAX_SNAPSHOT_WIDTH);
    const snapshot = fitsAsItIs(picture)
      ? { bytes: picture.jpeg, width: picture.width, height: picture.height }
      : await encodeToFit(pixels, MAX_SNAPSHOT_WIDTH, MAX_SNAPSHOT_BYTES);
    const thumbnail = await encodeToFit(pixels, THUMBNAIL_WIDTH, MAX_THUMBNAIL_BYTES);
    return this.#envelope({ camera, reason, maskVersion }, picture.capturedAtMs, snapshot, thumbnail);
  }

  #envelope(
    { camera, reason, maskVersion }: Omit<SnapshotRequest, 'picture'>,
    capturedAtMs: number,
    snapshot: EncodedPicture,
    thumbnail: EncodedPicture,
  ): SnapshotEnvelope {
    return {
      header: {
        id: this.#newId(capturedAtMs),
        camera,
        capturedAt: new Date(capturedAtMs).toISOString(),
        reason,
        type: 'image/jpeg',
        width: snapshot.width,
        height: snapshot.height,
        bytes: snapshot.bytes.length,
        sha256: createHash('sha256').update(snapshot.bytes).digest('hex'),
        thumbnail: {
          type: 'image/jpeg',
          width: thumbnail.width,
          height: thumbnail.height,
          bytes: thumbnail.bytes.length,
        },
        maskVersion,
      },
      snapshot: snapshot.bytes,
      thumbnail: thumbnail.bytes,
    };
  }
}

// The capture already writes keyframes small: one that fits goes out untouched, which costs nothing and loses nothing.
function fitsAsItIs({ jpeg, width }: SourcePicture): boolean {
  return width <= MAX_SNAPSHOT_WIDTH && jpeg.length <= MAX_SNAPSHOT_BYTES;
}
