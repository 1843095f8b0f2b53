// kill -9 of the server and of PostgreSQL while readings are written and hours are rolled up: whatever was acknowledged is stored
// once, and every tier equals the raw values.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storedFold, storedRaw, TelemetryModel, TIER_TABLES } from '../support/telemetry-model.ts';
import { queryDatabase } from './support/database.ts';
import { createDevice } from './support/device.ts';
import { LateSensor } from './support/late-sensors.ts';
import { descendantsOf, type Sitecast, waitFor } from './support/sitecast.ts';
import { startSitecast } from './support/start-sitecast.ts';

const SENSORS = 4;

describe('readings in a crash', () => {
  let sitecast: Sitecast;
  const sensors: LateSensor[] = [];

  beforeAll(async () => {
    sitecast = await startSitecast({ args: ['--no-demo'] });
    const session = await sitecast.login();
    for (let n = 0; n < SENSORS; n += 1) {
      const login = await createDevice(session, `late-${n}`, 'sensor');
      sensors.push(new LateSensor(sitecast.ready.mqttPort, login, n + 1));
    }
    await waitForMore();
    await waitFor(async () => (await count('telemetry_1h')) > 0, 'the first hours');
  });
  afterAll(() => sitecast.close());

  it.each([1, 2, 3])('kill -9 of the server in mid-batch, time %i: ingest goes on', async () => {
    const { server } = sitecast.ready.pids;
    process.kill(server, 'SIGKILL');
    await waitFor(() => sitecast.ready.pids.server !== server, 'a new server');
    await waitForMore();
  });

  it.each([1, 2, 3])('kill -9 of PostgreSQL in mid-batch, time %i: ingest goes on', async () => {
    const [postmaster] = descendantsOf(sitecast.launcherPid).filter(({ command }) => command === 'postgres');
    process.kill(postmaster!.pid, 'SIGKILL');
    await waitForMore();
  });

  it('afterwards every acknowledged reading is stored once, and minutes, hours and days equal them', async () => {
    await Promise.all(sensors.map((sensor) => sensor.finish()));
    await waitFor(async () => (await count('rollup_due')) === 0, 'the last hour to be rolled up');
    const model = await ackedModel();
    expect(model.size).toBeGreaterThan(10_000);
    expect(await storedRaw(database)).toEqual(model.raw());
    for (const [table, bucketMs] of Object.entries(TIER_TABLES) as [keyof typeof TIER_TABLES, number][])
      expect(await storedFold(database, table)).toEqual(model.fold(bucketMs));
  });

  const database = {
    query: <Row extends object>(sql: string) => queryDatabase<Row>(sitecast.ready.databaseUrl, sql),
  };

  async function waitForMore(): Promise<void> {
    const before = sensors.map(({ acked }) => acked.size);
    const hasMore = (): boolean => sensors.every(({ acked }, n) => acked.size > (before[n] ?? 0) + 1_000);
    await waitFor(hasMore, 'more acknowledgements');
  }

  async function count(table: string): Promise<number> {
    const [row] = await database.query<{ count: number }>(`select count(*)::int as count from ${table}`);
    return row!.count;
  }

  async function ackedModel(): Promise<TelemetryModel> {
    const series = await database.query<{ id: number; sensor: string; metric: string }>(
      'select id, sensor, metric from series',
    );
    const ids = new Map(series.map(({ id, sensor, metric }) => [`${sensor} ${metric}`, id]));
    const model = new TelemetryModel();
    for (const { id: sensor, acked } of sensors) {
      for (const [key, value] of acked) {
        const [metric, ms] = key.split(' ');
        model.add(ids.get(`${sensor} ${metric}`)!, Number(ms), value);
      }
    }
    return model;
  }
});
