import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { leaseResult } from '@sitecast/shared/protocol/commands';
import { cameraEvent } from '@sitecast/shared/protocol/events';
import { FrameKind } from '@sitecast/shared/protocol/frame-header';
import { decodeMessage } from '@sitecast/shared/protocol/json-message';
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
import { address, childrenOf, FakeServer, launch, writeConfig, type RunningAgent } from './running-agent.ts';

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
    await waitFor(isLive, 'the camera to be live');
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
    const lease = leaseResult.parse((await server.lease('main')).result);
    expect(lease.mime).toMatch(/^video\/mp4; codecs="avc1\./);
    const frames = await waitFor(
      () => server.frames('main').length > 60 && server.frames('main'),
      'live frames',
    );
    expect(frames[0]?.header).toMatchObject({ kind: FrameKind.initSegment, epoch: lease.epoch });
    expect(frames[1]?.header).toMatchObject({ kind: FrameKind.fragment, isKeyframe: true });
    expect(frames.map(({ header }) => header.sequence)).toEqual(frames.map((_, index) => index));
    await server.lease('stills');
    await waitFor(() => server.frames('stills').length > 1, 'stills');
    expect(Buffer.from(server.frames('stills')[0]!.payload.subarray(0, 3))).toEqual(
      Buffer.from([0xff, 0xd8, 0xff]),
    );
    await server.command('live.release', { camera: 'front', profile: 'main' });
    const atRelease = server.frames('main').length;
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(server.frames('main').length).toBe(atRelease);

    // The end.
    // Beside it there is at most the one that tries encoders, which ends by itself.
    const running = (): number[] => childrenOf(agent.child.pid);
    const captures = await waitFor(() => running().length === 1 && running(), 'the capture alone');
    agent.child.kill('SIGTERM');
    // Within its deadline: otherwise it ends with 1.
    expect(await agent.exit).toBe(0);
    await waitFor(() => captures.every((pid) => !existsSync(`/proc/${pid}`)), 'ffmpeg to end');
    const lastStatus = server.of(topics.status(address)).at(-1);
    expect(lastStatus && decodeMessage(agentStatus, lastStatus).state).toBe('offline');
    expect(agent.stderr()).not.toContain('s3cret');
  });

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
    await waitFor(() => newest()?.state === 'live', 'the camera to be live');
    expect(newest()).toMatchObject({
      profiles: ['main', 'low', 'mpeg1', 'stills'],
      encoded: ['low', 'mpeg1'],
    });

    server.ackLive();
    const low = { container: 'fmp4', width: 640, height: 360 };
    expect((await server.lease('low')).result).toMatchObject(low);
    await waitFor(() => server.frames('low').length > 20, 'encoded frames');
    const headers = server.frames('low').map(({ header }) => header);
    expect(headers.slice(0, 2)).toMatchObject([
      { kind: FrameKind.initSegment, sequence: 0 },
      { kind: FrameKind.fragment, sequence: 1, isKeyframe: true },
    ]);
    const tooMuch = { camera: 'front', profile: 'mpeg1', ttlMs: 60_000 };
    expect(await server.command('live.lease', tooMuch)).toMatchObject({
      ok: false,
      error: {
        code: 'ENCODER_LIMIT',
        message: expect.stringMatching(/front\/low.*encoders|encoders.*front\/low/),
      },
    });
    await server.command('live.release', { camera: 'front', profile: 'low' });
    expect((await server.lease('mpeg1')).result).toMatchObject({ container: 'mpegts', mime: 'video/mp2t' });
    await waitFor(() => server.frames('mpeg1').length > 20, 'MPEG-1 frames');
    expect(server.frames('mpeg1')[0]!.header).toMatchObject({
      kind: FrameKind.mpegTsChunk,
      isKeyframe: true,
    });

    const health = await waitFor(() => {
      const payload = server.of(topics.health(address)).at(-1);
      const read = payload && decodeMessage(agentHealth, payload);
      return read?.processes.length === 2 && read;
    }, 'health with both processes');
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
    await waitFor(() => children.every((pid) => !existsSync(`/proc/${pid}`)), 'the orphans to be gone');
  });

  test('restarts when it is told to, after it has said so', async () => {
    const mosquitto = await startMosquitto();
    const server = new FakeServer(mosquitto);
    const agent = launch(['run', '--config', await writeConfig(await temporaryFolder(), mosquitto.url)], {
      SITECAST_AGENT_SECRET: 'x',
    });
    await server.first(topics.status(address));
    expect(await server.command('restart')).toMatchObject({ ok: true });
    expect(await agent.exit).toBe(0);
  });

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
  });
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
