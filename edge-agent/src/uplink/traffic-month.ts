// Bytes of the current billing period, and what they come to by its end. Pure; `traffic-ledger.ts` keeps it on the disk.

import * as z from 'zod';
import { billingPeriodOf } from './billing-period.ts';

const DAY_MS = 24 * 60 * 60_000;
/** Days whose bytes are the forecast. Policy: drop-oldest. */
export const FORECAST_MAX_DAYS = 7;
/** A clock before 2020 was never set. */
const CLOCK_SET_MS = Date.UTC(2020, 0, 1);
/** A period that begins so far ahead was entered by a clock that was set right since; less is a step about its begin. */
const CLOCK_AHEAD_MS = DAY_MS;
/** A period that begins so far ahead was entered by a clock that was wrong. */
const IMPOSSIBLE_AHEAD_MS = 62 * DAY_MS;

export const trafficState = z.object({
  /** Of the period; 0 before the clock was set. */
  fromMs: z.number(),
  usedBytes: z.number().min(0),
  /** When counting began. */
  sinceMs: z.number(),
  /** The period before: the one that goes on when the clock was ahead and is set right again. */
  earlier: z.object({ fromMs: z.number(), usedBytes: z.number().min(0) }).optional(),
  /** `[days since 1970, bytes]`, the newest last. */
  days: z.array(z.tuple([z.int(), z.number().min(0)])).max(FORECAST_MAX_DAYS),
});
export type TrafficState = z.output<typeof trafficState>;

export class TrafficMonth {
  readonly #resetDay: number;
  #state: TrafficState;

  constructor(resetDay: number, state: TrafficState | undefined) {
    this.#resetDay = resetDay;
    this.#state = state ?? { fromMs: 0, usedBytes: 0, sinceMs: 0, days: [] };
  }

  get state(): TrafficState {
    return this.#state;
  }

  get usedBytes(): number {
    return this.#state.usedBytes;
  }

  add(bytes: number, nowMs: number): void {
    this.enter(nowMs);
    const { usedBytes, days } = this.#state;
    this.#state = { ...this.#state, usedBytes: usedBytes + bytes, days: grown(days, bytes, nowMs) };
  }

  /** Begins anew with a new period. A clock that was set back, or ahead, or never set, forgets nothing. */
  enter(nowMs: number): void {
    if (nowMs < CLOCK_SET_MS) return;
    const { fromMs: before, usedBytes, sinceMs, earlier } = this.#state;
    const { fromMs } = billingPeriodOf(nowMs, this.#resetDay);
    const wasAhead = before - nowMs > CLOCK_AHEAD_MS && fromMs === earlier?.fromMs;
    if (wasAhead) {
      this.#state = { ...this.#state, fromMs, usedBytes: usedBytes + earlier.usedBytes, earlier: undefined };
      return;
    }
    if (fromMs === before || (fromMs < before && before - nowMs < IMPOSSIBLE_AHEAD_MS)) return;
    const isNext = before !== 0 && fromMs > before;
    this.#state = {
      ...this.#state,
      fromMs,
      usedBytes: isNext ? 0 : usedBytes,
      earlier: isNext ? { fromMs: before, usedBytes } : undefined,
      sinceMs: sinceMs === 0 ? nowMs : sinceMs,
    };
  }

  /** At the end of the period, when it goes on as in the last days. */
  forecastBytes(nowMs: number): number {
    const { usedBytes } = this.#state;
    const { untilMs } = billingPeriodOf(nowMs, this.#resetDay);
    return Math.round(usedBytes + this.#bytesPerMs(nowMs) * Math.max(0, untilMs - nowMs));
  }

  #bytesPerMs(nowMs: number): number {
    const { sinceMs, days } = this.#state;
    const today = dayOf(nowMs);
    const recent = days.filter(([day]) => day > today - FORECAST_MAX_DAYS && day <= today);
    const bytes = recent.reduce((sum, [, ofDay]) => sum + ofDay, 0);
    const fromMs = Math.max(sinceMs, (today - FORECAST_MAX_DAYS + 1) * DAY_MS);
    // The first hours say little: they count as a whole day.
    return bytes / Math.max(DAY_MS, nowMs - fromMs);
  }
}

function dayOf(nowMs: number): number {
  return Math.floor(nowMs / DAY_MS);
}

function grown(days: TrafficState['days'], bytes: number, nowMs: number): TrafficState['days'] {
  const today = dayOf(nowMs);
  const others = days.filter(([day]) => day !== today);
  const ofToday = days.find(([day]) => day === today)?.[1] ?? 0;
  return [...others, [today, ofToday + bytes] satisfies [number, number]].slice(-FORECAST_MAX_DAYS);
}
