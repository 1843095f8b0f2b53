// Work in the background that never takes more than its share: one small piece, then a rest of several times its length, and none
// at all while others wait for the database or the guard has it paused. Owns the timer of the rest.

import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';

/** Works at most a fifth of the time. */
const REST_OF_WORK = 4;
const REST_MIN_MS = 20;
const REST_MAX_MS = 2_000;
const LOOK_AGAIN_MS = 500;
/** Others who wait are let go first, but not for ever: full tables slow them down, too. */
const YIELDS_MAX = 20;

export interface TurnsOptions {
  /** Others wait for a connection to the database. */
  isBusy: () => boolean;
  /** What cannot wait for the guard. */
  isUrgent: () => Promise<boolean>;
  clock?: Clock;
}

export class Turns {
  readonly counters = { yielded: 0 };
  readonly #options: TurnsOptions;
  readonly #clock: Clock;
  #isPaused = false;
  #isClosed = false;
  #timer: Timer | undefined;
  #wake: (() => void) | undefined;

  constructor(options: TurnsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (!isPaused) this.#wake?.();
  }

  /** Idempotent: the piece at hand is the last one. */
  close(): void {
    this.#isClosed = true;
    this.#wake?.();
  }

  /** Does one piece after the other until one has done nothing. */
  async work(piece: () => Promise<number>): Promise<void> {
    for (;;) {
      await this.#turn();
      if (this.#isClosed) return;
      const begunMs = this.#clock.monotonicMs();
      if ((await piece()) === 0) return;
      const workedMs = this.#clock.monotonicMs() - begunMs;
      await this.#rest(Math.min(Math.max(workedMs * REST_OF_WORK, REST_MIN_MS), REST_MAX_MS));
    }
  }

  async #turn(): Promise<void> {
    for (let yields = 0; !this.#isClosed; yields += 1) {
      const mustWait = this.#isPaused
        ? !(await this.#options.isUrgent())
        : yields < YIELDS_MAX && this.#options.isBusy();
      if (!mustWait) return;
      this.counters.yielded += 1;
      await this.#rest(LOOK_AGAIN_MS);
    }
  }

  async #rest(ms: number): Promise<void> {
    if (this.#isClosed) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#timer = this.#clock.after(ms, resolve);
    });
    this.#timer?.cancel();
    this.#wake = undefined;
  }
}
