import { describe, expect, it } from 'vitest';
import type { CameraEvent } from '@sitecast/shared/protocol/events';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import { ulid } from 'ulid';
import { createDevice, Devices } from '../../src/fleet/devices.ts';
import { Fleet } from '../../src/fleet/fleet.ts';
import { UpdateHub } from '../../src/fleet/updates.ts';
import { EventStore } from '../../src/ingest/event-store.ts';
import type { Database } from '../../src/postgres/pool.ts';
import { LatestValues } from '../../src/telemetry/latest-values.ts';
import { OutageStore } from '../../src/timeline/outage-store.ts';
import { OutageWatch } from '../../src/timeline/outage-watch.ts';
import { SensorSilence } from '../../src/timeline/sensor-silence.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { testLogger, useTestPostgres } from '../support/postgres.ts';
import { makeReadings } from '../support/readings.ts';
import { waitFor } from '../support/wait-for.ts';

const postgres = useTestPostgres();
const GATEWAY = { site: 'yard', agent: 'gateway' };
const FRONT = { site: 'yard', id: 'front' };
const MINUTE_MS = 60_000;
const START_MS = new ManualClock().nowMs();

describe('outages of agents', () => {
  it('begin when the connection was lost and end when it is there again, unless it is back at once', async () => {
    await using run = await openRun();
    await run.connect(true);
    run.clock.advance(1_000);
    await run.connect(false);
    run.clock.advance(1_000);
    await run.connect(true);
    run.clock.advance(18_000);
    await run.connect(false);
    await run.sweep();
    await run.sweep();
    expect(await run.outages()).toEqual([['agent', 'gateway', 20, null, 'disconnected']]);
    run.clock.advance(500_000);
    await run.connect(true);
    await run.sweep();
    expect(await run.outages()).toEqual([['agent', 'gateway', 20, expect.closeTo(550, -2), 'disconnected']]);
  });

  it('are one outage while it comes and goes faster than anybody looks, until it stays', async () => {
    await using run = await openRun();
    await run.connect(true);
    for (let sweeps = 0; sweeps < 4; sweeps += 1) await run.sweep();
    for (let turn = 0; turn < 12; turn += 1) {
      await run.connect(false);
      run.clock.advance(3_000);
      // There at every look.
      await run.connect(true);
      run.clock.advance(12_000);
      await waitFor('the sweep', () => run.clock.pendingTimers > 0);
    }
    expect(await run.outages()).toEqual([['agent', 'gateway', 60, null, 'disconnected']]);
    await run.sweep();
    expect(await run.outages()).toEqual([['agent', 'gateway', 60, 60 + 12 * 15 - 12, 'disconnected']]);
  });

  it('go on over a restart, and a server that was away misses nobody who comes back soon', async () => {
    await using before = await openRun();
    await before.connect(true);
    await before.connect(true, 'spare');
    before.clock.advance(1_000);
    await before.connect(false);
    await before.sweep();
    await before.sweep();
    await before.watch.close();
    // What the end of the server does to connections.
    await before.connect(false, 'spare');
    before.clock.advance(3_600_000);

    const after = await openRun(before.database, before.clock);
    await after.sweep();
    await after.connect(true, 'spare');
    for (let sweeps = 0; sweeps < 10; sweeps += 1) await after.sweep();
    expect(await after.outages()).toEqual([['agent', 'gateway', 1, null, 'disconnected']]);
    await after.connect(true);
    await after.sweep();
    const [outage] = await after.outages();
    expect(outage?.[3]).toBeGreaterThan(3_600);
    await after.watch.close();
  });

  it('begin with the server for those who do not come back after its start, and end when they are revoked', async () => {
    await using before = await openRun();
    await before.connect(true);
    await before.watch.close();
    before.clock.advance(3_600_000);
    const after = await openRun(before.database, before.clock);
    for (let sweeps = 0; sweeps < 5; sweeps += 1) await after.sweep();
    expect(await after.outages()).toEqual([]);
    await after.sweep();
    expect(await after.outages()).toEqual([['agent', 'gateway', 3_600, null, 'disconnected']]);
    await after.fleet.forgetAgent({ site: 'yard', id: 'gateway' });
    await after.sweep();
    expect(await after.outages()).toEqual([['agent', 'gateway', 3_600, expect.any(Number), 'disconnected']]);
    await after.watch.close();
  });
});

