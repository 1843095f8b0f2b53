// A clock that stands until a test moves it.

import type { Clock } from '../src/runtime/clock.ts';

interface Pending {
  atMs: number;
  callback: () => void;
}

export class ManualClock implements Clock {
  #nowMs = 1_000;
  #pending: Pending[] = [];

  /** Timers that wait. */
  get pending(): number {
    return this.#pending.length;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): { cancel(): void } {
    const entry = { atMs: this.#nowMs + delayMs, callback };
    this.#pending.push(entry);
    return { cancel: () => void (this.#pending = this.#pending.filter((other) => other !== entry)) };
  }

  /** Runs what becomes due, in order. */
  advance(byMs: number): void {
    this.#nowMs += byMs;
    const due = this.#pending.filter(({ atMs }) => atMs <= this.#nowMs).sort((a, b) => a.atMs - b.atMs);
    this.#pending = this.#pending.filter((entry) => !due.includes(entry));
    for (const { callback } of due) callback();
  }
}
