// What a camera usually sees: learnt slowly, so that dusk is followed and a hand before the lens is not.

import { likeness, type Scene } from './scene.ts';

const LEARN = 0.02;
const LEARN_FIRST_PICTURES = 10;
/** A view with fewer edges, such as fog or a white wall, cannot be told from a covered lens. */
const MIN_SHARPNESS = 0.4;
/** Of the usual edges: with fewer the lens is covered or out of focus. */
const LOST_SHARE = 0.25;
/** Of the usual likeness between two pictures: with less the camera looks elsewhere. */
const OTHER_VIEW_SHARE = 0.4;
const OTHER_VIEW_MIN_SHARPNESS_SHARE = 0.5;

export class ViewReference {
  #edges: Float32Array | undefined;
  #sharpness = 0;
  #likeness = 1;
  #pictures = 0;

  learn({ edges, sharpness }: Scene): void {
    this.#pictures += 1;
    if (!this.#edges) {
      this.#edges = edges.slice();
      this.#sharpness = sharpness;
      return;
    }
    const rate = Math.max(LEARN, 1 / this.#pictures);
    this.#likeness += rate * (likeness(edges, this.#edges) - this.#likeness);
    this.#sharpness += rate * (sharpness - this.#sharpness);
    for (let i = 0; i < edges.length; i += 1) this.#edges[i]! += rate * (edges[i]! - this.#edges[i]!);
  }

  hasLostDetail({ sharpness }: Scene): boolean {
    return this.#canJudge && sharpness < LOST_SHARE * this.#sharpness;
  }

  isOtherView({ edges, sharpness }: Scene): boolean {
    if (!this.#canJudge || !this.#edges) return false;
    if (sharpness < OTHER_VIEW_MIN_SHARPNESS_SHARE * this.#sharpness) return false;
    return likeness(edges, this.#edges) < OTHER_VIEW_SHARE * this.#likeness;
  }

  get #canJudge(): boolean {
    return this.#pictures >= LEARN_FIRST_PICTURES && this.#sharpness >= MIN_SHARPNESS;
  }
}
