// A clip on disk, from its first fragment to the finished MP4 (ISO/IEC 14496-12). Whatever is cut off in the middle keeps what was
// whole; what is done plays everywhere, because it is no longer in fragments:
//
//   while it is recorded        when it is done
//   ftyp                        ftyp
//   free, 16 bytes              mdat with a size of 64 bits, up to the last fragment
//   moov of the capture           :
//   moof mdat moof mdat ...       :
//                               moov with every sample
//
// The last step is one write of 16 bytes.

import { open, unlink, type FileHandle } from 'node:fs/promises';
import { isAppError } from '@sitecast/shared/runtime/app-error';
import { BOX_HEADER_BYTES, fourCharacters, malformed, readMovie, type Movie } from '../camera/fmp4-boxes.ts';
import { MAX_BOX_BYTES } from '../camera/fmp4-splitter.ts';
import { BYTES_PER_SAMPLE, ClipMovie, MOVIE_OVERHEAD_BYTES } from './clip-movie.ts';
import { readSamples, type ClipSample } from './clip-samples.ts';

const WRAPPER_BYTES = 16;
/** What a power cut may cost at most, beside what the kernel had written by itself. */
const SYNC_EVERY_MS = 2_000;

/** What its pictures are. */
export type PictureFormat = Pick<Movie, 'codec' | 'width' | 'height'>;

/** Owns its file handle until `finish()` or `abandon()`. One call at a time. */
export class ClipFile {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #movie: ClipMovie;
  readonly picture: PictureFormat;
  /** Where the 16 bytes are that turn into the mdat box. */
  readonly #wrapperAt: number;
  #bytes: number;
  #syncedAtMs = 0;

