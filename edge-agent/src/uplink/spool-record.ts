// One record of a spool segment. Little-endian would be as good; big-endian reads like the wire formats.
//
//   offset size field
//     0     4   magic 0x53435350 "SCSP"
//     4     4   CRC-32 of all that follows
//     8     8   sequence, +1 per record of a lane
//    16     4   payloadBytes
//    20     2   topicBytes
//    22     2   clockBytes: 20, or 0 in a record of an older agent
//    24     8   when it was spooled, wall clock, ms since 1970
//    32     8   the same by the monotonic clock, ms
//    40     4   run: which start of the agent that monotonic clock belongs to
//    44     t   topic, UTF-8
//  44+t     p   payload

import { crc32 } from 'node:zlib';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { MIB } from '@sitecast/shared/protocol/limits';
import type { AgentErrorCode } from '../errors.ts';
import type { ClockReading } from './clock-reading.ts';

const FIXED_BYTES = 24;
const CLOCK_BYTES = 20;
/** Of a record that is written now. */
export const RECORD_HEADER_BYTES = FIXED_BYTES + CLOCK_BYTES;
/** Above every message that is spooled; a length beyond it is damage, not a record. */
const MAX_RECORD_BYTES = 1 * MIB;

const MAGIC = 0x53435350;
const CHECKED_FROM = 8;

export interface SpoolRecord {
  sequence: number;
  topic: string;
  payload: Uint8Array;
  /** Undefined in a record of an older agent. */
  spooledAt: ClockReading | undefined;
}

interface RecordHeader {
  crc: number;
  sequence: number;
  topicBytes: number;
  headerBytes: number;
  /** Header, topic and payload. */
  recordBytes: number;
}

/** @throws {AppError} PAYLOAD_TOO_LARGE above `MAX_RECORD_BYTES`. */
export function encodeRecord(record: SpoolRecord & { spooledAt: ClockReading }): Uint8Array {
  const { sequence, topic, payload, spooledAt } = record;
  const topicBytes = Buffer.byteLength(topic);
  const recordBytes = RECORD_HEADER_BYTES + topicBytes + payload.length;
  if (recordBytes > MAX_RECORD_BYTES) throw tooLarge(recordBytes);
  const bytes = Buffer.alloc(recordBytes);
  bytes.writeUInt32BE(MAGIC, 0);
  bytes.writeBigUInt64BE(BigInt(sequence), 8);
  bytes.writeUInt32BE(payload.length, 16);
  bytes.writeUInt16BE(topicBytes, 20);
  bytes.writeUInt16BE(CLOCK_BYTES, 22);
  bytes.writeBigInt64BE(BigInt(Math.round(spooledAt.wallMs)), 24);
  bytes.writeBigInt64BE(BigInt(Math.round(spooledAt.monotonicMs)), 32);
  bytes.writeUInt32BE(spooledAt.run, 40);
  bytes.write(topic, RECORD_HEADER_BYTES);
  bytes.set(payload, RECORD_HEADER_BYTES + topicBytes);
  bytes.writeUInt32BE(crc32(bytes.subarray(CHECKED_FROM)), 4);
  return bytes;
}

/** @throws {AppError} SPOOL_CORRUPT when `bytes` do not start with a possible header. */
export function decodeRecordHeader(bytes: Buffer): RecordHeader {
  if (bytes.length < FIXED_BYTES || bytes.readUInt32BE(0) !== MAGIC) throw corrupt('no header');
  const topicBytes = bytes.readUInt16BE(20);
  const clockBytes = bytes.readUInt16BE(22);
  const headerBytes = FIXED_BYTES + clockBytes;
  const recordBytes = headerBytes + topicBytes + bytes.readUInt32BE(16);
  const sequence = bytes.readBigUInt64BE(8);
  const isPossible = clockBytes === 0 || clockBytes === CLOCK_BYTES;
  if (!isPossible || recordBytes > MAX_RECORD_BYTES || sequence > BigInt(Number.MAX_SAFE_INTEGER))
    throw corrupt('absurd header');
  return { crc: bytes.readUInt32BE(4), sequence: Number(sequence), topicBytes, headerBytes, recordBytes };
}

/**
 * @param bytes begins with the record; may go on after it.
 * @returns views into `bytes`.
 * @throws {AppError} SPOOL_CORRUPT when it is cut short or its checksum is wrong.
 */
export function decodeRecord(bytes: Buffer): SpoolRecord & { recordBytes: number } {
  const { crc, sequence, topicBytes, headerBytes, recordBytes } = decodeRecordHeader(bytes);
  if (bytes.length < recordBytes) throw corrupt('cut short');
  if (crc32(bytes.subarray(CHECKED_FROM, recordBytes)) !== crc) throw corrupt('wrong checksum');
  const payloadAt = headerBytes + topicBytes;
  return {
    sequence,
    topic: bytes.toString('utf8', headerBytes, payloadAt),
    payload: bytes.subarray(payloadAt, recordBytes),
    spooledAt: headerBytes > FIXED_BYTES ? readClocks(bytes) : undefined,
    recordBytes,
  };
}

function readClocks(bytes: Buffer): ClockReading {
  return {
    wallMs: Number(bytes.readBigInt64BE(24)),
    monotonicMs: Number(bytes.readBigInt64BE(32)),
    run: bytes.readUInt32BE(40),
  };
}

function corrupt(what: string): AppError<AgentErrorCode> {
  return new AppError('SPOOL_CORRUPT', `a record of the spool cannot be read: ${what}`);
}

function tooLarge(recordBytes: number): AppError<AgentErrorCode> {
  return new AppError('PAYLOAD_TOO_LARGE', `a record of ${recordBytes} bytes is above ${MAX_RECORD_BYTES}`);
}
