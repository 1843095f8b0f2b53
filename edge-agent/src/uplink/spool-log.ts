// The messages of one lane on disk, in order: appended by one writer, read by two cursors, forgotten when acknowledged.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { KIB } from '@sitecast/shared/protocol/limits';
import type { ClockReading } from './clock-reading.ts';
import type { Gap, Loss } from './gap.ts';
import { GapBook } from './gap-book.ts';
import { SequenceRanges } from './sequence-ranges.ts';
import { newCursors, type Cursor, type SpoolPart } from './spool-cursors.ts';
import { PositionFile, type Position } from './spool-position.ts';
import { encodeRecord, type SpoolRecord } from './spool-record.ts';
import { firstSequenceOf, listSegments, SpoolSegment } from './spool-segment.ts';

/** The newest segment is given back once it holds nothing un-acked and is at least this large. */
const RETIRE_MIN_BYTES = 256 * KIB;
/** Stretches of acknowledged messages with others between them. Policy: block. */
export const MAX_ACKED_RANGES = 64;
const SAVE_AFTER_MS = 250;

export interface SpoolMessage extends SpoolRecord {
  recordBytes: number;
  segment: SpoolSegment;
}

export interface SpoolLogOptions {
  folder: string;
  segmentBytes: number;
  /** Both clocks, now. */
  clocks: () => ClockReading;
  /** Failures that lose nothing more: a file that could not be deleted, a position that could not be saved. */
  onError: (error: unknown) => void;
}

/** Counted as lost while it was on its way; an acknowledgement takes that back. */
export function isDropped({ segment, sequence }: SpoolMessage): boolean {
  return segment.lostSequences.has(sequence);
}

/** Owns its segments and the file with the position. `append` and `dropOldest` are one caller's, in turn. */
export class SpoolLog {
  readonly #options: SpoolLogOptions;
  readonly #position: PositionFile;
  readonly #removals = new Set<Promise<void>>();
  readonly #isAcked = (sequence: number): boolean => this.#acked.has(sequence);
  #segments: SpoolSegment[] = [];
  #nextSequence = 1;
  /** Acknowledged, or lost and counted. */
  #acked: SequenceRanges;
  readonly #gaps: GapBook;
  #corruptTails = 0;
  /** What has this number or a higher one is fresh. */
  #freshFrom = 1;
  #cursors = newCursors(undefined);
  #isAppending = false;
  #saveTimer: NodeJS.Timeout | undefined;

  private constructor(options: SpoolLogOptions, position: PositionFile) {
    this.#options = options;
    this.#position = position;
    const { loaded } = position;
    this.#acked = new SequenceRanges(loaded?.acked);
    this.#gaps = new GapBook(loaded);
  }

  /** Recovers what an earlier run left. */
  static async open(options: SpoolLogOptions): Promise<SpoolLog> {
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    const log = new SpoolLog(options, await PositionFile.open(join(options.folder, 'position')));
    try {
      await log.#recover();
    } catch (error) {
      await log.#closeFiles();
      throw error;
    }
    return log;
  }

