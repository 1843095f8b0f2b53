import { describe, expect, it } from 'vitest';
import {
  formatAge,
  formatBitrate,
  formatBytes,
  formatClock,
  formatDuration,
  formatLatency,
  formatValue,
} from '../src/i18n/format.ts';

describe('formatters', () => {
  it('write sizes with at most one decimal', () => {
    expect([0, 1_023, 1_024, 48_211, 307_200, 1_610_612_736].map(formatBytes)).toEqual([
      '0 B',
      '1023 B',
      '1.0 KB',
      '47.1 KB',
      '300 KB',
      '1.5 GB',
    ]);
  });

  it('write rates in bits', () => {
    expect([0, 1_250, 125_000, 250_000].map(formatBitrate)).toEqual([
      '0 kbit/s',
      '10 kbit/s',
      '1.0 Mbit/s',
      '2.0 Mbit/s',
    ]);
  });

  it('write a delay in steps that do not flicker', () => {
    expect([3, 424, 999.9, 1_000, 1_249].map(formatLatency)).toEqual([
      '0 ms',
      '420 ms',
      '1000 ms',
      '1.0 s',
      '1.2 s',
    ]);
  });

  it('write values with few digits, by their size', () => {
    expect([21.4567, 100.25, 1_234.5, 7, -3.5].map((value) => formatValue(value, 'en'))).toEqual([
      '21.46',
      '100.3',
      '1,235',
      '7',
      '-3.5',
    ]);
  });

  it('write values that are too long for a page with an exponent', () => {
    expect([1e300, -1.2345e15, 999_999_999_999].map((value) => formatValue(value, 'ko'))).toEqual([
      '1E300',
      '-1.23E15',
      '999,999,999,999',
    ]);
  });

  it('write an age in the language of the person, and never in the future', () => {
    expect(formatAge(3_000, 'en')).toBe('3s ago');
    expect(formatAge(3_000, 'ko')).toBe('3초 전');
    expect(formatAge(-5_000, 'en')).toBe('0s ago');
    expect(formatAge(60_000, 'ko')).toBe('1분 전');
    expect(formatAge(2 * 3_600_000, 'ko')).toBe('2시간 전');
    expect(formatAge(400 * 86_400_000, 'ko')).toBe('400일 전');
  });

  it('write a length of time', () => {
    expect(formatDuration(59_000, 'ko')).toBe('59초');
    expect(formatDuration(3 * 60_000, 'en')).toBe('3 min');
  });

  it('write midnight as 00, in both languages', () => {
    const midnight = new Date(2026, 0, 1, 0, 5, 9).getTime();
    expect(formatClock(midnight, 'en')).toBe('00:05:09');
    expect(formatClock(midnight, 'ko')).toContain('00');
  });
});
