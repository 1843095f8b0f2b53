// The stretch of time that is looked at: zoomed around a moment, moved, kept within what makes sense. Pure.

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export interface View {
  fromMs: number;
  toMs: number;
}

export const SPANS = ['10m', '1h', '1d', '7d', '30d', '1y'] as const;
export type Span = (typeof SPANS)[number];
export const SPAN_MS: Record<Span, number> = {
  '10m': 10 * MINUTE_MS,
  '1h': HOUR_MS,
  '1d': DAY_MS,
  '7d': 7 * DAY_MS,
  '30d': 30 * DAY_MS,
  '1y': 365 * DAY_MS,
};

export const NARROWEST_MS = 10 * SECOND_MS;
export const WIDEST_MS = 2 * 365 * DAY_MS;
/** One step of a button or key. */
export const ZOOM_STEP = 2;
export const PAN_STEP = 0.25;

export const lengthOf = ({ fromMs, toMs }: View): number => toMs - fromMs;

export function newestView(spanMs: number, nowMs: number): View {
  // Now is not at the very edge: what arrives is seen arriving.
  return within({ fromMs: nowMs - spanMs * 0.98, toMs: nowMs + spanMs * 0.02 }, nowMs);
}

/** @param factor above 1 looks closer. @param aroundMs stays where it is. */
export function zoom(view: View, factor: number, aroundMs: number, nowMs: number): View {
  const length = clamp(lengthOf(view) / factor, NARROWEST_MS, WIDEST_MS);
  const share = clamp((aroundMs - view.fromMs) / lengthOf(view), 0, 1);
  const fromMs = aroundMs - share * length;
  return within({ fromMs, toMs: fromMs + length }, nowMs);
}

/** @param share of its length; above 0 goes to what is newer. */
export function pan(view: View, share: number, nowMs: number): View {
  const byMs = share * lengthOf(view);
  return within({ fromMs: view.fromMs + byMs, toMs: view.toMs + byMs }, nowMs);
}

export function contains({ fromMs, toMs }: View, atMs: number): boolean {
  return atMs >= fromMs && atMs < toMs;
}

/** There is nothing to see in the future. */
function within(view: View, nowMs: number): View {
  const length = lengthOf(view);
  const latestMs = nowMs + length * 0.5;
  const toMs = Math.round(Math.min(view.toMs, latestMs));
  return { fromMs: Math.round(toMs - length), toMs };
}

const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));

/** Between two marks of the time axis. */
const STEPS_MS = [
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * SECOND_MS),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR_MS),
  ...[1, 2, 7, 14].map((days) => days * DAY_MS),
];
const MONTHS = [1, 2, 3, 6, 12];
const MONTH_MS = 30.4 * DAY_MS;

export interface Ticks {
  atsMs: number[];
  /** What a label has to tell. */
  unit: 'second' | 'minute' | 'day' | 'month';
}

/** Marks at round times of the clock of this computer, at most `most` of them. */
export function ticksOf(view: View, most: number): Ticks {
  const stepMs = STEPS_MS.find((step) => lengthOf(view) / step <= most);
  if (stepMs === undefined) return monthTicks(view, most);
  const unit = stepMs < MINUTE_MS ? 'second' : stepMs < DAY_MS ? 'minute' : 'day';
  const ticks = stepMs < DAY_MS ? ticksWithinDays(view, stepMs) : dayTicks(view, stepMs / DAY_MS);
  return { atsMs: [...ticks].filter((atMs) => contains(view, atMs)), unit };
}

/** From each midnight anew: days have 23 or 25 hours twice a year. */
function* ticksWithinDays({ fromMs, toMs }: View, stepMs: number): Iterable<number> {
  for (let day = startOfDay(fromMs); day < toMs; day = daysAfter(day, 1)) {
    const first = day + Math.max(0, Math.floor((fromMs - day) / stepMs)) * stepMs;
    const end = Math.min(toMs, daysAfter(day, 1));
    for (let atMs = first; atMs < end; atMs += stepMs) yield atMs;
  }
}

function* dayTicks({ fromMs, toMs }: View, days: number): Iterable<number> {
  const begin = new Date(fromMs);
  const number = Math.floor(Date.UTC(begin.getFullYear(), begin.getMonth(), begin.getDate()) / DAY_MS);
  for (let day = daysAfter(startOfDay(fromMs), -(number % days)); day < toMs; day = daysAfter(day, days))
    yield day;
}

const startOfDay = (atMs: number): number => new Date(atMs).setHours(0, 0, 0, 0);
const daysAfter = (atMs: number, days: number): number =>
  new Date(atMs).setDate(new Date(atMs).getDate() + days);

function monthTicks(view: View, most: number): Ticks {
  const months = MONTHS.find((count) => lengthOf(view) / (count * MONTH_MS) <= most) ?? 12;
  const begin = new Date(view.fromMs);
  const atsMs: number[] = [];
  for (let month = begin.getMonth() - (begin.getMonth() % months); ; month += months) {
    const atMs = new Date(begin.getFullYear(), month, 1).getTime();
    if (atMs >= view.toMs) return { atsMs, unit: 'month' };
    if (atMs >= view.fromMs) atsMs.push(atMs);
  }
}
