// What acknowledgements tell of the uplink: how much arrived in a second, and how long the way there and back took. Nothing is
// sent for it.

import type { Clock } from '@sitecast/shared/runtime/clock';

const WINDOW_MS = 1_000;
const MINUTE_MS = 60_000;
/** Minutes whose shortest round trip is remembered. Policy: drop-oldest. */
export const BASE_MAX_MINUTES = 10;

/** Of one connection. */
export class AckMeter {
  readonly #clock: Clock;
  #startedAtMs: number;
  #bytes = 0;
  #shortestMs = Infinity;
  #bytesPerSecond = 0;
  #roundTripMs: number | undefined;
  /** The shortest round trip of each of the last minutes that had any, the newest first. */
  #minutes: number[] = [];
  #minuteStartedAtMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedAtMs = clock.monotonicMs();
  }

  /** So many bytes arrived; the newest of them was acknowledged `roundTripMs` after it had been sent. */
  acked(bytes: number, roundTripMs: number): void {
    this.#roll();
    this.#bytes += bytes;
    this.#shortestMs = Math.min(this.#shortestMs, roundTripMs);
    this.#noteOfMinute(roundTripMs);
  }

  /** In the last window. */
  get bytesPerSecond(): number {
    this.#roll();
    return this.#bytesPerSecond;
  }

  /** The shortest one of the last window that had any: a large message takes longer without the line being slower. */
  get roundTripMs(): number | undefined {
    this.#roll();
    return this.#roundTripMs;
  }

  /** What it is on an empty line, as far as the last minutes showed it. */
  get baseRoundTripMs(): number | undefined {
    return this.#minutes.length === 0 ? undefined : Math.min(...this.#minutes);
  }

  #roll(): void {
    const nowMs = this.#clock.monotonicMs();
    const elapsedMs = nowMs - this.#startedAtMs;
    if (elapsedMs < WINDOW_MS) return;
    this.#bytesPerSecond = (this.#bytes * 1_000) / elapsedMs;
    if (this.#shortestMs !== Infinity) this.#roundTripMs = this.#shortestMs;
    this.#startedAtMs = nowMs;
    this.#bytes = 0;
    this.#shortestMs = Infinity;
  }

  #noteOfMinute(roundTripMs: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#minuteStartedAtMs >= MINUTE_MS) {
      this.#minuteStartedAtMs = nowMs;
      this.#minutes = [roundTripMs, ...this.#minutes].slice(0, BASE_MAX_MINUTES);
    }
    this.#minutes[0] = Math.min(this.#minutes[0] ?? Infinity, roundTripMs);
  }
}
