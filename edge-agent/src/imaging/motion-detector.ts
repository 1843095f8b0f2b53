// Finds what moves between the small pictures of one camera. Light is filtered out first: only detail counts, as a place differs
// from its surroundings, so that a cloud changes little; then the contrast of the whole picture, as a lamp or dusk changes it; and
// a picture that changes nearly everywhere at once is a change of view, and none of motion.

import { cellsIn, type Area } from '../camera/area.ts';
import { LUMA_HEIGHT, LUMA_WIDTH, type Luma } from '../camera/luma.ts';

export type Sensitivity = 'low' | 'medium' | 'high';

/** Pixels of the small picture along one side of a cell. */
const CELL = 3;
const COLUMNS = LUMA_WIDTH / CELL;
const ROWS = LUMA_HEIGHT / CELL;
/** How far around a cell its surroundings reach, cells. */
const AROUND = 3;

/** `level`: by how much the detail of a cell has to change; `cells`: how many of them. */
const THRESHOLDS: Record<Sensitivity, { level: number; cells: number }> = {
  low: { level: 18, cells: 6 },
  medium: { level: 11, cells: 3 },
  high: { level: 7, cells: 2 },
};
/** Contrast may change so much at once; what is more is looked at as it is. */
const MAX_GAIN = 2.5;
/** Above this share it was the light, or the camera. */
const MAX_CHANGED_SHARE = 0.5;
/** How fast the background takes on what it sees: quickly where nothing happens; in about a minute what came and stays. */
const LEARN_STILL = 0.2;
const LEARN_CHANGED = 0.05;

export class MotionDetector {
  readonly #threshold: { level: number; cells: number };
  readonly #watched: Uint8Array;
  #background: Float32Array | undefined;

  /** @param zones where motion counts; everywhere when there is none. */
  constructor({ sensitivity, zones }: { sensitivity: Sensitivity; zones: readonly Area[] }) {
    this.#threshold = THRESHOLDS[sensitivity];
    this.#watched = cellsIn(zones, COLUMNS, ROWS);
  }

  /** @returns whether something moves; never at the first picture. */
  look(luma: Luma): boolean {
    const detail = detailOf(cellMeans(luma));
    const background = this.#background;
    if (!background) {
      this.#background = detail;
      return false;
    }
    const gain = gainBetween(background, detail);
    const changed = detail.map((value, i) =>
      Number(Math.abs(value - gain * background[i]!) > this.#threshold.level),
    );
    if (count(changed) > MAX_CHANGED_SHARE * changed.length) {
      this.#background = detail;
      return false;
    }
    learn(background, detail, changed);
    return count(changed.map((value, i) => value & this.#watched[i]!)) >= this.#threshold.cells;
  }

  /** Another view: nothing that was seen before holds. */
  forget(): void {
    this.#background = undefined;
  }
}

/** By how much all of the detail is stronger now than it was (least squares). */
function gainBetween(background: Float32Array, detail: Float32Array): number {
  let [both, square] = [0, 1];
  for (let i = 0; i < detail.length; i += 1) {
    both += detail[i]! * background[i]!;
    square += background[i]! * background[i]!;
  }
  return Math.min(MAX_GAIN, Math.max(1 / MAX_GAIN, both / square));
}

function learn(background: Float32Array, detail: Float32Array, changed: Float32Array): void {
  for (let i = 0; i < background.length; i += 1) {
    const rate = changed[i] ? LEARN_CHANGED : LEARN_STILL;
    background[i]! += rate * (detail[i]! - background[i]!);
  }
}

function cellMeans(luma: Luma): Float32Array {
  const means = new Float32Array(COLUMNS * ROWS);
  for (let y = 0; y < LUMA_HEIGHT; y += 1) {
    const row = Math.floor(y / CELL) * COLUMNS;
    for (let x = 0; x < LUMA_WIDTH; x += 1)
      means[row + Math.floor(x / CELL)]! += luma[y * LUMA_WIDTH + x]! / (CELL * CELL);
  }
  return means;
}

/** Each cell less the mean of its surroundings. */
function detailOf(means: Float32Array): Float32Array {
  return means.map((value, at) => value - meanAround(means, at % COLUMNS, Math.floor(at / COLUMNS)));
}

function meanAround(means: Float32Array, column: number, row: number): number {
  let [sum, cells] = [0, 0];
  for (let y = Math.max(0, row - AROUND); y <= Math.min(ROWS - 1, row + AROUND); y += 1) {
    for (let x = Math.max(0, column - AROUND); x <= Math.min(COLUMNS - 1, column + AROUND); x += 1) {
      sum += means[y * COLUMNS + x]!;
      cells += 1;
    }
  }
  return sum / cells;
}

function count(cells: Float32Array): number {
  return cells.reduce((sum, value) => sum + value, 0);
}
