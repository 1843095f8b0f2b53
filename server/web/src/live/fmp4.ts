// The few fields of fMP4 that the player needs (ISO/IEC 14496-12): timescale and codec of an init segment, time of a fragment.

import { AppError } from '@sitecast/shared/runtime/app-error';

export interface InitSegmentFacts {
  /** Ticks a second. */
  timescale: number;
  /** RFC 6381, such as avc1.64001f; undefined when the video is not H.264. */
  codec: string | undefined;
}

const HEADER_BYTES = 8;

/** @throws {AppError} FRAME_MALFORMED when there is no timescale in it. */
export function readInitSegment(bytes: Uint8Array): InitSegmentFacts {
  const media = boxAt(bytes, ['moov', 'trak', 'mdia']);
  const header = media && boxAt(media, ['mdhd']);
  if (media === undefined || header === undefined || header.length < 24)
    throw malformed('init segment without mdhd');
  const timescale = viewOf(header).getUint32(header[0] === 1 ? 20 : 12);
  if (timescale === 0) throw malformed('timescale 0');
  const description = boxAt(media, ['minf', 'stbl', 'stsd']);
  return { timescale, codec: description === undefined ? undefined : avcCodec(description) };
}

/**
 * Decode time of a fragment's first sample, in ticks.
 * @throws {AppError} FRAME_MALFORMED when it has none.
 */
export function decodeTimeOf(bytes: Uint8Array): number {
  const time = boxAt(bytes, ['moof', 'traf', 'tfdt']);
  if (time === undefined || time.length < 8) throw malformed('fragment without tfdt');
  const view = viewOf(time);
  return time[0] === 1 && time.length >= 12 ? Number(view.getBigUint64(4)) : view.getUint32(4);
}

/** Content of the box at the end of the path; undefined when one of them is missing. */
function boxAt(bytes: Uint8Array, path: string[]): Uint8Array | undefined {
  let inside: Uint8Array | undefined = bytes;
  for (const type of path) {
    inside = inside && childOf(inside, type);
  }
  return inside;
}

function childOf(bytes: Uint8Array, type: string): Uint8Array | undefined {
  const view = viewOf(bytes);
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length) {
    const size = view.getUint32(at);
    if (size < HEADER_BYTES || at + size > bytes.length) return undefined;
    if (typeAt(bytes, at + 4) === type) return bytes.subarray(at + HEADER_BYTES, at + size);
    at += size;
  }
  return undefined;
}

/** Bytes 1 to 3 of the AVCDecoderConfigurationRecord (ISO/IEC 14496-15): profile, compatibility, level. */
function avcCodec(description: Uint8Array): string | undefined {
  for (let at = 0; at + 8 <= description.length; at += 1) {
    if (typeAt(description, at) !== 'avcC') continue;
    const facts = [...description.subarray(at + 5, at + 8)];
    return `avc1.${facts.map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  }
  return undefined;
}

function typeAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function malformed(what: string): AppError {
  return new AppError('FRAME_MALFORMED', `cannot play: ${what}`);
}
