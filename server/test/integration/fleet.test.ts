import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { AgentStatus, CameraReport } from '@sitecast/shared/protocol/status';
import { createDevice, Devices } from '../../src/fleet/devices.ts';
import { Fleet, MAX_SENSORS_PER_SITE } from '../../src/fleet/fleet.ts';
import { Sites } from '../../src/fleet/sites.ts';
import { UpdateHub } from '../../src/fleet/updates.ts';
import type { Database } from '../../src/postgres/pool.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { useTestPostgres } from '../support/postgres.ts';
import { waitFor } from '../support/wait-for.ts';

const postgres = useTestPostgres();
const GATEWAY = { site: 'yard', agent: 'gateway' };
const SPARE = { site: 'yard', agent: 'spare' };

describe('Fleet', () => {
  it('knows after a restart what it knew before, but nobody is connected', async () => {
    await using test = await postgres.createDatabase();
    const before = await openFleet(test.database);
    await before.connectionChanged(GATEWAY, true);
    await before.applyStatus(GATEWAY, status('online'));
    await before.applyInventory(GATEWAY, { cameras: [report('front'), report('back')] });
    await before.renameCamera({ site: 'yard', id: 'front' }, '정문');
    await before.sensorSeen({ site: 'yard', id: 'boiler' }, null);
    await before.renameSensor({ site: 'yard', id: 'boiler' }, 'Boiler');

    const after = await openFleet(test.database);
    expect(after.agents()).toEqual([
      {
        ...before.agent({ site: 'yard', id: 'gateway' }),
        isConnected: false,
        since: expect.any(Date) as Date,
      },
    ]);
    expect(after.agent({ site: 'yard', id: 'gateway' })).toMatchObject({
      version: '1.2.3',
      isConnected: false,
    });
    expect(after.camera({ site: 'yard', id: 'front' })).toMatchObject({
      customName: '정문',
      agent: 'gateway',
      report: { state: 'waiting', reason: 'AGENT_OFFLINE' },
    });
    expect(after.sensors()).toMatchObject([{ id: 'boiler', name: 'Boiler', agent: null }]);
    expect(after.agentOf({ site: 'yard', id: 'back' })).toEqual(GATEWAY);
  });

  it('keeps an agent online although the Will of its former connection says otherwise', async () => {
    await using test = await postgres.createDatabase();
    const fleet = await openFleet(test.database);
    await fleet.connectionChanged(GATEWAY, true);
    await fleet.applyStatus(GATEWAY, status('offline'));
    expect(fleet.agent({ site: 'yard', id: 'gateway' })?.isConnected).toBe(true);
  });

  it('forgets cameras that are no longer in the inventory', async () => {
    await using test = await postgres.createDatabase();
    const fleet = await openFleet(test.database);
    await fleet.applyInventory(GATEWAY, { cameras: [report('front'), report('back')] });
    await fleet.applyInventory(GATEWAY, { cameras: [report('back')] });
    expect(fleet.cameras().map(({ id }) => id)).toEqual(['back']);
    expect((await openFleet(test.database)).cameras().map(({ id }) => id)).toEqual(['back']);
  });

  it('shows the newest of inventories that come in one breath, here and after a restart', async () => {
    await using test = await postgres.createDatabase();
    await openFleet(test.database);
    const slowFirst = slowQueries(test.database, [60, 30, 0]);
    const fleet = new Fleet({
      database: slowFirst,
      updates: new UpdateHub({ share: { maxPerUser: 2, maxPerAddress: 2 } }),
    });
    const named = (name: string) =>
      fleet.applyInventory(GATEWAY, { cameras: [{ ...report('front'), name }] });
    await Promise.all(['first', 'second', 'third'].map(named));
    expect(fleet.camera({ site: 'yard', id: 'front' })?.report.name).toBe('third');
    expect((await openFleet(test.database)).cameras()).toMatchObject([{ report: { name: 'third' } }]);
  });

  it('does not forget a name that was given while an inventory was being saved', async () => {
    await using test = await postgres.createDatabase();
    const fleet = await openFleet(test.database);
    const front = { site: 'yard', id: 'front' };
    await fleet.applyInventory(GATEWAY, { cameras: [report('front')] });
    const slow = new Fleet({
      database: slowQueries(test.database, [0, 0, 0, 0, 50]),
      updates: new UpdateHub({ share: { maxPerUser: 2, maxPerAddress: 2 } }),
    });
    await slow.load();
    const saving = slow.applyInventory(GATEWAY, { cameras: [report('front')] });
    await delay(10);
    await slow.renameCamera(front, '정문');
    await saving;
    expect(slow.camera(front)?.customName).toBe('정문');
  });

  it('leaves a camera with the agent that has it, while that one is connected', async () => {
    await using test = await postgres.createDatabase();
    const fleet = await openFleet(test.database);
    await fleet.connectionChanged(GATEWAY, true);
    await fleet.applyInventory(GATEWAY, { cameras: [report('front')] });
    const claim = () => fleet.applyInventory(SPARE, { cameras: [report('front'), report('barn')] });
    await expect(claim()).rejects.toMatchObject({ code: 'CONFLICT', retryable: false });
    expect(fleet.agentOf({ site: 'yard', id: 'front' })).toEqual(GATEWAY);
    expect(fleet.agentOf({ site: 'yard', id: 'barn' })).toEqual(SPARE);
    expect(fleet.mayPublish(SPARE, 'front')).toBe(false);
    expect(fleet.mayPublish(SPARE, 'not-reported-yet')).toBe(true);

    await fleet.connectionChanged(GATEWAY, false);
    await claim();
    expect(fleet.agentOf({ site: 'yard', id: 'front' })).toEqual(SPARE);
  });

  it('remembers the newest snapshot of a camera, also one that an outage delayed', async () => {
    await using test = await postgres.createDatabase();
    const fleet = await openFleet(test.database);
    const front = { site: 'yard', id: 'front' };
    await fleet.applyInventory(GATEWAY, { cameras: [report('front')] });
    const store = (id: string, minute: number) =>
      fleet.snapshotStored(front, {
        id,
        capturedAt: new Date(Date.UTC(2026, 0, 1, 0, minute)),
        reason: 'interval',
      });
    store('new', 10);
    store('late', 5);
    expect(fleet.newestSnapshotOf(front)).toMatchObject({ id: 'new' });
    store('newer', 11);
    expect(fleet.newestSnapshotOf(front)).toMatchObject({ id: 'newer' });
  });

  it('writes that a sensor was seen once a minute, not once a reading', async () => {
    await using test = await postgres.createDatabase();
    const clock = new ManualClock();
    const fleet = await openFleet(test.database, clock);
    const boiler = { site: 'yard', id: 'boiler' };
    const seenAt = async () =>
      (
        await test.database.query<{ at: Date }>('select last_seen_at as at from sensors', [])
      )[0]?.at.getTime();
    await fleet.sensorSeen(boiler, null);
    const first = await seenAt();
    clock.advance(59_000);
    await fleet.sensorSeen(boiler, null);
    expect(await seenAt()).toBe(first);
    clock.advance(1_000);
    await fleet.sensorSeen(boiler, null);
    expect(await seenAt()).toBe((first ?? 0) + 60_000);
  });

  it('refuses the sensor that is one too many for its site', async () => {
    await using test = await postgres.createDatabase();
    await test.database.query(`insert into sites (id, name) values ('yard', 'Yard')`, []);
    await test.database.query(
      `insert into sensors (site, id) select 'yard', 's' || n from generate_series(1, ${MAX_SENSORS_PER_SITE}) n`,
      [],
    );
    const fleet = await openFleet(test.database);
    await expect(fleet.sensorSeen({ site: 'yard', id: 'more' }, 'gateway')).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      retryable: false,
    });
    await fleet.sensorSeen({ site: 'yard', id: 's1' }, 'gateway');
    expect(fleet.counters.sensorsRefused).toBe(1);
  });
});

