import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { describe, expect, test } from 'vitest';
import { agentEvent, cameraEvent, type CameraEvent } from '@sitecast/shared/protocol/events';
import { decodeMessage } from '@sitecast/shared/protocol/json-message';
import { agentHealth, cameraInventory } from '@sitecast/shared/protocol/status';
import { parseReadings } from '@sitecast/shared/protocol/telemetry';
import { topics } from '@sitecast/shared/protocol/topics';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { QuietLog } from '../../src/health/quiet-log.ts';
import { laneLimits } from '../../src/uplink/lanes.ts';
import { Outbox } from '../../src/uplink/outbox.ts';
import { Spool } from '../../src/uplink/spool.ts';
import { TrafficMonth, trafficState } from '../../src/uplink/traffic-month.ts';
import { silentLogger, temporaryFolder, waitFor } from '../support.ts';
import { startMosquitto } from './brokers.ts';
import { mayMount, mountDisk, remount } from './disks.ts';
import { address, childrenOf, FakeServer, launch, writeConfig } from './running-agent.ts';

const MIB = 1024 * 1024;

function newEvent(kind: string): CameraEvent {
  const at = new Date(Date.now() - 60_000).toISOString();
  return { id: ulid(), kind, at, until: null, detail: null, snapshotId: null };
}

/** As a run does that is killed while a rule fires. */
async function leaveOpen(dataDir: string): Promise<CameraEvent> {
  const event = newEvent('too-warm');
  const left = { writtenAt: new Date().toISOString(), open: [{ camera: 'front', event }] };
  await writeFile(join(dataDir, 'open-events.json'), JSON.stringify(left));
  return event;
}

const endOf = (server: FakeServer, { id }: CameraEvent): Promise<unknown> =>
  waitFor(() => {
    const events = server
      .of(topics.event(address, 'front'))
      .map((payload) => decodeMessage(cameraEvent, payload));
    return events.some((event) => event.id === id && event.until !== null);
  }, 'the end of what was left open');

const hasBroker = requireTool('mosquitto', 'the agent is tested against a real broker');

