// Whether a reading is beyond a number, with hysteresis and a time for which it has to be. Owns one timer.
//
// States: `ok`; `pending` from the first reading beyond until it has been so for long enough; `firing` until a reading comes back
// by more than the hysteresis. A sensor that falls silent keeps what it said last.

import type { Clock, Timer } from '@sitecast/shared/runtime/clock';
import type { ReadingCondition } from './rule.ts';

export type ThresholdState = 'ok' | 'pending' | 'firing';

export interface ThresholdOptions {
  condition: Pick<ReadingCondition, 'above' | 'below' | 'forSeconds' | 'hysteresis'>;
  clock: Clock;
  onFiring: () => void;
  onOver: () => void;
}

export class Threshold {
  readonly #options: ThresholdOptions;
  #state: ThresholdState = 'ok';
  #timer: Timer | undefined;
  #value = 0;

  constructor(options: ThresholdOptions) {
    this.#options = options;
  }

  get state(): ThresholdState {
    return this.#state;
  }

  /** Of the last reading. */
  get value(): number {
    return this.#value;
  }

  see(value: number): void {
    this.#value = value;
    const isBeyond = this.#isBeyond(value, this.#state === 'firing' ? this.#options.condition.hysteresis : 0);
    if (isBeyond && this.#state === 'ok') this.#wait();
    if (!isBeyond && this.#state !== 'ok') this.#end();
  }

  close(): void {
    this.#timer?.cancel();
  }

  #wait(): void {
    const { condition, clock } = this.#options;
    this.#state = 'pending';
    if (condition.forSeconds === 0) return this.#fire();
    this.#timer = clock.after(condition.forSeconds * 1_000, () => this.#fire());
  }

  #fire(): void {
    this.#state = 'firing';
    this.#options.onFiring();
  }

  #end(): void {
    const wasFiring = this.#state === 'firing';
    this.#timer?.cancel();
    this.#state = 'ok';
    if (wasFiring) this.#options.onOver();
  }

  #isBeyond(value: number, hysteresis: number): boolean {
    const { above, below } = this.#options.condition;
    if (above !== undefined) return value > above - hysteresis;
    return below !== undefined && value < below + hysteresis;
  }
}
