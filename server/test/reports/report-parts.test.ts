import { describe, expect, it } from 'vitest';
import { spread } from '../../src/reports/contact-sheet.ts';
import { foldOutages, type Outage } from '../../src/reports/down-time.ts';
import { POLICY, STYLE } from '../../src/reports/html-style.ts';
import { ReportText } from '../../src/reports/report-text.ts';
import { availabilityOf, type SensorSteps } from '../../src/reports/sensor-silence.ts';
import { planCurves } from '../../src/reports/series-curves.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const SPAN = { fromMs: 0, toMs: DAY_MS };

async function* each<Item>(items: Item[]): AsyncGenerator<Item> {
  yield* items;
}

describe('time away', () => {
  it('counts what overlaps once, and nothing outside of the period', async () => {
    const hours = (id: string, from: number, to: number): Outage => ({
      id,
      fromMs: from * HOUR_MS,
      toMs: to * HOUR_MS,
    });
    const folded = await foldOutages(
      each([
        hours('gate', -5, 1),
        hours('late', 1, 2),
        hours('gate', 2, 4),
        hours('gate', 3, 6),
        hours('late', 10, 14),
        hours('yard', 20, 40),
        hours('elsewhere', 20, 40),
      ]),
      new Map([
        ['gate', SPAN],
        ['yard', SPAN],
        ['well', SPAN],
        ['late', { ...SPAN, fromMs: 12 * HOUR_MS }],
        ['next', { ...SPAN, fromMs: SPAN.toMs }],
      ]),
    );
    expect(folded.get('gate')).toEqual({ downMs: 5 * HOUR_MS, downs: 2, share: 1 - 5 / 24 });
    expect(folded.get('yard')).toEqual({ downMs: 4 * HOUR_MS, downs: 1, share: 1 - 4 / 24 });
    expect(folded.get('well')).toEqual({ downMs: 0, downs: 0, share: 1 });
    expect(folded.get('late')).toEqual({ downMs: 2 * HOUR_MS, downs: 1, share: 1 - 2 / 12 });
    expect(folded.get('next')).toEqual({ downMs: 0, downs: 0, share: null });
    expect(folded.size).toBe(5);
  });

  it('is the same as counting minute by minute, whatever overlaps what', async () => {
    let seed = 11;
    const next = (below: number): number => (seed = (seed * 16_807) % 2_147_483_647) % below;
    for (let round = 0; round < 200; round += 1) {
      const outages = Array.from({ length: next(12) }, () => {
        const from = next(1_600) - 100;
        return { id: 'gate', fromMs: from * MINUTE_MS, toMs: (from + next(300)) * MINUTE_MS };
      }).sort((a, b) => a.fromMs - b.fromMs);
      const down = new Set<number>();
      for (const { fromMs, toMs } of outages)
        for (let ms = Math.max(0, fromMs); ms < Math.min(DAY_MS, toMs); ms += MINUTE_MS) down.add(ms);
      const within = outages.filter(({ fromMs, toMs }) => fromMs < DAY_MS && toMs > 0);
      const folded = (await foldOutages(each(within), new Map([['gate', SPAN]]))).get('gate');
      expect(folded?.downMs).toBe(down.size * MINUTE_MS);
    }
  });
});

describe('a sensor without a noted outage', () => {
  const steps: SensorSteps = {
    id: 'boiler',
    name: null,
    knownSinceMs: -DAY_MS,
    firstMs: 0,
    lastMs: DAY_MS - MINUTE_MS,
    intervalMs: MINUTE_MS,
    silences: 0,
    silentMs: 0,
  };

  it('was there all the time when it kept to its interval', () => {
    expect(availabilityOf(steps, SPAN, MINUTE_MS)).toMatchObject({
      share: 1,
      downs: 0,
      basis: 'interval',
      name: 'boiler',
    });
  });

  it('was away for its silences, also for those at the ends of the period', () => {
    const silent = { ...steps, silences: 1, silentMs: HOUR_MS, firstMs: 2 * HOUR_MS };
    const { share, downs, downMs } = availabilityOf(silent, SPAN, MINUTE_MS);
    expect([downs, downMs]).toEqual([2, 3 * HOUR_MS - MINUTE_MS]);
    expect(share).toBeCloseTo(1 - (3 * HOUR_MS - MINUTE_MS) / DAY_MS, 9);
  });

  it('that is new is counted from its first reading on, and one that sent nothing was away or not there yet', () => {
    const fresh = { ...steps, knownSinceMs: 12 * HOUR_MS, firstMs: 12 * HOUR_MS };
    expect(availabilityOf(fresh, SPAN, MINUTE_MS)).toMatchObject({ share: 1, downs: 0 });
    const silent = { ...steps, firstMs: null, lastMs: null, intervalMs: null };
    expect(availabilityOf(silent, SPAN, MINUTE_MS)).toMatchObject({ share: 0, downMs: DAY_MS, downs: 1 });
    expect(availabilityOf({ ...silent, knownSinceMs: null }, SPAN, MINUTE_MS)).toMatchObject({
      share: null,
      basis: 'none',
    });
  });
});

