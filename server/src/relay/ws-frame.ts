// One unmasked binary WebSocket message, built once and written to every viewer's socket (RFC 6455 section 5.2):
//
//   offset size field
//     0     1   0x82: FIN, opcode 2 (binary)
//     1     1   length below 126; else 126 or 127
//     2    0/2/8 length, big-endian
//     .     .   payload
//
// Safe beside the sends of `ws` itself as long as permessage-deflate is off and nobody sends fragmented messages: `ws` then
// writes each message whole and at once, so the two never interleave.

const BINARY_FINAL = 0x82;

/**
 * The message's bytes, never to be changed. One copy of the payload a frame buys a plain write instead of a gathering one
 * for each viewer; and no view is kept, which would hold all that was read from the socket with it, uncounted.
 */
export function prebuildFrame(payload: Buffer): Buffer {
  const header = buildHeader(payload.length);
  const whole = Buffer.allocUnsafeSlow(header.length + payload.length);
  header.copy(whole);
  payload.copy(whole, header.length);
  return whole;
}

function buildHeader(length: number): Buffer {
  if (length < 126) return Buffer.from([BINARY_FINAL, length]);
  if (length < 0x10000) {
    const header = Buffer.from([BINARY_FINAL, 126, 0, 0]);
    header.writeUInt16BE(length, 2);
    return header;
  }
  const header = Buffer.from([BINARY_FINAL, 127, 0, 0, 0, 0, 0, 0, 0, 0]);
  header.writeBigUInt64BE(BigInt(length), 2);
  return header;
}
