// Snapshot envelope: a snapshot, its thumbnail and what is known of them, in one MQTT message (PROTOCOL.md).
//
//   offset size field
//     0     2   magic 0x5349 "SI"
//     2     1   version
//     3     1   reserved, 0
//     4     4   headerBytes
//     8     h   header, UTF-8 JSON
//   8+h     .   snapshot, `header.bytes` bytes
//           .   thumbnail, `header.thumbnail.bytes` bytes, up to the end; nothing where the header names none

import * as z from 'zod';
import { AppError } from '../runtime/app-error.ts';
import { ID_PATTERN, ULID_PATTERN } from './ids.ts';
import { decodeMessage, encodeJson, isoTime } from './json-message.ts';
import {
  MAX_SNAPSHOT_BYTES,
  MAX_SNAPSHOT_ENVELOPE_BYTES,
  MAX_SNAPSHOT_HEADER_BYTES,
  MAX_THUMBNAIL_BYTES,
} from './limits.ts';
import { PROTOCOL_VERSION } from './version.ts';

const ENVELOPE_MAGIC = 0x5349;
const FIXED_BYTES = 8;

export const pictureType = z.enum(['image/jpeg', 'image/webp']);
export const snapshotReason = z.enum(['interval', 'motion', 'command', 'rule']);

export const snapshotHeader = z.object({
  /** ULID made on the agent: the key that makes a resend harmless. */
  id: z.string().regex(ULID_PATTERN),
  camera: z.string().regex(ID_PATTERN),
  capturedAt: isoTime,
  reason: snapshotReason,
  type: pictureType,
  width: z.int().min(1).max(8192),
  height: z.int().min(1).max(8192),
  bytes: z.int().min(1).max(MAX_SNAPSHOT_BYTES),
  /** Of the snapshot bytes, lower-case hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Left out by a sender that has none: the snapshot is then shown in its place. */
  thumbnail: z
    .object({
      type: pictureType,
      width: z.int().min(1).max(1024),
      height: z.int().min(1).max(1024),
      bytes: z.int().min(1).max(MAX_THUMBNAIL_BYTES),
    })
    .optional(),
  /** Version of the privacy mask that was burnt in; 0 when there is none. */
  maskVersion: z.int32().min(0).default(0),
  previousSha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  /** Printable ASCII. */
  signature: z
    .string()
    .regex(/^[\x20-\x7e]{0,256}$/)
    .optional(),
});

export type SnapshotHeader = z.output<typeof snapshotHeader>;
export type SnapshotReason = z.output<typeof snapshotReason>;

export interface SnapshotEnvelope {
  header: SnapshotHeader;
  snapshot: Uint8Array;
  /** Empty where the header names none. */
  thumbnail: Uint8Array;
}

/** @throws {TypeError} when the lengths in the header are not those of the pictures, or the header is too long. */
export function encodeSnapshotEnvelope({ header, snapshot, thumbnail }: SnapshotEnvelope): Uint8Array {
  if (header.bytes !== snapshot.length || (header.thumbnail?.bytes ?? 0) !== thumbnail.length) {
    throw new TypeError('the header of a snapshot envelope must give the lengths of its pictures');
  }
  const headerBytes = encodeJson(header);
  if (headerBytes.length > MAX_SNAPSHOT_HEADER_BYTES) {
    throw new TypeError(`a header of ${headerBytes.length} bytes is above ${MAX_SNAPSHOT_HEADER_BYTES}`);
  }
  const bytes = new Uint8Array(FIXED_BYTES + headerBytes.length + snapshot.length + thumbnail.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, ENVELOPE_MAGIC);
  view.setUint8(2, PROTOCOL_VERSION);
  view.setUint32(4, headerBytes.length);
  bytes.set(headerBytes, FIXED_BYTES);
  bytes.set(snapshot, FIXED_BYTES + headerBytes.length);
  bytes.set(thumbnail, FIXED_BYTES + headerBytes.length + snapshot.length);
  return bytes;
}

/**
 * Checks lengths, header and magic bytes of both pictures; decodes no picture. The digest is the caller's to check.
 * @returns views into `bytes`, not copies.
 * @throws {AppError} PAYLOAD_TOO_LARGE above MAX_SNAPSHOT_ENVELOPE_BYTES; PROTOCOL_VERSION when of another version;
 * FRAME_MALFORMED otherwise.
 */
export function decodeSnapshotEnvelope(bytes: Uint8Array): SnapshotEnvelope {
  const headerBytes = readFixedPart(bytes);
  const pictures = FIXED_BYTES + headerBytes;
  const header = decodeMessage(
    snapshotHeader,
    bytes.subarray(FIXED_BYTES, pictures),
    MAX_SNAPSHOT_HEADER_BYTES,
  );
  const expected = pictures + header.bytes + (header.thumbnail?.bytes ?? 0);
  if (bytes.length !== expected) {
    throw new AppError(
      'FRAME_MALFORMED',
      `the envelope must have ${expected} bytes by its header, got ${bytes.length}`,
    );
  }
  const snapshot = bytes.subarray(pictures, pictures + header.bytes);
  const thumbnail = bytes.subarray(pictures + header.bytes);
  expectMagic('snapshot', header.type, snapshot);
  if (header.thumbnail) expectMagic('thumbnail', header.thumbnail.type, thumbnail);
  return { header, snapshot, thumbnail };
}

function readFixedPart(bytes: Uint8Array): number {
  if (bytes.length > MAX_SNAPSHOT_ENVELOPE_BYTES) {
    throw new AppError(
      'PAYLOAD_TOO_LARGE',
      `a snapshot envelope of ${bytes.length} bytes is above ${MAX_SNAPSHOT_ENVELOPE_BYTES}`,
    );
  }
  if (bytes.length < FIXED_BYTES) {
    throw new AppError(
      'FRAME_MALFORMED',
      `a snapshot envelope has at least ${FIXED_BYTES} bytes, got ${bytes.length}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(0) !== ENVELOPE_MAGIC) {
    throw new AppError(
      'FRAME_MALFORMED',
      `a snapshot envelope starts with 0x5349, got 0x${view.getUint16(0).toString(16)}`,
    );
  }
  if (view.getUint8(2) !== PROTOCOL_VERSION) {
    throw new AppError(
      'PROTOCOL_VERSION',
      `snapshot envelope of version ${view.getUint8(2)}, this is ${PROTOCOL_VERSION}`,
    );
  }
  const headerBytes = view.getUint32(4);
  if (headerBytes > MAX_SNAPSHOT_HEADER_BYTES || FIXED_BYTES + headerBytes > bytes.length) {
    throw new AppError('FRAME_MALFORMED', `headerBytes ${headerBytes} does not fit the envelope`);
  }
  return headerBytes;
}

function expectMagic(what: string, type: z.output<typeof pictureType>, picture: Uint8Array): void {
  if (sniffPictureType(picture) !== type) {
    throw new AppError('FRAME_MALFORMED', `the ${what} is declared ${type} but does not start like one`);
  }
}

/** JPEG (ITU-T T.81 B.1.1.3: SOI and a marker) or WebP (RFC 9649: RIFF....WEBP) by magic bytes. */
export function sniffPictureType(bytes: Uint8Array): 'image/jpeg' | 'image/webp' | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'image/jpeg';
  const tag = (offset: number): string => String.fromCharCode(...bytes.subarray(offset, offset + 4));
  return tag(0) === 'RIFF' && tag(8) === 'WEBP' ? 'image/webp' : undefined;
}
