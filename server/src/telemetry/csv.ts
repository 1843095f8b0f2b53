// Readings as CSV (RFC 4180), in UTF-8.

import type { ReadingRow } from './reading-rows.ts';

export const CSV_HEADER = 'ts,site,sensor,metric,unit,value\r\n';
export const CSV_TYPE = 'text/csv; charset=utf-8; header=present';

/** A line; the time is ISO 8601 in UTC, a missing unit an empty field. */
export function csvLine(site: string, { sensor, metric, unit, ms, value }: ReadingRow): string {
  const texts = [site, sensor, metric, unit ?? ''].map(csvText).join(',');
  return `${new Date(ms).toISOString()},${texts},${value}\r\n`;
}

/**
 * A text field. One that a spreadsheet would take for a formula gets an apostrophe in front, which makes it a text there
 * (OWASP, "CSV Injection"), as it does full-width signs where people write with them.
 */
export function csvText(text: string): string {
  const harmless = /^[=+\-@＝＋－＠\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

/** A file name that every system takes. */
export function fileName(
  parts: (string | undefined)[],
  { from, to }: { from: Date; to: Date },
  suffix: string,
): string {
  const times = [from, to].map((time) => time.toISOString().replaceAll(/[-:]|\.\d+/g, ''));
  const words = [...parts.filter((part) => part !== undefined), ...times];
  return words.join('_').replaceAll(/[^A-Za-z0-9._-]/g, '-') + suffix;
}
