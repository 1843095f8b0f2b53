// Counts the pictures of an MPEG transport stream (ISO/IEC 13818-1, 2.4.3) that comes in pieces cut anywhere: ffmpeg begins a
// PES packet with each picture. A packet of 188 bytes begins
//
//   0  8 bits   sync byte 0x47
//   1  1 bit    transport error
//      1 bit    payload unit start: a PES packet begins here
//      1 bit    priority
//      13 bits  PID

import type { FrameMeter } from './frame-meter.ts';

const PACKET_BYTES = 188;
const SYNC = 0x47;
const UNIT_START = 0x40;
/** That ffmpeg gives the first stream. */
const VIDEO_PID = 0x100;

export class TransportStreamReader {
  readonly #meter: FrameMeter;
  readonly #head = Buffer.alloc(3);
  #headBytes = 0;
  #skipBytes = 0;

  constructor(meter: FrameMeter) {
    this.#meter = meter;
  }

  push(piece: Buffer): void {
    let offset = 0;
    while (offset < piece.length) {
      if (this.#skipBytes > 0) {
        const skipped = Math.min(this.#skipBytes, piece.length - offset);
        this.#skipBytes -= skipped;
        offset += skipped;
        continue;
      }
      this.#head[this.#headBytes++] = piece[offset++]!;
      if (this.#headBytes === this.#head.length) this.#advance();
    }
  }

  #advance(): void {
    if (this.#head[0] !== SYNC) {
      // Joined in the middle of a packet, or behind the header of JSMpeg: slide on to the next sync byte.
      this.#head.copyWithin(0, 1);
      this.#headBytes -= 1;
      return;
    }
    const flagsAndPid = this.#head.readUInt16BE(1);
    if ((flagsAndPid >> 8) & UNIT_START && (flagsAndPid & 0x1fff) === VIDEO_PID) this.#meter.addUndated();
    this.#headBytes = 0;
    this.#skipBytes = PACKET_BYTES - this.#head.length;
  }
}
