import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '@sitecast/shared/runtime/clock';
import { openPool } from '../../src/postgres/pool.ts';
import { Partitions } from '../../src/telemetry/partitions.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/telemetry/query-buckets.ts';
import { Rollups } from '../../src/telemetry/rollups.ts';
import {
  QUERY_SERIES_MAX,
  TelemetryQueries,
  type SeriesPoints,
  type TelemetryQuery,
} from '../../src/telemetry/telemetry-query.ts';
import { TelemetryStore } from '../../src/telemetry/telemetry-store.ts';
import { TierRetention } from '../../src/telemetry/tier-retention.ts';
import { testLogger, useTestPostgres } from '../support/postgres.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { TelemetryModel } from '../support/telemetry-model.ts';
import { BELIEVED } from '../support/clock-trust.ts';

/** Clocks change in many places within: Santiago on September 7 skips midnight, Havana on November 2 shows it twice. */
const FROM_MS = Date.UTC(2025, 8, 1, 3, 7);
const TO_MS = Date.UTC(2025, 10, 12);
const ZONES = ['UTC', 'Asia/Seoul', 'America/New_York', 'America/Santiago', 'America/Havana', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Asia/Kathmandu']; // prettier-ignore
/** Of the climate, which is silent in between. */
const GAP_MS = [Date.UTC(2025, 9, 10), Date.UTC(2025, 9, 12)] as const;

describe('curves', () => {
  const postgres = useTestPostgres();

  it('equal a naive model at any zoom, in any zone, before, while and after hours are rolled up', async () => {
    const { queries, rollups, store, model } = await openMonths();
    const random = seededRandom(11);
    for (const isRolledUp of [false, true]) {
      if (isRolledUp) while ((await rollups.rollUp()) > 0);
      // Late ones make some hours due again.
      for (let late = 0; late < 3; late += 1) {
        const ms = FROM_MS + Math.floor(random() * (TO_MS - FROM_MS));
        model.add(1, ms, 5_000);
        await store.insert({ seriesIds: [1], timesMs: [ms], values: [5_000] });
      }
      for (let n = 0; n < 60; n += 1) await expectExact(queries, model, random);
    }
  });

  it('leave gaps as gaps, with no bucket where nothing was measured', async () => {
    const { queries } = await openMonths();
    const from = new Date(GAP_MS[0] - DAY_MS);
    const [climate] = await queries.answer({ ...ask('climate'), from, to: new Date(GAP_MS[1] + DAY_MS), tier: '1h' }); // prettier-ignore
    const times = climate!.points.map(([ms]) => ms as number);
    expect(climate).toMatchObject({ tier: '1h', bucketMs: HOUR_MS });
    expect(times.filter((ms) => ms >= GAP_MS[0] && ms < GAP_MS[1])).toEqual([]);
    expect(times).toHaveLength(48);
  });

  it('come for several series of a site in one answer, each as fine as it fits', async () => {
    const { queries } = await openMonths();
    const series = [{ sensor: 'rare', metric: 'v' }, { sensor: 'climate', metric: 'v' }, { sensor: 'nobody' }]; // prettier-ignore
    const answer = await queries.answer({
      site: 'home',
      series,
      from: new Date(FROM_MS),
      to: new Date(TO_MS),
    });
    expect(answer.map(({ sensor, tier, points }) => [sensor, tier, points.length > 0])).toEqual([
      ['climate', '1h', true],
      ['rare', 'raw', true],
    ]);
  });

  it('come from the tiers that are left after retention', async () => {
    const { database, partitions, queries, rollups, model } = await openMonths();
    while ((await rollups.rollUp()) > 0);
    const kept = { rawDays: 1, minutesDays: 10, hoursDays: 1_000, daysDays: 1_000 };
    const clock = { ...systemClock, nowMs: () => TO_MS + 3 * DAY_MS };
    const retention = new TierRetention({
      ...{ database, partitions, kept, clockTrust: BELIEVED, logger: testLogger, clock },
    });
    expect(await retention.dropExpired()).toBe(true);
    expect(retention.counters).toEqual({ partitionsDropped: 72 + 2, partitionsPostponed: 0 });
    const old = { from: new Date(FROM_MS), to: new Date(FROM_MS + 10 * MINUTE_MS) };
    const [climate] = await queries.answer({ ...ask('climate'), ...old });
    expect(climate).toMatchObject({ tier: '1h', bucketMs: HOUR_MS });
    const hourMs = Math.floor(FROM_MS / HOUR_MS) * HOUR_MS;
    const { count } = model.fold(HOUR_MS).get(`1 ${hourMs}`)!;
    expect(climate!.points).toEqual([
      [hourMs, expect.anything(), expect.anything(), expect.anything(), count],
    ]);
    const [rare] = await queries.answer({ ...ask('rare'), from: new Date(FROM_MS), to: new Date(TO_MS) });
    expect(rare!.tier).toBe('1h');
    const total = rare!.points.reduce((sum, [, , , , n = 0]) => sum + n, 0);
    expect(total).toBe([...model.raw().keys()].filter((key) => key.startsWith('2 ')).length);
  });

  it('are refused with words for a zone that is none, a span too wide, and too many at once', async () => {
    const { database, queries } = await openMonths();
    const whole = { ...ask('climate'), from: new Date(FROM_MS), to: new Date(TO_MS) };
    for (const timeZone of ['Mars/Olympus', 'UTC+9', '+09:00', "'; drop table series", ''])
      await expect(queries.answer({ ...whole, timeZone })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    await database.query(
      `insert into rollup_due select hour, 1 from generate_series('2015-01-01'::timestamptz, '2020-01-01', '1 hour') as hour`,
    );
    const years = queries.answer({ ...whole, from: new Date('2015-01-01') });
    await expect(years).rejects.toMatchObject({ code: 'QUERY_TOO_LARGE', retryable: false });
    expect(queries.counters).toMatchObject({ queriesTooLarge: 1 });
    const all = await Promise.allSettled(Array.from({ length: 34 }, () => queries.answer(whole)));
    const refused = all.filter(({ status }) => status === 'rejected');
    expect(refused).toMatchObject([{ reason: { code: 'QUEUE_FULL', retryable: true } }]);
    expect(queries.counters).toMatchObject({ queriesHeldUp: 30, queriesRefused: 1 });
  });

  it('tell how many series of a sensor have no place in an answer', async () => {
    const { database, queries } = await openMonths();
    await database.query(
      `insert into series (site, sensor, metric, device) select 'home', 'many', 'm' || n, 'gw' from generate_series(1, 150) as n`,
    );
    const query = {
      site: 'home',
      series: [{ sensor: 'many' }],
      from: new Date(FROM_MS),
      to: new Date(TO_MS),
    };
    const shown = await queries.answer(query);
    expect([shown.length, await queries.leftOut(query, shown.length)]).toEqual([QUERY_SERIES_MAX, 50]);
    expect(await queries.leftOut(ask('climate'), 1)).toBe(0);
  });

  it('that take longer than a statement may are ended with words, and the next ones are answered', async () => {
    const { url, database } = await openMonths();
    const impatient = openPool({ url, logger: testLogger, min: 0, statementTimeoutMs: 200 });
    onTestFinished(() => impatient.close());
    const queries = new TelemetryQueries({ database: impatient });
    const whole = { ...ask('climate'), from: new Date(FROM_MS), to: new Date(TO_MS) };
    await database.transaction(async (client) => {
      await client.query('lock table telemetry_1m in access exclusive mode');
      await expect(queries.answer(whole)).rejects.toMatchObject({ code: 'QUERY_TIMED_OUT', retryable: true });
    });
    expect(queries.counters).toMatchObject({ queriesTimedOut: 1 });
    expect(await queries.answer(whole)).toHaveLength(1);
  });

  async function openMonths() {
    const db = await postgres.createDatabase();
    onTestFinished(() => db[Symbol.asyncDispose]());
    const { database, url } = db;
    const partitions = new Partitions({ database, logger: testLogger });
    const store = new TelemetryStore({ database, partitions });
    const clock = { ...systemClock, nowMs: () => TO_MS + DAY_MS };
    const rollups = new Rollups({ database, partitions, logger: testLogger, clock });
    await database.query(`insert into sites (id, name) values ('home', 'Home')`);
    await database.query(
      `insert into series (site, sensor, metric, device) values ('home', 'climate', 'v', 'gw'), ('home', 'rare', 'v', 'gw')`,
    );
    const model = new TelemetryModel();
    const rows = [...valuesOf(1, 10 * MINUTE_MS), ...valuesOf(2, 7.2 * HOUR_MS)];
    for (const [id, ms, value] of rows) model.add(id, ms, value);
    await store.insert({
      seriesIds: rows.map(([id]) => id),
      timesMs: rows.map(([, ms]) => ms),
      values: rows.map(([, , value]) => value),
    });
    return { database, url, partitions, store, rollups, model, queries: new TelemetryQueries({ database }) };
  }
});

function valuesOf(id: number, stepMs: number): [id: number, ms: number, value: number][] {
  const times = Array.from(
    { length: Math.floor((TO_MS - FROM_MS) / stepMs) },
    (_, n) => FROM_MS + n * stepMs,
  );
  return times
    .filter((ms) => id !== 1 || ms < GAP_MS[0] || ms >= GAP_MS[1])
    .map((ms) => [id, ms, ((ms / MINUTE_MS) % 1_009) / 8]);
}

const ask = (sensor: string) => ({ site: 'home', series: [{ sensor, metric: 'v' }] });

async function expectExact(queries: TelemetryQueries, model: TelemetryModel, random: () => number) {
  const fromMs = Math.floor((FROM_MS + random() * (TO_MS - FROM_MS)) / MINUTE_MS) * MINUTE_MS;
  const toMs = fromMs + MINUTE_MS * Math.ceil(1 + random() ** 3 * 80 * 1_440);
  const timeZone = ZONES[Math.floor(random() * ZONES.length)] as string;
  const maxPoints = 1 + Math.floor(random() * 300);
  const tier = (['raw', '1m', '1h', '1d'] as const)[Math.floor(random() * 4)];
  const query: TelemetryQuery = {
    site: 'home',
    series: [{ sensor: 'climate' }, { sensor: 'rare' }],
    ...{ from: new Date(fromMs), to: new Date(toMs), timeZone, maxPoints, tier },
  };
  const answer = await queries.answer(query);
  answer.forEach((series, n) => {
    const rows = [...model.raw()]
      .map(([key, value]) => [...key.split(' ').map(Number), value] as [number, number, number])
      .filter(([id, ms]) => id === n + 1 && ms >= fromMs && ms < toMs)
      .toSorted(([, a], [, b]) => a - b);
    expect(series.points.length, JSON.stringify(query)).toBeLessThanOrEqual(maxPoints);
    expectSame(series, rows, timeZone, JSON.stringify(query));
  });
}

function expectSame(
  { tier, bucketMs, points }: SeriesPoints,
  rows: [id: number, ms: number, value: number][],
  timeZone: string,
  text: string,
): void {
  if (tier === 'raw') return expect(points, text).toEqual(rows.map(([, ms, value]) => [ms, value]));
  const keyOf = (ms: number): number =>
    bucketMs < DAY_MS ? Math.floor(ms / bucketMs) : Math.floor(localDay(ms, timeZone) / (bucketMs / DAY_MS));
  const groups = new Map<number, typeof rows>();
  for (const row of rows) groups.set(keyOf(row[1]), [...(groups.get(keyOf(row[1])) ?? []), row]);
  const folds = [...groups].map(([key, group]) => {
    const values = group.map(([, , value]) => value);
    const sum = values.reduce((a, b) => a + b, 0);
    return [key, sum / values.length, Math.min(...values), Math.max(...values), values.length];
  });
  expect(
    points.map(([ms, ...fold]) => [keyOf(ms as number), ...fold]),
    text,
  ).toEqual(folds);
  // Each begins with the first moment of its days.
  for (const [ms] of points) expect(keyOf((ms as number) - 1), text).toBe(keyOf(ms as number) - 1);
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Since 1970, by the calendar on the wall. */
function localDay(ms: number, timeZone: string): number {
  const format = formats.get(timeZone) ?? new Intl.DateTimeFormat('en-CA', { timeZone });
  formats.set(timeZone, format);
  return Date.parse(`${format.format(ms)}T00:00:00Z`) / DAY_MS;
}
