import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeClipChunk, type ClipChunk } from '@sitecast/shared/protocol/clip-chunk';
import { clipResult, leaseResult } from '@sitecast/shared/protocol/commands';
import { agentEvent, cameraEvent, type CameraEvent } from '@sitecast/shared/protocol/events';
import { FrameKind } from '@sitecast/shared/protocol/frame-header';
import { decodeMessage } from '@sitecast/shared/protocol/json-message';
import { CLIP_CHUNK_BYTES } from '@sitecast/shared/protocol/limits';
import { decodeSnapshotEnvelope } from '@sitecast/shared/protocol/snapshot-envelope';
import {
  agentHealth,
  agentStatus,
  cameraInventory,
  type CameraReport,
} from '@sitecast/shared/protocol/status';
import { parseReadings } from '@sitecast/shared/protocol/telemetry';
import { topics } from '@sitecast/shared/protocol/topics';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { temporaryFolder, waitFor } from '../support.ts';
import { startMosquitto } from './brokers.ts';
import { mayMount, mountDisk, remount } from './disks.ts';
import { address, childrenOf, FakeServer, launch, type RunningAgent } from './running-agent.ts';

async function writeConfig(folder: string, url: string, extra = '', dataDir = './data'): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'agent.yaml');
  await writeFile(
    path,
    `site: demo
agent: gateway
dataDir: ${dataDir}
uplink: { url: "${url}", mediaUrl: "${url}" }
cameras: [{ id: front, name: Front door, source: "demo:front", snapshotIntervalSeconds: 3 }]
sensors: [{ id: climate, source: "demo:climate", intervalSeconds: 0.5 }]
${extra}`,
  );
  return path;
}

const hasBroker = requireTool('mosquitto', 'the agent is tested against a real broker');

