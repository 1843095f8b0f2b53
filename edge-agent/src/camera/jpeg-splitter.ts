// Cuts ffmpeg's `image2pipe` of JPEGs into pictures, by walking the markers of ITU-T T.81 annex B.
//
//   SOI, segments (FF, marker, u16 length, ...), SOS segment, entropy-coded data (FF always followed by 00 or RSTn), EOI

import { AppError } from '@sitecast/shared/runtime/app-error';

/** Policy: reject (the capture ends as FRAME_MALFORMED). One picture of at most 1280 px width. Bounds in edge-agent/README.md. */
export const MAX_PICTURE_BYTES = 4 * 1024 * 1024;
const START_BUFFER_BYTES = 64 * 1024;

const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;

export interface SplitPicture {
  /** In memory of its own. */
  jpeg: Uint8Array;
  width: number;
  height: number;
}

export interface JpegSplitterOptions {
  onPicture: (picture: SplitPicture) => void;
  maxPictureBytes?: number;
}

export class JpegSplitter {
  readonly #options: Required<JpegSplitterOptions>;
  #buffer = Buffer.allocUnsafeSlow(START_BUFFER_BYTES);
  #filled = 0;
  /** Everything before this was looked at. */
  #parsed = 0;
  #isInEntropyData = false;
  #width = 0;
  #height = 0;

  constructor(options: JpegSplitterOptions) {
    this.#options = { maxPictureBytes: MAX_PICTURE_BYTES, ...options };
  }

  /** @throws {AppError} FRAME_MALFORMED; then this splitter is of no more use. */
  push(chunk: Buffer): void {
    this.#append(chunk);
    while (this.#isInEntropyData ? this.#scanEntropyData() : this.#readSegment());
    if (this.#filled > this.#options.maxPictureBytes)
      throw malformed(`a picture above ${this.#options.maxPictureBytes} bytes`);
  }

  #append(chunk: Buffer): void {
    const needed = this.#filled + chunk.length;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, this.#filled);
      this.#buffer = larger;
    }
    chunk.copy(this.#buffer, this.#filled);
    this.#filled = needed;
  }

  /** @returns false when more bytes are needed. */
  #readSegment(): boolean {
    const at = this.#parsed;
    if (this.#filled < at + 2) return false;
    const marker = this.#buffer.readUInt8(at + 1);
    if (this.#buffer.readUInt8(at) !== 0xff || (at === 0) !== (marker === SOI))
      throw malformed('a marker was due');
    if (marker === SOI) return this.#advance(2);
    if (marker === EOI) return this.#endPicture(at + 2);
    if (this.#filled < at + 4) return false;
    const length = this.#buffer.readUInt16BE(at + 2);
    if (length < 2) throw malformed(`a segment of ${length} bytes`);
    if (this.#filled < at + 2 + length) return false;
    if (isStartOfFrame(marker)) this.#readSize(at + 4, length);
    this.#isInEntropyData = marker === SOS;
    return this.#advance(2 + length);
  }

  #scanEntropyData(): boolean {
    let at = this.#buffer.subarray(0, this.#filled).indexOf(0xff, this.#parsed);
    while (at >= 0 && at + 1 < this.#filled) {
      const next = this.#buffer.readUInt8(at + 1);
      const isData = next === 0 || (next >= 0xd0 && next <= 0xd7);
      if (!isData) {
        this.#parsed = at;
        this.#isInEntropyData = false;
        return true;
      }
      at = this.#buffer.subarray(0, this.#filled).indexOf(0xff, at + 2);
    }
    this.#parsed = at < 0 ? this.#filled : at;
    return false;
  }

  #readSize(at: number, length: number): void {
    if (length < 8) throw malformed('a frame header ends early');
    this.#height = this.#buffer.readUInt16BE(at + 1);
    this.#width = this.#buffer.readUInt16BE(at + 3);
  }

  #endPicture(length: number): boolean {
    const jpeg = Buffer.allocUnsafeSlow(length);
    this.#buffer.copy(jpeg, 0, 0, length);
    this.#buffer.copy(this.#buffer, 0, length, this.#filled);
    this.#filled -= length;
    this.#parsed = 0;
    this.#options.onPicture({ jpeg, width: this.#width, height: this.#height });
    return true;
  }

  #advance(bytes: number): true {
    this.#parsed += bytes;
    return true;
  }
}

// SOF0..SOF15 without DHT (C4), JPG (C8) and DAC (CC).
function isStartOfFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function malformed(message: string): AppError {
  return new AppError('FRAME_MALFORMED', `JPEGs of the capture: ${message}`);
}
