// Files one staged snapshot: pictures into the media store, then the row, then the staged file goes. Each step may be
// repeated, so a crash between two of them loses nothing and doubles nothing. Borrows everything.

import { createHash } from 'node:crypto';
import { decodeSnapshotEnvelope, type SnapshotEnvelope } from '@sitecast/shared/protocol/snapshot-envelope';
import { AppError, isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import type { Logger } from '@sitecast/shared/node/logger';
import type { MediaStore } from '../media-store/media-store.ts';
import { parseStagedName, type StagedFile, type Staging } from '../media-store/staging.ts';
import type { Snapshot, SnapshotStore } from './snapshot-store.ts';

export interface SnapshotWorkerOptions {
  staging: Staging;
  mediaStore: MediaStore;
  snapshots: SnapshotStore;
  /** Called once for each snapshot that is new. */
  onStored: (snapshot: Snapshot) => void;
  logger: Logger;
}

export class SnapshotWorker {
  readonly #options: SnapshotWorkerOptions;
  readonly counters = { snapshotsFiled: 0, snapshotsKnown: 0, snapshotsSetAside: 0 };

  constructor(options: SnapshotWorkerOptions) {
    this.#options = options;
  }

  /** @throws {AppError} retryable ones only: what can never be filed is set aside. */
  async file(name: string): Promise<void> {
    const { staging } = this.#options;
    const staged = await staging.read(name);
    if (!staged) return;
    try {
      await this.#fileStaged(name, staged);
      await staging.remove(name);
    } catch (error) {
      if (!isAppError(error) || error.retryable) throw error;
      await this.#setAside(name, error);
    }
  }

  async #fileStaged(name: string, { bytes, stagedAt }: StagedFile): Promise<void> {
    const sender = parseStagedName(name);
    if (!sender) throw new AppError('FRAME_MALFORMED', `${name} is not the name of a staged snapshot`);
    const { site, agent } = sender;
    const envelope = readSnapshotEnvelope(bytes);
    const { header } = envelope;
    const paths = await this.#options.mediaStore.put(site, envelope);
    const stored = await this.#options.snapshots.insert({
      site,
      agent,
      receivedAt: stagedAt,
      header,
      ...paths,
    });
    if (!stored) {
      this.counters.snapshotsKnown += 1;
      return;
    }
    this.counters.snapshotsFiled += 1;
    this.#options.onStored(stored);
  }

  async #setAside(name: string, error: AppError): Promise<void> {
    await this.#options.staging.reject(name);
    this.counters.snapshotsSetAside += 1;
    this.#options.logger.error(
      { name, code: error.code, reason: messageOf(error) },
      'staged snapshot set aside',
    );
  }
}

/** Decodes no picture. @throws {AppError} FRAME_MALFORMED, PAYLOAD_TOO_LARGE or PROTOCOL_VERSION. */
export function readSnapshotEnvelope(bytes: Uint8Array): SnapshotEnvelope {
  const envelope = decodeSnapshotEnvelope(bytes);
  const digest = createHash('sha256').update(envelope.snapshot).digest('hex');
  if (digest !== envelope.header.sha256) {
    throw new AppError(
      'FRAME_MALFORMED',
      `snapshot ${envelope.header.id} does not have the digest of its header`,
    );
  }
  return envelope;
}
