// Cuts the byte stream of `-f mp4 -movflags +frag_every_frame+empty_moov` into its init segment and its fragments. Strict: one
// ftyp, one moov, then moof+mdat pairs; anything else that is not known filler is malformed.

import {
  BOX_HEADER_BYTES,
  codeOf,
  fourCharactersOf,
  malformed,
  readMovie,
  readMovieFragment,
  type Movie,
  type MovieFragment,
} from './fmp4-boxes.ts';

/** Policy: reject (the capture ends as FRAME_MALFORMED). One box; a capture holds at most two of them at a time. Bounds in edge-agent/README.md. */
export const MAX_BOX_BYTES = 4 * 1024 * 1024;

export interface SplitInit extends Movie {
  bytes: Uint8Array;
}

export interface SplitFragment extends MovieFragment {
  /** In memory of its own. */
  bytes: Uint8Array;
}

export interface Fmp4SplitterOptions {
  onInit: (init: SplitInit) => void;
  onFragment: (fragment: SplitFragment) => void;
  maxBoxBytes?: number;
}

// What may come next, and which filler ffmpeg puts between (14496-12: sidx, styp, mfra at the end, free space).
const FILLER = new Set(['free', 'skip', 'sidx', 'styp', 'mfra', 'emsg', 'prft', 'uuid'].map(codeOf));
const FTYP = codeOf('ftyp');
const MOOV = codeOf('moov');
const MOOF = codeOf('moof');
const MDAT = codeOf('mdat');
const NEXT = new Map([
  [FTYP, MOOV],
  [MOOV, MOOF],
  [MOOF, MDAT],
  [MDAT, MOOF],
]);
/** Holds the first half of a pair until it is copied in front of the second; a moof of one access unit has about 100 bytes. */
const FIRST_HALF_BYTES = 1024;

export class Fmp4Splitter {
  readonly #options: Required<Fmp4SplitterOptions>;
  readonly #header = Buffer.alloc(BOX_HEADER_BYTES);
  #headerBytes = 0;
  readonly #firstHalfMemory = Buffer.allocUnsafeSlow(FIRST_HALF_BYTES);
  #expected = FTYP;
  /** The box being read, with its pair's first half (ftyp before moov, moof before mdat) in front. */
  #target: Buffer | undefined;
  #written = 0;
  /** Where the box starts in the target; undefined for filler, which is skipped. */
  #boxStart = 0;
  #fillerBytesLeft = 0;
  #firstHalf: Buffer | undefined;
  #movie: Movie | undefined;

  constructor(options: Fmp4SplitterOptions) {
    this.#options = { maxBoxBytes: MAX_BOX_BYTES, ...options };
  }

  /** @throws {AppError} FRAME_MALFORMED or SOURCE_UNSUPPORTED; then this splitter is of no more use. */
  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#fillerBytesLeft > 0) at += this.#skip(chunk.length - at);
      else if (this.#target) at += this.#fill(this.#target, chunk, at);
      else at += this.#takePair(chunk, at) || this.#readHeader(chunk, at);
    }
  }

  /** What nearly every access unit is: a moof and an mdat that came as a whole. @returns 0 for anything else. */
  #takePair(chunk: Buffer, from: number): number {
    if (this.#expected !== MOOF || this.#headerBytes > 0) return 0;
    const moofBytes = this.#wholeBox(chunk, from, MOOF);
    const mdatBytes = moofBytes && this.#wholeBox(chunk, from + moofBytes, MDAT);
    if (mdatBytes === 0) return 0;
    const bytes = Buffer.allocUnsafeSlow(moofBytes + mdatBytes);
    chunk.copy(bytes, 0, from, from + bytes.length);
    this.#endFragment(bytes, bytes.subarray(0, moofBytes));
    return bytes.length;
  }

  /** @returns its size; 0 when another one is there, or not all of it. */
  #wholeBox(chunk: Buffer, at: number, type: number): number {
    if (at + BOX_HEADER_BYTES > chunk.length || chunk.readUInt32BE(at + 4) !== type) return 0;
    const size = chunk.readUInt32BE(at);
    const isWhole = size >= BOX_HEADER_BYTES && at + size <= chunk.length;
    return isWhole && size <= this.#options.maxBoxBytes ? size : 0;
  }

  #skip(available: number): number {
    const taken = Math.min(this.#fillerBytesLeft, available);
    this.#fillerBytesLeft -= taken;
    return taken;
  }

  #readHeader(chunk: Buffer, from: number): number {
    const taken = chunk.copy(this.#header, this.#headerBytes, from);
    this.#headerBytes += taken;
    if (this.#headerBytes === BOX_HEADER_BYTES) this.#startBox();
    return taken;
  }

  #startBox(): void {
    this.#headerBytes = 0;
    const size = this.#header.readUInt32BE(0);
    const type = this.#header.readUInt32BE(4);
    // Sizes 0 (to the end) and 1 (64 bits) are below the least size too: ffmpeg writes neither here.
    if (size < BOX_HEADER_BYTES || size > this.#options.maxBoxBytes)
      throw malformed(`a box of ${size} bytes`);
    if (type === this.#expected) this.#allocate(size);
    else if (FILLER.has(type)) this.#fillerBytesLeft = size - BOX_HEADER_BYTES;
    else
      throw malformed(
        `${fourCharactersOf(this.#expected)} was due, not ${JSON.stringify(fourCharactersOf(type))}`,
      );
  }

  #allocate(size: number): void {
    const firstHalf = this.#firstHalf;
    this.#boxStart = firstHalf?.length ?? 0;
    const target = firstHalf ? pairOf(firstHalf, size) : this.#memoryOfFirstHalf(size);
    this.#target = target;
    this.#header.copy(target, this.#boxStart);
    this.#written = this.#boxStart + BOX_HEADER_BYTES;
    if (size === BOX_HEADER_BYTES) this.#endBox(target);
  }

  #memoryOfFirstHalf(size: number): Buffer {
    return size <= FIRST_HALF_BYTES ? this.#firstHalfMemory.subarray(0, size) : Buffer.allocUnsafeSlow(size);
  }

  #fill(target: Buffer, chunk: Buffer, from: number): number {
    const taken = chunk.copy(target, this.#written, from);
    this.#written += taken;
    if (this.#written === target.length) this.#endBox(target);
    return taken;
  }

  #endBox(target: Buffer): void {
    const type = this.#expected;
    this.#target = undefined;
    this.#expected = NEXT.get(type)!;
    if (type === FTYP || type === MOOF) {
      this.#firstHalf = target;
      return;
    }
    const firstHalf = this.#firstHalf as Buffer;
    this.#firstHalf = undefined;
    if (type === MOOV) this.#endInit(target);
    else this.#endFragment(target, firstHalf);
  }

  #endInit(bytes: Buffer): void {
    this.#movie = readMovie(bytes.subarray(this.#boxStart + BOX_HEADER_BYTES));
    this.#options.onInit({ ...this.#movie, bytes });
  }

  /** @param moof header included. */
  #endFragment(bytes: Buffer, moof: Buffer): void {
    const fragment = readMovieFragment(moof.subarray(BOX_HEADER_BYTES), this.#movie as Movie);
    this.#options.onFragment({ ...fragment, bytes });
  }
}

// Not from Buffer's shared pool: a fragment in the GOP ring must not hold its neighbours' memory.
function pairOf(firstHalf: Buffer, secondBytes: number): Buffer {
  const pair = Buffer.allocUnsafeSlow(firstHalf.length + secondBytes);
  firstHalf.copy(pair);
  return pair;
}
