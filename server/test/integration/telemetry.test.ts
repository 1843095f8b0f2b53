import { describe, expect, it, onTestFinished } from 'vitest';
import type { Reading } from '@sitecast/shared/protocol/telemetry';
import type { LatestValue } from '@sitecast/shared/protocol/viewer-messages';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { LatestValues } from '../../src/telemetry/latest-values.ts';
import { Partitions } from '../../src/telemetry/partitions.ts';
import { ReadingBatcher } from '../../src/telemetry/reading-batcher.ts';
import { SeriesCatalogue } from '../../src/telemetry/series-catalogue.ts';
import {
  QUERY_TOTAL_POINTS_MAX,
  TelemetryQueries,
  type TelemetryQuery,
} from '../../src/telemetry/telemetry-query.ts';
import { TelemetryStore, type ValueColumns } from '../../src/telemetry/telemetry-store.ts';
import type { Database } from '../../src/postgres/pool.ts';
import { testLogger, useOwnPostgres } from '../support/postgres.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { waitFor } from '../support/wait-for.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const DEVICE = { id: 'gateway' };

describe('telemetry', () => {
  const postgres = useOwnPostgres();

  it('is committed when add resolves', async () => {
    const { batcher, database } = await openTelemetry();
    const tsMs = Date.now();
    await batcher.add('home', 'climate', DEVICE, [{ tsMs, values: { temperature: 21.5, humidity: 40 } }]);
    const rows = await database.query(
      `select metric, device, ts, value from telemetry join series on series.id = series_id order by metric`,
    );
    const ts = new Date(tsMs);
    expect(rows).toEqual([
      { metric: 'humidity', device: 'gateway', ts, value: 40 },
      { metric: 'temperature', device: 'gateway', ts, value: 21.5 },
    ]);
  });

  it('keeps minutes equal to a naive model under duplicates, reordering, late days and several writers', async () => {
    const { batcher, database } = await openTelemetry();
    const random = seededRandom(7);
    const now = Math.floor(Date.now() / DAY_MS) * DAY_MS + 1_000;
    const model = new Map<string, number>();
    const messages: { sensor: string; reading: Reading }[] = [];
    for (let n = 0; n < 3_000; n += 1) {
      const sensor = `s${Math.floor(random() * 3)}`;
      // Close together, so that minutes fill and times collide; some days and months back.
      const daysBack = [0, 0, 0, 1, 40, 399][Math.floor(random() * 6)]!;
      const tsMs = now - daysBack * DAY_MS + Math.floor(random() * 400) * 1_000;
      const key = `${sensor} ${tsMs}`;
      // A time that comes again carries the same value: it is the same reading, sent again.
      const value = model.get(key) ?? Math.round(random() * 1_000) / 8;
      model.set(key, value);
      messages.push({ sensor, reading: { tsMs, values: { v: value } } });
    }
    const sends = messages.flatMap(({ sensor, reading }) =>
      Array.from({ length: random() < 0.3 ? 2 : 1 }, () => batcher.add('home', sensor, DEVICE, [reading])),
    );
    await Promise.all(sends);
    const raw = await database.query<{ sensor: string; ms: number; value: number }>(
      `select sensor, (extract(epoch from ts) * 1000)::int8 as ms, value from telemetry join series on series.id = series_id`,
    );
    expect(new Map(raw.map(({ sensor, ms, value }) => [`${sensor} ${ms}`, value]))).toEqual(model);
    const minutes = await database.query<{ key: string }>(
      `select sensor || ' ' || (extract(epoch from bucket) * 1000)::int8 as key, count, sum, min, max
       from telemetry_1m join series on series.id = series_id`,
    );
    expect(new Map(minutes.map(({ key, ...fold }) => [key, fold]))).toEqual(foldNaively(model));
    expect(batcher.counters).toMatchObject({
      valuesStored: model.size,
      valuesKnown: sends.length - model.size,
    });
  });

  it('leaves the first value of a time as it is', async () => {
    const { batcher, database } = await openTelemetry();
    const tsMs = Date.now();
    await batcher.add('home', 'climate', DEVICE, [{ tsMs, values: { v: 1 } }]);
    await batcher.add('home', 'climate', DEVICE, [
      { tsMs, values: { v: 2 } },
      { tsMs, values: { v: 3 } },
    ]);
    expect(await database.query('select value from telemetry')).toEqual([{ value: 1 }]);
    expect(await database.query('select count, sum, min, max from telemetry_1m')).toEqual([
      { count: 1, sum: 1, min: 1, max: 1 },
    ]);
  });

  it('rejects, retryable, what could not be committed, and stores it exactly once when it comes again', async () => {
    const { batcher, database } = await openTelemetry();
    const readings = [{ tsMs: Date.now(), values: { v: 1 } }];
    await batcher.add('home', 'climate', DEVICE, [{ tsMs: Date.now() - 5_000, values: { v: 0 } }]);
    process.kill(postgres.server.pid, 'SIGKILL');
    await waitFor('the end of PostgreSQL', () => !postgres.server.isRunning);
    const sending = batcher.add('home', 'climate', DEVICE, readings);
    await expect(sending).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    await postgres.server.restart();
    await waitFor('the resend', () =>
      batcher.add('home', 'climate', DEVICE, readings).then(
        () => true,
        () => false,
      ),
    );
    await batcher.add('home', 'climate', DEVICE, readings);
    expect(await database.query('select value from telemetry order by ts')).toEqual([
      { value: 0 },
      { value: 1 },
    ]);
  });

  it('does not acknowledge before the commit, and not at all when the commit fails', async () => {
    let failCommit = (): void => undefined;
    const committing = new Promise<number>((_, reject) => {
      failCommit = () => reject(new AppError('STORE_UNAVAILABLE', 'the commit failed', { retryable: true }));
    });
    const { batcher } = await openTelemetry({ insert: () => committing });
    let isAcknowledged = false;
    const sending = batcher.add('home', 'climate', DEVICE, [{ tsMs: Date.now(), values: { v: 1 } }]);
    void sending.then(
      () => (isAcknowledged = true),
      () => undefined,
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(isAcknowledged).toBe(false);
    failCommit();
    await expect(sending).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
  });

  it('gathers what comes in while it writes into few statements', async () => {
    const { batcher, database } = await openTelemetry();
    const startMs = Date.now() - 3_600_000;
    const sends = Array.from({ length: 2_500 }, (_, n) =>
      batcher.add('home', 'power', DEVICE, [{ tsMs: startMs + n, values: { watts: n } }]),
    );
    await Promise.all(sends);
    expect(batcher.counters).toMatchObject({ messagesStored: 2_500, valuesStored: 2_500 });
    expect(batcher.counters.batches).toBeLessThanOrEqual(5);
    expect(await database.query('select count(*) from telemetry')).toEqual([{ count: 2_500 }]);
  });

  it('refuses a message when too many wait, and takes some again later', async () => {
    let finish = (_stored: number): void => undefined;
    const writing = new Promise<number>((resolve) => (finish = resolve));
    const { batcher } = await openTelemetry({ insert: () => writing, maxMessages: 3 });
    const send = (n: number): Promise<void> =>
      batcher.add('home', 'power', DEVICE, [{ tsMs: Date.now() + n, values: { watts: n } }]);
    const first = send(0);
    await waitFor('the writer to be busy', () => batcher.stats.messages === 0);
    const waiting = [send(1), send(2), send(3)];
    await expect(send(4)).rejects.toMatchObject({ code: 'QUEUE_FULL', retryable: true });
    expect(batcher.stats).toMatchObject({ messages: 3, rows: 3, messagesRefused: 1 });
    finish(1);
    await Promise.all([first, ...waiting]);
    await send(5);
  });

  it('refuses one message of a batch for its own fault, and stores the others', async () => {
    const { batcher, database } = await openTelemetry();
    const tsMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
    const good = batcher.add('home', 'climate', DEVICE, [{ tsMs, values: { v: 1 } }]);
    const nowhere = batcher.add('nowhere', 'climate', DEVICE, [{ tsMs, values: { v: 1 } }]);
    // Their sum is above what a double holds, so the fold into the minute fails.
    const tooMuch = batcher.add('home', 'huge', DEVICE, [
      { tsMs, values: { v: 1.7e308 } },
      { tsMs: tsMs + 1, values: { v: 1.7e308 } },
    ]);
    const alsoGood = batcher.add('home', 'power', DEVICE, [{ tsMs, values: { watts: 5 } }]);
    await expect(nowhere).rejects.toMatchObject({ code: 'BAD_REQUEST', retryable: false });
    await expect(tooMuch).rejects.toMatchObject({ code: 'BAD_REQUEST', retryable: false });
    await Promise.all([good, alsoGood]);
    expect(await database.query('select value from telemetry order by value')).toEqual([
      { value: 1 },
      { value: 5 },
    ]);
  });

  it('stores what a device may have and refuses the series above its cap, once it is told', async () => {
    const { batcher, catalogue, database } = await openTelemetry({ perDeviceMax: 3 });
    const tsMs = Date.now();
    const sending = batcher.add('home', 'chatty', DEVICE, [
      { tsMs, values: { a: 1, b: 2, c: 3, d: 4, e: 5 } },
    ]);
    await expect(sending).rejects.toMatchObject({
      code: 'SERIES_LIMIT',
      retryable: false,
      detail: { valuesRefused: 2 },
    });
    expect(await database.query('select count(*) from telemetry')).toEqual([{ count: 3 }]);
    expect(catalogue.counters).toMatchObject({ seriesMade: 3, seriesRefused: 2, seriesForgotten: 0 });
    await batcher.add('home', 'modest', { id: 'other' }, [{ tsMs, values: { a: 1 } }]);
  });

  it('refuses readings that are years late, and makes room for those that are months late', async () => {
    const { batcher, database } = await openTelemetry();
    const send = (daysLate: number): Promise<void> =>
      batcher.add('home', 'climate', DEVICE, [{ tsMs: Date.now() - daysLate * DAY_MS, values: { v: 1 } }]);
    await send(300);
    await expect(send(500)).rejects.toMatchObject({ code: 'FRAME_MALFORMED', retryable: false });
    expect(await database.query('select count(*) from telemetry')).toEqual([{ count: 1 }]);
  });

  it('makes a day again that retention dropped', async () => {
    const { batcher, database } = await openTelemetry();
    const tsMs = Date.now() - 5 * DAY_MS;
    await batcher.add('home', 'climate', DEVICE, [{ tsMs, values: { v: 1 } }]);
    await database.query(
      `drop table telemetry_${new Date(tsMs).toISOString().slice(0, 10).replaceAll('-', '')}`,
    );
    await batcher.add('home', 'climate', DEVICE, [{ tsMs: tsMs + 1, values: { v: 2 } }]);
    expect(await database.query('select value from telemetry')).toEqual([{ value: 2 }]);
  });

  it('stores what was taken in when it closes, and takes nothing afterwards', async () => {
    const { batcher, database } = await openTelemetry();
    const sending = batcher.add('home', 'climate', DEVICE, [{ tsMs: Date.now(), values: { v: 1 } }]);
    await batcher.close();
    await sending;
    expect(await database.query('select count(*) from telemetry')).toEqual([{ count: 1 }]);
    await expect(batcher.add('home', 'climate', DEVICE, [])).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  it('tells what is newest, once, and knows it again after a restart', async () => {
    const { batcher, database, changes } = await openTelemetry();
    const tsMs = Date.now();
    const at = (ms: number): string => new Date(ms).toISOString();
    await batcher.add('home', 'climate', DEVICE, [
      { tsMs, values: { v: 2 } },
      { tsMs: tsMs - 1, values: { v: 1 } },
    ]);
    await batcher.add('home', 'climate', DEVICE, [
      { tsMs, values: { v: 2 } },
      { tsMs: tsMs - 60_000, values: { v: 0 } },
    ]);
    const newest = {
      site: 'home',
      sensor: 'climate',
      metric: 'v',
      unit: null,
      label: null,
      ts: at(tsMs),
      value: 2,
    };
    expect(changes).toEqual([newest]);
    const afterRestart = new LatestValues();
    await afterRestart.load(database);
    expect(JSON.parse(afterRestart.answer({ sites: null }).toString())).toEqual({
      items: [newest],
      nextCursor: null,
    });
    expect(afterRestart.of({ site: 'home', id: 'climate' })).toEqual([newest]);
    expect(afterRestart.of({ site: 'home', id: 'other' })).toEqual([]);
  });

  it('takes what is dated ahead as of its arrival when it asks what is newest, and keeps it as it is dated', async () => {
    const { batcher, database, changes } = await openTelemetry();
    const aheadMs = Date.now() + DAY_MS - MINUTE_MS;
    const send = (sensor: string, tsMs: number, v: number): Promise<void> =>
      batcher.add('home', sensor, DEVICE, [{ tsMs, values: { v } }]);
    // Its clock was ahead, and is set right; that of the other one stays ahead.
    await send('climate', aheadMs, 21);
    await waitFor('a later time', () => Date.now() > Date.parse(changes[0]?.ts ?? ''));
    await send('climate', Date.now(), 99);
    await send('ahead', aheadMs, 1);
    await waitFor('a later time', () => Date.now() > Date.parse(changes[2]?.ts ?? ''));
    await send('ahead', aheadMs + 10, 2);
    expect(changes.map(({ value }) => value)).toEqual([21, 99, 1, 2]);
    for (const { ts } of changes) expect(Date.parse(ts)).toBeLessThanOrEqual(Date.now());
    const stored = await database.query<{ ts: Date }>('select ts from telemetry where value = 21');
    expect(stored).toEqual([{ ts: new Date(aheadMs) }]);

    const afterRestart = new LatestValues();
    await afterRestart.load(database);
    expect(afterRestart.of({ site: 'home', id: 'climate' })).toMatchObject([{ value: 99 }]);
    const [ahead] = afterRestart.of({ site: 'home', id: 'ahead' });
    expect(Date.parse(ahead?.ts ?? '')).toBeLessThanOrEqual(Date.now());
  });

  it('answers with raw values where they fit, and with exact buckets where they do not', async () => {
    const { batcher, database } = await openTelemetry();
    const fromMs = (Math.floor(Date.now() / DAY_MS) - 3) * DAY_MS;
    const readings = Array.from({ length: 720 }, (_, n) => ({
      tsMs: fromMs + n * 30_000,
      values: { v: n, w: -n },
    }));
    await batcher.add('home', 'climate', DEVICE, readings);
    const queries = new TelemetryQueries({ database });
    const ask = ({
      sensor = 'climate',
      metric,
      ...given
    }: Partial<TelemetryQuery> & { sensor?: string; metric?: string }) =>
      queries.answer({
        site: 'home',
        series: [{ sensor, metric }],
        from: new Date(fromMs),
        to: new Date(fromMs + 6 * 3_600_000),
        ...given,
      });

    const raw = await ask({ metric: 'v', maxPoints: 720 });
    expect(raw).toMatchObject([{ metric: 'v', unit: null, tier: 'raw' }]);
    expect(raw[0]?.points).toEqual(readings.map(({ tsMs, values }) => [tsMs, values.v]));

    const minutes = await ask({ metric: 'v', maxPoints: 400 });
    expect(minutes[0]).toMatchObject({ tier: '1m' });
    expect(minutes[0]?.points).toHaveLength(360);
    expect(minutes[0]?.points[1]).toEqual([fromMs + MINUTE_MS, 2.5, 2, 3, 2]);

    const hours = await ask({ tier: '1h' });
    expect(hours.map(({ metric, tier, points }) => [metric, tier, points.length])).toEqual([
      ['v', '1h', 6],
      ['w', '1h', 6],
    ]);
    expect(hours[0]?.points[5]).toEqual([fromMs + 5 * 3_600_000, 659.5, 600, 719, 120]);

    const day = await ask({ metric: 'w', maxPoints: 1, from: new Date(fromMs - 3 * DAY_MS) });
    expect(day[0]?.tier).toBe('1d');
    expect(day[0]?.points).toHaveLength(1);
    expect(day[0]?.points[0]?.slice(1)).toEqual([-359.5, -719, 0, 720]);
    expect(await ask({ sensor: 'nobody' })).toEqual([]);
    await expect(ask({ to: new Date(fromMs) })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });

  it('gives many series fewer points each than asked for, and counts such an answer', async () => {
    const { batcher, database } = await openTelemetry();
    const tsMs = Date.now() - MINUTE_MS;
    const readings = [0, 1].map((half) => ({
      tsMs,
      values: Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`m${half}_${n}`, n])),
    }));
    await batcher.add('home', 'climate', DEVICE, readings);
    const queries = new TelemetryQueries({ database });
    const ask = (maxPoints: number) =>
      queries.answer({
        site: 'home',
        series: [{ sensor: 'climate' }],
        from: new Date(tsMs),
        to: new Date(tsMs + 1),
        maxPoints,
      });
    expect(await ask(QUERY_TOTAL_POINTS_MAX / 100)).toHaveLength(100);
    expect(queries.counters).toMatchObject({ queriesCoarsened: 0 });
    expect(await ask(QUERY_TOTAL_POINTS_MAX / 100 + 1)).toHaveLength(100);
    expect(queries.counters).toMatchObject({ queriesCoarsened: 1 });
  });

  it('forgets the oldest series that it knows above its bound, counts it, and finds it again', async () => {
    const { database } = await openTelemetry();
    const catalogue = new SeriesCatalogue({ database, cacheMax: 2 });
    const first = await catalogue.resolve('home', 'climate', ['a', 'b'], 'gateway');
    expect(catalogue.counters).toMatchObject({ seriesMade: 2, seriesForgotten: 0 });
    await catalogue.resolve('home', 'climate', ['c'], 'gateway');
    expect(await catalogue.resolve('home', 'climate', ['a'], 'gateway')).toEqual(
      new Map([['a', expect.objectContaining({ id: first.get('a')?.id }) as unknown]]),
    );
    expect(catalogue.counters).toMatchObject({ seriesMade: 3, seriesForgotten: 2 });
    expect(catalogue.size).toBe(2);
  });

  interface TestOptions {
    insert?: (columns: ValueColumns) => Promise<number>;
    maxMessages?: number;
    perDeviceMax?: number;
  }

  interface TestTelemetry {
    batcher: ReadingBatcher;
    catalogue: SeriesCatalogue;
    database: Database;
    changes: LatestValue[];
  }

  async function openTelemetry({
    insert,
    maxMessages,
    perDeviceMax,
  }: TestOptions = {}): Promise<TestTelemetry> {
    const db = await postgres.createDatabase();
    onTestFinished(() => db[Symbol.asyncDispose]());
    const { database } = db;
    await database.query(`insert into sites (id, name) values ('home', 'Home')`);
    const partitions = new Partitions({ database, logger: testLogger });
    await partitions.start();
    const store = insert ? { insert } : new TelemetryStore({ database, partitions });
    const catalogue = new SeriesCatalogue({
      database,
      ...(perDeviceMax === undefined ? {} : { perDeviceMax }),
    });
    const changes: LatestValue[] = [];
    const batcher = new ReadingBatcher({
      catalogue,
      store,
      latest: new LatestValues(),
      onStored: (values) => void changes.push(...values),
      maxMessages,
    });
    onTestFinished(async () => {
      await batcher.close();
      partitions.close();
    });
    return { batcher, catalogue, database, changes };
  }
});

function foldNaively(model: Map<string, number>): Map<string, object> {
  const minutes = new Map<string, { count: number; sum: number; min: number; max: number }>();
  for (const [key, value] of model) {
    const [sensor, tsMs] = key.split(' ');
    const minute = `${sensor} ${Math.floor(Number(tsMs) / MINUTE_MS) * MINUTE_MS}`;
    const { count, sum, min, max } = minutes.get(minute) ?? {
      count: 0,
      sum: 0,
      min: Infinity,
      max: -Infinity,
    };
    // Multiples of 1/8: their sums are exact in any order.
    minutes.set(minute, {
      count: count + 1,
      sum: sum + value,
      min: Math.min(min, value),
      max: Math.max(max, value),
    });
  }
  return minutes;
}