describe('the rows of curves', () => {
  const month = { fromMs: Date.UTC(2026, 2, 1), toMs: Date.UTC(2026, 3, 1) };

  it('are minutes of a day and hours of a month', () => {
    const day = { fromMs: month.fromMs, toMs: month.fromMs + DAY_MS };
    expect(planCurves(day, -Infinity)).toEqual({
      bucketMs: 5 * MINUTE_MS,
      hoursFromMs: day.toMs,
      hoursToMs: day.toMs,
    });
    expect(planCurves(month, -Infinity)).toEqual({
      bucketMs: 3 * HOUR_MS,
      hoursFromMs: month.fromMs,
      hoursToMs: month.toMs,
    });
  });

  it('are minutes where the place is half an hour off, and hours once the minutes are gone', () => {
    const half = { fromMs: month.fromMs - 30 * MINUTE_MS, toMs: month.toMs - 30 * MINUTE_MS };
    expect(planCurves(half, -Infinity).hoursFromMs).toBe(half.toMs);
    expect(planCurves(half, month.toMs)).toMatchObject({
      hoursFromMs: month.fromMs,
      hoursToMs: month.toMs - HOUR_MS,
    });
  });
});

describe('a contact sheet', () => {
  const pictures = (camera: string, count: number) =>
    Array.from({ length: count }, (_none, index) => ({ camera, capturedAt: new Date(index * HOUR_MS) }));

  it('has as many pictures of each camera, from all of the period', () => {
    const chosen = spread([...pictures('gate', 96), ...pictures('yard', 96), ...pictures('dock', 2)], 24);
    const of = (camera: string) => chosen.filter((picture) => picture.camera === camera);
    expect(['gate', 'yard', 'dock'].map((camera) => of(camera).length)).toEqual([11, 11, 2]);
    const hours = of('gate').map(({ capturedAt }) => capturedAt.getTime() / HOUR_MS);
    expect(hours[0]).toBe(0);
    expect(hours.at(-1)).toBeGreaterThan(80);
    expect(new Set(hours).size).toBe(11);
  });

  it('has at most as many as there is room for', () => {
    const many = Array.from({ length: 40 }, (_none, index) => pictures(`camera-${index}`, 5)).flat();
    expect(spread(many, 24)).toHaveLength(24);
    expect(spread(pictures('gate', 3), 24)).toHaveLength(3);
    expect(spread([], 24)).toEqual([]);
  });
});

describe('the words of a report', () => {
  const [from, to] = [new Date('2026-02-28T15:00:00Z'), new Date('2026-03-31T15:00:00Z')];

  it('tell periods, times and numbers as people of the language do', () => {
    const [en, ko] = [new ReportText('en', 'Asia/Seoul'), new ReportText('ko', 'Asia/Seoul')];
    expect(en.period(from, to)).toBe('1 March 2026 – 31 March 2026');
    expect(ko.period(from, to)).toBe('2026년 3월 1일 – 2026년 3월 31일');
    expect(ko.time(from)).toBe('2026. 3. 1. 00:00');
    expect([en.value(12_345.678), ko.value(12_345.678), en.value(0.000_123_45)]).toEqual([
      '12,346',
      '12,346',
      '0.00012345',
    ]);
    expect([en.value(1e300), ko.value(-1.234_567e15), en.value(999_999_999_999)]).toEqual([
      '1E300',
      '-1.2346E15',
      '999,999,999,999',
    ]);
    expect([en.percent(0.999_99), en.percent(1), en.percent(null)]).toEqual(['99.99%', '100%', '–']);
    expect([en.duration(0), en.duration(20_000), en.duration(27 * HOUR_MS)]).toEqual([
      '0 min',
      '< 1 min',
      '1 day 3 hr',
    ]);
    expect(ko.duration(27 * HOUR_MS)).toBe('1일 3시간');
    expect(en.isoTime(from)).toBe('2026-03-01T00:00:00+09:00');
    expect(new ReportText('en', 'UTC').isoTime(from)).toBe('2026-02-28T15:00:00+00:00');
  });
});

describe('the policy of the page', () => {
  it('lets in the one style by its digest, and no script', () => {
    expect(POLICY).toContain("default-src 'none'");
    expect(POLICY).not.toContain('unsafe');
    expect(STYLE).not.toContain('</');
  });
});
