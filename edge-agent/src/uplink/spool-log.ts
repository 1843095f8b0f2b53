// The messages of one class on disk, in order: appended by one writer, read by one cursor, forgotten when acknowledged.

import { constants } from 'node:fs';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { isAppError } from '@sitecast/shared/runtime/app-error';
import { KIB } from '@sitecast/shared/protocol/limits';
import { encodeRecord, type SpoolRecord } from './spool-record.ts';
import { listSegments, SpoolSegment } from './spool-segment.ts';

/** The newest segment is given back once it holds nothing un-acked and is at least this large. */
const RETIRE_MIN_BYTES = 256 * KIB;
/** How far acknowledgements may run ahead of the oldest one that is missing. Policy: block. */
export const MAX_ACKED_AHEAD = 1_024;
const SAVE_ACKED_AFTER_MS = 250;
const ACKED_FILE_BYTES = 12;

export interface SpoolMessage extends SpoolRecord {
  recordBytes: number;
  segment: SpoolSegment;
}

export interface SpoolLogOptions {
  folder: string;
  segmentBytes: number;
  /** Failures that lose nothing: a file that could not be deleted, a position that could not be saved. */
  onError: (error: unknown) => void;
}

/** Owns its segments and the file with the acknowledged position. `append` and `dropOldest` are one caller's, in turn. */
export class SpoolLog {
  readonly counters = { messagesDropped: 0, corruptTails: 0 };
  readonly #options: SpoolLogOptions;
  readonly #ackedFile: FileHandle;
  readonly #removals = new Set<Promise<void>>();
  #segments: SpoolSegment[] = [];
  #nextSequence = 1;
  #ackedThrough = 0;
  /** Acknowledged above `#ackedThrough`, whose successor is still missing. */
  #ackedAhead = new Set<number>();
  #readSegment: SpoolSegment | undefined;
  #readOffset = 0;
  #isAppending = false;
  #saveTimer: NodeJS.Timeout | undefined;

  private constructor(options: SpoolLogOptions, ackedFile: FileHandle) {
    this.#options = options;
    this.#ackedFile = ackedFile;
  }

  /** Recovers what an earlier run left. */
  static async open(options: SpoolLogOptions): Promise<SpoolLog> {
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    const ackedPath = join(options.folder, 'acked');
    const log = new SpoolLog(options, await open(ackedPath, constants.O_RDWR | constants.O_CREAT, 0o600));
    await log.#recover();
    return log;
  }

  get fileBytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get pendingBytes(): number {
    return this.#segments.reduce((sum, { pendingBytes }) => sum + pendingBytes, 0);
  }

  get pendingMessages(): number {
    return this.#segments.reduce((sum, { pendingMessages }) => sum + pendingMessages, 0);
  }

