// Live frame: one header and its payload, the same bytes in MQTT and in the WebSocket (PROTOCOL.md, "Live frame").
//
//   offset size field
//     0     2   magic 0x5343 "SC"
//     2     1   version
//     3     1   kind
//     4     1   flags: bit0 keyframe, bit1 discontinuity, bit2 last
//     5     3   reserved, 0
//     8     4   epoch
//    12     4   sequence
//    16     8   capturedAt, microseconds since 1970
//    24     .   payload

import { AppError } from '../runtime/app-error.ts';
import { MAX_FRAME_BYTES } from './limits.ts';
import { PROTOCOL_VERSION } from './version.ts';

const FRAME_MAGIC = 0x5343;
export const FRAME_HEADER_BYTES = 24;

export const FrameKind = { initSegment: 1, fragment: 2, mpegTsChunk: 3, jpegStill: 4 } as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

export const PROFILES = ['main', 'low', 'mpeg1', 'stills'] as const;
export type Profile = (typeof PROFILES)[number];

export function isProfile(text: string): text is Profile {
  return (PROFILES as readonly string[]).includes(text);
}

export interface FrameHeader {
  kind: FrameKind;
  /** A viewer may start here. */
  isKeyframe: boolean;
  /** Something before this frame was lost or left out. */
  isDiscontinuity: boolean;
  /** The stream ends with this frame. */
  isLast: boolean;
  /** uint32; changes whenever the capture or encoder restarted. */
  epoch: number;
  /** uint32; +1 per frame within an epoch, wraps. */
  sequence: number;
  /** Microseconds since 1970 by the gateway's clock; below 2^53, so exact as a number. */
  capturedAtUs: number;
}

export interface Frame {
  header: FrameHeader;
  /** A view into the bytes that were decoded; not a copy. */
  payload: Uint8Array;
}

const KEYFRAME = 1;
const DISCONTINUITY = 2;
const LAST = 4;
const MAX_MICROSECONDS = BigInt(Number.MAX_SAFE_INTEGER);

/** Header and payload in one new array of `FRAME_HEADER_BYTES + payload.length` bytes. */
export function encodeFrame(header: FrameHeader, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, FRAME_MAGIC);
  view.setUint8(2, PROTOCOL_VERSION);
  view.setUint8(3, header.kind);
  view.setUint8(
    4,
    (header.isKeyframe ? KEYFRAME : 0) |
      (header.isDiscontinuity ? DISCONTINUITY : 0) |
      (header.isLast ? LAST : 0),
  );
  view.setUint32(8, header.epoch);
  view.setUint32(12, header.sequence);
  view.setBigUint64(16, BigInt(header.capturedAtUs));
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

/**
 * Reads the header; unknown flag bits and reserved bytes are ignored so that they can be given a meaning later.
 * @throws {AppError} FRAME_MALFORMED when too short, without magic, of unknown kind or with an absurd time.
 * @throws {AppError} PROTOCOL_VERSION when of another version; PAYLOAD_TOO_LARGE above MAX_FRAME_BYTES.
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  if (bytes.length < FRAME_HEADER_BYTES) {
    throw new AppError(
      'FRAME_MALFORMED',
      `a live frame has at least ${FRAME_HEADER_BYTES} bytes, got ${bytes.length}`,
    );
  }
  if (bytes.length > MAX_FRAME_BYTES) {
    throw new AppError(
      'PAYLOAD_TOO_LARGE',
      `a live frame of ${bytes.length} bytes is above ${MAX_FRAME_BYTES}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(0) !== FRAME_MAGIC) {
    throw new AppError(
      'FRAME_MALFORMED',
      `a live frame starts with 0x5343, got 0x${view.getUint16(0).toString(16)}`,
    );
  }
  if (view.getUint8(2) !== PROTOCOL_VERSION) {
    throw new AppError(
      'PROTOCOL_VERSION',
      `live frame of version ${view.getUint8(2)}, this is ${PROTOCOL_VERSION}`,
    );
  }
  return { header: readHeader(view), payload: bytes.subarray(FRAME_HEADER_BYTES) };
}

function readHeader(view: DataView): FrameHeader {
  const kind = view.getUint8(3);
  const capturedAtUs = view.getBigUint64(16);
  if (kind < FrameKind.initSegment || kind > FrameKind.jpegStill) {
    throw new AppError('FRAME_MALFORMED', `unknown kind ${kind} of live frame`);
  }
  if (capturedAtUs > MAX_MICROSECONDS) {
    throw new AppError('FRAME_MALFORMED', `capturedAt ${capturedAtUs} us is not a time`);
  }
  const flags = view.getUint8(4);
  return {
    kind: kind as FrameKind,
    isKeyframe: (flags & KEYFRAME) !== 0,
    isDiscontinuity: (flags & DISCONTINUITY) !== 0,
    isLast: (flags & LAST) !== 0,
    epoch: view.getUint32(8),
    sequence: view.getUint32(12),
    capturedAtUs: Number(capturedAtUs),
  };
}
