import { describe, expect, it } from 'vitest';
import { timeMarks, valueScale } from '../../src/reports/chart-axes.ts';
import { drawChart, joined } from '../../src/reports/chart.ts';
import { LocalCalendar } from '../../src/reports/local-time.ts';
import { ReportText } from '../../src/reports/report-text.ts';
import type { CurvePoint } from '../../src/reports/report-subject.ts';

const HOUR_MS = 3_600_000;
const FROM_MS = Date.parse('2026-03-01T00:00:00Z');
const point = (hour: number, mean = hour): CurvePoint => [
  FROM_MS + hour * HOUR_MS,
  mean,
  mean - 1,
  mean + 1,
  60,
];
const day = { fromMs: FROM_MS, toMs: FROM_MS + 24 * HOUR_MS };

describe('the scale of values', () => {
  it.each([
    [0, 100, [0, 50, 100]],
    [17.2, 24.9, [16, 18, 20, 22, 24, 26]],
    [-3, 4, [-4, -2, 0, 2, 4]],
    [0.001, 0.0042, [0.001, 0.002, 0.003, 0.004, 0.005]],
  ])('from %d to %d has round marks around it', (min, max, marks) => {
    const scale = valueScale(min, max);
    scale.marks.forEach((mark, index) => expect(mark).toBeCloseTo(marks[index] ?? NaN, 9));
    expect(scale.marks).toHaveLength(marks.length);
  });

  it('holds any two values within its ends, in few marks', () => {
    let seed = 7;
    const next = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    for (let round = 0; round < 2_000; round += 1) {
      const power = 10 ** Math.floor(next() * 12 - 6);
      const [a, b] = [(next() - 0.5) * power, (next() - 0.5) * power];
      const [min, max] = [Math.min(a, b), Math.max(a, b)];
      const { from, to, marks } = valueScale(min, max);
      const slack = (to - from) * 1e-6;
      expect(from).toBeLessThanOrEqual(min + slack);
      expect(to).toBeGreaterThanOrEqual(max - slack);
      expect(marks.length).toBeGreaterThan(1);
      expect(marks.length).toBeLessThan(9);
    }
  });

  it('has room around a curve that does not move', () => {
    for (const value of [0, 5, -20]) {
      const { from, to } = valueScale(value, value);
      expect(from).toBeLessThan(value);
      expect(to).toBeGreaterThan(value);
    }
  });
});

describe('the marks of time', () => {
  const text = new ReportText('en', 'Asia/Seoul');
  const calendar = new LocalCalendar('Asia/Seoul');

  it('are round times of an hour, full hours of a day, and midnights of a month, by the clock of the place', () => {
    const fromMs = Date.parse('2026-02-28T15:00:00Z');
    const hours = timeMarks({ fromMs, toMs: fromMs + 24 * HOUR_MS }, calendar, text);
    expect(hours.map((mark) => mark.text)).toEqual([
      '1 Mar',
      '03:00',
      '06:00',
      '09:00',
      '12:00',
      '15:00',
      '18:00',
      '21:00',
    ]);
    const minutes = timeMarks({ fromMs: fromMs + 620_000, toMs: fromMs + HOUR_MS + 620_000 }, calendar, text);
    expect(minutes.map((mark) => mark.text)).toEqual(['00:20', '00:30', '00:40', '00:50', '01:00', '01:10']);
    const days = timeMarks({ fromMs, toMs: fromMs + 31 * 24 * HOUR_MS }, calendar, text);
    expect(days.map((mark) => mark.text)).toEqual([
      '1 Mar',
      '6 Mar',
      '11 Mar',
      '16 Mar',
      '21 Mar',
      '26 Mar',
      '31 Mar',
    ]);
    expect(days.every(({ ms }) => new Date(ms).toISOString().endsWith('T15:00:00.000Z'))).toBe(true);
  });
});

describe('a chart', () => {
  it('leaves a gap where there are no readings, and joins a sensor that sends seldom', () => {
    const withGap = [0, 1, 2, 6, 7, 9].map((hour) => point(hour));
    expect(joined(withGap, HOUR_MS).map((run) => run.length)).toEqual([3, 2, 1]);
    const seldom = [0, 6, 12, 18].map((hour) => point(hour));
    expect(joined(seldom, HOUR_MS)).toHaveLength(1);
  });

  it('draws a line and a band for each stretch, a dot for one point, and escapes what a sensor is called', () => {
    const svg = drawChart({
      points: [point(0), point(1), point(2), point(9)],
      bucketMs: HOUR_MS,
      span: day,
      unit: '<°C>',
      label: '"><script>',
      calendar: new LocalCalendar('UTC'),
      text: new ReportText('en', 'UTC'),
    });
    expect(svg.match(/class="line"/g)).toHaveLength(1);
    expect(svg.match(/class="band"/g)).toHaveLength(1);
    expect(svg.match(/class="dot"/g)).toHaveLength(1);
    expect(svg).not.toContain('<script');
    expect(svg).toContain('&lt;°C&gt;');
    expect(svg).not.toMatch(/NaN|Infinity/);
    expect(svg).not.toContain('style=');
  });

  it.each([
    ['of 1e300', 0, 1e300, ['0E0', '5E299', '1E300']],
    ['far from zero', 12_345_600, 12_345_700, ['1.23456E7', '1.234565E7', '1.23457E7']],
    ['small', 0, 1e-30, ['0E0', '1E-30']],
    ['usual', 0, 4_000_000, ['0', '4,000,000']],
  ])('has marks beside the axis that fit there, when values are %s', (_what, min, max, some) => {
    const svg = drawChart({
      points: [
        [0, min, min, min, 1],
        [HOUR_MS, max, max, max, 1],
      ],
      bucketMs: HOUR_MS,
      span: day,
      unit: null,
      label: 'power',
      calendar: new LocalCalendar('UTC'),
      text: new ReportText('en', 'UTC'),
    });
    const labels = [...svg.matchAll(/class="value"[^>]*>([^<]*)</g)].map(([, label = '']) => label);
    expect(labels).toEqual(expect.arrayContaining(some));
    expect(labels.filter((label) => label.length > 10)).toEqual([]);
    expect(new Set(labels).size).toBe(labels.length);
  });
});
