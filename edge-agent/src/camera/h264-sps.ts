// Reads the sequence parameter set of H.264 (ITU-T H.264 7.3.2.1.1, its VUI in E.1.1) as far as the picture rate that the camera
// declares. Pure; no state.

const AVC_CONFIG = 'avcC';
// avcC (ISO/IEC 14496-15 5.3.3.1.2): u8 version, profile, compatibility, level, length size, number of sets; u16 length; the set.
const FIRST_SET_LENGTH_AT = 6;
const NAL_HEADER_BYTES = 1;
/** Profiles whose parameter set tells of chroma, depth and scaling lists. */
const HIGH_PROFILES = new Set([44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244]);
const EXTENDED_ASPECT_RATIO = 255;
/** More than any camera sends. */
const MAX_FPS = 1_000;

/**
 * @param init the init segment of an H.264 stream, as ffmpeg writes it: "avcC" stands in it once.
 * @returns pictures a second; undefined when the stream does not say.
 */
export function declaredFps(init: Uint8Array): number | undefined {
  try {
    const fps = readFps(firstSet(Buffer.from(init.buffer, init.byteOffset, init.byteLength)));
    return fps !== undefined && fps > 0 && fps <= MAX_FPS ? fps : undefined;
  } catch (error) {
    // Read beyond the end: a set that is cut off, or none that we know.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function firstSet(init: Buffer): Uint8Array {
  const found = init.indexOf(AVC_CONFIG, 0, 'latin1');
  if (found < 0) throw new RangeError('no avcC');
  const lengthAt = found + AVC_CONFIG.length + FIRST_SET_LENGTH_AT;
  const from = lengthAt + 2;
  return withoutEmulation(init.subarray(from + NAL_HEADER_BYTES, from + init.readUInt16BE(lengthAt)));
}

// 7.4.1: after two zero bytes a 3 is put in, so that nothing looks like a start code.
function withoutEmulation(bytes: Uint8Array): Uint8Array {
  return bytes.filter((byte, at) => !(byte === 3 && at >= 2 && bytes[at - 1] === 0 && bytes[at - 2] === 0));
}

function readFps(set: Uint8Array): number | undefined {
  const reader = new BitReader(set);
  const profile = reader.bits(8);
  reader.bits(16);
  reader.exp();
  if (HIGH_PROFILES.has(profile)) skipHighProfile(reader);
  reader.exp();
  skipPictureOrder(reader);
  reader.exp();
  reader.bits(1);
  reader.exp();
  reader.exp();
  if (reader.bits(1) === 0) reader.bits(1);
  reader.bits(1);
  if (reader.bits(1) === 1) for (let edge = 0; edge < 4; edge += 1) reader.exp();
  return reader.bits(1) === 1 ? readTiming(reader) : undefined;
}

function skipHighProfile(reader: BitReader): void {
  const chromaFormat = reader.exp();
  if (chromaFormat === 3) reader.bits(1);
  reader.exp();
  reader.exp();
  reader.bits(1);
  if (reader.bits(1) === 0) return;
  const lists = chromaFormat === 3 ? 12 : 8;
  for (let list = 0; list < lists; list += 1) if (reader.bits(1) === 1) skipScalingList(reader, list);
}

// 7.3.2.1.1.1
function skipScalingList(reader: BitReader, list: number): void {
  let [last, next] = [8, 8];
  for (let at = 0; at < (list < 6 ? 16 : 64); at += 1) {
    if (next !== 0) next = (last + reader.signedExp() + 256) % 256;
    last = next === 0 ? last : next;
  }
}

function skipPictureOrder(reader: BitReader): void {
  const type = reader.exp();
  if (type === 0) reader.exp();
  if (type !== 1) return;
  reader.bits(1);
  reader.exp();
  reader.exp();
  const offsets = reader.exp();
  for (let offset = 0; offset < offsets; offset += 1) reader.exp();
}

// E.1.1. A picture is two ticks: the standard counts fields.
function readTiming(reader: BitReader): number | undefined {
  if (reader.bits(1) === 1 && reader.bits(8) === EXTENDED_ASPECT_RATIO) reader.bits(32);
  if (reader.bits(1) === 1) reader.bits(1);
  if (reader.bits(1) === 1) {
    reader.bits(4);
    if (reader.bits(1) === 1) reader.bits(24);
  }
  if (reader.bits(1) === 1) {
    reader.exp();
    reader.exp();
  }
  if (reader.bits(1) === 0) return undefined;
  const ticks = reader.bits(32);
  const scale = reader.bits(32);
  return ticks === 0 ? undefined : scale / ticks / 2;
}

/** @throws {RangeError} beyond the end. */
class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  bits(count: number): number {
    let value = 0;
    for (let bit = 0; bit < count; bit += 1) value = value * 2 + this.#bit();
    return value;
  }

  /** ue(v), 9.1 */
  exp(): number {
    let zeros = 0;
    while (this.#bit() === 0) zeros += 1;
    if (zeros > 32) throw new RangeError('an Exp-Golomb code of more than 32 bits');
    return 2 ** zeros - 1 + this.bits(zeros);
  }

  /** se(v), 9.1.1 */
  signedExp(): number {
    const code = this.exp();
    return code % 2 === 0 ? -code / 2 : (code + 1) / 2;
  }

  #bit(): number {
    const byte = this.#bytes[this.#at >> 3];
    if (byte === undefined) throw new RangeError('the parameter set ends early');
    const bit = (byte >> (7 - (this.#at & 7))) & 1;
    this.#at += 1;
    return bit;
  }
}
