// What the first bytes of a picture say: its type and its size. Reads headers only, decodes nothing, and believes no length
// that it has not compared with the bytes that are there.

import { AppError } from '@sitecast/shared/runtime/app-error';
import { sniffPictureType, type SnapshotHeader } from '@sitecast/shared/protocol/snapshot-envelope';

export interface PictureHeader {
  type: SnapshotHeader['type'];
  width: number;
  height: number;
}

/** As in the header of a snapshot envelope. */
export const MAX_PICTURE_SIDE = 8_192;
/** What a browser that shows the picture has to decode: 160 MB at four bytes each. */
export const MAX_PICTURE_PIXELS = 40_000_000;

/**
 * @throws {AppError} MEDIA_TYPE_UNSUPPORTED for anything that is not a JPEG or a WebP which every browser shows;
 * PICTURE_MALFORMED for one with a header that is cut off or wrong, or of an absurd size.
 */
export function readPictureHeader(bytes: Uint8Array): PictureHeader {
  const type = sniffPictureType(bytes);
  if (!type) throw unsupported('it starts neither like a JPEG nor like a WebP');
  const reader = new HeaderReader(bytes);
  const size = type === 'image/jpeg' ? readJpegSize(reader) : readWebpSize(reader);
  expectSensible(size);
  return { type, ...size };
}

interface Size {
  width: number;
  height: number;
}

function expectSensible({ width, height }: Size): void {
  const isSensible =
    Math.min(width, height) >= 1 &&
    Math.max(width, height) <= MAX_PICTURE_SIDE &&
    width * height <= MAX_PICTURE_PIXELS;
  if (!isSensible) throw malformed(`its header says ${width} x ${height} pixels`);
}

// ITU-T T.81, B.1.1.3: a marker is 0xff and a code; any number of 0xff may stand before it.
const MARKER_PREFIX = 0xff;
/** Baseline, extended sequential and progressive DCT: what browsers show. */
const FRAMES_SHOWN = new Set([0xc0, 0xc1, 0xc2]);
/** DHT, JPG and DAC lie among the codes of frames. */
const NOT_FRAMES = new Set([0xc4, 0xc8, 0xcc]);
const END_OF_IMAGE = 0xd9;
const START_OF_SCAN = 0xda;

/** The size stands in the frame header, which comes before the first scan. */
function readJpegSize(reader: HeaderReader): Size {
  let offset = 2;
  for (;;) {
    if (reader.u8(offset) !== MARKER_PREFIX) throw malformed(`there is no marker at byte ${offset}`);
    while (reader.u8(offset) === MARKER_PREFIX) offset += 1;
    const code = reader.u8(offset);
    offset += 1;
    if (isStandalone(code)) continue;
    if (code === START_OF_SCAN || code === END_OF_IMAGE) throw malformed('it has no frame header');
    const segmentBytes = reader.u16(offset);
    if (segmentBytes < 2) throw malformed(`a segment says that it has ${segmentBytes} bytes`);
    if (isFrame(code)) return readFrameHeader(reader, code, offset, segmentBytes);
    offset += segmentBytes;
  }
}

/** TEM and RSTn carry no length. */
function isStandalone(code: number): boolean {
  return code === 0x01 || (code >= 0xd0 && code <= 0xd7);
}

function isFrame(code: number): boolean {
  return code >= 0xc0 && code <= 0xcf && !NOT_FRAMES.has(code);
}

// T.81, B.2.2: length 2, precision 1, height 2, width 2, components 1, then three bytes for each component.
function readFrameHeader(reader: HeaderReader, code: number, offset: number, segmentBytes: number): Size {
  if (!FRAMES_SHOWN.has(code)) throw unsupported('it is a JPEG of a kind that browsers do not show');
  const [precision, height, width] = [reader.u8(offset + 2), reader.u16(offset + 3), reader.u16(offset + 5)];
  const components = reader.u8(offset + 7);
  if (segmentBytes !== 8 + 3 * components) throw malformed('the length of its frame header is wrong');
  reader.expect(offset, segmentBytes);
  if (precision !== 8) throw unsupported(`it has ${precision} bits a sample`);
  if (![1, 3, 4].includes(components)) throw malformed(`it has ${components} components`);
  return { width, height };
}

