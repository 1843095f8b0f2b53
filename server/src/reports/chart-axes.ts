// Where an axis has its marks: values at round numbers, times at round ones of the place.

import type { Span } from './down-time.ts';
import type { LocalCalendar } from './local-time.ts';
import type { ReportText } from './report-text.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const MAX_TIME_MARKS = 10;
const MINUTE_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720];
const DAY_STEPS = [1, 2, 5, 7, 14, 31, 61, 92];

export interface ValueScale {
  from: number;
  to: number;
  marks: number[];
  /** Digits that the marks need after the point. */
  digits: number;
}

/** From the round number below `min` to that above `max`, in about `count` steps of 1, 2 or 5. */
export function valueScale(min: number, max: number, count = 4): ValueScale {
  const isFlat = !(max > min);
  // A curve that does not move stands in the middle.
  const margin = isFlat ? Math.max(Math.abs(max) * 0.1, 1) : 0;
  const [low, high] = [min - margin, max + margin];
  const step = roundStep((high - low) / count);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  const marks = Array.from({ length: last - first + 1 }, (_none, index) => (first + index) * step);
  const digits = Math.min(12, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  return { from: first * step, to: last * step, marks, digits };
}

function roundStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5].find((candidate) => candidate * power >= rough * (1 - 1e-9)) ?? 10;
  return factor * power;
}

export interface TimeMark {
  ms: number;
  text: string;
}

/** At round times of a period of up to two days, else at midnights; by the clock of the place. */
export function timeMarks({ fromMs, toMs }: Span, calendar: LocalCalendar, text: ReportText): TimeMark[] {
  const lengthMs = toMs - fromMs;
  const fits = (stepMs: number) => (step: number) => lengthMs / (step * stepMs) <= MAX_TIME_MARKS;
  const minutes = lengthMs <= 2 * DAY_MS ? MINUTE_STEPS.find(fits(MINUTE_MS)) : undefined;
  const days = DAY_STEPS.find(fits(DAY_MS)) ?? Math.ceil(lengthMs / DAY_MS / MAX_TIME_MARKS);
  const { year, month, day } = calendar.fieldsOf(fromMs);
  const at = (index: number): number =>
    minutes === undefined
      ? calendar.instantOf({ year, month, day: day + index * days })
      : calendar.instantOf({ year, month, day, minute: index * minutes });
  const marks: TimeMark[] = [];
  // An hour of the clock on the wall may be missing before it, or come twice.
  const passed = minutes === undefined ? 0 : Math.floor((fromMs - at(0)) / (minutes * MINUTE_MS)) - 60;
  for (let index = Math.max(0, passed); at(index) < toMs; index += 1) {
    const ms = at(index);
    if (ms < fromMs) continue;
    const isMidnight = text.clock(ms) === '00:00';
    marks.push({ ms, text: isMidnight || minutes === undefined ? text.shortDay(ms) : text.clock(ms) });
  }
  return marks;
}
