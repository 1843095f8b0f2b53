// The periods that reports are made of: whole days, weeks from Monday, months, by the calendar of a place.

import { LocalCalendar, type LocalTime } from './local-time.ts';

export const REPORT_PERIODS = ['daily', 'weekly', 'monthly'] as const;
export type ReportPeriod = (typeof REPORT_PERIODS)[number];

export interface PeriodRange {
  /** At or after. */
  from: Date;
  /** Before. */
  to: Date;
}

const MINUTE_MS = 60_000;

/** The last whole one that has ended by `nowMs`. */
export function lastWhole(period: ReportPeriod, timeZone: string, nowMs: number): PeriodRange {
  const calendar = new LocalCalendar(timeZone);
  const begin = beginOf(period, calendar, nowMs);
  return {
    from: new Date(calendar.instantOf(step(period, begin, -1))),
    to: new Date(calendar.instantOf(begin)),
  };
}

/**
 * The last whole one whose report is due by `nowMs`.
 * @param hour of the day after it, 0 to 23, at which it is due.
 */
export function lastDue(period: ReportPeriod, timeZone: string, hour: number, nowMs: number): PeriodRange {
  const calendar = new LocalCalendar(timeZone);
  const begin = beginOf(period, calendar, nowMs);
  const isDue = calendar.instantOf({ ...begin, hour }) <= nowMs;
  const end = isDue ? begin : step(period, begin, -1);
  return {
    from: new Date(calendar.instantOf(step(period, end, -1))),
    to: new Date(calendar.instantOf(end)),
  };
}

/** When the report of the period that ends next is due. @param hour as {@link lastDue}. */
export function nextDue(period: ReportPeriod, timeZone: string, hour: number, nowMs: number): Date {
  const calendar = new LocalCalendar(timeZone);
  const begin = beginOf(period, calendar, nowMs);
  const dueMs = calendar.instantOf({ ...begin, hour });
  return new Date(dueMs > nowMs ? dueMs : calendar.instantOf({ ...step(period, begin, 1), hour }));
}

/** Reports count minutes, the finest that is kept for good. */
export function inWholeMinutes({ from, to }: PeriodRange): PeriodRange {
  const floor = (at: Date): Date => new Date(Math.floor(at.getTime() / MINUTE_MS) * MINUTE_MS);
  return { from: floor(from), to: floor(to) };
}

function beginOf(period: ReportPeriod, calendar: LocalCalendar, nowMs: number): LocalTime {
  const { year, month, day } = calendar.fieldsOf(nowMs);
  if (period === 'monthly') return { year, month, day: 1 };
  return { year, month, day: period === 'weekly' ? day - calendar.weekday(nowMs) : day };
}

function step(period: ReportPeriod, { year, month, day }: LocalTime, count: number): LocalTime {
  if (period === 'monthly') return { year, month: month + count, day };
  return { year, month, day: day + count * (period === 'weekly' ? 7 : 1) };
}
