import { describe, expect, it, onTestFinished } from 'vitest';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { systemClock } from '@sitecast/shared/runtime/clock';
import type { Database } from '../../src/postgres/pool.ts';
import { Partitions } from '../../src/telemetry/partitions.ts';
import { Rollups } from '../../src/telemetry/rollups.ts';
import { TelemetryStore, type ValueColumns } from '../../src/telemetry/telemetry-store.ts';
import { testLogger, useTestPostgres } from '../support/postgres.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { storedFold, storedRaw, TelemetryModel, TIER_TABLES } from '../support/telemetry-model.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Where the days of the test begin: a day, month and year end within them. */
const BASE_MS = Date.UTC(2025, 11, 31);

describe('hours and days', () => {
  const postgres = useTestPostgres();

  it.each([1, 2, 3, 4])(
    'equal a naive model after any order, duplication and crash between batches (seed %i)',
    async (seed) => {
      const { database, store, rollups, crashing } = await openStore({ batchMax: 7 });
      const random = seededRandom(seed);
      const model = new TelemetryModel();
      const sent: ValueColumns[] = [];
      for (let round = 0; round < 40; round += 1) {
        const batches = [makeBatch(random, model), again(random, sent) ?? makeBatch(random, model)];
        for (const batch of batches) remember(model, batch);
        sent.push(...batches);
        // Two writers and the job at the same time, and a job that dies at one of its statements.
        const job = random() < 0.5 ? crashing(Math.floor(random() * 6)) : rollups.rollUp();
        await Promise.all([...batches.map((batch) => store.insert(batch)), job]);
        if (round % 8 === 0) await expectNothingStale(database, model);
      }
      await expectNothingStale(database, model);
      while ((await rollups.rollUp()) > 0);
      expect(await database.query('select * from rollup_due')).toEqual([]);
      expect(await storedRaw(database)).toEqual(model.raw());
      for (const [table, bucketMs] of TIERS)
        expect(await storedFold(database, table)).toEqual(model.fold(bucketMs));
    },
  );

  it('wait until the hour is over, and are computed once for it', async () => {
    const { database, store, rollups, clock } = await openStore();
    clock.ms = BASE_MS + HOUR_MS / 2;
    await store.insert(columns([[1, BASE_MS, 1]]));
    expect(await rollups.rollUp()).toBe(0);
    clock.ms = BASE_MS + HOUR_MS + 120_000;
    await store.insert(columns([[1, BASE_MS + 1, 2]]));
    expect(await rollups.rollUp()).toBe(1);
    expect(await rollups.rollUp()).toBe(0);
    expect(await database.query('select count, sum, min, max from telemetry_1h')).toEqual([
      { count: 2, sum: 3, min: 1, max: 2 },
    ]);
  });

  it('are marked again by a late value, and not by one that is known', async () => {
    const { database, store, rollups } = await openStore();
    await store.insert(columns([[1, BASE_MS, 1]]));
    await rollups.rollUp();
    await store.insert(columns([[1, BASE_MS, 1]]));
    expect(await rollups.rollUp()).toBe(0);
    await store.insert(columns([[1, BASE_MS + 5, 4]]));
    expect(await rollups.rollUp()).toBe(1);
    expect(await database.query('select count, sum from telemetry_1d')).toEqual([{ count: 2, sum: 5 }]);
  });

  it('are left for later while a writer has them locked, without waiting for it', async () => {
    const { database, store, rollups } = await openStore();
    await store.insert(columns([[1, BASE_MS, 1], [2, BASE_MS, 1]])); // prettier-ignore
    await database.transaction(async (writer) => {
      await writer.query('select from rollup_due where series_id = 1 for update');
      expect(await rollups.rollUp()).toBe(1);
    });
    expect(await database.query('select series_id from rollup_due')).toEqual([{ series_id: 1 }]);
    expect(await rollups.rollUp()).toBe(1);
  });

  it('are the work of one process at a time', async () => {
    const { database, store, rollups } = await openStore();
    await store.insert(columns([[1, BASE_MS, 1]]));
    await database.transaction(async (other) => {
      await other.query(`select pg_advisory_xact_lock(hashtext('telemetry rollups'))`);
      expect(await rollups.rollUp()).toBe(0);
    });
    expect(await rollups.rollUp()).toBe(1);
  });

  async function openStore({ batchMax }: { batchMax?: number } = {}) {
    const db = await postgres.createDatabase();
    onTestFinished(() => db[Symbol.asyncDispose]());
    const { database } = db;
    const partitions = new Partitions({ database, logger: testLogger });
    const clock = { ...systemClock, ms: BASE_MS + 60 * DAY_MS, nowMs: () => clock.ms };
    const options = { partitions, logger: testLogger, batchMax, clock };
    return {
      database,
      clock,
      store: new TelemetryStore({ database, partitions }),
      rollups: new Rollups({ ...options, database }),
      /** Rolls up, and dies before the statement of this number; its transaction is gone, as with a process that is killed. */
      crashing: async (statement: number) => {
        const dying = { ...options, database: dyingAt(statement, database) };
        await expect(new Rollups(dying).rollUp()).rejects.toMatchObject({ message: 'killed' });
      },
    };
  }
});

