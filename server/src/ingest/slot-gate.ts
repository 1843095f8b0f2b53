// Lets in as many as there are slots; the others wait in line, and the line has an end.

import { AppError } from '@sitecast/shared/runtime/app-error';

export interface SlotGateOptions {
  slots: number;
  /** Above it `enter` rejects (`reject`). */
  maxWaiting: number;
  /** What the one too many gets; QUEUE_FULL when left out. */
  refusal?: () => AppError;
}

const RETRY_AFTER_MS = 5_000;

interface Waiter {
  enter(): void;
  refuse(error: AppError): void;
}

/** Bound: `slots` inside and `maxWaiting` in line, first come first served (`block`, then `reject`). */
export class SlotGate {
  readonly #options: SlotGateOptions;
  #waiters: Waiter[] = [];
  #taken = 0;
  #heldUp = 0;
  #refused = 0;
  #isClosed = false;

  constructor(options: SlotGateOptions) {
    this.#options = options;
  }

  /** May be above `slots`: what {@link take} counts was there already. */
  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#waiters.length;
  }

  /** How many had to wait since the start. */
  get heldUp(): number {
    return this.#heldUp;
  }

  /** Since the start. */
  get refused(): number {
    return this.#refused;
  }

  /** Resolves with a slot, which the caller gives back. @throws {AppError} the refusal, or SHUTTING_DOWN; retryable. */
  async enter(): Promise<void> {
    if (this.#isClosed) throw closed();
    if (this.hasRoom) return this.take();
    const { maxWaiting, refusal = () => lineFull(maxWaiting) } = this.#options;
    if (this.#waiters.length >= maxWaiting) {
      this.#refused += 1;
      throw refusal();
    }
    this.#heldUp += 1;
    await new Promise<void>((resolve, reject) => this.#waiters.push({ enter: resolve, refuse: reject }));
  }

  /** Like {@link enter}, but never waits. @throws {AppError} QUEUE_FULL or SHUTTING_DOWN, both retryable. */
  enterNow(): void {
    if (this.#isClosed) throw closed();
    if (!this.hasRoom) {
      const detail = { retryAfterMs: RETRY_AFTER_MS };
      throw new AppError('QUEUE_FULL', 'no slot is free', { retryable: true, detail });
    }
    this.take();
  }

  /** Whether somebody who enters does not wait. */
  get hasRoom(): boolean {
    return this.#taken < this.#options.slots && this.#waiters.length === 0;
  }

  /** Counts one in that does not ask. */
  take(): void {
    this.#taken += 1;
  }

  leave(): void {
    if (this.#taken === 0) throw new TypeError('a slot was given back that nobody had');
    this.#taken -= 1;
    while (this.#taken < this.#options.slots) {
      const next = this.#waiters.shift();
      if (!next) return;
      this.take();
      next.enter();
    }
  }

  /** Everybody in line gets SHUTTING_DOWN. */
  close(): void {
    this.#isClosed = true;
    for (const waiter of this.#waiters.splice(0)) waiter.refuse(closed());
  }
}

const lineFull = (maxWaiting: number): AppError =>
  new AppError('QUEUE_FULL', `${maxWaiting} wait for a slot already`, { retryable: true });

const closed = (): AppError =>
  new AppError('SHUTTING_DOWN', 'the server takes nothing in any more', { retryable: true });