describe('outages of cameras', () => {
  it('are the same in whatever order their events come, and however often', async () => {
    await using run = await openRun();
    const random = seededRandom(11);
    for (let round = 0; round < 12; round += 1) {
      const camera = { site: 'yard', id: `camera-${round}` };
      const told = Array.from({ length: 1 + Math.floor(random() * 9) }, (_, index) =>
        event(random() < 0.5 ? 'offline' : 'online', index + 1),
      );
      for (const one of shuffled([...told, ...told.filter(() => random() < 0.3)], random))
        await run.tell(camera, one);
      const found = (await run.outages()).filter(([, id]) => id === camera.id);
      expect([told.map(({ kind }) => kind), found.map(([, , began, ended]) => [began, ended])]).toEqual([
        told.map(({ kind }) => kind),
        naiveOutages(told),
      ]);
    }
  });

  it('are found in the inventory where no event came yet, and take over what a late event knows better', async () => {
    await using run = await openRun();
    await run.connect(true);
    await run.fleet.applyInventory(GATEWAY, { cameras: [report('waiting', 30)] });
    await run.sweep();
    expect(await run.outages()).toEqual([['camera', 'front', 30, null, 'no route to the camera']]);
    await run.tell(FRONT, event('offline', 10));
    expect(await run.outages()).toEqual([['camera', 'front', 10, null, 'offline']]);
    await run.fleet.applyInventory(GATEWAY, { cameras: [report('live', 50)] });
    await run.sweep();
    expect(await run.outages()).toEqual([['camera', 'front', 10, 50, 'offline']]);
    await run.tell(FRONT, event('online', 40));
    await run.tell(FRONT, event('offline', 45));
    expect(await run.outages()).toEqual([
      ['camera', 'front', 10, 40, 'offline'],
      ['camera', 'front', 45, 50, 'offline'],
    ]);
  });

  it('end when the camera is taken out of its inventory, and what it says later is an outage of its own', async () => {
    await using run = await openRun();
    await run.connect(true);
    await run.fleet.applyInventory(GATEWAY, { cameras: [report('failed', 5)] });
    await run.sweep();
    await run.fleet.applyInventory(GATEWAY, { cameras: [] });
    await run.sweep();
    expect(await run.outages()).toEqual([['camera', 'front', 5, 30, 'no route to the camera']]);
    await run.tell(FRONT, event('offline', 100));
    expect(await run.outages()).toEqual([
      ['camera', 'front', 5, 30, 'no route to the camera'],
      ['camera', 'front', 100, null, 'offline'],
    ]);
  });

  it('do not begin while the agent is away: nobody knows of its cameras', async () => {
    await using run = await openRun();
    await run.connect(true);
    await run.fleet.applyInventory(GATEWAY, { cameras: [report('live', 0)] });
    run.clock.advance(1_000);
    await run.connect(false);
    await run.sweep();
    await run.sweep();
    expect((await run.outages()).map(([kind]) => kind)).toEqual(['agent']);
  });
});

describe('outages of sensors', () => {
  it('begin at the last reading once it is silent for much longer than usual, and end with the next one', async () => {
    await using run = await openRun();
    await run.read(30, 20 * MINUTE_MS);
    run.clock.advance(95 * MINUTE_MS);
    await run.sweep();
    expect(await run.outages()).toEqual([]);
    run.clock.advance(10 * MINUTE_MS);
    await run.sweep();
    const lastS = 29 * 20 * 60;
    expect(await run.outages()).toEqual([['sensor', 'boiler', lastS, null, 'silent']]);
    const backS = await run.readNow();
    await run.sweep();
    expect(await run.outages()).toEqual([['sensor', 'boiler', lastS, backS, 'silent']]);
  });

  it('shrink or vanish when late readings show that it spoke', async () => {
    await using run = await openRun();
    await run.read(30, MINUTE_MS);
    run.clock.advance(30 * MINUTE_MS);
    await run.sweep();
    const lastS = 29 * 60;
    expect(await run.outages()).toEqual([['sensor', 'boiler', lastS, null, 'silent']]);
    await run.readAt(START_MS + 40 * MINUTE_MS);
    await run.readNow();
    await run.sweep();
    expect(await run.outages()).toEqual([['sensor', 'boiler', 40 * 60, expect.any(Number), 'silent']]);
    run.clock.advance(30 * MINUTE_MS);
    await run.sweep();
    const quietMs = run.clock.nowMs();
    for (let atMs = quietMs - 31 * MINUTE_MS; atMs < quietMs; atMs += MINUTE_MS) await run.readAt(atMs);
    await run.readNow();
    await run.sweep();
    expect(await run.outages()).toHaveLength(1);
  });

  it('do not begin before it is known what is usual, nor while the agent is away', async () => {
    await using run = await openRun();
    await run.read(10, MINUTE_MS);
    run.clock.advance(600 * MINUTE_MS);
    await run.sweep();
    expect(await run.outages()).toEqual([]);
    await run.readNow();
    await run.read(30, MINUTE_MS, { agent: 'gateway', sensor: 'climate' });
    run.clock.advance(600 * MINUTE_MS);
    await run.sweep();
    expect((await run.outages()).filter(([, id]) => id === 'climate')).toEqual([]);
    await run.connect(true);
    run.clock.advance(4 * MINUTE_MS);
    await run.sweep();
    expect((await run.outages()).filter(([, id]) => id === 'climate')).toEqual([]);
    run.clock.advance(2 * MINUTE_MS);
    await run.sweep();
    expect((await run.outages()).filter(([, id]) => id === 'climate')).toHaveLength(1);
  });

  it('end with the login of the sensor', async () => {
    await using run = await openRun();
    await run.read(30, MINUTE_MS);
    run.clock.advance(30 * MINUTE_MS);
    await run.sweep();
    await new Devices({ database: run.database, maxDevices: 10 }).revoke('boiler');
    await run.sweep();
    expect(await run.outages()).toEqual([['sensor', 'boiler', 29 * 60, expect.any(Number), 'silent']]);
  });
});

