import { describe, expect, it } from 'vitest';
import { mutated, seededRandom } from '../../../../shared/test/random.ts';
import {
  MAX_TS_UNIT_BYTES,
  MpegTsSplitter,
  type TsUnit,
} from '../../../src/camera/encoder/mpeg-ts-splitter.ts';
import { thrownBy } from '../thrown.ts';

const VIDEO_PID = 0x100;

interface PacketSample {
  pid?: number;
  isUnitStart?: boolean;
  isKeyframe?: boolean;
  pts?: number;
}

/** ISO/IEC 13818-1 2.4.3.2, field by field. */
function packet({ pid = VIDEO_PID, isUnitStart = false, isKeyframe = false, pts }: PacketSample): Buffer {
  const bytes = Buffer.alloc(188, 0xff);
  bytes.writeUInt8(0x47, 0);
  bytes.writeUInt16BE((isUnitStart ? 0x4000 : 0) | pid, 1);
  bytes.writeUInt8(isKeyframe ? 0x30 : 0x10, 3);
  let at = 4;
  if (isKeyframe) at += bytes.write('0140', at, 'hex');
  if (pts === undefined) return bytes;
  at += bytes.write('000001e00000808005', at, 'hex');
  bytes.writeUInt8(0x21 | (Math.floor(pts / 2 ** 30) << 1), at);
  bytes.writeUInt16BE(1 | ((Math.floor(pts / 2 ** 15) & 0x7fff) << 1), at + 1);
  bytes.writeUInt16BE(1 | ((pts & 0x7fff) << 1), at + 3);
  return bytes;
}

const tables = [packet({ pid: 0, isUnitStart: true }), packet({ pid: 0x1000, isUnitStart: true })];
const stream = Buffer.concat([
  ...tables,
  packet({ isUnitStart: true, isKeyframe: true, pts: 2 ** 33 - 3_600 }),
  // Tables may come within a unit, too.
  ...tables,
  packet({}),
  packet({ isUnitStart: true, pts: 0 }),
  ...tables,
  packet({ isUnitStart: true, isKeyframe: true, pts: 3_600 }),
  packet({ isUnitStart: true, pts: 7_200 }),
]);

function split(chunks: Buffer[]): TsUnit[] {
  const units: TsUnit[] = [];
  const splitter = new MpegTsSplitter((unit) => units.push(unit));
  for (const chunk of chunks) splitter.push(chunk);
  return units;
}

describe('MpegTsSplitter', () => {
  it('gives each access unit with the tables in front of it, wherever the stream is cut', () => {
    for (const size of [1, 100, 187, 188, 189, stream.length]) {
      const chunks = Array.from({ length: Math.ceil(stream.length / size) }, (_, index) =>
        stream.subarray(index * size, (index + 1) * size),
      );
      const units = split(chunks);
      expect(units.map(({ bytes }) => bytes.length / 188)).toEqual([6, 1, 3]);
      expect(units.map(({ isKeyframe }) => isKeyframe)).toEqual([true, false, true]);
      expect(Buffer.concat(units.map(({ bytes }) => bytes)).equals(stream.subarray(0, 10 * 188))).toBe(true);
    }
  });

  it('counts time from the first unit on, and on when the 33 bits wrap', () => {
    expect(split([stream]).map(({ decodeTime }) => decodeTime)).toEqual([0, 3_600, 7_200]);
  });

  it('refuses what is no MPEG-TS, and a unit without an end', () => {
    expect(thrownBy(() => split([Buffer.alloc(188)]))?.code).toBe('FRAME_MALFORMED');
    const endless = Array.from({ length: MAX_TS_UNIT_BYTES / 188 + 2 }, () => packet({}));
    expect(thrownBy(() => split(endless))?.code).toBe('FRAME_MALFORMED');
  });

  it('answers damaged bytes with an AppError or not at all', () => {
    const random = seededRandom(5);
    for (let round = 0; round < 500; round += 1) {
      const error = thrownBy(() => split([Buffer.from(mutated(random, stream))]));
      if (error) expect(error.code).toBe('FRAME_MALFORMED');
    }
  });
});
