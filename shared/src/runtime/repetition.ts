// Tells what happens again and again from what happens now and then.

import type { Clock } from './clock.ts';

export interface RepetitionOptions {
  times: number;
  withinMs: number;
  clock: Clock;
}

/** Remembers `times` moments at most. */
export class Repetition {
  readonly #options: RepetitionOptions;
  #atMs: number[] = [];

  constructor(options: RepetitionOptions) {
    this.#options = options;
  }

  /** It happened. @returns whether it did so `times` within `withinMs` by now; the count then starts anew. */
  happened(): boolean {
    const { times, withinMs, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#atMs = this.#atMs.filter((atMs) => nowMs - atMs < withinMs);
    this.#atMs.push(nowMs);
    const isRepeated = this.#atMs.length >= times;
    if (isRepeated) this.#atMs = [];
    return isRepeated;
  }
}
