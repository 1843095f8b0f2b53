// Clips on their way in, chunk by chunk: each is on the disk before it is acknowledged, and the one that completes a clip when the
// clip is stored. So a sender has something left to send again until all is done, and no queue is needed here. In memory there
// is what is known of each upload; the chunks are on disk. Owns the sweep timer; borrows the rest.

import {
  clipChunkCount,
  decodeClipChunk,
  type ClipChunk,
  type ClipChunkHeader,
} from '@sitecast/shared/protocol/clip-chunk';
import {
  CLIP_CHUNK_BYTES,
  CLIP_UPLOAD_IDLE_MS,
  MAX_CLIP_CHUNK_MESSAGE_BYTES,
} from '@sitecast/shared/protocol/limits';
import type { AgentAddress } from '@sitecast/shared/protocol/topics';
import type { Logger } from '@sitecast/shared/node/logger';
import { AppError, isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { ClipFiles } from '../media-store/clip-files.ts';
import type { ClipParts, FoundParts } from '../media-store/clip-parts.ts';
import { formatStagedName, parseStagedName } from '../media-store/staging.ts';
import { expectBelievable } from './captured-at.ts';
import type { Clip, ClipStore } from './clip-store.ts';

/** Policy: reject. Agents send one after the other. */
export const CLIP_UPLOADS_MAX = 64;
/** Policy: drop-oldest. */
export const CLIP_UPLOADS_PER_DEVICE_MAX = 2;
const SWEEP_INTERVAL_MS = 10 * 60_000;

export interface ClipIntakeOptions {
  parts: ClipParts;
  files: ClipFiles;
  clips: ClipStore;
  /** Of all stored clips; a larger one is refused. */
  maxStoredBytes: number;
  /** Has the oldest clips deleted for one of so many bytes. @returns false when that cannot be. */
  makeRoomFor: (bytes: number) => Promise<boolean>;
  /** Whether the disk has room for so much more. */
  hasRoomFor: (bytes: number) => Promise<boolean>;
  logger: Logger;
  clock?: Clock;
}

interface Upload extends AgentAddress {
  name: string;
  /** Of any chunk, without its place. */
  header: ClipChunkHeader;
  chunks: number;
  /** A bit for each that is on the disk. */
  received: Uint8Array;
  receivedChunks: number;
  /** Chunks being worked on. */
  inHand: number;
  /** Wall clock: it is compared with times of files. */
  changedAtMs: number;
  filing: Promise<void> | undefined;
}

/** One of which not everything is here yet. */
export interface ArrivingClip {
  id: string;
  site: string;
  camera: string;
  bytes: number;
  /** Durable here. */
  receivedBytes: number;
  /** When the last of it came. */
  changedAt: string;
}

export class ClipIntake {
  readonly counters = {
    filed: 0,
    repeated: 0,
    refused: 0,
    uploadsRefused: 0,
    uploadsReplaced: 0,
    uploadsExpired: 0,
    storeFull: 0,
    filingsHeldUp: 0,
  };
  readonly #options: ClipIntakeOptions;
  readonly #clock: Clock;
  /** By name. Bound: CLIP_UPLOADS_MAX. */
  readonly #uploads = new Map<string, Upload>();
  #beginning: Promise<unknown> = Promise.resolve();
  #filing: Promise<unknown> = Promise.resolve();
  #isFiling = false;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: ClipIntakeOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Of the clip that is being put together. */
  get heldBytes(): number {
    return this.#isFiling ? MAX_CLIP_CHUNK_MESSAGE_BYTES : 0;
  }

  get uploads(): number {
    return this.#uploads.size;
  }

  /** At most CLIP_UPLOADS_MAX. */
  get arriving(): ArrivingClip[] {
    return [...this.#uploads.values()].map(({ site, header, receivedChunks, changedAtMs }) => ({
      id: header.id,
      site,
      camera: header.camera,
      bytes: header.total,
      receivedBytes: Math.min(header.total, receivedChunks * CLIP_CHUNK_BYTES),
      changedAt: new Date(changedAtMs).toISOString(),
    }));
  }

  /** Finds what an earlier run left. */
  async start(): Promise<void> {
    const { files, clips, parts } = this.#options;
    await files.sweep((ids) => clips.known(ids));
    for (const found of await parts.list()) await this.#recover(found);
    await this.#sweep();
  }

  /**
   * Resolves when the chunk is durable, and when its clip is stored where it completes one.
   * @param from the topic that it came by.
   * @throws {AppError} not retryable when the chunk or its clip can never be taken: FRAME_MALFORMED, PROTOCOL_VERSION,
   * PAYLOAD_TOO_LARGE, CONFLICT, LIMIT_REACHED; STORE_UNAVAILABLE or SHUTTING_DOWN (retryable).
   */
  async accept(from: AgentAddress & { camera: string }, message: Uint8Array): Promise<void> {
    const { header } = this.#check(from.camera, message);
    const upload = await this.#uploadOf(from, header);
    if (!upload) return;
    upload.inHand += 1;
    try {
      await this.#keep(upload, header.offset / CLIP_CHUNK_BYTES, message);
      if (upload.receivedChunks === upload.chunks) await this.#file(upload);
    } finally {
      upload.inHand -= 1;
    }
  }

  /** Idempotent. What is being put together gets done. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await Promise.allSettled([this.#beginning, this.#filing]);
  }

  #check(camera: string, message: Uint8Array): ClipChunk {
    try {
      const chunk = decodeClipChunk(message);
      const { id, startedAt } = chunk.header;
      if (chunk.header.camera !== camera) {
        const what = `a clip of ${chunk.header.camera} came on the topic of ${camera}`;
        throw new AppError('FRAME_MALFORMED', what, { detail: { id } });
      }
      expectBelievable(startedAt, { what: 'startedAt', id, nowMs: this.#clock.nowMs() });
      return chunk;
    } catch (error) {
      this.counters.refused += 1;
      throw error;
    }
  }

  /** @returns undefined when the whole clip is stored already. */
  async #uploadOf({ site, agent }: AgentAddress, header: ClipChunkHeader): Promise<Upload | undefined> {
    const name = formatStagedName({ id: header.id, site, agent });
    const upload = this.#uploads.get(name) ?? (await this.#beginInTurn(name, { site, agent }, header));
    if (upload && !isSameClip(upload.header, header)) throw this.#conflict(header.id);
    return upload;
  }

  #beginInTurn(name: string, from: AgentAddress, header: ClipChunkHeader): Promise<Upload | undefined> {
    // Another chunk of it may have been faster.
    const begun = this.#beginning.then(() => this.#uploads.get(name) ?? this.#begin(name, from, header));
    this.#beginning = begun.catch(() => undefined);
    return begun;
  }

  async #begin(name: string, from: AgentAddress, header: ClipChunkHeader): Promise<Upload | undefined> {
    if (this.#isClosed) throw new AppError('SHUTTING_DOWN', 'the server is closing', { retryable: true });
    const known = await this.#options.clips.find(header.id);
    if (known && !isStoredAs(known, from.site, header)) throw this.#conflict(header.id);
    if (known ?? (await this.#options.clips.isBeingDeleted(header.id))) {
      this.counters.repeated += 1;
      return undefined;
    }
    await this.#makePlace(from, header);
    await this.#options.parts.begin(name);
    const upload = newUpload(name, from, header, this.#clock.nowMs());
    this.#uploads.set(name, upload);
    return upload;
  }

  async #makePlace({ site, agent }: AgentAddress, { id, total }: ClipChunkHeader): Promise<void> {
    const { maxStoredBytes, hasRoomFor } = this.#options;
    // Its chunks, and the file that is made of them.
    if (total > maxStoredBytes || !(await hasRoomFor(2 * total))) throw this.#noRoom(id);
    const own = [...this.#uploads.values()].filter((each) => each.site === site && each.agent === agent);
    const abandoned = own
      .filter(({ inHand }) => inHand === 0)
      .sort((a, b) => a.changedAtMs - b.changedAtMs)[0];
    if (own.length >= CLIP_UPLOADS_PER_DEVICE_MAX && abandoned) {
      this.counters.uploadsReplaced += 1;
      await this.#forget(abandoned);
      return;
    }
    if (this.#uploads.size < CLIP_UPLOADS_MAX && own.length < CLIP_UPLOADS_PER_DEVICE_MAX) return;
    this.counters.uploadsRefused += 1;
    throw limitReached(`${this.#uploads.size} clips are being uploaded`, id);
  }

  async #keep(upload: Upload, index: number, message: Uint8Array): Promise<void> {
    if (!has(upload, index)) await this.#options.parts.put(upload.name, index, message);
    note(upload, index);
    upload.changedAtMs = this.#clock.nowMs();
  }

  /** One clip at a time; the same one once, however many of its chunks ask. */
  #file(upload: Upload): Promise<void> {
    if (!upload.filing) {
      if (this.#isFiling) this.counters.filingsHeldUp += 1;
      upload.filing = this.#filing
        .then(() => this.#fileNow(upload))
        .finally(() => (upload.filing = undefined));
      this.#filing = upload.filing.catch(() => undefined);
    }
    return upload.filing;
  }

  async #fileNow(upload: Upload): Promise<void> {
    this.#isFiling = true;
    try {
      await this.#store(upload);
      await this.#forget(upload);
    } catch (error) {
      if (!isAppError(error) || error.retryable) throw error;
      this.counters.refused += 1;
      await this.#forget(upload);
      throw error;
    } finally {
      this.#isFiling = false;
    }
  }

  async #store(upload: Upload): Promise<void> {
    const { clips, files } = this.#options;
    const { header } = upload;
    const known = await clips.find(header.id);
    if (known && !isStoredAs(known, upload.site, header)) throw this.#conflict(header.id);
    if (known ?? (await clips.isBeingDeleted(header.id))) return;
    if (!(await this.#options.makeRoomFor(header.total))) throw this.#noRoom(header.id);
    await files.write(header.id, this.#contentsOf(upload), header.sha256);
    if (!(await clips.insert(upload, header, new Date(this.#clock.nowMs())))) return;
    this.counters.filed += 1;
  }

  async *#contentsOf({ name, chunks, header }: Upload): AsyncGenerator<Uint8Array> {
    for (let index = 0; index < chunks; index += 1) {
      const chunk = decodeClipChunk(await this.#options.parts.read(name, index));
      if (chunk.header.offset !== index * CLIP_CHUNK_BYTES) {
        const { id } = header;
        throw new AppError('FRAME_MALFORMED', `chunk ${index} of clip ${id} is another one`, {
          detail: { id },
        });
      }
      yield chunk.bytes;
    }
  }

  async #recover({ name, indexes, changedAtMs }: FoundParts): Promise<void> {
    const { parts, logger } = this.#options;
    const sender = parseStagedName(name);
    try {
      const { header } = decodeClipChunk(await parts.read(name, indexes[0] ?? 0));
      if (!sender || header.id !== sender.id) throw new TypeError('it belongs to another clip');
      const upload = newUpload(name, sender, header, changedAtMs);
      for (const index of indexes) if (index < upload.chunks) note(upload, index);
      this.#uploads.set(name, upload);
    } catch (error) {
      logger.warn({ name, reason: messageOf(error) }, 'an upload of a clip cannot go on');
      await parts.remove(name);
    }
  }

  async #sweep(): Promise<void> {
    const nowMs = this.#clock.nowMs();
    for (const upload of [...this.#uploads.values()]) {
      if (upload.inHand > 0 || nowMs - upload.changedAtMs < CLIP_UPLOAD_IDLE_MS) continue;
      this.counters.uploadsExpired += 1;
      await this.#forget(upload);
    }
    if (this.#isClosed) return;
    this.#timer = this.#clock.after(SWEEP_INTERVAL_MS, () => {
      this.#sweep().catch((error: unknown) =>
        this.#options.logger.warn({ reason: messageOf(error) }, 'uploads of clips were not swept'),
      );
    });
  }

  async #forget({ name }: Upload): Promise<void> {
    this.#uploads.delete(name);
    await this.#options.parts.remove(name);
  }

  #noRoom(id: string): AppError {
    this.counters.storeFull += 1;
    return limitReached(`there is no room for clip ${id}`, id);
  }

  #conflict(id: string): AppError {
    this.counters.refused += 1;
    return new AppError('CONFLICT', `another clip has the id ${id}`, { detail: { id } });
  }
}

function newUpload(name: string, from: AgentAddress, header: ClipChunkHeader, changedAtMs: number): Upload {
  const chunks = clipChunkCount(header.total);
  const received = new Uint8Array(Math.ceil(chunks / 8));
  const { site, agent } = from;
  const counted = { chunks, received, receivedChunks: 0, inHand: 0, changedAtMs, filing: undefined };
  return { name, site, agent, header: { ...header, offset: 0 }, ...counted };
}

function has({ received }: Upload, index: number): boolean {
  return ((received[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
}

function note(upload: Upload, index: number): void {
  if (has(upload, index)) return;
  upload.received[index >> 3]! |= 1 << (index & 7);
  upload.receivedChunks += 1;
}

function isSameClip(known: ClipChunkHeader, header: ClipChunkHeader): boolean {
  return JSON.stringify(known) === JSON.stringify({ ...header, offset: 0 });
}

function isStoredAs(known: Clip, site: string, { camera, sha256, total }: ClipChunkHeader): boolean {
  return known.site === site && known.camera === camera && known.sha256 === sha256 && known.bytes === total;
}

function limitReached(message: string, id: string): AppError {
  return new AppError('LIMIT_REACHED', message, { detail: { id } });
}
