import { describe, expect, it } from 'vitest';
import { expectTimeZone, LocalCalendar } from '../../src/reports/local-time.ts';
import { inWholeMinutes, lastDue, lastWhole, nextDue } from '../../src/reports/report-period.ts';

const at = (iso: string): number => Date.parse(iso);
const told = ({ from, to }: { from: Date; to: Date }): string[] => [from.toISOString(), to.toISOString()];

describe('a calendar of a place', () => {
  it.each([
    ['Asia/Seoul', '2026-03-01T00:00:00.000Z', { year: 2026, month: 3, day: 1, hour: 9 }],
    ['America/New_York', '2026-03-08T06:59:00.000Z', { year: 2026, month: 3, day: 8, hour: 1, minute: 59 }],
    ['America/New_York', '2026-03-08T07:00:00.000Z', { year: 2026, month: 3, day: 8, hour: 3 }],
    ['Asia/Kolkata', '2026-12-31T18:30:00.000Z', { year: 2027, month: 1, day: 1 }],
    ['Pacific/Apia', '2011-12-31T10:00:00.000Z', { year: 2012, month: 1, day: 1 }],
  ])('of %s has %s and its local time in step', (timeZone, iso, local) => {
    const calendar = new LocalCalendar(timeZone);
    expect(calendar.fieldsOf(at(iso))).toMatchObject(local);
    expect(new Date(calendar.instantOf(local)).toISOString()).toBe(iso);
  });

  it('finds every hour of two years again, but those that come twice', () => {
    for (const timeZone of ['Europe/Berlin', 'Asia/Seoul', 'Australia/Lord_Howe', 'America/St_Johns']) {
      const calendar = new LocalCalendar(timeZone);
      let wrong = 0;
      for (let ms = at('2025-01-01T00:00:00Z'); ms < at('2027-01-01T00:00:00Z'); ms += 3_600_000)
        if (calendar.instantOf(calendar.fieldsOf(ms)) !== ms) wrong += 1;
      expect(wrong).toBeLessThanOrEqual(2);
    }
  });

  it('knows the names of time zones, and no others', () => {
    expect(expectTimeZone('Asia/Seoul')).toBe('Asia/Seoul');
    for (const name of ['', 'Mars/Base', '+09:00', "UTC'; drop table sites"])
      expect(() => expectTimeZone(name)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
  });
});

describe('a period', () => {
  const now = at('2026-03-04T20:00:00Z');

  it('is the last whole one by the clock of the place', () => {
    expect(told(lastWhole('daily', 'Asia/Seoul', now))).toEqual([
      '2026-03-03T15:00:00.000Z',
      '2026-03-04T15:00:00.000Z',
    ]);
    expect(told(lastWhole('daily', 'UTC', now))).toEqual([
      '2026-03-03T00:00:00.000Z',
      '2026-03-04T00:00:00.000Z',
    ]);
    expect(told(lastWhole('weekly', 'UTC', now))).toEqual([
      '2026-02-23T00:00:00.000Z',
      '2026-03-02T00:00:00.000Z',
    ]);
    expect(told(lastWhole('monthly', 'Asia/Seoul', now))).toEqual([
      '2026-01-31T15:00:00.000Z',
      '2026-02-28T15:00:00.000Z',
    ]);
    expect(told(lastWhole('monthly', 'UTC', at('2026-01-01T00:00:00Z')))).toEqual([
      '2025-12-01T00:00:00.000Z',
      '2026-01-01T00:00:00.000Z',
    ]);
  });

  it('has 23 hours where the clock is put forward', () => {
    const { from, to } = lastWhole('daily', 'Europe/Berlin', at('2026-03-30T10:00:00Z'));
    expect(to.getTime() - from.getTime()).toBe(23 * 3_600_000);
  });

  it.each([
    ['Atlantic/Azores', '2026-03-29T18:00Z', '2026-03-28T01:00Z', '2026-03-29T01:00Z', '2026-03-30T00:00Z'],
    ['America/Santiago', '2026-09-06T18:00Z', '2026-09-05T04:00Z', '2026-09-06T04:00Z', '2026-09-07T03:00Z'],
    ['America/Havana', '2026-03-08T18:00Z', '2026-03-07T05:00Z', '2026-03-08T05:00Z', '2026-03-09T04:00Z'],
    ['America/Sao_Paulo', '2017-10-15T18:00Z', '2017-10-14T03:00Z', '2017-10-15T03:00Z', '2017-10-16T02:00Z'],
    ['Africa/Cairo', '2026-04-24T18:00Z', '2026-04-22T22:00Z', '2026-04-23T22:00Z', '2026-04-24T21:00Z'],
  ])('of %s begins where the clock skips midnight', (timeZone, noon, before, skip, after) => {
    const days = [0, 24].map((hours) => lastWhole('daily', timeZone, at(noon) + hours * 3_600_000));
    expect(days.map(({ from, to }) => [from.getTime(), to.getTime()])).toEqual([
      [at(before), at(skip)],
      [at(skip), at(after)],
    ]);
  });

  it.each([
    ['America/Havana', '2026-11-01T18:00Z', '2026-11-01T04:00Z'],
    ['Asia/Amman', '2021-10-29T12:00Z', '2021-10-28T21:00Z'],
  ])('of %s begins at the first midnight where there are two', (timeZone, noon, midnight) => {
    expect(lastWhole('daily', timeZone, at(noon)).to.getTime()).toBe(at(midnight));
  });

  it('is due at its hour and not before', () => {
    expect(told(lastDue('daily', 'UTC', 6, at('2026-03-04T05:59:59Z')))[1]).toBe('2026-03-03T00:00:00.000Z');
    expect(told(lastDue('daily', 'UTC', 6, at('2026-03-04T06:00:00Z')))[1]).toBe('2026-03-04T00:00:00.000Z');
    expect(told(lastDue('monthly', 'UTC', 6, at('2026-03-01T05:00:00Z')))).toEqual([
      '2026-01-01T00:00:00.000Z',
      '2026-02-01T00:00:00.000Z',
    ]);
    expect(nextDue('daily', 'UTC', 6, at('2026-03-04T05:00:00Z')).toISOString()).toBe(
      '2026-03-04T06:00:00.000Z',
    );
    expect(nextDue('weekly', 'Asia/Seoul', 6, now).toISOString()).toBe('2026-03-08T21:00:00.000Z');
    expect(nextDue('monthly', 'UTC', 0, at('2026-12-31T23:00:00Z')).toISOString()).toBe(
      '2027-01-01T00:00:00.000Z',
    );
  });

  it('of a summary begins and ends with a minute', () => {
    const range = { from: new Date('2026-03-01T10:00:30.5Z'), to: new Date('2026-03-01T11:00:59Z') };
    expect(told(inWholeMinutes(range))).toEqual(['2026-03-01T10:00:00.000Z', '2026-03-01T11:00:00.000Z']);
  });
});