describe.skipIf(!hasBroker)('sitecast-agent run', () => {
  test('does everything that the protocol asks, and leaves nothing behind when it is told to stop', async () => {
    const mosquitto = await startMosquitto();
    const server = new FakeServer(mosquitto);
    const folder = await temporaryFolder();
    const agent = launch(['run', '--config', await writeConfig(folder, mosquitto.url)], {
      SITECAST_AGENT_SECRET: 's3cret',
    });

    // It says what it is and has.
    expect(decodeMessage(agentStatus, await server.first(topics.status(address)))).toMatchObject({
      state: 'online',
    });
    const isLive = (): boolean => {
      const newest = server.of(topics.cameras(address)).at(-1);
      return newest !== undefined && decodeMessage(cameraInventory, newest).cameras[0]?.state === 'live';
    };
    await waitFor(isLive, 'the camera to be live', 30_000);
    decodeMessage(agentHealth, await server.first(topics.health(address)));

    // What is kept comes by itself.
    const snapshotTopic = topics.snapshot(address, 'front');
    expect(decodeSnapshotEnvelope(await server.first(snapshotTopic)).header).toMatchObject({
      camera: 'front',
      reason: 'interval',
    });
    const readings = parseReadings(await server.first(topics.agentTelemetry(address, 'climate')), Date.now());
    expect(readings[0]?.values).toHaveProperty('temperature');
    const event = decodeMessage(cameraEvent, await server.first(topics.event(address, 'front')));
    expect(event.kind).toBe('online');

    // Commands.
    const taken = await server.command('snapshot', { camera: 'front' });
    expect(taken).toMatchObject({ ok: true });
    const snapshotId = taken.ok ? (taken.result as { snapshotId: string }).snapshotId : '';
    await waitFor(
      () =>
        server.of(snapshotTopic).some((payload) => decodeSnapshotEnvelope(payload).header.id === snapshotId),
      'the snapshot that was asked for',
    );
    expect(await server.command('camera.test', { camera: 'front' })).toMatchObject({
      ok: true,
      result: { state: 'live' },
    });
    expect(await server.command('config.apply', { config: {} })).toMatchObject({
      ok: false,
      error: { code: 'NOT_SUPPORTED' },
    });

    // Not a live byte without a lease; with one, init segment, keyframe, and on.
    expect(server.frames('main')).toHaveLength(0);
    server.ackLive();
    const leased = await server.command('live.lease', { camera: 'front', profile: 'main', ttlMs: 60_000 });
    expect(leased).toMatchObject({ ok: true });
    const lease = leaseResult.parse(leased.ok ? leased.result : undefined);
    expect(lease.mime).toMatch(/^video\/mp4; codecs="avc1\./);
    const frames = await waitFor(
      () => server.frames('main').length > 60 && server.frames('main'),
      'live frames',
      30_000,
    );
    expect(frames[0]?.header).toMatchObject({ kind: FrameKind.initSegment, epoch: lease.epoch });
    expect(frames[1]?.header).toMatchObject({ kind: FrameKind.fragment, isKeyframe: true });
    expect(frames.map(({ header }) => header.sequence)).toEqual(frames.map((_, index) => index));
    await server.command('live.lease', { camera: 'front', profile: 'stills', ttlMs: 60_000 });
    await waitFor(() => server.frames('stills').length > 1, 'stills');
    expect(Buffer.from(server.frames('stills')[0]!.payload.subarray(0, 3))).toEqual(
      Buffer.from([0xff, 0xd8, 0xff]),
    );
    await server.command('live.release', { camera: 'front', profile: 'main' });
    const atRelease = server.frames('main').length;
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(server.frames('main').length).toBe(atRelease);

    // The end.
    const captures = childrenOf(agent.child.pid);
    expect(captures).toHaveLength(1);
    const stoppedAtMs = Date.now();
    agent.child.kill('SIGTERM');
    expect(await agent.exit).toBe(0);
    expect(Date.now() - stoppedAtMs).toBeLessThan(10_000);
    await waitFor(() => captures.every((pid) => !existsSync(`/proc/${pid}`)), 'ffmpeg to end');
    const lastStatus = server.of(topics.status(address)).at(-1);
    expect(lastStatus && decodeMessage(agentStatus, lastStatus).state).toBe('offline');
    expect(agent.stderr()).not.toContain('s3cret');
  }, 120_000);

  test('encodes what is leased, says what it takes, refuses what is too much, and leaves nothing when it is killed', async () => {
    const mosquitto = await startMosquitto();
    const server = new FakeServer(mosquitto);
    const folder = await temporaryFolder();
    const settings = 'encoder: software\nencoders: { maxProcesses: 1 }\n';
    const path = await writeConfig(folder, mosquitto.url, settings);
    const launchAgain = (): RunningAgent =>
      launch(['run', '--config', path], { SITECAST_AGENT_SECRET: 's3cret' });
    const agent = launchAgain();
    const newest = (): CameraReport | undefined => {
      const payload = server.of(topics.cameras(address)).at(-1);
      return payload && decodeMessage(cameraInventory, payload).cameras[0];
    };
    await waitFor(() => newest()?.state === 'live', 'the camera to be live', 30_000);
    expect(newest()).toMatchObject({
      profiles: ['main', 'low', 'mpeg1', 'stills'],
      encoded: ['low', 'mpeg1'],
    });

    server.ackLive();
    const lease = { camera: 'front', profile: 'low', ttlMs: 60_000 };
    expect(await server.command('live.lease', lease)).toMatchObject({
      ok: true,
      result: { container: 'fmp4', width: 640, height: 360 },
    });
    await waitFor(() => server.frames('low').length > 20, 'encoded frames', 30_000);
    const headers = server.frames('low').map(({ header }) => header);
    expect(headers.slice(0, 2)).toMatchObject([
      { kind: FrameKind.initSegment, sequence: 0 },
      { kind: FrameKind.fragment, sequence: 1, isKeyframe: true },
    ]);
    expect(await server.command('live.lease', { ...lease, profile: 'mpeg1' })).toMatchObject({
      ok: false,
      error: {
        code: 'ENCODER_LIMIT',
        message: expect.stringMatching(/front\/low.*encoders|encoders.*front\/low/),
      },
    });
    await server.command('live.release', { camera: 'front', profile: 'low' });
    expect(await server.command('live.lease', { ...lease, profile: 'mpeg1' })).toMatchObject({
      ok: true,
      result: { container: 'mpegts', mime: 'video/mp2t' },
    });
    await waitFor(() => server.frames('mpeg1').length > 20, 'MPEG-1 frames', 30_000);
    expect(server.frames('mpeg1')[0]!.header).toMatchObject({
      kind: FrameKind.mpegTsChunk,
      isKeyframe: true,
    });

    const health = await waitFor(
      () => {
        const payload = server.of(topics.health(address)).at(-1);
        const read = payload && decodeMessage(agentHealth, payload);
        return read?.processes.length === 2 && read;
      },
      'health with both processes',
      30_000,
    );
    expect(health.encoders).toMatchObject({
      chosen: 'libx264',
      running: 1,
      maxProcesses: 1,
      leasesRefused: 1,
    });
    expect(health.processes).toMatchObject([
      { camera: 'front', profile: null, encoder: null },
      { camera: 'front', profile: 'mpeg1' },
    ]);
    for (const { rssBytes } of health.processes) expect(rssBytes).toBeGreaterThan(5_000_000);

    const children = childrenOf(agent.child.pid);
    expect(children).toHaveLength(2);
    agent.child.kill('SIGKILL');
    await agent.exit;
    launchAgain();
    await waitFor(
      () => children.every((pid) => !existsSync(`/proc/${pid}`)),
      'the orphans to be gone',
      20_000,
    );
  }, 120_000);

  test('delivers what it spooled while the server was away, also after a kill -9', async () => {
    const mosquitto = await startMosquitto();
    await mosquitto.kill();
    const folder = await temporaryFolder();
    const path = await writeConfig(folder, mosquitto.url);
    const env = { SITECAST_AGENT_SECRET: 'x' };
    const first = launch(['run', '--config', path], env);
    const spoolFile = join(folder, 'data/spool/telemetry/0000000000000001.segment');
    await waitFor(
      () => existsSync(spoolFile) && readFileSync(spoolFile).length > 1_000,
      'spooled readings',
      30_000,
    );
    const captures = childrenOf(first.child.pid);
    first.child.kill('SIGKILL');
    const killedAtMs = Date.now();
    await first.exit;
    await mosquitto.start();
    const server = new FakeServer(mosquitto);
    launch(['run', '--config', path], env);
    const telemetry = topics.agentTelemetry(address, 'climate');
    await waitFor(() => server.of(telemetry).length > 5, 'the readings', 30_000);
    const times = (): number[] =>
      server.of(telemetry).map((payload) => parseReadings(payload, Date.now())[0]?.tsMs ?? 0);
    // What is new comes beside it.
    await waitFor(() => times().some((tsMs) => tsMs < killedAtMs), 'what was spooled before the kill');
    await waitFor(() => captures.every((pid) => !existsSync(`/proc/${pid}`)), 'the orphaned ffmpeg to end');
  }, 120_000);

  test('tells of motion with a snapshot, and ends it at the next start when it was killed', async () => {
    const mosquitto = await startMosquitto();
    const server = new FakeServer(mosquitto);
    const path = await writeConfig(await temporaryFolder(), mosquitto.url);
    // The demo camera sees a car pass all the time.
    await writeFile(path, readFileSync(path, 'utf8').replace('"demo:front",', '"demo:front", motion: {},'));
    const env = { SITECAST_AGENT_SECRET: 'x' };
    const motions = (): CameraEvent[] =>
      server
        .of(topics.event(address, 'front'))
        .map((payload) => decodeMessage(cameraEvent, payload))
        .filter(({ kind }) => kind === 'motion');
    const first = launch(['run', '--config', path], env);
    const begun = await waitFor(() => motions().find(({ until }) => until === null), 'motion', 30_000);
    const pictured = server
      .of(topics.snapshot(address, 'front'))
      .map((payload) => decodeSnapshotEnvelope(payload).header);
    expect(pictured).toContainEqual(expect.objectContaining({ id: begun.snapshotId, reason: 'motion' }));
    first.child.kill('SIGKILL');
    await first.exit;
    launch(['run', '--config', path], env);
    const ended = await waitFor(() => motions().find(({ until }) => until !== null), 'its end', 30_000);
    expect(ended).toMatchObject({ id: begun.id, at: begun.at, snapshotId: begun.snapshotId });
    expect(Date.parse(ended.until!)).toBeGreaterThanOrEqual(Date.parse(begun.at));
  }, 120_000);

  test('records a clip on command and by rule, finishes what a kill -9 cut off, and uploads on request', async () => {
    const mosquitto = await startMosquitto();
    const server = new FakeServer(mosquitto);
    const folder = await temporaryFolder();
    const settings = `clips: { preRollSeconds: 2, postRollSeconds: 4 }
rules: [{ id: seen, when: { event: motion }, then: [{ clip: { camera: front } }], restSeconds: 600 }]
`;
    const path = await writeConfig(folder, mosquitto.url, settings);
    // The demo camera sees a car pass all the time.
    await writeFile(path, readFileSync(path, 'utf8').replace('"demo:front",', '"demo:front", motion: {},'));
    const env = { SITECAST_AGENT_SECRET: 'x' };
    const told = (): CameraEvent[] =>
      server
        .of(topics.event(address, 'front'))
        .map((payload) => decodeMessage(cameraEvent, payload))
        .filter(({ kind }) => kind === 'clip');
    const first = launch(['run', '--config', path], env);

    // By rule, since something moved; and that one goes on for whoever asks meanwhile.
    const begun = await waitFor(() => told().find(({ until }) => until === null), 'the begin', 60_000);
    expect(await server.command('clip', { camera: 'front' })).toMatchObject({
      ok: true,
      result: { clipId: begun.clipId },
    });
    const ended = await waitFor(() => told().find(({ until }) => until !== null), 'the end', 30_000);
    expect(ended).toMatchObject({ id: begun.id, at: begun.at, clipId: begun.clipId });
    const clipPath = (id: string | undefined): string => join(folder, 'data/clips', `${id}.mp4`);
    expect(existsSync(clipPath(begun.clipId))).toBe(true);
    expect(await server.command('clip', { camera: 'back' })).toMatchObject({ error: { code: 'NOT_FOUND' } });

    // Cut off in the middle.
    const asked = await server.command('clip', { camera: 'front' });
    const { clipId } = clipResult.parse(asked.ok ? asked.result : undefined);
    const partial = `${clipPath(clipId)}.partial`;
    await waitFor(() => existsSync(partial) && statSync(partial).size > 100_000, 'half a clip', 30_000);
    first.child.kill('SIGKILL');
    await first.exit;
    launch(['run', '--config', path], env);
    await waitFor(() => existsSync(clipPath(clipId)), 'the clip to be finished', 30_000);
    const its = (): CameraEvent | undefined =>
      told().find((event) => event.clipId === clipId && event.until !== null);
    await waitFor(its, 'the end of its event', 30_000);
    const isTold = (): boolean =>
      server
        .of(topics.health(address))
        .some((payload) => decodeMessage(agentHealth, payload).clips?.repaired === 1);
    await waitFor(isTold, 'health that says so', 30_000);

    // Uploaded when somebody asks.
    expect(server.of(topics.clip(address, 'front'))).toEqual([]);
    const file = readFileSync(clipPath(clipId));
    expect(await server.command('clip.upload', { clipId })).toMatchObject({
      ok: true,
      result: { bytes: file.length },
    });
    const chunks = (): ClipChunk[] => server.of(topics.clip(address, 'front')).map(decodeClipChunk);
    await waitFor(() => chunks().length >= Math.ceil(file.length / CLIP_CHUNK_BYTES), 'all chunks', 60_000);
    const whole = Buffer.alloc(file.length);
    for (const { header, bytes } of chunks()) {
      expect(header).toMatchObject({ id: clipId, camera: 'front', reason: 'command', total: file.length });
      whole.set(bytes, header.offset);
    }
    expect(whole.equals(file)).toBe(true);
  }, 180_000);

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
      remount(disk, 'ro');
      server.messages.length = 0;
      const second = launch(['run', '--config', path], env);
      const diskStates = (): string[] =>
        server
          .of(topics.health(address))
          .map((payload) => decodeMessage(agentHealth, payload).spool.disk.state);
      await waitFor(() => diskStates().includes('read-only'), 'health that says so', 30_000);
      server.ackLive();
      const isLive = async (): Promise<boolean> =>
        (await server.command('live.lease', { camera: 'front', profile: 'main', ttlMs: 60_000 })).ok;
      await waitFor(isLive, 'a lease', 30_000);
      await waitFor(() => server.frames('main').length > 30, 'live frames', 30_000);
      expect(server.of(topics.snapshot(address, 'front'))).toEqual([]);
      remount(disk, 'rw');
      await server.first(topics.snapshot(address, 'front'));
      await waitFor(() => diskStates().at(-1) === 'ok', 'health that says so', 30_000);
      // Told each minute while the server is there.
      const told = await waitFor(() => server.of(topics.agentEvent(address))[0], 'the gap', 90_000);
      const gap = decodeMessage(agentEvent, told);
      expect(gap).toMatchObject({ kind: 'gap', gap: { count: expect.any(Number) as number } });
      expect(second.child.exitCode).toBeNull();
    },
    180_000,
  );

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

    const camera = await waitFor(
      () => {
        const payload = server.of(topics.cameras(address)).at(-1);
        const report = payload && decodeMessage(cameraInventory, payload).cameras[0];
        return report?.state === 'live' && report;
      },
      'the camera to be live',
      30_000,
    );
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
    const kept = JSON.parse(readFileSync(join(folder, 'data/uplink-month.json'), 'utf8')) as typeof month;
    expect(kept.usedBytes).toBeGreaterThan(99_001_000);
    expect(kept.usedBytes).toBeLessThan(99_500_000);
  }, 120_000);

  test('restarts when it is told to, after it has said so', async () => {
    const mosquitto = await startMosquitto();
    const server = new FakeServer(mosquitto);
    const agent = launch(['run', '--config', await writeConfig(await temporaryFolder(), mosquitto.url)], {
      SITECAST_AGENT_SECRET: 'x',
    });
    await server.first(topics.status(address));
    expect(await server.command('restart')).toMatchObject({ ok: true });
    expect(await agent.exit).toBe(0);
  }, 60_000);

  test('runs only once on a data directory', async () => {
    const mosquitto = await startMosquitto();
    const server = new FakeServer(mosquitto);
    const path = await writeConfig(await temporaryFolder(), mosquitto.url);
    const env = { SITECAST_AGENT_SECRET: 'x' };
    launch(['run', '--config', path], env);
    await server.first(topics.status(address));
    const second = launch(['run', '--config', path], env);
    expect(await second.exit).toBe(1);
    expect(second.stderr()).toContain('another agent runs on the data directory');
  }, 60_000);
});

describe('the command line', () => {
  test('--help and --version end with 0, wrong usage with 64', async () => {
    expect(await launch(['--help']).exit).toBe(0);
    expect(await launch(['--version']).exit).toBe(0);
    expect(await launch(['run']).exit).toBe(64);
    expect(await launch(['fly']).exit).toBe(64);
    expect(await launch([]).exit).toBe(64);
  });

  test('a configuration that is not valid ends with 78 and the lines to change', async () => {
    const folder = await temporaryFolder();
    const path = await writeConfig(folder, 'mqtt://127.0.0.1:1', 'colour: red\n');
    const agent = launch(['run', '--config', path], { SITECAST_AGENT_SECRET: 'x' });
    expect(await agent.exit).toBe(78);
    expect(agent.stderr()).toContain('"colour" is wrong: unknown key');
  });

  test('a file that is not there ends with 78', async () => {
    expect(await launch(['run', '--config', '/nowhere/agent.yaml']).exit).toBe(78);
  });
});