const TIERS = Object.entries(TIER_TABLES) as [keyof typeof TIER_TABLES, number][];

type Value = [id: number, ms: number, value: number];

function columns(values: Value[]): ValueColumns {
  return {
    seriesIds: values.map(([id]) => id),
    timesMs: values.map(([, ms]) => ms),
    values: values.map(([, , value]) => value),
  };
}

/** Near each other, so that minutes and hours fill and times collide; a time that comes again carries the same value. */
function makeBatch(random: () => number, model: TelemetryModel): ValueColumns {
  const values = Array.from({ length: 1 + Math.floor(random() * 30) }, (): Value => {
    const id = 1 + Math.floor(random() * 3);
    const hour = Math.floor(random() * 8) * 5;
    const ms = BASE_MS + hour * HOUR_MS + Math.floor(random() * 200) * 7_000;
    return [id, ms, model.get(id, ms) ?? ((id * ms) % 8_191) / 8];
  });
  return columns(values);
}

/** One that was sent before, in another order. */
function again(random: () => number, sent: ValueColumns[]): ValueColumns | undefined {
  const batch = sent[Math.floor(random() * sent.length * 2)];
  if (!batch) return undefined;
  const values = batch.seriesIds.map((id, n): Value => [
    id,
    batch.timesMs[n] as number,
    batch.values[n] as number,
  ]);
  return columns(values.reverse());
}

function remember(model: TelemetryModel, { seriesIds, timesMs, values }: ValueColumns): void {
  seriesIds.forEach((id, n) => model.add(id, timesMs[n] as number, values[n] as number));
}

/** An hour that is not marked is right at any time, and so is a day without a mark. */
async function expectNothingStale(database: Database, model: TelemetryModel): Promise<void> {
  const due = await database.query<{ id: number; ms: number }>(
    `select series_id as id, (extract(epoch from hour) * 1000)::int8 as ms from rollup_due`,
  );
  expect(await storedFold(database, 'telemetry_1m')).toEqual(model.fold(TIER_TABLES.telemetry_1m));
  for (const table of ['telemetry_1h', 'telemetry_1d'] as const) {
    const bucketMs = TIER_TABLES[table];
    const marked = new Set(due.map(({ id, ms }) => `${id} ${Math.floor(ms / bucketMs) * bucketMs}`));
    const stored = await storedFold(database, table);
    for (const [key, fold] of model.fold(bucketMs))
      if (!marked.has(key)) expect(stored.get(key), `${table} ${key}`).toEqual(fold);
  }
}

function dyingAt(statement: number, database: Database): Database {
  const killed = new AppError('STORE_UNAVAILABLE', 'killed', { retryable: true });
  return Object.assign(Object.create(database) as Database, {
    transaction: <T>(work: Parameters<Database['transaction']>[0]): Promise<T> =>
      database.transaction(async (client) => {
        let ran = 0;
        await work({
          query: (sql, values, name) => {
            if (ran === statement) throw killed;
            ran += 1;
            return client.query(sql, values, name);
          },
        });
        throw killed;
      }),
  });
}
