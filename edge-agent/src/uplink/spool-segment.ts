// One file of the spool: records one after the other, appended, read, and deleted as a whole.

import {
  mkdir,
  open,
  readdir,
  readFile,
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
const SET_ASIDE_MAX_FILES = 4;
const SET_ASIDE_MAX_BYTES = 1 * MIB;

/** Owns its file handle. Bytes beyond `bytes` are not there: a failed append is cut off before the next one. */
export class SpoolSegment {
  readonly path: string;
  readonly firstSequence: number;
  /** Durable records, and only these. */
  bytes = 0;
  lastSequence: number;
  /** Not yet acknowledged. */
  pendingMessages = 0;
  pendingBytes = 0;
  /** Takes no more records: full, or its file misbehaved. */
  isSealed = false;
  readonly #file: FileHandle;

  private constructor(path: string, firstSequence: number, file: FileHandle) {
    this.path = path;
    this.firstSequence = firstSequence;
    this.lastSequence = firstSequence - 1;
    this.#file = file;
  }

  /** Makes the file and its directory entry durable. */
  static async create(folder: string, firstSequence: number): Promise<SpoolSegment> {
    const path = join(folder, `${String(firstSequence).padStart(16, '0')}.segment`);
    const file = await open(path, 'w+', 0o600);
    await syncFolder(folder);
    return new SpoolSegment(path, firstSequence, file);
  }

  /**
   * Opens what an earlier run left, keeps the prefix that can be read, and cuts off the rest.
   * @returns the segment, and the bytes that were cut off.
   */
  static async recover(
    path: string,
    isAcked: (sequence: number) => boolean,
  ): Promise<{ segment: SpoolSegment; cutBytes: number }> {
    const firstSequence = Number(NAME.exec(basename(path))?.[1]);
    const content = await readFile(path);
    const segment = new SpoolSegment(path, firstSequence, await open(path, 'r+'));
    segment.#scan(content, isAcked);
    const cutBytes = content.length - segment.bytes;
    if (cutBytes > 0) {
      await setAside(path, segment.bytes, content.subarray(segment.bytes));
      await truncate(path, segment.bytes);
    }
    return { segment, cutBytes };
  }

  /** Durable when it resolves; when it rejects, the file ends where it ended before, or the segment is sealed. */
  async append(records: Uint8Array[], lastSequence: number): Promise<void> {
    const appended = records.reduce((sum, { length }) => sum + length, 0);
    try {
      const { bytesWritten } = await this.#file.writev(records, this.bytes);
      if (bytesWritten < appended) throw Object.assign(new Error('short write'), { code: 'ENOSPC' });
      await this.#file.datasync();
    } catch (error) {
      this.isSealed = true;
      await this.#file.truncate(this.bytes).catch(() => {});
      throw error;
    }
    this.bytes += appended;
    this.lastSequence = lastSequence;
    this.pendingMessages += records.length;
    this.pendingBytes += appended;
  }

  /** @throws {AppError} SPOOL_CORRUPT; the caller then leaves the rest of the segment alone. */
  async read(offset: number): Promise<SpoolRecord & { recordBytes: number }> {
    const header = await this.#readExactly(offset, RECORD_HEADER_BYTES);
    const { recordBytes } = decodeRecordHeader(header);
    return decodeRecord(await this.#readExactly(offset, recordBytes));
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
  async abandonFrom(offset: number, isAcked: (sequence: number) => boolean): Promise<number> {
    // First of all: what is appended while the file is read must not land behind what is given up.
    this.isSealed = true;
    const content = await readFile(this.path);
    const pendingBefore = this.pendingMessages;
    this.bytes = 0;
    this.#scan(content.subarray(0, offset), isAcked);
    return pendingBefore - this.pendingMessages;
  }

  #scan(content: Buffer, isAcked: (sequence: number) => boolean): void {
    this.pendingMessages = 0;
    this.pendingBytes = 0;
    try {
      while (this.bytes < content.length) {
        const { sequence, recordBytes } = decodeRecord(content.subarray(this.bytes));
        this.bytes += recordBytes;
        this.lastSequence = sequence;
        if (isAcked(sequence)) continue;
        this.pendingMessages += 1;
        this.pendingBytes += recordBytes;
      }
    } catch {
      // The prefix up to `bytes` is what there is.
    }
  }

  async #readExactly(offset: number, length: number): Promise<Buffer> {
    const { buffer, bytesRead } = await this.#file.read(Buffer.allocUnsafeSlow(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  }
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