  /** Durable when it resolves. Rejects with the error of the file system. */
  async append(messages: { topic: string; payload: Uint8Array }[]): Promise<void> {
    this.#isAppending = true;
    try {
      const segment = await this.#writableSegment();
      // A number is never used twice, not even after a failed write: half of it may be on the disk.
      const records = messages.map((message) => encodeRecord({ ...message, sequence: this.#nextSequence++ }));
      await segment.append(records, this.#nextSequence - 1);
    } finally {
      this.#isAppending = false;
    }
  }

  /**
   * The oldest message that was neither read since the last `rewind` nor acknowledged. One caller at a time.
   * @returns undefined when there is none, or when too many behind an un-acked one are acknowledged.
   */
  async next(): Promise<SpoolMessage | undefined> {
    for (let segment = this.#segmentToRead(); segment; segment = this.#segmentToRead()) {
      const offset = this.#readOffset;
      const record = await this.#readRecord(segment, offset);
      const wasMoved = this.#readSegment !== segment || this.#readOffset !== offset;
      if (!record || wasMoved) continue;
      if (record.sequence - this.#ackedThrough > MAX_ACKED_AHEAD) return undefined;
      this.#readOffset += record.recordBytes;
      if (!this.#isAcked(record.sequence)) return { ...record, segment };
    }
    return undefined;
  }

  /** Idempotent; a message that was dropped meanwhile is ignored. */
  ack({ sequence, segment, recordBytes }: SpoolMessage): void {
    if (this.#isAcked(sequence) || !this.#segments.includes(segment)) return;
    this.#ackedAhead.add(sequence);
    segment.pendingMessages -= 1;
    segment.pendingBytes -= recordBytes;
    this.#advance();
  }

  /** Reads again from the oldest un-acked message on: after a reconnect nobody knows what arrived. */
  rewind(): void {
    this.#readSegment = undefined;
    this.#readOffset = 0;
  }

  /** Not while `append` is under way. @returns false when there is nothing to drop. */
  dropOldest(): boolean {
    const [oldest] = this.#segments;
    if (!oldest) return false;
    this.counters.messagesDropped += oldest.pendingMessages;
    this.#discard(oldest);
    this.#advance();
    return true;
  }

  /** Idempotent enough for its one owner; nothing of ours is open afterwards. */
  async close(): Promise<void> {
    clearTimeout(this.#saveTimer);
    await this.#saveAcked();
    await Promise.all(this.#removals);
    await Promise.all(this.#segments.map((segment) => segment.close()));
    await this.#ackedFile.close();
  }

  async #recover(): Promise<void> {
    this.#ackedThrough = await this.#loadAcked();
    for (const path of await listSegments(this.#options.folder)) {
      const { segment, cutBytes } = await SpoolSegment.recover(path, (sequence) => this.#isAcked(sequence));
      if (cutBytes > 0) this.counters.corruptTails += 1;
      this.#segments.push(segment);
    }
    const lastSequence = Math.max(
      this.#ackedThrough,
      ...this.#segments.map((segment) => segment.lastSequence),
    );
    this.#nextSequence = lastSequence + 1;
    this.#advance();
  }

  async #writableSegment(): Promise<SpoolSegment> {
    const newest = this.#segments.at(-1);
    if (newest && !newest.isSealed && newest.bytes < this.#options.segmentBytes) return newest;
    if (newest) newest.isSealed = true;
    const segment = await SpoolSegment.create(this.#options.folder, this.#nextSequence);
    this.#segments.push(segment);
    return segment;
  }

  #segmentToRead(): SpoolSegment | undefined {
    this.#readSegment ??= this.#segments[0];
    while (this.#readSegment && this.#readOffset >= this.#readSegment.bytes) {
      const following = this.#segments[this.#segments.indexOf(this.#readSegment) + 1];
      if (!following) return undefined;
      this.#readSegment = following;
      this.#readOffset = 0;
    }
    return this.#readSegment;
  }

  /** @returns undefined when the segment was dropped meanwhile, or when its rest had to be given up. */
  async #readRecord(
    segment: SpoolSegment,
    offset: number,
  ): Promise<(SpoolRecord & { recordBytes: number }) | undefined> {
    try {
      return await segment.read(offset);
    } catch (error) {
      if (!this.#segments.includes(segment)) return undefined;
      // While records are being appended the segment must not shrink; the sender comes back in a second.
      if (!isAppError(error, 'SPOOL_CORRUPT') || this.#isAppending) throw error;
      const messagesLost = await segment.abandonFrom(offset, (sequence) => this.#isAcked(sequence));
      this.counters.corruptTails += 1;
      this.counters.messagesDropped += messagesLost;
      this.#options.onError(error);
      this.#advance();
      return undefined;
    }
  }

  #isAcked(sequence: number): boolean {
    return sequence <= this.#ackedThrough || this.#ackedAhead.has(sequence);
  }

  #advance(): void {
    for (let [oldest] = this.#segments; oldest && this.#isSpent(oldest); [oldest] = this.#segments) {
      this.#discard(oldest);
    }
    // What lies before the oldest segment, gaps of dropped and damaged records included, is done with.
    this.#ackedThrough = Math.max(
      this.#ackedThrough,
      (this.#segments[0]?.firstSequence ?? this.#nextSequence) - 1,
    );
    while (this.#ackedAhead.delete(this.#ackedThrough + 1)) this.#ackedThrough += 1;
    for (const sequence of this.#ackedAhead) {
      if (sequence <= this.#ackedThrough) this.#ackedAhead.delete(sequence);
    }
    this.#saveTimer ??= setTimeout(() => void this.#saveAcked(), SAVE_ACKED_AFTER_MS);
  }

  #isSpent(segment: SpoolSegment): boolean {
    if (segment.pendingMessages > 0) return false;
    const isNewest = segment === this.#segments.at(-1);
    if (!isNewest) return true;
    return !this.#isAppending && (segment.isSealed || segment.bytes >= RETIRE_MIN_BYTES);
  }

  #discard(segment: SpoolSegment): void {
    this.#segments = this.#segments.filter((other) => other !== segment);
    if (this.#readSegment === segment) this.rewind();
    const removal = segment
      .remove()
      .catch(this.#options.onError)
      .finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }

  async #loadAcked(): Promise<number> {
    const { buffer, bytesRead } = await this.#ackedFile.read(
      Buffer.alloc(ACKED_FILE_BYTES),
      0,
      ACKED_FILE_BYTES,
      0,
    );
    const isWhole = bytesRead === ACKED_FILE_BYTES && crc32(buffer.subarray(0, 8)) === buffer.readUInt32BE(8);
    // A lost position costs duplicates, which every receiver takes for what they are.
    return isWhole ? Number(buffer.readBigUInt64BE(0)) : 0;
  }

  async #saveAcked(): Promise<void> {
    this.#saveTimer = undefined;
    const bytes = Buffer.alloc(ACKED_FILE_BYTES);
    bytes.writeBigUInt64BE(BigInt(this.#ackedThrough), 0);
    bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8);
    await this.#ackedFile.write(bytes, 0, ACKED_FILE_BYTES, 0).catch(this.#options.onError);
  }
}
