// What is wrong with the clock of the gateway: how far it is from the server's, and when somebody set it. It corrects no clock.
//
// The server answers each health message with its own time; half of the round trip is the doubt.

import { ulid } from 'ulid';
import type { AgentEvent } from '@sitecast/shared/protocol/events';
import type { AgentHealth } from '@sitecast/shared/protocol/status';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { Logger } from '@sitecast/shared/node/logger';
import { readClocks, stepSince, type ClockReading } from '../uplink/clock-reading.ts';

const LOOK_EVERY_MS = 5_000;
/** A server that answers later tells little. */
const ROUND_TRIP_MAX_MS = 10_000;
/** By then some health messages were not answered: clocks drift, and servers are exchanged. */
export const SKEW_MAX_AGE_MS = 10 * 60_000;
/** A clock that is further off is for a person to look at. */
export const SKEW_MAX_MS = 366 * 24 * 60 * 60_000;

type ClockHealth = Omit<AgentHealth['clock'], 'messagesAcrossStep'>;

export interface ClockWatchOptions {
  /** A step, as an event of the agent. */
  onStep: (event: AgentEvent) => void;
  logger: Logger;
  clock?: Clock;
}

/** Owns its timer. */
export class ClockWatch {
  readonly #options: ClockWatchOptions;
  readonly #clock: Clock;
  #health: ClockHealth = { skewMs: null, roundTripMs: null, steps: 0, lastStep: null };
  #measuredAtMs = 0;
  #asked: { at: string; monotonicMs: number } | undefined;
  #before: ClockReading;
  #timer: Timer | undefined;

  constructor(options: ClockWatchOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#before = readClocks(this.#clock);
  }

  get health(): ClockHealth {
    return this.#health;
  }

  /** The time by the clock of the server as far as it is known; else the gateway's own. */
  serverNowMs(): number {
    // A step since the last look makes what was measured before worthless.
    this.#look();
    const { skewMs } = this.#health;
    const nowMs = this.#clock.nowMs();
    const isOld = this.#clock.monotonicMs() - this.#measuredAtMs > SKEW_MAX_AGE_MS;
    return skewMs === null || isOld || Math.abs(skewMs) > SKEW_MAX_MS ? nowMs : nowMs - skewMs;
  }

  /** @param spooledAtMs the newest wall clock time that an earlier run left on the disk. */
  start(spooledAtMs: number | undefined): void {
    const { wallMs } = readClocks(this.#clock);
    if (spooledAtMs !== undefined && spooledAtMs > wallMs) this.#stepped(wallMs - spooledAtMs);
    this.#schedule();
  }

  close(): void {
    this.#timer?.cancel();
  }

  /** A health message leaves that says `at`. */
  asked(at: string): void {
    this.#asked = { at, monotonicMs: this.#clock.monotonicMs() };
  }

  /** The server had the health message that says `healthAt`, and its clock says `serverAt`. */
  answered(healthAt: string, serverAt: string): void {
    const asked = this.#asked;
    if (asked?.at !== healthAt) return;
    this.#asked = undefined;
    const roundTripMs = this.#clock.monotonicMs() - asked.monotonicMs;
    if (roundTripMs > ROUND_TRIP_MAX_MS) return;
    const skewMs = Math.round(this.#clock.nowMs() - Date.parse(serverAt) - roundTripMs / 2);
    this.#measuredAtMs = this.#clock.monotonicMs();
    this.#health = { ...this.#health, skewMs, roundTripMs: Math.round(roundTripMs) };
  }

  #schedule(): void {
    this.#timer = this.#clock.after(LOOK_EVERY_MS, () => {
      this.#look();
      this.#schedule();
    });
  }

  #look(): void {
    const stepMs = stepSince(this.#before, this.#clock);
    this.#before = readClocks(this.#clock);
    if (stepMs !== 0) this.#stepped(stepMs);
  }

  #stepped(byMs: number): void {
    const at = new Date(this.#clock.nowMs()).toISOString();
    const seconds = (Math.abs(byMs) / 1_000).toFixed(1);
    const way = byMs > 0 ? 'forward' : 'back';
    const detail = `The clock of the gateway went ${way} by ${seconds} s. Times from before are as they were.`;
    // Measured with the clock of before.
    this.#health = { skewMs: null, roundTripMs: null, steps: this.#health.steps + 1, lastStep: { at, byMs } };
    this.#options.logger.warn({ byMs }, 'the clock of the gateway was set');
    this.#options.onStep({ id: ulid(), kind: 'clock', at, until: at, detail, gap: null });
  }
}
