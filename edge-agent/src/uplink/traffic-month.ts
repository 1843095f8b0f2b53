// Bytes of the current billing period, and what they come to by its end. Pure; `traffic-ledger.ts` keeps it on the disk.
//
// Bytes count in the period of the clock, and each period is kept, so whatever the clock says meanwhile, the count is there when it
// says the period again. What was counted in between is added: one of the two clocks was wrong, and nobody knows which. Only a wrong
// clock that says the month that has just ended, or the first that there ever was, cannot be told from a right one.
//
// Another reset day or time zone makes the period begin and end at other times, and it goes on with what it has.

import * as z from 'zod';
import { billingPeriodOf, type BillingPeriod } from './billing-period.ts';

const DAY_MS = 24 * 60 * 60_000;
/** Days whose bytes are the forecast. Policy: drop-oldest. */
export const FORECAST_MAX_DAYS = 7;
/** Periods whose bytes are known. Policy: drop-oldest, by when the clock last said it: a wrong clock is anywhere. */
export const PERIODS_MAX = 12;
/** A clock before 2020 was never set. */
const CLOCK_SET_MS = Date.UTC(2020, 0, 1);
/** From one count to the next a clock goes on by less, or was set; and by less it goes back without ending a period. */
const STEP_MS = DAY_MS;

const period = z.object({
  fromMs: z.number(),
  /** 0 in a file of an older agent. */
  untilMs: z.number().default(0),
  usedBytes: z.number().min(0),
  /** The bytes of all time when the clock last left it. */
  leftAtBytes: z.number().min(0),
  /** The clock ran past its end. */
  isOver: z.boolean(),
});
type Period = z.output<typeof period>;

const days = z.array(z.tuple([z.int(), z.number().min(0)])).max(FORECAST_MAX_DAYS);
const counted = z.object({
  /** The current one last. */
  periods: z.array(period).max(PERIODS_MAX),
  /** Of all time. */
  totalBytes: z.number().min(0),
  /** The bytes of all time when the clock last ran past the end of a period. */
  changedAtBytes: z.number().min(0),
  /** When something was last counted, by a clock that was set. */
  lastMs: z.number(),
  /** When counting began. */
  sinceMs: z.number(),
  /** `[days since 1970, bytes]`, the newest last. */
  days,
});
export type TrafficState = z.output<typeof counted>;

/** A file of an older agent: the current period, and at most the one before. */
const countedBefore = z
  .object({
    fromMs: z.number(),
    usedBytes: z.number().min(0),
    sinceMs: z.number(),
    earlier: z.object({ fromMs: z.number(), usedBytes: z.number().min(0) }).optional(),
    days,
  })
  .transform(({ fromMs, usedBytes, earlier, ...others }): TrafficState => {
    const rest = { untilMs: 0, isOver: false };
    const current = fromMs === 0 ? [] : [{ ...rest, fromMs, usedBytes, leftAtBytes: usedBytes }];
    const past = earlier ? [{ ...rest, ...earlier, leftAtBytes: 0 }] : [];
    return { ...others, periods: [...past, ...current], totalBytes: usedBytes, changedAtBytes: 0, lastMs: 0 };
  });

export const trafficState = z.union([counted, countedBefore]);

const NOTHING: TrafficState = {
  periods: [],
  totalBytes: 0,
  changedAtBytes: 0,
  lastMs: 0,
  sinceMs: 0,
  days: [],
};

export class TrafficMonth {
  readonly #resetDay: number;
  #state: TrafficState;

  constructor(resetDay: number, state: TrafficState | undefined) {
    this.#resetDay = resetDay;
    this.#state = state ?? NOTHING;
  }

  get state(): TrafficState {
    return this.#state;
  }

  /** Before the clock was ever set, of all time. */
  get usedBytes(): number {
    const { periods, totalBytes } = this.#state;
    return periods.at(-1)?.usedBytes ?? totalBytes;
  }

