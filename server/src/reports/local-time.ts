// Days as people at a place count them: IANA time zones through Intl, which Node carries whole.

import { AppError } from '@sitecast/shared/runtime/app-error';

export const DAY_MS = 86_400_000;

/** A moment by the calendar and the clock on the wall. */
export interface LocalTime {
  year: number;
  /** From 1. May lie outside of the year, as `day` may lie outside of the month: the calendar is followed. */
  month: number;
  day: number;
  hour?: number;
  minute?: number;
}

type Fields = Required<LocalTime> & { second: number };

// An offset such as +09:00 is none of a place, and means the opposite elsewhere.
const NAME = /^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/;

/** @returns its name as the calendar of this program writes it. @throws {AppError} BAD_REQUEST for one that is not known. */
export function expectTimeZone(name: string): string {
  try {
    if (NAME.test(name)) return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  throw new AppError('BAD_REQUEST', `${JSON.stringify(name.slice(0, 64))} is not a time zone`);
}

export class LocalCalendar {
  readonly timeZone: string;
  readonly #format: Intl.DateTimeFormat;

  /** @throws {RangeError} for a time zone that is not known. */
  constructor(timeZone: string) {
    this.timeZone = timeZone;
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  }

  fieldsOf(ms: number): Fields {
    const parts = this.#format.formatToParts(ms);
    const at = (type: Intl.DateTimeFormatPartTypes): number =>
      Number(parts.find((part) => part.type === type)?.value);
    return {
      year: at('year'),
      month: at('month'),
      day: at('day'),
      hour: at('hour'),
      minute: at('minute'),
      second: at('second'),
    };
  }

  /** What the clock on the wall is ahead of UTC, ms. */
  offsetMs(ms: number): number {
    const { year, month, day, hour, minute, second } = this.fieldsOf(ms);
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(ms / 1000) * 1000;
  }

  /**
   * Since 1970. Of a time that the clock skips, what it would have been, so that a day without a midnight begins at the skip; of one
   * that comes twice, the first.
   */
  instantOf({ year, month, day, hour = 0, minute = 0 }: LocalTime): number {
    const wall = Date.UTC(year, month - 1, day, hour, minute);
    const before = this.offsetMs(wall - DAY_MS);
    if (this.offsetMs(wall - before) === before) return wall - before;
    const after = this.offsetMs(wall + DAY_MS);
    return wall - (this.offsetMs(wall - after) === after ? after : before);
  }

  /** 0 is Monday. */
  weekday(ms: number): number {
    const { year, month, day } = this.fieldsOf(ms);
    return (new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 6) % 7;
  }
}
