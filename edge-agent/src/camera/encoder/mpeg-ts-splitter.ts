// Cuts MPEG-TS of one video stream (ISO/IEC 13818-1) into access units, each a whole number of packets with the tables in front of it.
//
//   packet: 188 bytes: u8 sync 0x47; u1 error, u1 unit start, u1 priority, u13 PID; u2 scrambling, u2 adaptation, u4 counter;
//   adaptation field where bit 1 of `adaptation` is set: u8 length, u8 flags (0x40: random access), ...; then the payload
//   payload at a unit start: PES: 00 00 01, u8 stream id, u16 length, u8, u8 flags (0x80: PTS), u8 header length, PTS 5 bytes

import { AppError } from '@sitecast/shared/runtime/app-error';

const PACKET_BYTES = 188;
const SYNC = 0x47;
const FIRST_VIDEO_STREAM_ID = 0xe0;
const LAST_VIDEO_STREAM_ID = 0xef;
const PTS_RANGE = 2 ** 33;
/** Policy: reject (the encoder starts anew). One access unit. Bounds in edge-agent/README.md. */
export const MAX_TS_UNIT_BYTES = 1024 * 1024;

export interface TsUnit {
  /** In memory of its own. */
  bytes: Uint8Array;
  isKeyframe: boolean;
  /** 90 kHz, from the first unit on; does not wrap. */
  decodeTime: number;
}

export class MpegTsSplitter {
  readonly #onUnit: (unit: TsUnit) => void;
  /** A packet that has not come whole. */
  #rest: Buffer = Buffer.alloc(0);
  #packets: Buffer[] = [];
  #videoPid: number | undefined;
  /** Of them, up to the last one of the video: tables behind it go with the next unit. */
  #unitPackets = 0;
  #isKeyframe = false;
  #lastPts: number | undefined;
  #decodeTime = 0;

  constructor(onUnit: (unit: TsUnit) => void) {
    this.#onUnit = onUnit;
  }

  /** @throws {AppError} FRAME_MALFORMED; then this splitter is of no more use. */
  push(chunk: Buffer): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    for (; at + PACKET_BYTES <= bytes.length; at += PACKET_BYTES) {
      this.#take(bytes.subarray(at, at + PACKET_BYTES));
    }
    this.#rest = Buffer.from(bytes.subarray(at));
  }

  #take(packet: Buffer): void {
    if (packet.readUInt8(0) !== SYNC) throw malformed('a packet without its sync byte');
    const isUnitStart = (packet.readUInt8(1) & 0x40) !== 0;
    const pid = packet.readUInt16BE(1) & 0x1fff;
    if (isUnitStart && this.#videoPid === undefined && isVideo(packet)) this.#videoPid = pid;
    if (pid === this.#videoPid) {
      if (isUnitStart) this.#endUnit();
      if (isUnitStart) this.#startUnit(packet);
      this.#unitPackets = this.#packets.length + 1;
    }
    this.#packets.push(packet);
    if (this.#packets.length * PACKET_BYTES > MAX_TS_UNIT_BYTES)
      throw malformed(`an access unit above ${MAX_TS_UNIT_BYTES} bytes`);
  }

  #startUnit(packet: Buffer): void {
    this.#isKeyframe = isRandomAccess(packet);
    const pts = readPts(packet);
    if (pts === undefined) return;
    this.#decodeTime += this.#lastPts === undefined ? 0 : (pts - this.#lastPts + PTS_RANGE) % PTS_RANGE;
    this.#lastPts = pts;
  }

  #endUnit(): void {
    if (this.#unitPackets === 0) return;
    const bytes = Buffer.concat(this.#packets.splice(0, this.#unitPackets));
    this.#unitPackets = 0;
    this.#onUnit({ bytes, isKeyframe: this.#isKeyframe, decodeTime: this.#decodeTime });
  }
}

function hasAdaptation(packet: Buffer): boolean {
  return (packet.readUInt8(3) & 0x20) !== 0;
}

function isRandomAccess(packet: Buffer): boolean {
  return hasAdaptation(packet) && packet.readUInt8(4) > 0 && (packet.readUInt8(5) & 0x40) !== 0;
}

/** Up to the end of the packet; empty when the adaptation field leaves no room. */
function payloadOf(packet: Buffer): Buffer {
  return packet.subarray(hasAdaptation(packet) ? 5 + packet.readUInt8(4) : 4);
}

function isVideo(packet: Buffer): boolean {
  const payload = payloadOf(packet);
  if (payload.length < 4 || payload.readUIntBE(0, 3) !== 1) return false;
  const streamId = payload.readUInt8(3);
  return streamId >= FIRST_VIDEO_STREAM_ID && streamId <= LAST_VIDEO_STREAM_ID;
}

// 33 bits in three parts, each followed by a marker bit.
function readPts(packet: Buffer): number | undefined {
  const payload = payloadOf(packet);
  if (payload.length < 14 || (payload.readUInt8(7) & 0x80) === 0) return undefined;
  const high = (payload.readUInt8(9) >> 1) & 0x07;
  const middle = payload.readUInt16BE(10) >> 1;
  const low = payload.readUInt16BE(12) >> 1;
  return high * 2 ** 30 + middle * 2 ** 15 + low;
}

function malformed(message: string): AppError {
  return new AppError('FRAME_MALFORMED', `MPEG-TS of an encoder: ${message}`);
}
