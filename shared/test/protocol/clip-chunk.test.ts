import { describe, expect, it } from 'vitest';
import {
  clipChunkCount,
  clipChunkLength,
  decodeClipChunk,
  encodeClipChunk,
  type ClipChunkHeader,
} from '../../src/protocol/clip-chunk.ts';
import { CLIP_CHUNK_BYTES, MAX_CLIP_BYTES, MAX_CLIP_CHUNK_MESSAGE_BYTES } from '../../src/protocol/limits.ts';
import { isAppError } from '../../src/runtime/app-error.ts';
import { appErrorOf } from '../app-error-of.ts';
import { seededRandom } from '../random.ts';

const header: ClipChunkHeader = {
  id: '01K6ZK3W5T8Q2V7N4J9XGH0RCP',
  camera: 'front',
  offset: 0,
  total: 100,
  sha256: '0'.repeat(64),
  startedAt: '2026-03-01T09:00:00.000Z',
  durationMs: 15_000,
  reason: 'rule',
  type: 'video/mp4',
  codec: 'avc1.64001f',
  width: 1280,
  height: 720,
  maskVersion: 3,
};

const chunk = (more: Partial<ClipChunkHeader> = {}): Uint8Array => {
  const whole = { ...header, ...more };
  return encodeClipChunk({ header: whole, bytes: new Uint8Array(clipChunkLength(whole)).fill(7) });
};

/** A message with any JSON in the place of the header. */
function forged(fields: object, bytes: number): Uint8Array {
  const json = Buffer.from(JSON.stringify(fields));
  const fixed = Buffer.from([0x53, 0x56, 1, 0, 0, 0, json.length >> 8, json.length & 0xff]);
  return Buffer.concat([fixed, json, Buffer.alloc(bytes)]);
}

describe('a clip chunk', () => {
  it.each([
    ['the only one', { total: 1 }],
    ['the first', { total: 3 * CLIP_CHUNK_BYTES + 5 }],
    ['one in the middle', { total: 3 * CLIP_CHUNK_BYTES + 5, offset: CLIP_CHUNK_BYTES }],
    ['the last', { total: 3 * CLIP_CHUNK_BYTES + 5, offset: 3 * CLIP_CHUNK_BYTES }],
    ['a full last one', { total: 2 * CLIP_CHUNK_BYTES, offset: CLIP_CHUNK_BYTES }],
    ['the last of the largest', { total: MAX_CLIP_BYTES, offset: MAX_CLIP_BYTES - CLIP_CHUNK_BYTES }],
  ])('comes back as it went in: %s', (_what, more) => {
    const message = chunk(more);
    const decoded = decodeClipChunk(message);
    expect(decoded.header).toEqual({ ...header, ...more });
    expect(encodeClipChunk(decoded)).toEqual(message);
  });

  it('is below its limit with the longest names that there are', () => {
    const long = { camera: 'x'.repeat(63), codec: 'c'.repeat(64), total: MAX_CLIP_BYTES };
    expect(chunk(long).length).toBeLessThan(MAX_CLIP_CHUNK_MESSAGE_BYTES);
  });

  it('is counted, and every one is full but the last', () => {
    expect([1, CLIP_CHUNK_BYTES, CLIP_CHUNK_BYTES + 1].map(clipChunkCount)).toEqual([1, 1, 2]);
    expect(clipChunkLength({ offset: CLIP_CHUNK_BYTES, total: CLIP_CHUNK_BYTES + 1 })).toBe(1);
  });

  it('cut short at any byte is refused', () => {
    const message = chunk({ total: 300 });
    for (let length = 0; length < message.length; length += 1)
      expect(appErrorOf(() => decodeClipChunk(message.subarray(0, length))).code).toBe('FRAME_MALFORMED');
  });

  it.each([
    ['a byte too many', forged(header, header.total + 1)],
    ['an offset between two chunks', forged({ ...header, total: 200_000, offset: 100 }, CLIP_CHUNK_BYTES)],
    ['an offset at the end', forged({ ...header, total: CLIP_CHUNK_BYTES, offset: CLIP_CHUNK_BYTES }, 0)],
    ['an offset behind the end', forged({ ...header, offset: CLIP_CHUNK_BYTES }, 100)],
    ['more bytes than a clip may have', forged({ ...header, total: MAX_CLIP_BYTES + 1 }, CLIP_CHUNK_BYTES)],
    ['a camera that is a path', forged({ ...header, camera: '../x' }, header.total)],
    ['an id that is a path', forged({ ...header, id: '../x' }, header.total)],
    ['another type', forged({ ...header, type: 'text/html' }, header.total)],
  ])('with %s is refused', (_what, message) => {
    expect(appErrorOf(() => decodeClipChunk(message)).code).toBe('FRAME_MALFORMED');
  });

  it('of another version, with another magic or above the limit is refused by its code', () => {
    const message = chunk();
    expect(appErrorOf(() => decodeClipChunk(message.with(2, 2))).code).toBe('PROTOCOL_VERSION');
    expect(appErrorOf(() => decodeClipChunk(message.with(1, 0x49))).code).toBe('FRAME_MALFORMED');
    const large = new Uint8Array(MAX_CLIP_CHUNK_MESSAGE_BYTES + 1);
    expect(appErrorOf(() => decodeClipChunk(large)).code).toBe('PAYLOAD_TOO_LARGE');
  });

  it('is not written with bytes that do not fit its header', () => {
    expect(() => encodeClipChunk({ header, bytes: new Uint8Array(99) })).toThrow(TypeError);
  });

  it('made of noise never breaks the reader', () => {
    const random = seededRandom(7);
    for (let round = 0; round < 2_000; round += 1) {
      const noise = Uint8Array.from({ length: random.int(600) }, () => random.int(256));
      if (round % 2 === 0) noise.set([0x53, 0x56, 1, 0, 0, 0].slice(0, noise.length));
      try {
        decodeClipChunk(noise);
      } catch (error) {
        expect(isAppError(error)).toBe(true);
      }
    }
  });
});
