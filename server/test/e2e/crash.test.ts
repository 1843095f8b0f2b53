// What was acknowledged is not lost: kill -9 of the server, PostgreSQL gone for 20 s, kill -9 of the agent, under load.

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queryDatabase } from './support/database.ts';
import { BusyAgent, createDevice } from './support/device.ts';
import { descendantsOf, type Sitecast, waitFor, type ApiSession } from './support/sitecast.ts';
import { startSitecast } from './support/start-sitecast.ts';

describe('crashes under load', () => {
  let sitecast: Sitecast;
  let session: ApiSession;
  let busy: BusyAgent;

  beforeAll(async () => {
    sitecast = await startSitecast();
    session = await sitecast.login();
    busy = new BusyAgent(sitecast.ready.mqttPort, await createDevice(session, 'busy-agent', 'agent'));
    await waitFor(
      () => busy.ackedSnapshots.size > 10 && busy.ackedReadings.size > 100,
      'the first acknowledgements',
    );
  });
  afterAll(() => sitecast.close());

  it('kill -9 of the server: it comes back, and ingest goes on', async () => {
    const { server } = sitecast.ready.pids;
    process.kill(server, 'SIGKILL');
    await waitFor(() => sitecast.ready.pids.server !== server, 'a new server');
    await goesOn('after the kill of the server');
  });

  it('PostgreSQL frozen for 20 s: nothing is acknowledged meanwhile, and ingest goes on', async () => {
    const postgres = descendantsOf(sitecast.launcherPid).filter(({ command }) => command === 'postgres');
    expect(postgres.length).toBeGreaterThan(3);
    for (const { pid } of postgres) process.kill(pid, 'SIGSTOP');
    const frozenAtTs = busy.newestTs;
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    // What was sent before may have been stored, its acknowledgement on the way.
    expect([...busy.ackedReadings.keys()].filter((ts) => ts > frozenAtTs)).toEqual([]);
    for (const { pid } of postgres) process.kill(pid, 'SIGCONT');
    await goesOn('after PostgreSQL was frozen');
  });

  it('kill -9 of PostgreSQL: it is started again, and ingest goes on', async () => {
    const [postmaster] = descendantsOf(sitecast.launcherPid).filter(({ command }) => command === 'postgres');
    process.kill(postmaster!.pid, 'SIGKILL');
    await goesOn('after the kill of PostgreSQL');
  });

  it('kill -9 of the agent: no ffmpeg is orphaned, and snapshots go on', async () => {
    const { agent } = sitecast.ready.pids;
    const orphans = descendantsOf(agent).map(({ pid }) => pid);
    process.kill(agent, 'SIGKILL');
    await waitFor(() => sitecast.ready.pids.agent !== agent, 'a new agent');
    await waitFor(() => orphans.every((pid) => !isAlive(pid)), 'the end of the old ffmpeg');
    const before = await countSnapshots('courtyard');
    await waitFor(
      async () => (await countSnapshots('courtyard')) > before,
      'a new snapshot of the demo camera',
    );
  });

  it('afterwards every acknowledged snapshot and reading is stored exactly once', async () => {
    await busy.finish();
    await waitFor(async () => (await countSnapshots('cam-1')) >= busy.ackedSnapshots.size, 'the image jobs');
    const ids = await queryDatabase<{ id: string }>(
      sitecast.ready.databaseUrl,
      `select id from snapshots where camera = 'cam-1'`,
    );
    expect(ids.map(({ id }) => id).sort()).toEqual([...busy.ackedSnapshots.keys()].sort());
    const rows = await queryDatabase<{ ts: Date; value: number }>(
      sitecast.ready.databaseUrl,
      `select ts, value from telemetry join series on series.id = series_id where sensor = 'busy' order by ts`,
    );
    expect(new Map(rows.map(({ ts, value }) => [ts.getTime(), value]))).toEqual(sorted(busy.ackedReadings));
    expect(rows.length).toBe(busy.ackedReadings.size);
  });

  it('the minute rollup counts each of them once', async () => {
    const [rollup] = await queryDatabase<{ count: string; sum: number }>(
      sitecast.ready.databaseUrl,
      `select sum(count) as count, sum(sum) as sum from telemetry_1m join series on series.id = series_id where sensor = 'busy'`,
    );
    expect(Number(rollup!.count)).toBe(busy.ackedReadings.size);
    expect(rollup!.sum).toBeCloseTo(
      [...busy.ackedReadings.values()].reduce((sum, value) => sum + value, 0),
      3,
    );
  });

  it('the stored pictures are the bytes that were sent', async () => {
    const fresh = await sitecast.login();
    for (const [id, sha256] of [...busy.ackedSnapshots].slice(0, 50)) {
      const response = await fresh.fetch(`snapshots/${id}`);
      const digest = createHash('sha256')
        .update(Buffer.from(await response.arrayBuffer()))
        .digest('hex');
      expect(digest).toBe(sha256);
    }
  });

  async function goesOn(when: string): Promise<void> {
    const snapshots = busy.ackedSnapshots.size;
    const readings = busy.ackedReadings.size;
    await waitFor(
      () => busy.ackedSnapshots.size > snapshots + 10 && busy.ackedReadings.size > readings + 200,
      `acknowledgements ${when}`,
    );
  }

  async function countSnapshots(camera: string): Promise<number> {
    const [row] = await queryDatabase<{ count: number }>(
      sitecast.ready.databaseUrl,
      'select count(*)::int as count from snapshots where camera = $1',
      [camera],
    );
    return row!.count;
  }
});

const sorted = (map: Map<number, number>): Map<number, number> => new Map([...map].sort(([a], [b]) => a - b));

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
