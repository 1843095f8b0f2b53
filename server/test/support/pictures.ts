// Pictures whose headers are right to the last byte, with noise where a decoder would look: the server has none.

import { randomBytes } from 'node:crypto';

interface Size {
  width: number;
  height: number;
}

const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');

/** JFIF with an APP0 segment, a quantisation table, a frame header, a scan of noise and its end. */
export function jpeg({ width, height }: Size, { frame = 0xc0, precision = 8, scanBytes = 64 } = {}): Buffer {
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    segment(0xe0, Buffer.concat([ascii('JFIF\0'), Buffer.from([1, 1, 0, 0, 1, 0, 1, 0, 0])])),
    segment(0xdb, Buffer.alloc(65, 1)),
    segment(
      frame,
      Buffer.from([
        precision,
        height >> 8,
        height & 255,
        width >> 8,
        width & 255,
        3,
        1,
        34,
        0,
        2,
        17,
        1,
        3,
        17,
        1,
      ]),
    ),
    segment(0xda, Buffer.from([3, 1, 0, 2, 17, 3, 17, 0, 63, 0])),
    randomBytes(scanBytes).map((byte) => (byte === 0xff ? 0 : byte)),
    Buffer.from([0xff, 0xd9]),
  ]);
}

function segment(code: number, payload: Buffer): Buffer {
  const head = Buffer.from([0xff, code, 0, 0]);
  head.writeUInt16BE(payload.length + 2, 2);
  return Buffer.concat([head, payload]);
}

export function webpLossy({ width, height }: Size): Buffer {
  const head = Buffer.from([0x30, 0, 0, 0x9d, 0x01, 0x2a, 0, 0, 0, 0]);
  head.writeUInt16LE(width, 6);
  head.writeUInt16LE(height, 8);
  return webp(chunk('VP8 ', Buffer.concat([head, randomBytes(20)])));
}

export function webpLossless({ width, height }: Size): Buffer {
  const head = Buffer.from([0x2f, 0, 0, 0, 0]);
  head.writeUInt32LE(((width - 1) | ((height - 1) << 14)) >>> 0, 1);
  return webp(chunk('VP8L', Buffer.concat([head, randomBytes(21)])));
}

export function webpExtended({ width, height }: Size, flags = 0): Buffer {
  const head = Buffer.alloc(10);
  head[0] = flags;
  head.writeUIntLE(width - 1, 4, 3);
  head.writeUIntLE(height - 1, 7, 3);
  return webp(Buffer.concat([chunk('VP8X', head), chunk('VP8 ', randomBytes(30))]));
}

function chunk(tag: string, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(payload.length);
  return Buffer.concat([ascii(tag), bytes, payload]);
}

function webp(chunks: Buffer): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(4 + chunks.length);
  return Buffer.concat([ascii('RIFF'), bytes, ascii('WEBP'), chunks]);
}
