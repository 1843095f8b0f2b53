// One file of the spool: records one after the other, appended, read, and deleted as a whole.

import {
  mkdir,
  open,
  readdir,
  readFile,
  stat,
  truncate,
  unlink,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MIB } from '@sitecast/shared/protocol/limits';
import { decodeRecord, decodeRecordHeader, RECORD_HEADER_BYTES, type SpoolRecord } from './spool-record.ts';

const NAME = /^(\d{16})\.segment$/;
/** Damaged rests that are kept for whoever wants to look. Policy: drop-oldest. */
export const SET_ASIDE_MAX_FILES = 4;
export const SET_ASIDE_MAX_BYTES = 1 * MIB;

type IsAcked = (sequence: number) => boolean;

export interface RecoverOptions {
  isAcked: IsAcked;
  /** Where the following segment begins: what is numbered from there on was refused when it was written, and is none. */
  below: number;
  /** A rest that could not be kept: it is cut off all the same. */
  onError: (error: unknown) => void;
}

/** What un-acked records there are. */
export interface Unacked {
  count: number;
  fromMs: number;
  toMs: number;
}

/** Owns its file handle. Bytes beyond `bytes` are not there: a failed append is cut off before the next one. */
export class SpoolSegment {
  readonly path: string;
  readonly firstSequence: number;
  /** Durable records, and only these. */
  bytes = 0;
  lastSequence: number;
  /** Wall clock when the first and the last record were spooled. */
  firstAtMs: number | undefined;
  lastAtMs: number | undefined;
  /** Of the file, when it was found. */
  modifiedAtMs = Date.now();
  /** Not yet acknowledged. */
  pendingMessages = 0;
  pendingBytes = 0;
  /** Dropped while they were on their way. */
  lostSequences = new Set<number>();
  /** Takes no more records: full, or its file misbehaved. */
  isSealed = false;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.firstSequence = firstSequenceOf(path);
    this.lastSequence = this.firstSequence - 1;
    this.#file = file;
  }

  /** Makes the file and its directory entry durable. */
  static async create(folder: string, firstSequence: number): Promise<SpoolSegment> {
    const path = join(folder, `${String(firstSequence).padStart(16, '0')}.segment`);
    const file = await open(path, 'w+', 0o600);
    try {
      await syncFolder(folder);
    } catch (error) {
      await file.close();
      throw error;
    }
    return new SpoolSegment(path, file);
  }

  /**
   * Opens what an earlier run left, keeps the prefix that can be read, and cuts off the rest.
   * @returns the segment, and the bytes that were cut off.
   */
  static async recover(
    path: string,
    { isAcked, below, onError }: RecoverOptions,
  ): Promise<{ segment: SpoolSegment; cutBytes: number }> {
    const { mtimeMs } = await stat(path);
    const content = await readFile(path);
    const segment = new SpoolSegment(path, await open(path, 'r+'));
    segment.modifiedAtMs = mtimeMs;
    segment.#scan(content, isAcked, below);
    const cutBytes = content.length - segment.bytes;
    try {
      if (cutBytes > 0) await segment.#cut(content.subarray(segment.bytes), onError);
    } catch (error) {
      await segment.close();
      throw error;
    }
    return { segment, cutBytes };
  }

  /** Durable when it resolves; when it rejects, the file ends where it ended before, or the segment is sealed. */
  async append(records: Uint8Array[], lastSequence: number, atMs: number): Promise<void> {
    const appended = records.reduce((sum, { length }) => sum + length, 0);
    try {
      const { bytesWritten } = await this.#file.writev(records, this.bytes);
      if (bytesWritten < appended)
        throw Object.assign(new Error('ENOSPC: the disk took a part only'), { code: 'ENOSPC' });
      await this.#file.datasync();
    } catch (error) {
      this.isSealed = true;
      await this.#file.truncate(this.bytes).catch(() => {});
      throw error;
    }
    this.bytes += appended;
    this.lastSequence = lastSequence;
    this.firstAtMs ??= atMs;
    this.lastAtMs = atMs;
    this.pendingMessages += records.length;
    this.pendingBytes += appended;
  }

  /** @throws {AppError} SPOOL_CORRUPT; the caller then leaves the rest of the segment alone. */
  async read(offset: number): Promise<SpoolRecord & { recordBytes: number }> {
    const header = await this.#readExactly(offset, RECORD_HEADER_BYTES);
    const { recordBytes } = decodeRecordHeader(header);
    return decodeRecord(await this.#readExactly(offset, recordBytes));
  }

  /** All that is durable, for `unackedIn`. */
  readAll(): Promise<Buffer> {
    return this.#readExactly(0, this.bytes);
  }

  /** What of `content` is not acknowledged. Counts all that is pending, also where it cannot be read. */
  unackedIn(content: Buffer, isAcked: IsAcked): Unacked {
    const times = [...recordsOf(content, Infinity)]
      .filter(({ sequence }) => !isAcked(sequence))
      .flatMap(({ spooledAt }) => (spooledAt ? [spooledAt.wallMs] : []));
    const fromMs = times[0] ?? this.firstAtMs ?? this.modifiedAtMs;
    return { count: this.pendingMessages, fromMs, toMs: times.at(-1) ?? this.lastAtMs ?? fromMs };
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async remove(): Promise<void> {
    try {
      await unlink(this.path);
    } finally {
      await this.#file.close();
    }
  }

  /**
   * Gives up what lies from `offset` on, because it cannot be read, and counts again what is pending before it.
   * @returns how many pending messages are lost.
   */
  async abandonFrom(offset: number, isAcked: IsAcked, onError: (error: unknown) => void): Promise<number> {
    // First of all: what is appended while the file is read must not land behind what is given up.
    this.isSealed = true;
    const content = await this.#readExactly(0, offset);
    const rest = await this.#readExactly(offset, this.bytes - offset).catch(() => Buffer.alloc(0));
    const pendingBefore = this.pendingMessages;
    this.#scan(content, isAcked, Infinity);
    const messagesLost = pendingBefore - this.pendingMessages;
    await this.#cut(rest, onError).catch(onError);
    return messagesLost;
  }

  #scan(content: Buffer, isAcked: IsAcked, below: number): void {
    this.bytes = 0;
    this.pendingMessages = 0;
    this.pendingBytes = 0;
    this.lastSequence = this.firstSequence - 1;
    this.firstAtMs = undefined;
    this.lastAtMs = undefined;
    for (const { sequence, spooledAt, recordBytes } of recordsOf(content, below)) {
      this.bytes += recordBytes;
      this.lastSequence = sequence;
      this.firstAtMs ??= spooledAt?.wallMs;
      this.lastAtMs = spooledAt?.wallMs ?? this.lastAtMs;
      if (isAcked(sequence)) continue;
      this.pendingMessages += 1;
      this.pendingBytes += recordBytes;
    }
  }

  /** Ends the file at `bytes`; `rest` is what stood behind. */
  async #cut(rest: Buffer, onError: (error: unknown) => void): Promise<void> {
    await setAside(this.path, this.bytes, rest).catch(onError);
    await truncate(this.path, this.bytes);
  }

  async #readExactly(offset: number, length: number): Promise<Buffer> {
    const { buffer, bytesRead } = await this.#file.read(Buffer.allocUnsafeSlow(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  }
}

/** Up to the first that cannot be read. */
function* recordsOf(content: Buffer, below: number): Generator<SpoolRecord & { recordBytes: number }> {
  let offset = 0;
  try {
    while (offset < content.length) {
      const record = decodeRecord(content.subarray(offset));
      if (record.sequence >= below) return;
      offset += record.recordBytes;
      yield record;
    }
  } catch {
    // The prefix is what there is.
  }
}

/** The number of the first record of a segment, which is its name. */
export function firstSequenceOf(path: string): number {
  return Number(NAME.exec(basename(path))?.[1]);
}

/** Paths of the segments in `folder`, oldest first. */
export async function listSegments(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names
    .filter((name) => NAME.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/** A new directory entry survives a power cut only after its directory was synced. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function setAside(path: string, offset: number, rest: Buffer): Promise<void> {
  const folder = join(dirname(path), 'set-aside');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${basename(path)}-${offset}`), rest.subarray(0, SET_ASIDE_MAX_BYTES));
  const kept = (await readdir(folder)).sort();
  for (const name of kept.slice(0, -SET_ASIDE_MAX_FILES)) await unlink(join(folder, name));
}