  add(bytes: number, nowMs: number): void {
    this.enter(nowMs);
    const { periods, totalBytes, days } = this.#state;
    const current = periods.at(-1);
    this.#state = {
      ...this.#state,
      periods: current
        ? [...periods.slice(0, -1), { ...current, usedBytes: current.usedBytes + bytes }]
        : periods,
      totalBytes: totalBytes + bytes,
      days: grown(days, bytes, nowMs),
    };
  }

  /** Begins anew with a new period. A clock that was set back, or ahead, or never set, forgets nothing. */
  enter(nowMs: number): void {
    if (nowMs < CLOCK_SET_MS) return;
    const current = this.#state.periods.at(-1);
    const said = billingPeriodOf(nowMs, this.#resetDay);
    if (current && said.fromMs !== current.fromMs && overlap(current, said)) this.#define(current, said);
    else if (said.fromMs !== current?.fromMs && !this.#isSetRight(current, nowMs))
      this.#change(current, said, nowMs);
    const { sinceMs } = this.#state;
    this.#state = { ...this.#state, lastMs: nowMs, sinceMs: sinceMs === 0 ? nowMs : sinceMs };
  }

  /** At the end of the period, when it goes on as in the last days. */
  forecastBytes(nowMs: number): number {
    const { untilMs } = billingPeriodOf(nowMs, this.#resetDay);
    return Math.round(this.usedBytes + this.#bytesPerMs(nowMs) * Math.max(0, untilMs - nowMs));
  }

  /** A clock that is set back a little about the begin of a period does not end it. */
  #isSetRight(current: Period | undefined, nowMs: number): boolean {
    if (current === undefined || nowMs >= current.fromMs) return false;
    return current.fromMs - nowMs < STEP_MS && this.#state.lastMs - nowMs < STEP_MS;
  }

  /** With the same settings two periods have nothing in common. */
  #define(current: Period, { fromMs, untilMs }: BillingPeriod): void {
    const { periods, days } = this.#state;
    const known = days.reduce((sum, [day, bytes]) => (day * DAY_MS < fromMs ? sum : sum + bytes), 0);
    const usedBytes = Math.max(current.usedBytes, known);
    const others = periods.filter((one) => one !== current && one.fromMs !== fromMs);
    this.#state = { ...this.#state, periods: [...others, { ...current, fromMs, untilMs, usedBytes }] };
  }

  #change(current: Period | undefined, { fromMs, untilMs }: BillingPeriod, nowMs: number): void {
    const { totalBytes, lastMs } = this.#state;
    const hasRun = current !== undefined && fromMs > current.fromMs && nowMs - lastMs < STEP_MS;
    if (hasRun) this.#state = { ...this.#state, changedAtBytes: totalBytes };
    const left = current && { ...current, leftAtBytes: totalBytes, isOver: hasRun };
    const known = [...this.#state.periods.slice(0, -1), ...(left ? [left] : [])];
    const same = known.find((one) => one.fromMs === fromMs);
    const goesBackTo = current !== undefined && fromMs < current.fromMs ? same : undefined;
    const sinceBytes =
      goesBackTo && !goesBackTo.isOver
        ? goesBackTo.leftAtBytes
        : // A period that ended while the clock ran has ended, whatever the clock had said of others before.
          Math.max(this.#state.changedAtBytes, (same ?? lastBefore(known, fromMs))?.leftAtBytes ?? 0);
    const usedBytes = (same?.usedBytes ?? 0) + totalBytes - sinceBytes;
    const entered: Period = { fromMs, untilMs, usedBytes, leftAtBytes: totalBytes, isOver: false };
    const periods = [...known.filter((one) => one !== same), entered].slice(-PERIODS_MAX);
    this.#state = { ...this.#state, periods };
  }

  #bytesPerMs(nowMs: number): number {
    const { sinceMs, days } = this.#state;
    const today = dayOf(nowMs);
    const recent = days.filter(([day]) => day > today - FORECAST_MAX_DAYS && day <= today);
    const bytes = recent.reduce((sum, [, ofDay]) => sum + ofDay, 0);
    // Of a clock that was ahead then, it says nothing.
    const begunMs = sinceMs > nowMs ? 0 : sinceMs;
    const fromMs = Math.max(begunMs, (today - FORECAST_MAX_DAYS + 1) * DAY_MS);
    // The first hours say little: they count as a whole day.
    return bytes / Math.max(DAY_MS, nowMs - fromMs);
  }
}

const overlap = (a: BillingPeriod, b: BillingPeriod): boolean => a.fromMs < b.untilMs && b.fromMs < a.untilMs;

/** Of the periods before, the newest. */
function lastBefore(periods: Period[], fromMs: number): Period | undefined {
  const before = periods.filter((one) => one.fromMs < fromMs);
  return before.length === 0
    ? undefined
    : before.reduce((newest, one) => (one.fromMs > newest.fromMs ? one : newest));
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
