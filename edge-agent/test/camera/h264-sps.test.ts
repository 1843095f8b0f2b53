import { describe, expect, it } from 'vitest';
import { mutated, seededRandom } from '../../../shared/test/random.ts';
import { declaredFps } from '../../src/camera/h264-sps.ts';
import { box, initSegment } from './fmp4-sample.ts';

/** Writes the codes of ITU-T H.264 clause 7.2 and 9.1. */
class BitWriter {
  #bits = '';

  u(value: number, bits: number): this {
    this.#bits += value.toString(2).padStart(bits, '0');
    return this;
  }

  ue(value: number): this {
    const code = (value + 1).toString(2);
    this.#bits += '0'.repeat(code.length - 1) + code;
    return this;
  }

  /** With the stop bit, and a 3 after each two zero bytes that would else look like a start code. */
  bytes(): Buffer {
    const bits = `${this.#bits}1`;
    const plain = bits.match(/.{1,8}/g)!.map((byte) => Number.parseInt(byte.padEnd(8, '0'), 2));
    const escaped: number[] = [];
    for (const byte of plain) {
      const isCode = escaped.length >= 2 && escaped.at(-1) === 0 && escaped.at(-2) === 0 && byte <= 3;
      if (isCode) escaped.push(3);
      escaped.push(byte);
    }
    return Buffer.from(escaped);
  }
}

interface Vui {
  ticks: number;
  scale: number;
}

/** 640x480, picture order type 0. */
function rest(writer: BitWriter, vui: Vui | undefined): Buffer {
  writer.ue(0).ue(0).ue(2).ue(3).u(0, 1).ue(39).ue(29).u(1, 1).u(1, 1).u(0, 1);
  if (!vui) return writer.u(0, 1).bytes();
  // Extended aspect ratio, no overscan, a video signal with colours, chroma location, timing.
  writer.u(1, 1).u(1, 1).u(255, 8).u(4, 16).u(3, 16).u(0, 1);
  writer.u(1, 1).u(5, 3).u(1, 1).u(1, 1).u(1, 8).u(1, 8).u(1, 8).u(1, 1).ue(0).ue(0);
  return writer.u(1, 1).u(vui.ticks, 32).u(vui.scale, 32).u(1, 1).u(0, 3).bytes();
}

function baseline(vui?: Vui): Buffer {
  return rest(new BitWriter().u(66, 8).u(0xc0, 8).u(31, 8).ue(0), vui);
}

/** With a scaling list that ends at its first step, and one of sixteen steps. */
function high(vui?: Vui): Buffer {
  const writer = new BitWriter().u(100, 8).u(0, 8).u(40, 8).ue(0).ue(1).ue(0).ue(0).u(0, 1).u(1, 1);
  // se(-8) is ue(16): the next scale is 0, and no more steps are written.
  writer.u(1, 1).ue(16).u(1, 1);
  for (let step = 0; step < 16; step += 1) writer.ue(0);
  return rest(writer.u(0, 6), vui);
}

function initOf(set: Buffer): Buffer {
  const head = Buffer.from([1, set[0]!, set[1]!, set[2]!, 0xff, 0xe1, 0, set.length + 1, 0x67]);
  return initSegment({ config: [box('avcC', head, set)] });
}

describe('declaredFps', () => {
  it('reads the rate behind whatever stands before it', () => {
    expect(declaredFps(initOf(baseline({ ticks: 1, scale: 50 })))).toBe(25);
    expect(declaredFps(initOf(high({ ticks: 1001, scale: 60_000 })))).toBeCloseTo(29.97, 2);
    expect(declaredFps(initOf(high({ ticks: 1, scale: 30 })))).toBe(15);
  });

  it('says nothing where the stream says nothing, or nonsense', () => {
    for (const set of [baseline(), high()]) expect(declaredFps(initOf(set))).toBeUndefined();
    expect(declaredFps(initOf(baseline({ ticks: 0, scale: 50 })))).toBeUndefined();
    expect(declaredFps(initOf(baseline({ ticks: 1, scale: 4_000_000_000 })))).toBeUndefined();
    expect(declaredFps(initSegment({ entry: 'hev1' }))).toBeUndefined();
    expect(declaredFps(new Uint8Array(0))).toBeUndefined();
  });

  it('never fails, wherever the set is cut and whatever bits are turned', () => {
    const whole = initOf(high({ ticks: 1, scale: 50 }));
    const random = seededRandom(7);
    for (let length = 0; length < whole.length; length += 1) {
      const fps = declaredFps(whole.subarray(0, length));
      expect(fps === undefined || fps <= 1_000).toBe(true);
    }
    for (let round = 0; round < 500; round += 1) {
      const fps = declaredFps(mutated(random, whole));
      expect(fps === undefined || (fps > 0 && fps <= 1_000)).toBe(true);
    }
  });
});
