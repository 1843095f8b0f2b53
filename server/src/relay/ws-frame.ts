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
/** Below this, header and payload in one buffer cost less than a second buffer in every write. */
const COPY_BELOW_BYTES = 4 * 1024;

/**
 * The message's bytes, to be written in order and never changed. `payload` is kept without a copy, unless it is small or
 * but a part of a larger allocation: a view of 2 KB would keep all 64 KB that were read with it, uncounted.
 */
export function prebuildFrame(payload: Buffer): readonly Buffer[] {
  const header = buildHeader(payload.length);
  const isMostOfItsMemory = payload.length * 2 >= payload.buffer.byteLength;
  if (payload.length >= COPY_BELOW_BYTES && isMostOfItsMemory) return [header, payload];
  const whole = Buffer.allocUnsafeSlow(header.length + payload.length);
  header.copy(whole);
  payload.copy(whole, header.length);
  return [whole];
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
