import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  MAX_DATA_PACKET_BYTES,
  MAX_SNAPSHOT_BYTES,
  MAX_SNAPSHOT_ENVELOPE_BYTES,
  MAX_SNAPSHOT_HEADER_BYTES,
  MAX_THUMBNAIL_BYTES,
  PACKET_OVERHEAD_BYTES,
} from '../../src/protocol/limits.ts';
import {
  decodeSnapshotEnvelope,
  encodeSnapshotEnvelope,
  sniffPictureType,
  type SnapshotEnvelope,
  type SnapshotHeader,
} from '../../src/protocol/snapshot-envelope.ts';
import { appErrorOf, codeOrPass } from '../app-error-of.ts';
import { mutated, seededRandom } from '../random.ts';

const CODES = ['FRAME_MALFORMED', 'PROTOCOL_VERSION', 'PAYLOAD_TOO_LARGE'];
const utf8 = new TextEncoder();

function jpeg(length: number): Uint8Array {
  const bytes = seededRandom(length).bytes(length);
  bytes.set([0xff, 0xd8, 0xff, 0xe0]);
  return bytes;
}

function webp(length: number): Uint8Array {
  const bytes = seededRandom(length).bytes(length);
  bytes.set(utf8.encode('RIFF'), 0);
  bytes.set(utf8.encode('WEBP'), 8);
  return bytes;
}

function envelopeOf(
  snapshot: Uint8Array,
  thumbnail: Uint8Array,
  change: Partial<SnapshotHeader> = {},
): SnapshotEnvelope {
  return {
    header: {
      id: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
      camera: 'front',
      capturedAt: '2026-03-01T09:00:00.000Z',
      reason: 'interval',
      type: 'image/jpeg',
      width: 1280,
      height: 720,
      bytes: snapshot.length,
      sha256: createHash('sha256').update(snapshot).digest('hex'),
      thumbnail: { type: 'image/jpeg', width: 320, height: 180, bytes: thumbnail.length },
      maskVersion: 0,
      ...change,
    },
    snapshot,
    thumbnail,
  };
}

/** The bytes that a sender makes who does not check its header. */
function withRawHeader(header: unknown, pictures: Uint8Array[] = []): Uint8Array {
  const json = typeof header === 'string' ? utf8.encode(header) : utf8.encode(JSON.stringify(header));
  const fixed = Buffer.alloc(8);
  fixed.writeUInt16BE(0x5349, 0);
  fixed.writeUInt8(1, 2);
  fixed.writeUInt32BE(json.length, 4);
  return Buffer.concat([fixed, json, ...pictures]);
}

const decodeCode = (bytes: Uint8Array): string => appErrorOf(() => decodeSnapshotEnvelope(bytes)).code;

