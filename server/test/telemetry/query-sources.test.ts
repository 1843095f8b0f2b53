import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/telemetry/query-buckets.ts';
import { planSources, rowsOf, type SourcesWanted, type Span } from '../../src/telemetry/query-sources.ts';
import { seededRandom } from '../support/seeded-random.ts';

const DAY = Date.UTC(2026, 2, 1);

describe('planSources', () => {
  it('takes whole days as days, and what is left at the ends as hours and minutes', () => {
    const [fromMs, toMs] = [DAY - 90 * MINUTE_MS - 1, DAY + 2 * DAY_MS + HOUR_MS + 1];
    expect(plan({ fromMs, toMs })).toEqual({
      days: [[DAY, DAY + 2 * DAY_MS]],
      hours: [[DAY - HOUR_MS, DAY], [DAY + 2 * DAY_MS, toMs - 1]], // prettier-ignore
      minutes: [[DAY - 91 * MINUTE_MS, DAY - HOUR_MS], [toMs - 1, toMs - 1 + MINUTE_MS]], // prettier-ignore
    });
  });

  it('reads hours where days begin at another hour, and minutes only where they begin within one', () => {
    const seoul = Array.from({ length: 3 }, (_, n) => DAY + 15 * HOUR_MS + n * DAY_MS);
    const [fromMs, toMs] = [DAY, DAY + 3 * DAY_MS];
    expect(plan({ fromMs, toMs, edgesMs: seoul })).toEqual({
      days: [],
      hours: [[fromMs, toMs]],
      minutes: [],
    });
    const kolkata = [DAY - DAY_MS / 2, DAY + 18.5 * HOUR_MS];
    expect(plan({ fromMs, toMs: DAY + 2 * DAY_MS, edgesMs: kolkata })).toEqual({
      days: [[DAY + DAY_MS, DAY + 2 * DAY_MS]],
      hours: [[DAY, DAY + 18 * HOUR_MS], [DAY + 19 * HOUR_MS, DAY + DAY_MS]], // prettier-ignore
      minutes: [[DAY + 18 * HOUR_MS, DAY + 19 * HOUR_MS]],
    });
  });

  it('reads an hour that is due from minutes, and the rest of its day from hours', () => {
    const due: Span[] = [[DAY + 5 * HOUR_MS, DAY + 6 * HOUR_MS]];
    expect(plan({ fromMs: DAY, toMs: DAY + 2 * DAY_MS, due })).toEqual({
      days: [[DAY + DAY_MS, DAY + 2 * DAY_MS]],
      hours: [[DAY, DAY + 5 * HOUR_MS], [DAY + 6 * HOUR_MS, DAY + DAY_MS]], // prettier-ignore
      minutes: due,
    });
  });

  it('counts whole what is gone from the finer tiers', () => {
    const sources = plan({
      fromMs: DAY + MINUTE_MS,
      toMs: DAY + 3 * DAY_MS,
      edgesMs: [DAY, DAY + 90 * MINUTE_MS, DAY + DAY_MS + 90 * MINUTE_MS],
      hoursFromMs: DAY + DAY_MS,
      minutesFromMs: DAY + 2 * DAY_MS,
    });
    expect(sources).toEqual({
      days: [[DAY, DAY + DAY_MS], [DAY + 2 * DAY_MS, DAY + 3 * DAY_MS]], // prettier-ignore
      hours: [[DAY + DAY_MS, DAY + 2 * DAY_MS]],
      minutes: [],
    });
  });

  it('reads every minute once, whatever is asked, and nothing coarse across an edge or a due hour', () => {
    const random = seededRandom(3);
    const upTo = (n: number): number => Math.floor(random() * n);
    for (let n = 0; n < 100; n += 1) {
      const fromMs = DAY + upTo(5 * DAY_MS);
      const toMs = fromMs + 1 + upTo(8 * DAY_MS);
      const step = [5 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS, 2 * DAY_MS][upTo(5)] as number;
      const firstMs = DAY + [0, 5.5, 9][upTo(3)]! * HOUR_MS - 2 * DAY_MS; // prettier-ignore
      const edgesMs = Array.from({ length: 16 * (DAY_MS / MINUTE_MS) }, (_, i) => firstMs + i * step).filter(
        (ms) => ms < toMs,
      );
      const dueMs = [...new Set(Array.from({ length: upTo(4) }, () => DAY + upTo(300) * HOUR_MS))].toSorted((a, b) => a - b); // prettier-ignore
      const due = dueMs.map((ms): Span => [ms, ms + HOUR_MS]);
      const { days, hours, minutes } = plan({ fromMs, toMs, edgesMs, due });
      const all = [...days, ...hours, ...minutes].toSorted(([a], [b]) => a - b);
      expect(all[0]?.[0]).toBe(Math.floor(fromMs / MINUTE_MS) * MINUTE_MS);
      expect(all.at(-1)?.[1]).toBe(Math.ceil(toMs / MINUTE_MS) * MINUTE_MS);
      expect(all.slice(1).filter(([from], i) => from !== all[i]?.[1])).toEqual([]);
      expect([days, hours].flat().filter(([from, to]) => due.some(([a, b]) => a < to && b > from))).toEqual(
        [],
      );
      const isCut =
        (unit: number) =>
        ([from, to]: Span): boolean =>
          edgesMs.some((ms) => ms % unit !== 0 && from < ms && ms < to);
      expect([...days.filter(isCut(DAY_MS)), ...hours.filter(isCut(HOUR_MS))]).toEqual([]);
    }
  });

  it('tells how many rows that is at most', () => {
    expect(rowsOf(plan({ fromMs: DAY, toMs: DAY + DAY_MS + 2 * HOUR_MS + 3 * MINUTE_MS }))).toBe(6);
  });
});

function plan(wanted: Partial<SourcesWanted> & Pick<SourcesWanted, 'fromMs' | 'toMs'>) {
  return planSources({ edgesMs: [], due: [], hoursFromMs: 0, minutesFromMs: 0, ...wanted });
}