describe('a revocation', () => {
  it('under way makes what the agent still says wait, and leaves no row of it', async () => {
    await using test = await postgres.createDatabase();
    const { database } = test;
    await createDevice(database, { kind: 'agent', site: 'yard', id: 'gateway' });
    const fleet = new Fleet({
      database,
      updates: new UpdateHub({ share: { maxPerUser: 2, maxPerAddress: 2 } }),
    });
    let saved: Promise<unknown> = Promise.resolve();
    await database.transaction(async (client) => {
      await client.query(`update devices set revoked_at = now() where id = 'gateway'`);
      saved = fleet.connectionChanged({ site: 'yard', agent: 'gateway' }, true);
      await waitFor('the agent to wait', async () => {
        const rows = await database.query(
          `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        );
        return rows.length > 0;
      });
    });
    await saved;
    expect(await database.query('select id from agents')).toEqual([]);
  });
});

describe('Devices', () => {
  it('give a new secret on request, which ends the old one', async () => {
    await using test = await postgres.createDatabase();
    const { database } = test;
    const devices = new Devices({ database, maxDevices: 10 });
    const first = await createDevice(database, { kind: 'agent', site: 'yard', id: 'gateway' });
    expect(await devices.authenticate('gateway', first.secret)).toBeDefined();
    await expect(
      createDevice(database, { kind: 'agent', site: 'yard', id: 'gateway' }),
    ).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    const second = await createDevice(database, { kind: 'agent', site: 'yard', id: 'gateway', renew: true });
    expect(await devices.authenticate('gateway', second.secret)).toEqual({
      kind: 'agent',
      site: 'yard',
      id: 'gateway',
    });
    expect(await devices.authenticate('gateway', first.secret)).toBeUndefined();
  });

  it('are not moved to another site or kind by a renewal', async () => {
    await using test = await postgres.createDatabase();
    await createDevice(test.database, { kind: 'agent', site: 'yard', id: 'gateway' });
    const renew = { id: 'gateway', renew: true } as const;
    for (const other of [
      { kind: 'agent', site: 'farm' } as const,
      { kind: 'sensor', site: 'yard' } as const,
    ]) {
      await expect(createDevice(test.database, { ...renew, ...other })).rejects.toMatchObject({
        code: 'CONFLICT',
      });
    }
  });

  it('that logged in lately are let in while PostgreSQL is away; strangers are told to come back', async () => {
    await using test = await postgres.createDatabase();
    const clock = new ManualClock();
    let isAway = false;
    const database: Database = {
      ...test.database,
      query: (sql, values) => (isAway ? Promise.reject(new Error('away')) : test.database.query(sql, values)),
    };
    const devices = new Devices({ database, maxDevices: 10, clock });
    const { secret } = await createDevice(test.database, { kind: 'sensor', site: 'yard', id: 'boiler' });
    await devices.authenticate('boiler', secret);
    isAway = true;
    clock.advance(10 * 60_000);
    expect(await devices.authenticate('boiler', secret)).toBeDefined();
    await expect(devices.authenticate('boiler', 'wrong')).rejects.toThrow('away');
    await expect(devices.authenticate('other', secret)).rejects.toThrow('away');
  });

  it('that another process revoked are found, and their cached secret is forgotten', async () => {
    await using test = await postgres.createDatabase();
    const devices = new Devices({ database: test.database, maxDevices: 10 });
    const { secret } = await createDevice(test.database, { kind: 'sensor', site: 'yard', id: 'boiler' });
    await devices.authenticate('boiler', secret);
    const start = new Date(Date.now() - 60_000);
    expect((await devices.revokedSince(start)).revoked).toEqual([]);
    await new Devices({ database: test.database, maxDevices: 10 }).revoke('boiler');
    const { revoked, until } = await devices.revokedSince(start);
    expect(revoked).toEqual([{ kind: 'sensor', site: 'yard', id: 'boiler' }]);
    expect(until > start).toBe(true);
    expect(await devices.authenticate('boiler', secret)).toBeUndefined();
  });
});

/** The queries of `delaysMs` are late by so much; those after them are not. */
function slowQueries(database: Database, delaysMs: number[]): Database {
  const query: Database['query'] = async (...given) => {
    await delay(delaysMs.shift() ?? 0);
    return database.query(...given);
  };
  return { ...database, query };
}

async function openFleet(database: Database, clock?: ManualClock): Promise<Fleet> {
  const sites = new Sites({ database });
  if (!(await sites.get('yard'))) await sites.create({ id: 'yard', name: 'Yard' });
  // Rows of agents that may not connect are not kept.
  for (const { site, agent } of [GATEWAY, SPARE])
    await createDevice(database, { kind: 'agent', site, id: agent, renew: true });
  const fleet = new Fleet({
    database,
    updates: new UpdateHub({ share: { maxPerUser: 2, maxPerAddress: 2 } }),
    clock,
  });
  await fleet.load();
  return fleet;
}

function status(state: AgentStatus['state']): AgentStatus {
  return { state, since: '2026-01-01T00:00:00.000Z', version: '1.2.3', bootId: '01JZ0000000000000000000000' };
}

function report(id: string): CameraReport {
  return {
    id,
    name: id,
    state: 'live',
    reason: null,
    detail: null,
    since: '2026-01-01T00:00:00.000Z',
    codec: 'avc1.64001f',
    width: 1280,
    height: 720,
    fps: 25,
    profiles: ['main', 'stills'],
  };
}
