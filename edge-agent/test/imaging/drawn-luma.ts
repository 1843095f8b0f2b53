// Small pictures as a camera would give them: a yard with houses, noise of the sensor, and what is to happen in it.

import { LUMA_HEIGHT, LUMA_WIDTH, type Luma } from '../../src/camera/luma.ts';

export interface Drawing {
  /** Somebody of 6 x 12 pixels with the left upper corner here. */
  person?: { x: number; y: number };
  /** Brightness is multiplied by it. */
  gain?: number;
  /** Added to the left half and fading over 24 pixels, as a cloud's shadow. */
  shadow?: number;
  /** The camera points elsewhere, pixels to the right. */
  pan?: number;
  /** And downwards. */
  tilt?: number;
  /** Each pixel is the mean of a square of this side. */
  blur?: number;
  /** One tone instead of everything. */
  tone?: number;
}

/** Numbers are the same in each run. */
export class Yard {
  #seed = 1;

  draw(drawing: Drawing = {}): Luma {
    const { blur = 1 } = drawing;
    const sharp = this.#map((x, y) => this.#value(x, y, drawing));
    const seen = blur === 1 ? sharp : this.#map((x, y) => meanOf(sharp, x, y, blur));
    return Uint8Array.from(seen, (value) => Math.min(255, Math.max(0, value + 2 * this.#noise())));
  }

  #value(x: number, y: number, { person, gain = 1, shadow = 0, pan = 0, tilt = 0, tone }: Drawing): number {
    if (tone !== undefined) return tone;
    const isPerson = person && x >= person.x && x < person.x + 6 && y >= person.y && y < person.y + 12;
    const shade = shadow * Math.min(1, Math.max(0, (60 - x) / 24));
    return gain * (isPerson ? 220 : yardAt(x + pan, y + tilt)) + shade;
  }

  #map(valueAt: (x: number, y: number) => number): Float32Array {
    return Float32Array.from({ length: LUMA_WIDTH * LUMA_HEIGHT }, (_, at) =>
      valueAt(at % LUMA_WIDTH, Math.floor(at / LUMA_WIDTH)),
    );
  }

  /** -1 to 1. */
  #noise(): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#seed / 0x8000_0000 - 1;
  }
}

// Walls of irregular width and tone, windows in them, ground below.
function yardAt(x: number, y: number): number {
  if (y > 44) return 90;
  const wall = Math.floor(x / 13 + Math.sin(x / 29));
  const isWindow = y % 11 > 6 && (x * 7 + wall * 3) % 17 > 11;
  return isWindow ? 40 : 110 + ((wall * 53) % 70);
}

function meanOf(values: Float32Array, x: number, y: number, side: number): number {
  let [sum, pixels] = [0, 0];
  for (let dy = -side; dy <= side; dy += 1) {
    for (let dx = -side; dx <= side; dx += 1) {
      const value = values[(y + dy) * LUMA_WIDTH + x + dx];
      if (value === undefined) continue;
      sum += value;
      pixels += 1;
    }
  }
  return sum / pixels;
}
