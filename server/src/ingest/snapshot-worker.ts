// Files one staged snapshot: pictures into the media store, then the row, then the staged file goes. Each step may be
// repeated, so a crash between two of them loses nothing and doubles nothing. Borrows everything.

import { createHash } from 'node:crypto';
import {
  decodeSnapshotEnvelope,
  type SnapshotEnvelope,
  type SnapshotHeader,
} from '@sitecast/shared/protocol/snapshot-envelope';
import type { AgentAddress } from '@sitecast/shared/protocol/topics';
import { AppError, isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import type { Logger } from '@sitecast/shared/node/logger';
import type { MediaStore } from '../media-store/media-store.ts';
import { parseStagedName, type StagedFile, type Staging } from '../media-store/staging.ts';
import type { Snapshot, SnapshotStore } from './snapshot-store.ts';

export interface RefusedSnapshot extends AgentAddress {
  camera: string;
  id: string;
  error: AppError;
}

export interface SnapshotWorkerOptions {
  staging: Staging;
  mediaStore: MediaStore;
  snapshots: SnapshotStore;
  /** Called once for each snapshot that is new. */
  onStored: (snapshot: Snapshot) => void;
  /** It was acknowledged and will never be filed, because of what it is: its agent should hear of it. */
  onRefused: (refused: RefusedSnapshot) => void;
  logger: Logger;
}

export class SnapshotWorker {
  readonly #options: SnapshotWorkerOptions;
  readonly counters = { snapshotsFiled: 0, snapshotsKnown: 0, snapshotsSetAside: 0 };

  #heldBytes = 0;

  constructor(options: SnapshotWorkerOptions) {
    this.#options = options;
  }

  /** Of the envelopes that are being filed. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** @throws {AppError} retryable ones only: what can never be filed is set aside. */
  async file(name: string): Promise<void> {
    const { staging } = this.#options;
    const staged = await staging.read(name);
    if (!staged) return;
    this.#heldBytes += staged.bytes.length;
    try {
      await this.#fileStaged(name, staged);
      await staging.remove(name);
    } catch (error) {
      if (!isAppError(error) || error.retryable) throw error;
      await this.#setAside(name, error);
    } finally {
      this.#heldBytes -= staged.bytes.length;
    }
  }

  async #fileStaged(name: string, { bytes, stagedAt }: StagedFile): Promise<void> {
    const sender = parseStagedName(name);
    if (!sender) throw new AppError('FRAME_MALFORMED', `${name} is not the name of a staged snapshot`);
    const { site, agent } = sender;
    const envelope = readSnapshotEnvelope(bytes);
    const { header } = envelope;
    if (await this.#isKnown(sender, header)) {
      this.counters.snapshotsKnown += 1;
      return;
    }
    const paths = await this.#options.mediaStore.put(site, envelope);
    const stored = await this.#options.snapshots.insert({
      site,
      agent,
      receivedAt: stagedAt,
      header,
      ...paths,
    });
    if (!stored)
      throw new AppError('CONFLICT', `snapshot ${header.id} was filed twice at once`, { retryable: true });
    this.counters.snapshotsFiled += 1;
    this.#options.onStored(stored);
  }

  /**
   * Looked up before the pictures are filed: those of another snapshot with this id would lie there without a row.
   * @throws {AppError} CONFLICT when the id is that of another snapshot.
   */
  async #isKnown(
    { site, agent }: AgentAddress,
    { id, camera, capturedAt, sha256 }: SnapshotHeader,
  ): Promise<boolean> {
    const known = await this.#options.snapshots.find(id);
    if (!known) return this.#options.snapshots.isBeingDeleted(id);
    const isSame =
      known.site === site &&
      known.camera === camera &&
      known.sha256 === sha256 &&
      Date.parse(known.capturedAt) === Date.parse(capturedAt);
    if (isSame) return true;
    const error = new AppError('CONFLICT', `another snapshot has the id ${id}`, { detail: { id } });
    this.#options.onRefused({ site, agent, camera, id, error });
    throw error;
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
    const { id } = envelope.header;
    throw new AppError('FRAME_MALFORMED', `snapshot ${id} does not have the digest of its header`, {
      detail: { id },
    });
  }
  return envelope;
}
