// Numbers, sizes and times as people read them.

import type { Language } from './language.ts';

const KIB = 1024;
const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

export function formatBytes(bytes: number): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= KIB && unit < UNITS.length - 1) {
    value /= KIB;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** Bits a second, the unit of network people. */
export function formatBitrate(bytesPerSecond: number): string {
  const kilobits = (bytesPerSecond * 8) / 1000;
  return kilobits < 1000 ? `${Math.round(kilobits)} kbit/s` : `${(kilobits / 1000).toFixed(1)} Mbit/s`;
}

export function formatLatency(ms: number): string {
  return ms < 1000 ? `${Math.round(ms / 10) * 10} ms` : `${(ms / 1000).toFixed(1)} s`;
}

const EXPONENT_FROM = 1e12;

/** At most four significant digits, so that a card does not jump in width. */
export function formatValue(value: number, language: Language): string {
  const size = Math.abs(value);
  if (size >= EXPONENT_FROM)
    return new Intl.NumberFormat(language, { notation: 'scientific', maximumFractionDigits: 2 }).format(
      value,
    );
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : 2;
  return new Intl.NumberFormat(language, {
    maximumFractionDigits: digits,
    minimumFractionDigits: Number.isInteger(value) ? 0 : Math.min(digits, 1),
  }).format(value);
}

const AGE_STEPS = [
  ['second', 1, 60],
  ['minute', 60, 3600],
  ['hour', 3600, 86_400],
  ['day', 86_400, Number.POSITIVE_INFINITY],
] as const;

/** "3 min. ago"; a time a little ahead of this computer's clock counts as now. */
export function formatAge(ageMs: number, language: Language): string {
  const seconds = Math.max(0, Math.round(ageMs / 1000));
  const [unit, size] = AGE_STEPS.find(([, , below]) => seconds < below) ?? AGE_STEPS[3];
  const words = new Intl.RelativeTimeFormat(language, { numeric: 'always', style: 'narrow' });
  return words.format(-Math.floor(seconds / size), unit);
}

/** A length of time: "3 min", "2 h". */
export function formatDuration(ms: number, language: Language): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [unit, size] = AGE_STEPS.find(([, , below]) => seconds < below) ?? AGE_STEPS[3];
  return new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'short' }).format(
    Math.floor(seconds / size),
  );
}

/** As players show it: "0:18", "1:05". */
export function formatPlayTime(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

export function formatClock(at: string | number, language: Language): string {
  return dateFormat(language, { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(new Date(at));
}

export function formatClockShort(at: number, language: Language): string {
  return dateFormat(language, { hour: '2-digit', minute: '2-digit' }).format(new Date(at));
}

export function formatDay(at: number, language: Language): string {
  return dateFormat(language, { month: 'numeric', day: 'numeric' }).format(new Date(at));
}

export function formatMonth(at: number, language: Language): string {
  return dateFormat(language, { year: '2-digit', month: 'short' }).format(new Date(at));
}

export function formatLongDay(at: string, language: Language): string {
  return dateFormat(language, { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' }).format(
    new Date(at),
  );
}

export function formatDateTime(at: string | number, language: Language): string {
  return dateFormat(language, {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  }).format(new Date(at));
}

/** Whole days as days, anything else with times; by the clock of `timeZone`. */
export function formatPeriod(
  { from, to, timeZone }: { from: string; to: string; timeZone: string },
  language: Language,
): string {
  const [begin, end] = [new Date(from), new Date(to)];
  const clock = dateFormat(language, { timeZone, hour: '2-digit', minute: '2-digit' });
  const isWhole = [begin, end].every((at) => clock.format(at) === '00:00');
  const day = { timeZone, year: 'numeric', month: 'short', day: 'numeric' } as const;
  if (isWhole) return dateFormat(language, day).formatRange(begin, new Date(end.getTime() - 1));
  return dateFormat(language, { ...day, hour: '2-digit', minute: '2-digit' }).formatRange(begin, end);
}

function dateFormat(language: Language, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(language, { ...options, hourCycle: 'h23' });
}
