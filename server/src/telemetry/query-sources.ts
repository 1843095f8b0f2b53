// Which tier each piece of a range is read from: days where a whole one will do, hours next to them, minutes at the ends, where
// a bucket cuts an hour, and where an hour is still due. Pure.

import { DAY_MS, HOUR_MS, MINUTE_MS } from './query-buckets.ts';

/** Since 1970: at or after, before. */
export type Span = [fromMs: number, toMs: number];

export interface Sources {
  days: Span[];
  hours: Span[];
  minutes: Span[];
}

export interface SourcesWanted {
  fromMs: number;
  toMs: number;
  edgesMs: readonly number[];
  /** Hours that are missing or stale in the tiers above the minutes; ascending. */
  due: readonly Span[];
  /** From when on there are hours, and minutes. */
  hoursFromMs: number;
  minutesFromMs: number;
}

/** Every minute that the range touches, once. */
export function planSources(wanted: SourcesWanted): Sources {
  const { edgesMs, due, hoursFromMs, minutesFromMs } = wanted;
  const sources: Sources = { days: [], hours: [], minutes: [] };
  const endMs = Math.ceil(wanted.toMs / MINUTE_MS) * MINUTE_MS;
  const cuts = new Walk(edgesMs.map((ms): Span => [ms, ms]));
  const dues = new Walk(due);
  let atMs = Math.floor(wanted.fromMs / MINUTE_MS) * MINUTE_MS;
  while (atMs < endMs) {
    const isWhole = (spanMs: number): boolean =>
      atMs % spanMs === 0 &&
      atMs + spanMs <= endMs &&
      !cuts.touches(atMs + 1, atMs + spanMs) &&
      !dues.touches(atMs, atMs + spanMs);
    // What is gone from the finer tiers counts whole, in the bucket in which it begins.
    if (isWhole(DAY_MS) || atMs < hoursFromMs) atMs = add(sources.days, startOf(atMs, DAY_MS), DAY_MS);
    else if (isWhole(HOUR_MS) || atMs < minutesFromMs)
      atMs = add(sources.hours, startOf(atMs, HOUR_MS), HOUR_MS);
    else atMs = add(sources.minutes, atMs, Math.min(HOUR_MS - (atMs % HOUR_MS), endMs - atMs));
  }
  return sources;
}

/** Rows of one series, at most. */
export function rowsOf({ days, hours, minutes }: Sources): number {
  return lengthOf(days) / DAY_MS + lengthOf(hours) / HOUR_MS + lengthOf(minutes) / MINUTE_MS;
}

const startOf = (atMs: number, unitMs: number): number => Math.floor(atMs / unitMs) * unitMs;

/** Next to the piece before, where it is. @returns where it ends. */
function add(spans: Span[], fromMs: number, lengthMs: number): number {
  const last = spans.at(-1);
  const toMs = fromMs + lengthMs;
  if (last?.[1] === fromMs) last[1] = toMs;
  else spans.push([fromMs, toMs]);
  return toMs;
}

const lengthOf = (spans: Span[]): number => spans.reduce((sum, [from, to]) => sum + to - from, 0);

/** Ascending spans, asked in ascending order. */
class Walk {
  readonly #spans: readonly Span[];
  #next = 0;

  constructor(spans: readonly Span[]) {
    this.#spans = spans;
  }

  /** Whether one has a moment from `fromMs` to before `toMs`. A span without length is a moment. */
  touches(fromMs: number, toMs: number): boolean {
    for (let span = this.#spans[this.#next]; span && Math.max(span[1], span[0] + 1) <= fromMs;) {
      this.#next += 1;
      span = this.#spans[this.#next];
    }
    const span = this.#spans[this.#next];
    return span !== undefined && span[0] < toMs;
  }
}
