// The whole server in this process: real PostgreSQL, real MQTT clients, real HTTP. What only the composition root can get wrong.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { command, droppedNotice, type Command, type DroppedNotice } from '@sitecast/shared/protocol/commands';
import { decodeMessage, encodeJson } from '@sitecast/shared/protocol/json-message';
import { topics } from '@sitecast/shared/protocol/topics';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { withClient } from '../../src/postgres/databases.ts';
import { useOwnPostgres } from '../support/postgres.ts';
import { freePort, launchRedis } from '../support/redis.ts';
import { appStarter } from '../support/running-app.ts';
import { makeSnapshot } from '../support/snapshots.ts';
import { waitFor } from '../support/wait-for.ts';

const postgres = useOwnPostgres();
const start = appStarter(postgres);
const GATEWAY = { site: 'yard', agent: 'gateway' };

describe('the server', () => {
  it('takes in a reading and a snapshot of a device that an admin made, and shows both', async () => {
    await using server = await start();
    const secret = await server.makeDevice('gateway', 'agent');
    const agent = await server.connect('gateway', secret);
    await waitFor('the agent to be online', async () => (await server.agent()).state === 'online');
    await agent.publishAsync(topics.status(GATEWAY), Buffer.from(encodeJson(STATUS)), {
      qos: 1,
      retain: true,
    });
    await agent.publishAsync(topics.cameras(GATEWAY), Buffer.from(encodeJson({ cameras: [REPORT] })), {
      qos: 1,
    });
    await agent.publishAsync(topics.agentTelemetry(GATEWAY, 'climate'), '{"temperature":21.5}', { qos: 1 });
    const { header, envelope, snapshot } = makeSnapshot();
    await agent.publishAsync(topics.snapshot(GATEWAY, 'front'), Buffer.from(envelope), { qos: 1 });

    expect(await server.agent()).toMatchObject({ state: 'online', version: '1.2.3' });
    expect(await server.get('telemetry/latest')).toMatchObject({
      items: [{ site: 'yard', sensor: 'climate', metric: 'temperature', value: 21.5 }],
    });
    expect(await server.get('sensors/yard/climate')).toMatchObject({
      agent: 'gateway',
      metrics: [{ value: 21.5 }],
    });
    const query = 'telemetry/query?site=yard&sensor=climate&from=2020-01-01T00:00:00Z';
    expect(await server.get(query)).toMatchObject({
      series: [{ metric: 'temperature', points: [[expect.any(Number), 21.5]] }],
    });
    await waitFor('the snapshot to be filed', async () => {
      const { items } = await server.get<{ items: { id: string }[] }>('cameras/yard/front/snapshots');
      return items[0]?.id === header.id;
    });
    const picture = await server.fetch(`snapshots/${header.id}`);
    expect(Buffer.from(await picture.arrayBuffer()).equals(snapshot)).toBe(true);
    expect(await server.get('cameras/yard/front')).toMatchObject({
      state: 'live',
      lastSnapshot: { id: header.id },
    });
    expect(await server.get('system')).toMatchObject({
      streams: { max: 5, active: [] },
      devices: { connected: 1 },
      pressure: { level: expect.any(String) as string, shedding: expect.any(Array) as string[] },
    });
  });

  it('tells what is stored and when it will be full, once it has looked', async () => {
    await using server = await start({ env: { CLIPS_MAX_BYTES: '1000000', RETENTION_SNAPSHOTS_DAYS: '7' } });
    const storage = await waitFor('the first look', async () => {
      const report = await server.get<{ storage: object | null }>('system');
      return report.storage;
    });
    const empty = { items: 0, bytes: 0, bytesPerDay: null };
    expect(storage).toMatchObject({
      kinds: {
        snapshots: { ...empty, maxBytes: null, maxAgeDays: 7 },
        clips: { ...empty, maxBytes: 1_000_000, maxAgeDays: 90 },
      },
      ...{ clips: { fullInDays: null }, garbage: { items: 0, bytes: 0 } },
    });
    expect(await server.metric('storage_garbage_items')).toBe(0);
  });

  it('tells the bytes of each area that LIMITS.md lists', async () => {
    await using server = await start();
    const { ledger } = await server.get<{ ledger: { areas: Record<string, number> } }>('system');
    const document = await readFile(new URL('../../LIMITS.md', import.meta.url), 'utf8');
    const [, section = ''] = document.split('## Bytes in bounded buffers');
    const [items = ''] = section.split('## Under pressure');
    const listed = [...items.matchAll(/^- (.+?):/gm)].flatMap(([, names = '']) => names.match(/\w+/g) ?? []);
    expect(Object.keys(ledger.areas).toSorted()).toEqual(listed.toSorted());
  });

  it.skipIf(!requireTool('redis-server', 'what is told while Redis hangs'))(
    'tells all but its queues while Redis hangs',
    async () => {
      const port = await freePort();
      const redis = await launchRedis(port);
      await using server = await start({ env: { REDIS_URL: `redis://127.0.0.1:${port}` } });
      const system = (): Promise<Record<string, Record<string, unknown>>> => server.get('system');
      const idle = { reports: { waiting: 0, active: 0 }, snapshots: { active: 0, staged: 0 } };
      expect((await system()).queues).toMatchObject(idle);
      redis.hang();
      await waitFor('the queues to be unknown', async () => {
        const { queues } = await system();
        return (queues?.reports as { active: unknown }).active === null;
      });
      const hanging = await system();
      const unknown = { waiting: null, active: null };
      expect(hanging.queues).toMatchObject({ reports: unknown, snapshots: { active: null, staged: 0 } });
      expect(hanging).toMatchObject({
        pressure: { level: expect.any(String) as string },
        memory: { rssBytes: expect.any(Number) as number },
        limits: expect.arrayContaining([expect.objectContaining({ env: 'MAX_STREAMS' })]) as object[],
      });
      redis.goOn();
      await waitFor('the queues to be known', async () => {
        const { queues } = await system();
        return (queues?.reports as { active: unknown }).active === 0;
      });
    },
  );

  it('passes a command on to the agent and its answer back, and says when the agent is away', async () => {
    await using server = await start();
    const secret = await server.makeDevice('gateway', 'agent');
    const agent = await server.connect('gateway', secret);
    await agent.publishAsync(topics.cameras(GATEWAY), Buffer.from(encodeJson({ cameras: [REPORT] })), {
      qos: 1,
    });
    const snapshotId = '01JZ0000000000000000000000';
    const asked: Command[] = [];
    agent.on('message', (_topic, payload) => {
      const given = decodeMessage(command, payload);
      asked.push(given);
      agent.publish(
        topics.reply(GATEWAY),
        Buffer.from(encodeJson({ id: given.id, ok: true, result: { snapshotId } })),
        {
          qos: 1,
        },
      );
    });
    await agent.subscribeAsync(topics.command(GATEWAY), { qos: 1 });
    expect(await server.post('cameras/yard/front/snapshot', {})).toEqual({ snapshotId });
    expect(asked).toMatchObject([{ op: 'snapshot', args: { camera: 'front' } }]);

    await agent.endAsync();
    await waitFor('the agent to be offline', async () => (await server.agent()).state === 'offline');
    const refused = await server.fetch('cameras/yard/front/snapshot', { method: 'POST', body: '{}' });
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ error: { code: 'AGENT_OFFLINE' } });
    expect(await server.get('cameras/yard/front')).toMatchObject({
      state: 'waiting',
      reason: 'AGENT_OFFLINE',
    });
  });

  it('tells an agent which of its messages was dropped, by their ids', async () => {
    await using server = await start();
    const secret = await server.makeDevice('gateway', 'agent');
    const agent = await server.connect('gateway', secret);
    const notices: DroppedNotice[] = [];
    agent.on('message', (_topic, payload) => notices.push(decodeMessage(droppedNotice, payload)));
    await agent.subscribeAsync(topics.agentErrors(GATEWAY));
    const ahead = makeSnapshot({ capturedAt: '2999-01-01T00:00:00.000Z' });
    await agent.publishAsync(topics.snapshot(GATEWAY, 'front'), Buffer.from(ahead.envelope), { qos: 1 });
    const event = { ...EVENT, at: '9999-12-31T00:00:00.000Z' };
    await agent.publishAsync(topics.event(GATEWAY, 'front'), Buffer.from(encodeJson(event)), { qos: 1 });
    const known = makeSnapshot();
    const forged = makeSnapshot({ id: known.header.id, capturedAt: '2024-02-03T00:00:00.000Z' });
    await agent.publishAsync(topics.snapshot(GATEWAY, 'front'), Buffer.from(known.envelope), { qos: 1 });
    await waitFor(
      'the first to be filed',
      async () => (await server.fetch(`snapshots/${known.header.id}`)).ok,
    );
    await agent.publishAsync(topics.snapshot(GATEWAY, 'front'), Buffer.from(forged.envelope), { qos: 1 });
    await waitFor('three notices', () => notices.length === 3);
    expect(notices.map(({ code, id }) => [code, id])).toEqual([
      ['FRAME_MALFORMED', ahead.header.id],
      ['FRAME_MALFORMED', EVENT.id],
      ['CONFLICT', known.header.id],
    ]);
  });

  it('cuts off a device that is revoked, and does not let it in again', async () => {
    await using server = await start();
    const secret = await server.makeDevice('boiler', 'sensor');
    const sensor = await server.connect('boiler', secret);
    const closed = new Promise<void>((resolve) => sensor.once('close', () => resolve()));
    expect((await server.fetch('devices/boiler', { method: 'DELETE' })).status).toBe(204);
    await closed;
    await expect(server.connect('boiler', secret)).rejects.toThrow();
  });

  it('forgets an agent that is revoked, and its cameras, for good', async () => {
    await using server = await start();
    const secret = await server.makeDevice('gateway', 'agent');
    const agent = await server.connect('gateway', secret);
    await agent.publishAsync(topics.cameras(GATEWAY), Buffer.from(encodeJson({ cameras: [REPORT] })), {
      qos: 1,
    });
    expect((await server.fetch('cameras/yard/front')).status).toBe(200);
    const closed = new Promise<void>((resolve) => agent.once('close', () => resolve()));
    expect((await server.fetch('devices/gateway', { method: 'DELETE' })).status).toBe(204);
    await closed;
    await waitFor(
      'its end to be noticed',
      async () => (await server.get<{ devices: { connected: number } }>('system')).devices.connected === 0,
    );
    for (const path of ['agents', 'cameras']) expect(await server.get(path)).toMatchObject({ items: [] });
    const { rows } = await withClient(server.databaseUrl, (client) =>
      client.query('select id from agents union all select id from cameras'),
    );
    expect(rows).toEqual([]);
  });

  it('keeps login, fleet and data over a restart, and the session of the browser', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'sitecast-app-'));
    await using test = await postgres.createDatabase();
    try {
      let cookie = '';
      {
        await using server = await start({ dataDir, url: test.url });
        cookie = server.cookie;
        await server.post('sites', { id: 'yard', name: 'Yard' });
      }
      await using server = await start({ dataDir, url: test.url });
      const me = await fetch(`${server.url}/api/v1/sites`, { headers: { cookie } });
      expect(await me.json()).toMatchObject({ items: [{ id: 'yard', name: 'Yard' }] });
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  it('is ready only while its database answers', async () => {
    await using server = await start();
    const ready = await fetch(`${server.url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([
      200,
      { ready: true, checks: { database: true, queue: true, broker: true, disk: true, pressure: true } },
    ]);
    try {
      // Immediate shutdown: PostgreSQL ends with all its connections, as in a crash.
      process.kill(postgres.server.pid, 'SIGQUIT');
      await waitFor('the server to notice', async () => {
        const answer = await fetch(`${server.url}/readyz`);
        const { checks } = (await answer.json()) as { checks: { database: boolean } };
        return answer.status === 503 && !checks.database;
      });
      expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    } finally {
      await postgres.server.restart();
    }
    await waitFor(
      'the database to be back',
      async () => (await fetch(`${server.url}/readyz`)).status === 200,
    );
  });

  it('with a full queue of images refuses uploads, not viewers, and keeps what it shed as events', async () => {
    await using server = await start({ env: { IMAGE_QUEUE_MAX: '1' } });
    const secret = await server.makeDevice('gateway', 'agent');
    const agent = await server.connect('gateway', secret);
    await agent.publishAsync(topics.cameras(GATEWAY), Buffer.from(encodeJson({ cameras: [REPORT] })), {
      qos: 1,
    });
    const system = (): Promise<{ pressure: Record<string, unknown> }> => server.get('system');
    const events = (): Promise<{ items: { until: string | null }[] }> => server.get('events?kind=shedding');

    // Nothing can be filed while the table is locked, so the queue of one is full.
    await withClient(server.databaseUrl, async (client) => {
      await client.query('begin');
      await client.query('lock table snapshots in exclusive mode');
      await agent.publishAsync(topics.snapshot(GATEWAY, 'front'), Buffer.from(makeSnapshot().envelope), {
        qos: 1,
      });
      await waitFor('the level to rise', async () => (await system()).pressure.level === 'high');
      const shed = { level: 'high', causes: ['image-queue'], shedding: ['uploads-refused'] };
      expect((await system()).pressure).toMatchObject({ ...shed, changes: [shed] });
      await waitFor('the event', async () => (await events()).items.length === 1);
      expect((await events()).items).toMatchObject([
        { site: null, camera: null, until: null, detail: 'uploads-refused, because of image-queue' },
      ]);
      // The agent is none, so nothing comes; but nobody is made to wait in line for it.
      const browser = server.watch('yard/front');
      await waitFor('an answer', () => browser.heard.length > 0);
      expect(browser.heard[0]).toMatchObject({ type: 'error', code: 'COMMAND_TIMEOUT' });
      await client.query('rollback');
    });
    await waitFor('the level to fall', async () => (await system()).pressure.level === 'normal');
    await waitFor('the end of the event', async () => (await events()).items[0]?.until !== null);
  });

  it('is alive but not ready where its disk has less room than it must', async () => {
    await using server = await start({ env: { MIN_FREE_DISK_BYTES: String(2 ** 50) } });
    const answer = await fetch(`${server.url}/readyz`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ ready: false, checks: { database: true, disk: false } });
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });

  it('names the port that is taken, and leaves nothing open', async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
    const { port } = squatter.address() as AddressInfo;
    try {
      for (const key of ['PORT', 'MQTT_PORT']) {
        await expect(start({ env: { [key]: String(port) } })).rejects.toMatchObject({
          code: 'PORT_IN_USE',
          message: expect.stringContaining(String(port)) as string,
        });
      }
    } finally {
      squatter.close();
    }
  });

  it('refuses to start where its limits do not fit', async () => {
    await expect(start({ env: { MEMORY_LIMIT_BYTES: String(256 * 1024 ** 2) } })).rejects.toMatchObject({
      code: 'LIMITS_DO_NOT_FIT',
    });
  });
});

const STATUS = {
  state: 'online',
  since: '2026-01-01T00:00:00.000Z',
  version: '1.2.3',
  bootId: '01JZ0000000000000000000000',
};
const REPORT = {
  id: 'front',
  name: 'Front door',
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

const EVENT = {
  id: '01JZ0000000000000000000001',
  kind: 'motion',
  at: '2026-01-01T00:00:00.000Z',
  until: null,
  detail: null,
  snapshotId: null,
};
