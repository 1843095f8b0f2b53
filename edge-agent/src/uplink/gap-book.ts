// What one lane lost and nobody was told of yet. Its owner keeps `pending` on the disk.

import { grown, withoutOne, type Gap, type Loss } from './gap.ts';

export interface PendingGaps {
  /** Still growing. */
  gap?: Gap | undefined;
  /** Being told: it does not change any more. */
  toldGap?: Gap | undefined;
}

/** Bound: two gaps. */
export class GapBook {
  /** Messages lost in this run. */
  messagesDropped = 0;
  #growing: Gap | undefined;
  #told: Gap | undefined;

  constructor({ gap, toldGap }: PendingGaps = {}) {
    this.#growing = gap;
    this.#told = toldGap;
  }

  get pending(): PendingGaps {
    return { gap: this.#growing, toldGap: this.#told };
  }

  get isGrowing(): boolean {
    return this.#growing !== undefined;
  }

  add(loss: Loss): void {
    if (loss.count === 0) return;
    this.messagesDropped += loss.count;
    this.#growing = grown(this.#growing, loss);
  }

  /** One that was dropped on its way arrived after all. What is being told stays as it is. */
  takeBackOne(): void {
    this.messagesDropped -= 1;
    this.#growing = this.#growing && withoutOne(this.#growing);
  }

  /** @returns what is to be told; it grows no more, and is the same until `told`. */
  toTell(): Gap | undefined {
    if (!this.#told) {
      this.#told = this.#growing;
      this.#growing = undefined;
    }
    return this.#told;
  }

  told(): void {
    this.#told = undefined;
  }
}