/** With the fleet, the table and the watch of a server. Times of `outages` are seconds since the start of the clock. */
async function openRun(given?: Database, clock = new ManualClock()) {
  const test = given === undefined ? await postgres.createDatabase() : undefined;
  const database = given ?? (test as { database: Database }).database;
  if (test) {
    for (const id of ['gateway', 'spare']) await createDevice(database, { kind: 'agent', site: 'yard', id });
    await createDevice(database, { kind: 'sensor', site: 'yard', id: 'boiler' });
  }
  const updates = new UpdateHub({ share: { maxPerUser: 2, maxPerAddress: 2 }, clock: new ManualClock() });
  const fleet = new Fleet({ database, updates, clock });
  await fleet.load();
  const latest = new LatestValues();
  await latest.load(database);
  const store = new OutageStore(database);
  const silence = new SensorSilence({ fleet, latest, store, database, clock });
  const watch = new OutageWatch({ fleet, store, silence, logger: testLogger, clock });
  watch.start();
  const events = new EventStore(database);

  async function seen(sensor: string, agent: string | null): Promise<void> {
    await latest.load(database);
    await fleet.sensorSeen({ site: 'yard', id: sensor }, agent);
  }

  const run = {
    database,
    clock,
    fleet,
    watch,
    connect: (isConnected: boolean, agent = 'gateway') =>
      fleet.connectionChanged({ site: 'yard', agent }, isConnected),
    async tell(camera: { site: string; id: string }, told: CameraEvent): Promise<void> {
      await events.insert(camera, 'gateway', told);
      await store.followCamera(camera, new Date(told.at));
    },
    async sweep(): Promise<void> {
      clock.advance(15_000);
      await waitFor('the sweep', () => clock.pendingTimers > 0);
      expect(watch.counters.sweepsFailed).toBe(0);
    },
    /** `count` readings, as the clock goes. */
    async read(count: number, stepMs: number, { sensor = 'boiler', agent = null as string | null } = {}) {
      const from = new Date(clock.nowMs());
      await makeReadings(database, { site: 'yard', sensor, metric: 'value', from, count, stepMs });
      clock.advance((count - 1) * stepMs);
      await waitFor('the sweep', () => clock.pendingTimers > 0);
      await seen(sensor, agent);
    },
    async readAt(ms: number): Promise<void> {
      await database.query('select ensure_telemetry_partitions($1::timestamptz::date)', [new Date(ms)]);
      await database.query(
        `insert into telemetry select id, $1, 1 from series where sensor = 'boiler' on conflict do nothing`,
        [new Date(ms)],
      );
    },
    /** @returns its time in seconds. */
    async readNow(): Promise<number> {
      await run.readAt(clock.nowMs());
      await seen('boiler', null);
      return (clock.nowMs() - START_MS) / 1_000;
    },
    async outages(): Promise<[string, string, number, number | null, string][]> {
      const rows = await database.query<{
        kind: string;
        id: string;
        began: Date;
        ended: Date | null;
        reason: string;
      }>('select kind, id, began, ended, reason from outages order by began, id');
      const seconds = (at: Date): number => (at.getTime() - START_MS) / 1_000;
      return rows.map(({ kind, id, began, ended, reason }) => [
        kind,
        id,
        seconds(began),
        ended && seconds(ended),
        reason,
      ]);
    },
    async [Symbol.asyncDispose]() {
      await watch.close();
      await test?.[Symbol.asyncDispose]();
    },
  };
  return run;
}

/** From each first offline to the next online. */
function naiveOutages(told: CameraEvent[]): [number, number | null][] {
  const found: [number, number | null][] = [];
  for (const { kind, at } of told) {
    const second = (Date.parse(at) - START_MS) / 1_000;
    const last = found.at(-1);
    if (kind === 'offline' && last?.[1] !== null) found.push([second, null]);
    if (kind === 'online' && last && last[1] === null) last[1] = second;
  }
  return found;
}

function event(kind: string, second: number): CameraEvent {
  const at = new Date(START_MS + second * 1_000).toISOString();
  return { id: ulid(), kind, at, until: null, detail: null, snapshotId: null };
}

function report(state: CameraReport['state'], second: number): CameraReport {
  return {
    id: 'front',
    name: 'Front',
    state,
    reason: state === 'live' ? null : 'SOURCE_UNREACHABLE',
    detail: state === 'live' ? null : 'no route to the camera',
    since: new Date(START_MS + second * 1_000).toISOString(),
    codec: null,
    width: null,
    height: null,
    fps: null,
    profiles: [],
  };
}

function shuffled<T>(items: T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}
