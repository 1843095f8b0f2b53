import { describe, expect, it } from 'vitest';
import {
  decodeFrame,
  encodeFrame,
  FRAME_HEADER_BYTES,
  FrameKind,
  isProfile,
  PROFILES,
  type FrameHeader,
} from '../../src/protocol/frame-header.ts';
import { MAX_FRAME_BYTES } from '../../src/protocol/limits.ts';
import { appErrorOf, codeOrPass } from '../app-error-of.ts';
import { mutated, seededRandom, type Random } from '../random.ts';

const CODES = ['FRAME_MALFORMED', 'PROTOCOL_VERSION', 'PAYLOAD_TOO_LARGE'];
const KINDS = Object.values(FrameKind);

const keyframe: FrameHeader = {
  kind: FrameKind.fragment,
  isKeyframe: true,
  isDiscontinuity: false,
  isLast: false,
  epoch: 1_760_000_000,
  sequence: 1,
  capturedAtUs: 1_760_000_000_123_456,
};

function randomHeader(random: Random): FrameHeader {
  return {
    kind: random.pick(KINDS),
    isKeyframe: random.int(2) === 1,
    isDiscontinuity: random.int(2) === 1,
    isLast: random.int(2) === 1,
    epoch: random.pick([0, 1, 2 ** 31, 2 ** 32 - 1, random.int(2 ** 32)]),
    sequence: random.pick([0, 1, 2 ** 31, 2 ** 32 - 1, random.int(2 ** 32)]),
    capturedAtUs: random.pick([0, 1, Number.MAX_SAFE_INTEGER, random.int(2 ** 53)]),
  };
}

describe('live frame', () => {
  it('comes back as it went in, for every kind, flag and extreme', () => {
    const random = seededRandom(2);
    for (let round = 0; round < 2_000; round += 1) {
      const header = randomHeader(random);
      const payload = random.bytes(random.int(64));
      const frame = decodeFrame(encodeFrame(header, payload));
      expect(frame.header).toEqual(header);
      expect(frame.payload).toEqual(payload);
    }
  });

  it('is laid out as the document draws it', () => {
    const bytes = encodeFrame(
      { ...keyframe, isLast: true, epoch: 0x01020304, sequence: 0x05060708 },
      new Uint8Array([0xaa]),
    );
    expect(Buffer.from(bytes).toString('hex')).toBe(
      '53430102' + '05000000' + '01020304' + '05060708' + '000640b5eecfe240' + 'aa',
    );
  });

  it('is read out of the middle of a larger buffer without copying the payload', () => {
    const large = new Uint8Array(200);
    large.set(encodeFrame(keyframe, new Uint8Array([1, 2, 3])), 77);
    const frame = decodeFrame(large.subarray(77, 77 + FRAME_HEADER_BYTES + 3));
    expect(frame.payload.buffer).toBe(large.buffer);
    expect([...frame.payload]).toEqual([1, 2, 3]);
  });

  it('with a sequence above 32 bits is written wrapped', () => {
    const { header } = decodeFrame(encodeFrame({ ...keyframe, sequence: 2 ** 32 + 5 }, new Uint8Array()));
    expect(header.sequence).toBe(5);
  });

  it('cut off inside its header is malformed at every length', () => {
    const bytes = encodeFrame(keyframe, new Uint8Array());
    for (let length = 0; length < FRAME_HEADER_BYTES; length += 1) {
      expect(appErrorOf(() => decodeFrame(bytes.subarray(0, length))).code).toBe('FRAME_MALFORMED');
    }
    expect(decodeFrame(bytes).payload).toHaveLength(0);
  });

  it('of any other version is refused as such', () => {
    for (let version = 0; version < 256; version += 1) {
      const bytes = encodeFrame(keyframe, new Uint8Array()).with(2, version);
      expect(codeOrPass(() => decodeFrame(bytes), CODES)).toBe(
        version === 1 ? undefined : 'PROTOCOL_VERSION',
      );
    }
  });

  it('of any unknown kind is malformed', () => {
    for (let kind = 0; kind < 256; kind += 1) {
      const bytes = encodeFrame(keyframe, new Uint8Array()).with(3, kind);
      const isKnown = (KINDS as number[]).includes(kind);
      expect(codeOrPass(() => decodeFrame(bytes), CODES)).toBe(isKnown ? undefined : 'FRAME_MALFORMED');
    }
  });

  it('with unknown flags or reserved bytes is read all the same, so that they can get a meaning later', () => {
    const bytes = encodeFrame(keyframe, new Uint8Array()).with(4, 0xf9).with(5, 1).with(6, 2).with(7, 3);
    expect(decodeFrame(bytes).header).toEqual(keyframe);
  });

  it('with a time that no number holds is malformed', () => {
    const bytes = encodeFrame(keyframe, new Uint8Array()).with(16, 0x00).with(17, 0x20);
    expect(appErrorOf(() => decodeFrame(bytes)).code).toBe('FRAME_MALFORMED');
  });

  it('of the largest size passes, and of one byte more is too large', () => {
    const largest = encodeFrame(keyframe, new Uint8Array(MAX_FRAME_BYTES - FRAME_HEADER_BYTES));
    expect(largest).toHaveLength(MAX_FRAME_BYTES);
    expect(decodeFrame(largest).payload).toHaveLength(MAX_FRAME_BYTES - FRAME_HEADER_BYTES);
    const above = encodeFrame(keyframe, new Uint8Array(MAX_FRAME_BYTES - FRAME_HEADER_BYTES + 1));
    expect(appErrorOf(() => decodeFrame(above)).code).toBe('PAYLOAD_TOO_LARGE');
  });

  it('read from random and damaged bytes only ever throws a known AppError', () => {
    const random = seededRandom(3);
    let refused = 0;
    for (let round = 0; round < 20_000; round += 1) {
      const honest = encodeFrame(randomHeader(random), random.bytes(random.int(8)));
      const bytes = round % 2 === 0 ? random.bytes(random.int(48)) : mutated(random, honest);
      if (codeOrPass(() => decodeFrame(bytes), CODES)) refused += 1;
    }
    expect(refused).toBeGreaterThan(1_000);
  });
});

describe('profiles', () => {
  it('are told from other words', () => {
    expect(PROFILES.every(isProfile)).toBe(true);
    expect(['', 'Main', 'main ', 'length', 'constructor'].some(isProfile)).toBe(false);
  });
});
