// Clip chunk: a piece of a clip with what is known of the whole, in one MQTT message (PROTOCOL.md).
//
//   offset size field
//     0     2   magic 0x5356 "SV"
//     2     1   version
//     3     1   reserved, 0
//     4     4   headerBytes
//     8     h   header, UTF-8 JSON
//   8+h     .   bytes of the clip from `header.offset` on, up to the end

import * as z from 'zod';
import { AppError } from '../runtime/app-error.ts';
import { ID_PATTERN, ULID_PATTERN } from './ids.ts';
import { decodeMessage, encodeJson, isoTime } from './json-message.ts';
import {
  CLIP_CHUNK_BYTES,
  MAX_CLIP_BYTES,
  MAX_CLIP_CHUNK_MESSAGE_BYTES,
  MAX_CLIP_HEADER_BYTES,
  MAX_CLIP_MS,
} from './limits.ts';
import { PROTOCOL_VERSION } from './version.ts';

const CHUNK_MAGIC = 0x5356;
const FIXED_BYTES = 8;

export const clipReason = z.enum(['motion', 'command', 'rule']);
export type ClipReason = z.output<typeof clipReason>;

export const clipChunkHeader = z.object({
  /** ULID made on the agent, of the whole clip. */
  id: z.string().regex(ULID_PATTERN),
  camera: z.string().regex(ID_PATTERN),
  /** Of the first byte of this chunk: a multiple of CLIP_CHUNK_BYTES. */
  offset: z.int().min(0).max(MAX_CLIP_BYTES).multipleOf(CLIP_CHUNK_BYTES),
  /** Bytes of the whole clip. */
  total: z.int().min(1).max(MAX_CLIP_BYTES),
  /** Of the whole clip, lower-case hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Of its first picture. */
  startedAt: isoTime,
  durationMs: z.int().min(0).max(MAX_CLIP_MS),
  reason: clipReason,
  type: z.literal('video/mp4'),
  /** RFC 6381, such as avc1.64001f. */
  codec: z.string().min(1).max(64),
  width: z.int().min(1).max(16384),
  height: z.int().min(1).max(16384),
  /** Version of the privacy mask that was burnt in; 0 when there is none. */
  maskVersion: z.int32().min(0).default(0),
});
export type ClipChunkHeader = z.output<typeof clipChunkHeader>;

export interface ClipChunk {
  header: ClipChunkHeader;
  bytes: Uint8Array;
}

/** How many chunks a clip has. */
export function clipChunkCount(total: number): number {
  return Math.ceil(total / CLIP_CHUNK_BYTES);
}

/** Every chunk is full but the last. */
export function clipChunkLength({ offset, total }: { offset: number; total: number }): number {
  return Math.min(CLIP_CHUNK_BYTES, total - offset);
}

/** @throws {TypeError} when `bytes` are not as many as the header's chunk has, or the header is too long. */
export function encodeClipChunk({ header, bytes }: ClipChunk): Uint8Array {
  if (bytes.length !== clipChunkLength(header))
    throw new TypeError(`a chunk at ${header.offset} of ${header.total} cannot have ${bytes.length} bytes`);
  const headerBytes = encodeJson(header);
  if (headerBytes.length > MAX_CLIP_HEADER_BYTES)
    throw new TypeError(`a header of ${headerBytes.length} bytes is above ${MAX_CLIP_HEADER_BYTES}`);
  const message = new Uint8Array(FIXED_BYTES + headerBytes.length + bytes.length);
  const view = new DataView(message.buffer);
  view.setUint16(0, CHUNK_MAGIC);
  view.setUint8(2, PROTOCOL_VERSION);
  view.setUint32(4, headerBytes.length);
  message.set(headerBytes, FIXED_BYTES);
  message.set(bytes, FIXED_BYTES + headerBytes.length);
  return message;
}

/**
 * Looks at nothing of the clip itself.
 * @returns a view into `message`, not a copy.
 * @throws {AppError} PAYLOAD_TOO_LARGE above MAX_CLIP_CHUNK_MESSAGE_BYTES; PROTOCOL_VERSION; FRAME_MALFORMED otherwise.
 */
export function decodeClipChunk(message: Uint8Array): ClipChunk {
  const headerEnd = FIXED_BYTES + readFixedPart(message);
  const header = decodeMessage(
    clipChunkHeader,
    message.subarray(FIXED_BYTES, headerEnd),
    MAX_CLIP_HEADER_BYTES,
  );
  const bytes = message.subarray(headerEnd);
  const expected = clipChunkLength(header);
  if (expected <= 0 || bytes.length !== expected) {
    const what = `a chunk at ${header.offset} of ${header.total} bytes cannot have ${bytes.length}`;
    throw malformed(what, header.id);
  }
  return { header, bytes };
}

function readFixedPart(message: Uint8Array): number {
  if (message.length > MAX_CLIP_CHUNK_MESSAGE_BYTES) {
    throw new AppError(
      'PAYLOAD_TOO_LARGE',
      `a clip chunk of ${message.length} bytes is above ${MAX_CLIP_CHUNK_MESSAGE_BYTES}`,
    );
  }
  if (message.length < FIXED_BYTES)
    throw malformed(`a clip chunk has at least ${FIXED_BYTES} bytes, got ${message.length}`);
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const magic = view.getUint16(0);
  if (magic !== CHUNK_MAGIC) throw malformed(`a clip chunk starts with 0x5356, got 0x${magic.toString(16)}`);
  const version = view.getUint8(2);
  if (version !== PROTOCOL_VERSION)
    throw new AppError('PROTOCOL_VERSION', `clip chunk of version ${version}, this is ${PROTOCOL_VERSION}`);
  const headerBytes = view.getUint32(4);
  if (headerBytes > MAX_CLIP_HEADER_BYTES || FIXED_BYTES + headerBytes > message.length)
    throw malformed(`headerBytes ${headerBytes} does not fit the message`);
  return headerBytes;
}

function malformed(message: string, id?: string): AppError {
  return new AppError('FRAME_MALFORMED', message, { detail: id === undefined ? {} : { id } });
}
