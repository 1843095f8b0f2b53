// How fast the backlog may go: in bursts, with a rest after each in proportion to the time that its acks took.
//
// A share of the time rather than of a figure: what is measured while one sends at half speed is half speed, and half of that
// the next time.

import { KIB, MIB } from '@sitecast/shared/protocol/limits';
import type { Clock } from '@sitecast/shared/runtime/clock';

/** Un-acked bytes from the spool; one message may be larger. Keeps a ping from waiting behind minutes of upload. */
export const MAX_IN_FLIGHT_BYTES = 1 * MIB;
const MIN_WINDOW_BYTES = 64 * KIB;
/** Of what the acks showed, how much may be on the way. */
const WINDOW_SECONDS = 1;
const BURST_MS = 200;
/** Weight of the newest burst. */
const SMOOTHING = 0.3;

export interface ReplayPaceOptions {
  /** Above 0, at most 1. */
  share: number;
  clock: Clock;
}

export class ReplayPace {
  readonly #options: ReplayPaceOptions;
  /** Un-acked messages of the backlog. */
  #inFlight = 0;
  #inFlightBytes = 0;
  #busySinceMs = 0;
  #burstBytes = 0;
  /** Busy, and not rested for. */
  #busyMs = 0;
  #restUntilMs = 0;
  #bytesPerSecond: number | undefined;

  constructor(options: ReplayPaceOptions) {
    this.#options = options;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** What the acks of the backlog showed; undefined until there were any. */
  get bytesPerSecond(): number | undefined {
    return this.#bytesPerSecond;
  }

  /** How long the rest goes on, ms. */
  get restMs(): number {
    return Math.max(0, this.#restUntilMs - this.#options.clock.monotonicMs());
  }

  mayStart(): boolean {
    if (this.restMs > 0) return false;
    if (this.#inFlight === 0) return true;
    const burstMs = this.#busyMs + this.#options.clock.monotonicMs() - this.#busySinceMs;
    if (this.#options.share < 1 && burstMs > BURST_MS) return false;
    return this.#inFlightBytes < this.#windowBytes();
  }

  started(bytes: number): void {
    if (this.#inFlight === 0) {
      this.#busySinceMs = this.#options.clock.monotonicMs();
      this.#burstBytes = 0;
    }
    this.#inFlight += 1;
    this.#inFlightBytes += bytes;
  }

  finished(bytes: number, isAcked: boolean): void {
    this.#inFlight -= 1;
    this.#inFlightBytes -= bytes;
    if (isAcked) this.#burstBytes += bytes;
    if (this.#inFlight > 0) return;
    const nowMs = this.#options.clock.monotonicMs();
    const tookMs = nowMs - this.#busySinceMs;
    this.#measure(tookMs);
    this.#busyMs += tookMs;
    if (this.#busyMs < BURST_MS) return;
    this.#restUntilMs = nowMs + this.#busyMs * (1 / this.#options.share - 1);
    this.#busyMs = 0;
  }

  #measure(tookMs: number): void {
    if (this.#burstBytes === 0) return;
    const measured = (this.#burstBytes * 1_000) / Math.max(1, tookMs);
    const before = this.#bytesPerSecond ?? measured;
    this.#bytesPerSecond = before + SMOOTHING * (measured - before);
  }

  #windowBytes(): number {
    const wanted = (this.#bytesPerSecond ?? 0) * WINDOW_SECONDS;
    return Math.min(MAX_IN_FLIGHT_BYTES, Math.max(MIN_WINDOW_BYTES, wanted));
  }
}
