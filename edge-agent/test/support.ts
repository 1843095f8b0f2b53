// What several suites need: folders that vanish, a silent logger, and waiting by asking.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { Logger } from '@sitecast/shared/node/logger';
import type { Clock, Timer } from '@sitecast/shared/runtime/clock';
import { PATIENCE_MS } from '../../shared/test/patience.ts';

export const silentLogger: Logger = pino({ level: 'silent' });

/** A folder that is removed when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sitecast-agent-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

type Truthful<T> = Exclude<T, undefined | null | false>;

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 250;

/** Asks until `check` gives something other than undefined, null or false; more seldom what takes long, since asking is work. */
export async function waitFor<T>(check: () => T | Promise<T>, what: string): Promise<Truthful<T>> {
  const startedMs = performance.now();
  for (;;) {
    const answer = await check();
    if (answer !== undefined && answer !== null && answer !== false) return answer as Truthful<T>;
    const waitedMs = performance.now() - startedMs;
    if (waitedMs > PATIENCE_MS) throw new Error(`waited ${PATIENCE_MS} ms in vain for ${what}`);
    const pauseMs = Math.min(Math.max(waitedMs / 10, FIRST_PAUSE_MS), LONGEST_PAUSE_MS);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** A clock that stands still until it is told to go on. */
export class ManualClock implements Clock {
  #nowMs = 1_800_000_000_000;
  #setByMs = 0;
  #timers: { dueMs: number; callback: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs + this.#setByMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.#nowMs + delayMs, callback };
    this.#timers.push(timer);
    return { cancel: () => void (this.#timers = this.#timers.filter((other) => other !== timer)) };
  }

  /** Somebody sets the wall clock forth or back. */
  setBy(byMs: number): void {
    this.#setByMs += byMs;
  }

  /** Runs what becomes due, in order. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      const [next] = this.#timers.filter(({ dueMs }) => dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs);
      if (!next) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#nowMs = next.dueMs;
      next.callback();
    }
    this.#nowMs = untilMs;
  }
}

/** Its wall clock can be set. */
export class WrongClock extends ManualClock {
  #setByMs = 0;

  override nowMs(): number {
    return super.nowMs() + this.#setByMs;
  }

  trueMs(): number {
    return super.nowMs();
  }

  set(byMs: number): void {
    this.#setByMs += byMs;
  }
}