describe('snapshot envelope', () => {
  it('comes back as it went in, with every optional field', () => {
    const full = envelopeOf(jpeg(500), jpeg(90), {
      reason: 'motion',
      maskVersion: 3,
      previousSha256: 'ab'.repeat(32),
      signature: 'x'.repeat(256),
    });
    expect(decodeSnapshotEnvelope(encodeSnapshotEnvelope(full))).toEqual(full);
  });

  it('carries WebP as well, for either picture', () => {
    const mixed = envelopeOf(webp(500), jpeg(90), { type: 'image/webp' });
    expect(decodeSnapshotEnvelope(encodeSnapshotEnvelope(mixed))).toEqual(mixed);
  });

  it('gives views into the bytes that it was read from', () => {
    const bytes = encodeSnapshotEnvelope(envelopeOf(jpeg(500), jpeg(90)));
    const { snapshot, thumbnail } = decodeSnapshotEnvelope(bytes);
    expect([snapshot.buffer, thumbnail.buffer]).toEqual([bytes.buffer, bytes.buffer]);
  });

  it('drops header keys that it does not know, so that a newer agent can add some', () => {
    const { header, snapshot, thumbnail } = envelopeOf(jpeg(50), jpeg(40));
    const bytes = withRawHeader({ ...header, lens: 'wide' }, [snapshot, thumbnail]);
    expect(decodeSnapshotEnvelope(bytes).header).toEqual(header);
  });

  it.each([{ maskVersion: 2 ** 31 }, { signature: 'a\u0000b' }, { signature: '서명' }])(
    'with %j is malformed: the store could not keep it',
    (change) => {
      const { header, snapshot, thumbnail } = envelopeOf(jpeg(50), jpeg(40), change);
      expect(decodeCode(withRawHeader(header, [snapshot, thumbnail]))).toBe('FRAME_MALFORMED');
    },
  );

  it('cut off is malformed at every byte', () => {
    const bytes = encodeSnapshotEnvelope(envelopeOf(jpeg(40), jpeg(20)));
    for (let length = 0; length < bytes.length; length += 1) {
      expect(decodeCode(bytes.subarray(0, length))).toBe('FRAME_MALFORMED');
    }
  });

  it('with a byte too many is malformed', () => {
    const bytes = encodeSnapshotEnvelope(envelopeOf(jpeg(40), jpeg(20)));
    expect(decodeCode(Buffer.concat([bytes, Buffer.alloc(1)]))).toBe('FRAME_MALFORMED');
  });

  it('of any other version is refused as such', () => {
    const bytes = encodeSnapshotEnvelope(envelopeOf(jpeg(40), jpeg(20)));
    for (let version = 0; version < 256; version += 1) {
      const code = codeOrPass(() => decodeSnapshotEnvelope(bytes.with(2, version)), CODES);
      expect(code).toBe(version === 1 ? undefined : 'PROTOCOL_VERSION');
    }
  });

  it('of the largest pictures and the largest header fits an MQTT packet, and one byte more is too large', () => {
    const { header, snapshot, thumbnail } = envelopeOf(jpeg(MAX_SNAPSHOT_BYTES), jpeg(MAX_THUMBNAIL_BYTES));
    const padding = MAX_SNAPSHOT_HEADER_BYTES - JSON.stringify({ ...header, padding: '' }).length;
    const bytes = withRawHeader({ ...header, padding: 'x'.repeat(padding) }, [snapshot, thumbnail]);
    expect(bytes).toHaveLength(MAX_SNAPSHOT_ENVELOPE_BYTES);
    expect(decodeSnapshotEnvelope(bytes).snapshot).toHaveLength(MAX_SNAPSHOT_BYTES);
    expect(MAX_SNAPSHOT_ENVELOPE_BYTES + PACKET_OVERHEAD_BYTES).toBeLessThanOrEqual(MAX_DATA_PACKET_BYTES);
    expect(decodeCode(Buffer.concat([bytes, Buffer.alloc(1)]))).toBe('PAYLOAD_TOO_LARGE');
  });

  it('of a picture above its limit is malformed, although the whole would fit', () => {
    expect(decodeCode(encodeSnapshotEnvelope(envelopeOf(jpeg(MAX_SNAPSHOT_BYTES + 1), jpeg(40))))).toBe(
      'FRAME_MALFORMED',
    );
    expect(decodeCode(encodeSnapshotEnvelope(envelopeOf(jpeg(40), jpeg(MAX_THUMBNAIL_BYTES + 1))))).toBe(
      'FRAME_MALFORMED',
    );
  });

  it.each([
    ['no JSON', '{'],
    ['a NUL', '\u0000'],
    ['an array', []],
    ['null', null],
    ['an empty object', {}],
    ['an id that is no ULID', { ...envelopeOf(jpeg(9), jpeg(9)).header, id: '../../etc/passwd' }],
    ['a camera that is no id', { ...envelopeOf(jpeg(9), jpeg(9)).header, camera: 'a/b' }],
    ['a negative length', { ...envelopeOf(jpeg(9), jpeg(9)).header, bytes: -9 }],
    ['a fraction of a byte', { ...envelopeOf(jpeg(9), jpeg(9)).header, bytes: 8.5 }],
    ['a time that is none', { ...envelopeOf(jpeg(9), jpeg(9)).header, capturedAt: 'yesterday' }],
    ['a digest in capitals', { ...envelopeOf(jpeg(9), jpeg(9)).header, sha256: 'AB'.repeat(32) }],
    ['another type', { ...envelopeOf(jpeg(9), jpeg(9)).header, type: 'image/svg+xml' }],
  ])('with %s for a header is malformed', (_what, header) => {
    expect(decodeCode(withRawHeader(header, [jpeg(9), jpeg(9)]))).toBe('FRAME_MALFORMED');
  });

  it('with a header length beyond its end or above the limit is malformed', () => {
    const bytes = Buffer.from(encodeSnapshotEnvelope(envelopeOf(jpeg(9_000), jpeg(40))));
    for (const headerBytes of [0, 1, MAX_SNAPSHOT_HEADER_BYTES, MAX_SNAPSHOT_HEADER_BYTES + 1, 0xffffffff]) {
      bytes.writeUInt32BE(headerBytes, 4);
      expect(decodeCode(bytes)).toBe('FRAME_MALFORMED');
    }
  });

  it('whose pictures are not what the header says is malformed', () => {
    expect(decodeCode(encodeSnapshotEnvelope(envelopeOf(webp(60), jpeg(40))))).toBe('FRAME_MALFORMED');
    expect(decodeCode(encodeSnapshotEnvelope(envelopeOf(jpeg(60), webp(40))))).toBe('FRAME_MALFORMED');
    expect(decodeCode(encodeSnapshotEnvelope(envelopeOf(utf8.encode('<svg></svg>'), jpeg(40))))).toBe(
      'FRAME_MALFORMED',
    );
  });

  it('is not written when its header gives other lengths, or is too long itself', () => {
    const { header, snapshot, thumbnail } = envelopeOf(jpeg(60), jpeg(40));
    const shorter = { header: { ...header, bytes: 59 }, snapshot, thumbnail };
    const endless = { header: { ...header, signature: 'x'.repeat(5_000) }, snapshot, thumbnail };
    expect(() => encodeSnapshotEnvelope(shorter)).toThrow(TypeError);
    expect(() => encodeSnapshotEnvelope(endless)).toThrow(TypeError);
  });

  it('read from random and damaged bytes only ever throws a known AppError', () => {
    const random = seededRandom(4);
    const honest = encodeSnapshotEnvelope(envelopeOf(jpeg(30), jpeg(20)));
    let refused = 0;
    for (let round = 0; round < 6_000; round += 1) {
      const bytes = round % 4 === 0 ? random.bytes(random.int(48)) : mutated(random, honest);
      if (codeOrPass(() => decodeSnapshotEnvelope(bytes), CODES)) refused += 1;
    }
    expect(refused).toBeGreaterThan(4_000);
  });
});

describe('picture types', () => {
  it('are told by magic bytes, and nothing is told from too few of them', () => {
    expect(sniffPictureType(jpeg(10))).toBe('image/jpeg');
    expect(sniffPictureType(webp(20))).toBe('image/webp');
    for (let length = 0; length < 12; length += 1)
      expect(sniffPictureType(webp(20).subarray(0, length))).toBeUndefined();
    for (let length = 0; length < 3; length += 1)
      expect(sniffPictureType(jpeg(10).subarray(0, length))).toBeUndefined();
    expect(sniffPictureType(utf8.encode('RIFF1234AVI '))).toBeUndefined();
    expect(sniffPictureType(utf8.encode('GIF89a'))).toBeUndefined();
  });
});