  get counters(): { messagesDropped: number; corruptTails: number } {
    return { messagesDropped: this.#gaps.messagesDropped, corruptTails: this.#corruptTails };
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

  /** Wall clock of the newest record; undefined when there is none. */
  get spooledAtMs(): number | undefined {
    return this.#segments.at(-1)?.lastAtMs;
  }

  /** Durable when it resolves. Rejects with the error of the file system. */
  async append(messages: { topic: string; payload: Uint8Array }[]): Promise<void> {
    this.#isAppending = true;
    try {
      await this.#appendTo(await this.#writableSegment(), messages);
    } finally {
      this.#isAppending = false;
    }
    this.#saveSoon();
  }

  /**
   * The oldest message of this part that was neither read since the last `rewind` nor acknowledged. One caller at a time.
   * @returns undefined when there is none, or when acknowledgements came in too many pieces.
   */
  async next(part: SpoolPart): Promise<SpoolMessage | undefined> {
    const cursor = this.#cursors[part];
    if (cursor.isDone) return undefined;
    for (let segment = this.#segmentAt(part, cursor); segment; segment = this.#segmentAt(part, cursor)) {
      const { offset } = cursor;
      const record = await this.#readRecord(segment, offset);
      if (this.#cursors[part] !== cursor) return undefined;
      const wasMoved = cursor.segment !== segment || cursor.offset !== offset;
      if (!record || wasMoved) continue;
      if (part === 'backlog' && record.sequence >= this.#freshFrom) break;
      if (this.#isTooFarAhead(record.sequence)) return undefined;
      cursor.offset += record.recordBytes;
      cursor.readThrough = record.sequence;
      const isOfOtherPart = part === 'fresh' && record.sequence < this.#freshFrom;
      if (!isOfOtherPart && !this.#isAcked(record.sequence)) return { ...record, segment };
    }
    // What is appended from now on is fresh.
    if (part === 'backlog') cursor.isDone = true;
    return undefined;
  }

  /** Idempotent. A message that was dropped while it was on its way is not lost after all. */
  ack({ sequence, segment, recordBytes }: SpoolMessage): void {
    if (segment.lostSequences.delete(sequence)) {
      this.#gaps.takeBackOne();
      return this.#saveSoon();
    }
    if (this.#isAcked(sequence) || !this.#segments.includes(segment)) return;
    this.#acked.add(sequence, sequence);
    segment.pendingMessages -= 1;
    segment.pendingBytes -= recordBytes;
    this.#advance();
  }

  /** It is not to be sent, and lost. What was dropped on its way is counted already. */
  withhold(message: SpoolMessage): void {
    if (isDropped(message) || this.#isAcked(message.sequence)) return;
    const atMs = message.spooledAt?.wallMs ?? message.segment.modifiedAtMs;
    this.#gaps.add({ count: 1, fromMs: atMs, toMs: atMs, reason: 'withheld' });
    this.ack(message);
  }

  /** All that is here counts as acknowledged. */
  forget(): void {
    for (const segment of this.#segments.filter(({ bytes }) => bytes > 0)) {
      segment.pendingMessages = 0;
      segment.pendingBytes = 0;
      this.#acked.add(segment.firstSequence, segment.lastSequence);
    }
    this.#advance();
  }

  /** Reads again what is un-acked, and all of it as backlog: after a reconnect nobody knows what arrived. */
  rewind(): void {
    this.#freshFrom = this.#nextSequence;
    this.#cursors = newCursors(this.#segments.at(-1));
  }

  /** Reads again what is un-acked, fresh as fresh. */
  readAgain(): void {
    this.#cursors = newCursors(undefined);
  }

  /**
   * Not while `append` is under way. What is on its way to the server counts as dropped until it is acknowledged.
   * @returns false when there is nothing to drop.
   */
  async dropOldest(): Promise<boolean> {
    const [oldest] = this.#segments;
    if (!oldest) return false;
    const content = await oldest.readAll().catch(() => Buffer.alloc(0));
    // Spent meanwhile: that is room as well.
    if (!this.#segments.includes(oldest)) return true;
    this.#gaps.add({ ...oldest.unackedIn(content, this.#isAcked), reason: 'dropped' });
    oldest.lostSequences = this.#onTheWayIn(oldest);
    this.#acked.add(oldest.firstSequence, oldest.lastSequence);
    // The loss is on the disk before the messages are off it: a kill in between counts it neither twice nor never.
    await this.#save({ isDurable: true });
    this.#discard(oldest);
    this.#advance();
    return true;
  }

  /** What never got here. */
  lost(loss: Loss): void {
    this.#gaps.add(loss);
    this.#saveSoon();
  }

  /** @returns what was lost and not told yet; it grows no more, and comes again until `gapTold`. */
  async gapToTell(): Promise<Gap | undefined> {
    const isNew = this.#gaps.isGrowing;
    const gap = this.#gaps.toTell();
    if (isNew && !this.#gaps.isGrowing) await this.#save({ isDurable: true });
    return gap;
  }

  async gapTold(): Promise<void> {
    this.#gaps.told();
    await this.#save({ isDurable: true });
  }

  /** Idempotent enough for its one owner; nothing of ours is open afterwards. */
  async close(): Promise<void> {
    clearTimeout(this.#saveTimer);
    await this.#save();
    await this.#closeFiles();
  }

  async #closeFiles(): Promise<void> {
    await Promise.all(this.#removals);
    await Promise.all(this.#segments.map((segment) => segment.close()));
    await this.#position.close();
  }

  async #recover(): Promise<void> {
    const { folder, onError } = this.#options;
    const paths = await listSegments(folder);
    const cut = new Set<SpoolSegment>();
    for (const [index, path] of paths.entries()) {
      const following = paths[index + 1];
      const below = following === undefined ? Infinity : firstSequenceOf(following);
      const found = await SpoolSegment.recover(path, { isAcked: this.#isAcked, below, onError });
      this.#segments.push(found.segment);
      if (found.cutBytes > 0) cut.add(found.segment);
    }
    this.#corruptTails += cut.size;
    const lastSequence = Math.max(0, ...this.#segments.map((segment) => segment.lastSequence));
    this.#nextSequence = Math.max(this.#position.loaded?.nextSequence ?? 1, lastSequence + 1);
    this.#countMissing(cut);
    if (this.#gaps.isGrowing) await this.#save({ isDurable: true });
    this.rewind();
    this.#advance();
  }

  /** What the numbers say should be there and is not: the tails that were cut off, and files that somebody deleted. */
  #countMissing(cut: ReadonlySet<SpoolSegment>): void {
    for (const [index, segment] of this.#segments.entries()) {
      const following = this.#segments[index + 1];
      const wasCut = cut.has(segment);
      // Without a position nobody knows whether what is not there was acknowledged.
      if (!wasCut && !this.#position.loaded) continue;
      const lastSequence = (following?.firstSequence ?? this.#nextSequence) - 1;
      const missing = this.#acked.missing(segment.lastSequence + 1, lastSequence);
      const known = missing.reduce((sum, [from, to]) => sum + to - from + 1, 0);
      // A rest at the very end is a message that was being written, and has no number yet.
      const count = wasCut && !following ? Math.max(known, 1) : known;
      if (count === 0) continue;
      const fromMs = segment.lastAtMs ?? segment.modifiedAtMs;
      const toMs = following?.firstAtMs ?? segment.modifiedAtMs;
      this.#gaps.add({ count, fromMs, toMs, reason: 'damaged' });
      for (const [from, to] of missing) this.#acked.add(from, to);
    }
  }

  async #appendTo(segment: SpoolSegment, messages: { topic: string; payload: Uint8Array }[]): Promise<void> {
    const spooledAt = this.#options.clocks();
    const records = messages.map((message, index) =>
      encodeRecord({ ...message, sequence: this.#nextSequence + index, spooledAt }),
    );
    const nextSequence = this.#nextSequence + records.length;
    try {
      await segment.append(records, nextSequence - 1, spooledAt.wallMs);
    } catch (error) {
      // Its numbers are given out again, to a segment of the same name.
      if (segment.bytes === 0) this.#discard(segment);
      throw error;
    }
    this.#nextSequence = nextSequence;
  }

  async #writableSegment(): Promise<SpoolSegment> {
    const newest = this.#segments.at(-1);
    if (newest && !newest.isSealed && newest.bytes < this.#options.segmentBytes) return newest;
    if (newest) newest.isSealed = true;
    await Promise.all(this.#removals);
    const segment = await SpoolSegment.create(this.#options.folder, this.#nextSequence);
    this.#segments.push(segment);
    return segment;
  }

  #segmentAt(part: SpoolPart, cursor: Cursor): SpoolSegment | undefined {
    cursor.segment ??=
      part === 'backlog'
        ? this.#segments[0]
        : this.#segments.find(({ lastSequence }) => lastSequence >= this.#freshFrom);
    while (cursor.segment && cursor.offset >= cursor.segment.bytes) {
      const following = this.#segments[this.#segments.indexOf(cursor.segment) + 1];
      if (!following) return undefined;
      cursor.segment = following;
      cursor.offset = 0;
    }
    return cursor.segment;
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
      if (!isDamage(error) || this.#isAppending) throw error;
      await this.#abandon(segment, offset);
      this.#options.onError(error);
      return undefined;
    }
  }

  async #abandon(segment: SpoolSegment, offset: number): Promise<void> {
    const { lastSequence, lastAtMs = segment.modifiedAtMs } = segment;
    const count = await segment.abandonFrom(offset, this.#isAcked, this.#options.onError);
    this.#corruptTails += 1;
    this.#gaps.add({ count, fromMs: segment.lastAtMs ?? lastAtMs, toMs: lastAtMs, reason: 'damaged' });
    this.#acked.add(segment.lastSequence + 1, lastSequence);
    await this.#save({ isDurable: true });
    this.#advance();
  }

  /** What was read of it since the last rewind, and not acknowledged. */
  #onTheWayIn(segment: SpoolSegment): Set<number> {
    const isRead = (sequence: number): boolean =>
      sequence <= Math.max(this.#cursors.backlog.readThrough, this.#cursors.fresh.readThrough);
    const lost = this.#acked.missing(segment.firstSequence, segment.lastSequence);
    const onTheWay = new Set<number>();
    for (const [from, to] of lost) for (let n = from; n <= to && isRead(n); n += 1) onTheWay.add(n);
    return onTheWay;
  }

  #advance(): void {
    for (const segment of this.#segments.filter((each) => this.#isSpent(each))) this.#discard(segment);
    // What lies before the oldest segment is done with.
    this.#acked.add(1, (this.#segments[0]?.firstSequence ?? this.#nextSequence) - 1);
    this.#saveSoon();
  }

  /** What lies between the pieces may still go: it makes them fewer. */
  #isTooFarAhead(sequence: number): boolean {
    return this.#acked.size >= MAX_ACKED_RANGES && sequence > this.#acked.last;
  }

  #isSpent(segment: SpoolSegment): boolean {
    if (segment.pendingMessages > 0) return false;
    const isNewest = segment === this.#segments.at(-1);
    if (!isNewest) return true;
    return !this.#isAppending && (segment.isSealed || segment.bytes >= RETIRE_MIN_BYTES);
  }

  #discard(segment: SpoolSegment): void {
    const index = this.#segments.indexOf(segment);
    const following = this.#segments[index + 1];
    this.#segments = this.#segments.filter((other) => other !== segment);
    for (const cursor of Object.values(this.#cursors)) {
      if (cursor.segment !== segment) continue;
      cursor.segment = following;
      cursor.offset = 0;
    }
    // Out of the middle: that its messages are acknowledged must not be forgotten when the file is gone.
    const isKnown = index > 0 ? this.#save({ isDurable: true }) : Promise.resolve();
    const removal = isKnown
      .then(() => segment.remove())
      .catch(this.#options.onError)
      .finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }

  #saveSoon(): void {
    this.#saveTimer ??= setTimeout(() => void this.#save(), SAVE_AFTER_MS);
  }

  /** Never rejects: a position that is lost costs duplicates, which every receiver takes for what they are. */
  async #save({ isDurable = false } = {}): Promise<void> {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = undefined;
    const position: Position = {
      nextSequence: this.#nextSequence,
      acked: this.#acked.ranges,
      ...this.#gaps.pending,
    };
    await this.#position.save(position, { isDurable }).catch(this.#options.onError);
  }
}

/** A sector that cannot be read will not come back either. */
function isDamage(error: unknown): boolean {
  return isAppError(error, 'SPOOL_CORRUPT') || messageOf(error).startsWith('EIO');
}
