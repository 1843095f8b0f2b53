import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '@sitecast/shared/runtime/clock';
import type { Database } from '../../src/postgres/pool.ts';
import { Partitions } from '../../src/telemetry/partitions.ts';
import { DAY_MS, MINUTE_MS } from '../../src/telemetry/query-buckets.ts';
import { Rollups } from '../../src/telemetry/rollups.ts';
import { TelemetryStore } from '../../src/telemetry/telemetry-store.ts';
import { testLogger, useTestPostgres } from '../support/postgres.ts';

const FROM_MS = Date.UTC(2025, 8, 1);
const SERIES = [1, 2, 3, 4, 5];

describe('the keys of readings', () => {
  const postgres = useTestPostgres();

  it.each([
    ['telemetry', 'ts', 'value'],
    ['telemetry_1m', 'bucket', 'count, sum, min, max'],
    ['telemetry_1h', 'bucket', 'count, sum, min, max'],
    ['telemetry_1d', 'bucket', 'count, sum, min, max'],
  ])('of %s tell a curve without a look at the rows', async (table, time, values) => {
    const database = await openDays();
    await database.query(`vacuum ${table}`);
    const scans = await scansOf(
      database,
      `select ${time}, ${values} from ${table} where series_id = 3 and ${time} >= $1 and ${time} < $2`,
      [new Date(FROM_MS), new Date(FROM_MS + 2 * DAY_MS)],
    );
    expect(scans.length).toBeGreaterThan(0);
    for (const scan of scans)
      expect(scan).toMatchObject({ 'Node Type': 'Index Only Scan', 'Heap Fetches': 0 });
    expect(scans.reduce((sum, scan) => sum + scan['Actual Rows'], 0)).toBeGreaterThan(1);
  });

  it('are swept in each partition once some rows of it are new, not once a fifth is', async () => {
    const database = await openDays();
    const partitions = await database.query<{ options: string[] | null }>(
      `select reloptions as options from pg_class join pg_inherits on inhrelid = oid
       where inhparent in ('telemetry'::regclass, 'telemetry_1m'::regclass, 'telemetry_1h'::regclass, 'telemetry_1d'::regclass)`,
    );
    expect(partitions.length).toBeGreaterThan(3);
    for (const { options } of partitions)
      expect(options).toContain('autovacuum_vacuum_insert_scale_factor=0');
  });

  async function openDays(): Promise<Database> {
    const db = await postgres.createDatabase();
    onTestFinished(() => db[Symbol.asyncDispose]());
    const { database } = db;
    const partitions = new Partitions({ database, logger: testLogger });
    const store = new TelemetryStore({ database, partitions });
    const clock = { ...systemClock, nowMs: () => FROM_MS + 3 * DAY_MS };
    const rollups = new Rollups({ database, partitions, logger: testLogger, clock });
    for (let ms = FROM_MS; ms < FROM_MS + 2 * DAY_MS; ms += 30 * MINUTE_MS)
      await store.insert({
        seriesIds: SERIES,
        timesMs: SERIES.map(() => ms),
        values: SERIES.map((id) => id / 8),
      });
    while ((await rollups.rollUp()) > 0);
    return database;
  }
});

interface Scan {
  'Node Type': string;
  'Actual Rows': number;
  'Heap Fetches'?: number;
  Plans?: Scan[];
}

/** What it reads of tables, where PostgreSQL may not read them whole: these are small. */
async function scansOf(database: Database, sql: string, values: unknown[]): Promise<Scan[]> {
  const [row] = await database.transaction(async (client) => {
    await client.query('set local enable_seqscan = off');
    await client.query('set local enable_bitmapscan = off');
    return client.query<{ 'QUERY PLAN': [{ Plan: Scan }] }>(`explain (analyze, format json) ${sql}`, values);
  });
  const all = (scan: Scan): Scan[] => (scan.Plans ? scan.Plans.flatMap(all) : [scan]);
  return all(row!['QUERY PLAN'][0].Plan);
}