  private constructor(path: string, file: FileHandle, init: Uint8Array) {
    this.#path = path;
    this.#file = file;
    this.#movie = new ClipMovie(init);
    this.#wrapperAt = firstBoxBytes(init);
    this.picture = readMovie(init.subarray(this.#wrapperAt + BOX_HEADER_BYTES));
    this.#bytes = init.length + WRAPPER_BYTES;
  }

  /**
   * @param init `ftyp` and `moov` of the capture or encoder.
   * @throws {AppError} FRAME_MALFORMED, SOURCE_UNSUPPORTED; errors of the file system. Nothing is left then.
   */
  static async create(path: string, init: Uint8Array): Promise<ClipFile> {
    const file = await open(path, 'wx+', 0o600);
    try {
      const clip = new ClipFile(path, file, init);
      const at = clip.#wrapperAt;
      await clip.#write([init.subarray(0, at), wrapper('free', 0), init.subarray(at)], 0);
      return clip;
    } catch (error) {
      await file.close();
      await unlink(path).catch(() => {});
      throw error;
    }
  }

  /**
   * Opens what was left unfinished, whatever state it is in.
   * @returns undefined when there is not one whole picture.
   */
  static async reopen(path: string): Promise<ClipFile | undefined> {
    const file = await open(path, 'r+');
    try {
      const init = await readInit(file);
      if (init) {
        const clip = new ClipFile(path, file, init);
        await clip.#findFragments();
        if (clip.samples > 0) return clip;
      }
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
    return undefined;
  }

  get samples(): number {
    return this.#movie.samples;
  }

  get durationMs(): number {
    return this.#movie.durationMs;
  }

  /**
   * What is written survives a kill at once, and a power cut within two seconds.
   * @throws {AppError} FRAME_MALFORMED; errors of the file system. The clip can be finished all the same, without these.
   */
  async append(fragments: Uint8Array[]): Promise<void> {
    const found = fragments.map((fragment) => readSamples(fragment, this.#movie.defaults));
    await this.#write(fragments, this.#bytes);
    for (const [index, samples] of found.entries()) {
      for (const sample of samples) this.#movie.add(sample, this.#bytes);
      this.#bytes += fragments[index]!.length;
    }
    if (performance.now() - this.#syncedAtMs < SYNC_EVERY_MS) return;
    this.#syncedAtMs = performance.now();
    await this.#file.datasync();
  }

  /** Durable once it resolves, still under its temporary name; closed in any case. @returns the bytes of the file. */
  async finish(): Promise<number> {
    try {
      const movie = this.#movie.encode();
      await this.#file.truncate(this.#bytes);
      await this.#write([movie], this.#bytes);
      await this.#file.datasync();
      await this.#write([wrapper('mdat', this.#bytes - this.#wrapperAt)], this.#wrapperAt);
      await this.#file.sync();
      return this.#bytes + movie.length;
    } finally {
      await this.#file.close();
    }
  }

  /** Removes the file. */
  async abandon(): Promise<void> {
    await this.#file.close().catch(() => {});
    await unlink(this.#path).catch(() => {});
  }

  async #write(buffers: Uint8Array[], position: number): Promise<void> {
    const bytes = buffers.reduce((sum, { length }) => sum + length, 0);
    const { bytesWritten } = await this.#file.writev(buffers, position);
    if (bytesWritten < bytes)
      throw Object.assign(new Error('ENOSPC: the disk took a part only'), { code: 'ENOSPC' });
  }

  async #findFragments(): Promise<void> {
    for (;;) {
      const fragment = await readFragment(this.#file, this.#bytes);
      if (!fragment) return;
      const samples = samplesOf(fragment, this.#movie);
      if (!samples) return;
      for (const sample of samples) this.#movie.add(sample, this.#bytes);
      this.#bytes += fragment.length;
    }
  }
}

/** What a finished clip has beyond its fragments. */
export function overheadBytes(samples: number): number {
  return MOVIE_OVERHEAD_BYTES + samples * BYTES_PER_SAMPLE;
}

function wrapper(type: 'free' | 'mdat', bytes: number): Buffer {
  const box = Buffer.alloc(WRAPPER_BYTES);
  // 4.2: a size of 1 says that 64 bits of it follow.
  box.writeUInt32BE(type === 'free' ? WRAPPER_BYTES : 1, 0);
  box.write(type, 4, 'latin1');
  box.writeBigUInt64BE(BigInt(bytes), 8);
  return box;
}

function firstBoxBytes(init: Uint8Array): number {
  const size = new DataView(init.buffer, init.byteOffset, init.byteLength).getUint32(0);
  if (size < BOX_HEADER_BYTES || size >= init.length) throw malformed(`an ftyp of ${size} bytes`);
  return size;
}

async function readInit(file: FileHandle): Promise<Uint8Array | undefined> {
  const ftyp = await readBox(file, 0, 'ftyp');
  const moov = ftyp && (await readBox(file, ftyp.length + WRAPPER_BYTES, 'moov'));
  return moov && Buffer.concat([ftyp, moov]);
}

/** Behind a power cut anything may stand. */
function samplesOf(fragment: Uint8Array, { defaults }: ClipMovie): ClipSample[] | undefined {
  try {
    return readSamples(fragment, defaults);
  } catch (error) {
    if (isAppError(error, 'FRAME_MALFORMED')) return undefined;
    throw error;
  }
}

/** @returns undefined where there is no whole one. */
async function readFragment(file: FileHandle, at: number): Promise<Uint8Array | undefined> {
  const moof = await readBox(file, at, 'moof');
  const mdat = moof && (await readBox(file, at + moof.length, 'mdat'));
  return mdat && Buffer.concat([moof, mdat]);
}

async function readBox(file: FileHandle, at: number, type: string): Promise<Buffer | undefined> {
  const header = Buffer.alloc(BOX_HEADER_BYTES);
  if (!(await isRead(file, header, at))) return undefined;
  const size = header.readUInt32BE(0);
  const found = fourCharacters(new DataView(header.buffer, header.byteOffset), 4);
  if (found !== type || size < BOX_HEADER_BYTES || size > MAX_BOX_BYTES) return undefined;
  const box = Buffer.allocUnsafe(size);
  return (await isRead(file, box, at)) ? box : undefined;
}

async function isRead(file: FileHandle, into: Buffer, at: number): Promise<boolean> {
  const { bytesRead } = await file.read(into, 0, into.length, at);
  return bytesRead === into.length;
}
