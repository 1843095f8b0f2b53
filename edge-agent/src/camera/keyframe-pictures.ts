// Joins what a capture says of one keyframe on two pipes: its JPEG and its luma. Each pipe keeps the order, and neither may be far
// behind the other, for one process writes both.

import { AppError } from '@sitecast/shared/runtime/app-error';
import type { SplitPicture } from './jpeg-splitter.ts';
import type { Luma } from './luma.ts';

/** Policy: reject (the capture ends as FRAME_MALFORMED). Pictures of one pipe that wait for the other. Bounds in edge-agent/README.md. */
export const MAX_UNPAIRED_PICTURES = 4;

export interface CapturedPicture extends SplitPicture {
  luma: Luma;
}

export class KeyframePictures {
  readonly #onPicture: (picture: CapturedPicture) => void;
  readonly #pictures: SplitPicture[] = [];
  readonly #lumas: Luma[] = [];

  constructor(onPicture: (picture: CapturedPicture) => void) {
    this.#onPicture = onPicture;
  }

  /** @throws {AppError} FRAME_MALFORMED */
  addPicture(picture: SplitPicture): void {
    this.#pictures.push(picture);
    this.#join();
  }

  /** @throws {AppError} FRAME_MALFORMED */
  addLuma(luma: Luma): void {
    this.#lumas.push(luma);
    this.#join();
  }

  #join(): void {
    const [picture, luma] = [this.#pictures[0], this.#lumas[0]];
    if (picture && luma) {
      this.#pictures.shift();
      this.#lumas.shift();
      this.#onPicture({ ...picture, luma });
    } else if (this.#pictures.length + this.#lumas.length > MAX_UNPAIRED_PICTURES) {
      const [jpegs, lumas] = [this.#pictures.length, this.#lumas.length];
      throw new AppError('FRAME_MALFORMED', `the capture gave ${jpegs} JPEGs and ${lumas} lumas too many`);
    }
  }
}