const RIFF_HEADER_BYTES = 12;
const CHUNK_HEADER_BYTES = 8;

/** RFC 9649: RIFF, its length, WEBP, then a first chunk that is one of three. */
function readWebpSize(reader: HeaderReader): Size {
  reader.expect(8, reader.u32le(4));
  const chunk = reader.tag(RIFF_HEADER_BYTES);
  const chunkBytes = reader.u32le(RIFF_HEADER_BYTES + 4);
  const start = RIFF_HEADER_BYTES + CHUNK_HEADER_BYTES;
  reader.expect(start, chunkBytes);
  if (chunk === 'VP8 ') return readLossySize(reader, start, chunkBytes);
  if (chunk === 'VP8L') return readLosslessSize(reader, start, chunkBytes);
  if (chunk === 'VP8X') return readExtendedSize(reader, start, chunkBytes);
  throw malformed('its first chunk is none of a WebP');
}

// RFC 6386, 9.1: a frame tag of three bytes (bit 0: not a keyframe), a start code, width and height of 14 bits.
function readLossySize(reader: HeaderReader, start: number, chunkBytes: number): Size {
  if (chunkBytes < 10) throw malformed('its VP8 chunk is too short');
  const isKeyframe = (reader.u8(start) & 1) === 0;
  const startCode = (reader.u8(start + 3) << 16) | (reader.u8(start + 4) << 8) | reader.u8(start + 5);
  if (!isKeyframe || startCode !== 0x9d012a) throw malformed('its VP8 chunk does not start with a keyframe');
  return { width: reader.u16le(start + 6) & 0x3fff, height: reader.u16le(start + 8) & 0x3fff };
}

// RFC 9649, 3.4: a signature, then width and height less one in 14 bits each, alpha in one, version in three.
function readLosslessSize(reader: HeaderReader, start: number, chunkBytes: number): Size {
  if (chunkBytes < 5 || reader.u8(start) !== 0x2f) throw malformed('its VP8L chunk has no signature');
  const bits = reader.u32le(start + 1);
  if (bits >>> 29 !== 0) throw malformed('its VP8L chunk is of an unknown version');
  return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
}

// RFC 9649, 2.7: flags, three reserved bytes, width and height of the canvas less one in 24 bits each.
function readExtendedSize(reader: HeaderReader, start: number, chunkBytes: number): Size {
  if (chunkBytes !== 10) throw malformed('the length of its VP8X chunk is wrong');
  const isAnimated = (reader.u8(start) & 0x02) !== 0;
  if (isAnimated) throw unsupported('it is an animation');
  return { width: reader.u24le(start + 4) + 1, height: reader.u24le(start + 7) + 1 };
}

/** Reads past the end are errors, not zeros. */
class HeaderReader {
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(offset: number): number {
    this.expect(offset, 1);
    return this.#view.getUint8(offset);
  }

  u16(offset: number): number {
    this.expect(offset, 2);
    return this.#view.getUint16(offset);
  }

  u16le(offset: number): number {
    this.expect(offset, 2);
    return this.#view.getUint16(offset, true);
  }

  u24le(offset: number): number {
    return this.u16le(offset) | (this.u8(offset + 2) << 16);
  }

  u32le(offset: number): number {
    this.expect(offset, 4);
    return this.#view.getUint32(offset, true);
  }

  tag(offset: number): string {
    return String.fromCharCode(...[0, 1, 2, 3].map((index) => this.u8(offset + index)));
  }

  /** @throws {AppError} PICTURE_MALFORMED unless there are so many bytes. */
  expect(offset: number, bytes: number): void {
    if (offset + bytes > this.#view.byteLength)
      throw malformed(`it is cut off after ${this.#view.byteLength} bytes`);
  }
}

function unsupported(why: string): AppError {
  return new AppError('MEDIA_TYPE_UNSUPPORTED', `the picture is not taken: ${why}`);
}

function malformed(why: string): AppError {
  return new AppError('PICTURE_MALFORMED', `the picture is damaged: ${why}`);
}