describe.skipIf(!hasBroker)('sitecast-agent run', () => {
  test('delivers what it spooled while the server was away, also after a kill -9', async () => {
    const mosquitto = await startMosquitto();
    await mosquitto.kill();
    const folder = await temporaryFolder();
    const path = await writeConfig(folder, mosquitto.url);
    const env = { SITECAST_AGENT_SECRET: 'x' };
    const first = launch(['run', '--config', path], env);
    const spoolFile = join(folder, 'data/spool/telemetry/0000000000000001.segment');
    await waitFor(() => existsSync(spoolFile) && readFileSync(spoolFile).length > 1_000, 'spooled readings');
    const captures = childrenOf(first.child.pid);
    first.child.kill('SIGKILL');
    const killedAtMs = Date.now();
    await first.exit;
    await mosquitto.start();
    const server = new FakeServer(mosquitto);
    launch(['run', '--config', path], env);
    const telemetry = topics.agentTelemetry(address, 'climate');
    await waitFor(() => server.of(telemetry).length > 5, 'the readings');
    const times = (): number[] =>
      server.of(telemetry).map((payload) => parseReadings(payload, Date.now())[0]?.tsMs ?? 0);
    // What is new comes beside it.
    await waitFor(() => times().some((tsMs) => tsMs < killedAtMs), 'what was spooled before the kill');
    await waitFor(() => captures.every((pid) => !existsSync(`/proc/${pid}`)), 'the orphaned ffmpeg to end');
  });

  test.skipIf(!mayMount())(
    'shows live video from a read-only disk, says so, and goes on when it may write',
    async () => {
      const mosquitto = await startMosquitto();
      const server = new FakeServer(mosquitto);
      const folder = await temporaryFolder();
      const disk = await mountDisk(256 * 1024);
      const path = await writeConfig(folder, mosquitto.url, '', disk);
      const env = { SITECAST_AGENT_SECRET: 'x' };
      const first = launch(['run', '--config', path], env);
      await server.first(topics.snapshot(address, 'front'));
      first.child.kill('SIGTERM');
      await first.exit;
      const alarm = await leaveOpen(disk);
      remount(disk, 'ro');
      server.messages.length = 0;
      const second = launch(['run', '--config', path], env);
      const diskStates = (): string[] =>
        server
          .of(topics.health(address))
          .map((payload) => decodeMessage(agentHealth, payload).spool.disk.state);
      await waitFor(() => diskStates().includes('read-only'), 'health that says so');
      server.ackLive();
      const isLive = async (): Promise<boolean> =>
        (await server.command('live.lease', { camera: 'front', profile: 'main', ttlMs: 60_000 })).ok;
      await waitFor(isLive, 'a lease');
      await waitFor(() => server.frames('main').length > 30, 'live frames');
      expect(server.of(topics.snapshot(address, 'front'))).toEqual([]);
      remount(disk, 'rw');
      await server.first(topics.snapshot(address, 'front'));
      await waitFor(() => diskStates().at(-1) === 'ok', 'health that says so');
      await endOf(server, alarm);
      expect(second.child.exitCode).toBeNull();
      // What was lost is told by the next one, too; while the server is there, once a minute.
      second.child.kill('SIGTERM');
      await second.exit;
      launch(['run', '--config', path], env);
      const gap = decodeMessage(agentEvent, await server.first(topics.agentEvent(address)));
      expect(gap).toMatchObject({ kind: 'gap', gap: { count: expect.any(Number) as number } });
    },
  );

  test('starts with a full lane that refuses what is new, and ends what a kill left open once there is room', async () => {
    const mosquitto = await startMosquitto();
    const folder = await temporaryFolder();
    const dataDir = join(folder, 'data');
    await mkdir(dataDir);
    const lanes = laneLimits(64 * MIB, { events: { maxBytes: MIB, whenFull: 'reject-new' } });
    const spool = await Spool.open({ folder: join(dataDir, 'spool'), lanes, logger: silentLogger });
    const outbox = new Outbox({ address, spool, log: new QuietLog(silentLogger) });
    const detail = 'x'.repeat(500);
    const fill = (): Promise<unknown> =>
      Promise.all(Array.from({ length: 500 }, () => outbox.event('front', { ...newEvent('look'), detail })));
    const isFull = (): Promise<boolean> =>
      fill().then(
        () => false,
        () => true,
      );
    while (!(await isFull()));
    await spool.close();
    const alarm = await leaveOpen(dataDir);
    const server = new FakeServer(mosquitto);
    const config = `spool: { lanes: { events: { maxBytes: ${MIB}, whenFull: reject-new } } }`;
    const path = await writeConfig(folder, mosquitto.url, config);
    launch(['run', '--config', path], { SITECAST_AGENT_SECRET: 'x' });
    await endOf(server, alarm);
  });

  test('with a monthly volume that earlier runs used up sends events and readings and no picture, and says so', async () => {
    const mosquitto = await startMosquitto();
    const server = new FakeServer(mosquitto);
    const folder = await temporaryFolder();
    const path = await writeConfig(folder, mosquitto.url);
    const budget = 'uplink: { budget: { gigabytesPerMonth: 0.1 }, ';
    await writeFile(path, readFileSync(path, 'utf8').replace('uplink: { ', budget));
    await mkdir(join(folder, 'data'));
    const now = new Date();
    const fromMs = new Date(now.getFullYear(), now.getMonth(), 1).getTime();
    const month = { fromMs, usedBytes: 99_000_000, sinceMs: fromMs, days: [] };
    await writeFile(join(folder, 'data/uplink-month.json'), JSON.stringify(month));
    const env = { SITECAST_AGENT_SECRET: 'x' };
    const agent = launch(['run', '--config', path], env);

    const camera = await waitFor(() => {
      const payload = server.of(topics.cameras(address)).at(-1);
      const report = payload && decodeMessage(cameraInventory, payload).cameras[0];
      return report?.state === 'live' && report;
    }, 'the camera to be live');
    expect(camera).toMatchObject({ profiles: [], limitedBy: 'data-budget' });
    for (const profile of ['main', 'low', 'stills']) {
      const lease = await server.command('live.lease', { camera: 'front', profile, ttlMs: 15_000 });
      expect(lease).toMatchObject({ ok: false, error: { code: 'UPLINK_LIMITED' } });
    }
    expect(await server.command('snapshot', { camera: 'front' })).toMatchObject({
      ok: false,
      error: { code: 'UPLINK_LIMITED' },
    });
    await waitFor(() => server.of(topics.agentTelemetry(address, 'climate')).length > 2, 'readings');
    await waitFor(() => server.of(topics.event(address, 'front')).length > 0, 'the event that it is online');
    expect(server.of(topics.snapshot(address, 'front'))).toEqual([]);
    const health = decodeMessage(agentHealth, await server.first(topics.health(address)));
    expect(health.uplink.budget).toMatchObject({ budgetBytes: 100_000_000, stage: 'events' });

    agent.child.kill('SIGTERM');
    await agent.exit;
    const kept = trafficState.parse(JSON.parse(readFileSync(join(folder, 'data/uplink-month.json'), 'utf8')));
    const { usedBytes } = new TrafficMonth(1, kept);
    expect(usedBytes).toBeGreaterThan(99_001_000);
    expect(usedBytes).toBeLessThan(99_500_000);
  });
});
