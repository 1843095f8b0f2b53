import { existsSync, readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeClipChunk, type ClipChunk } from '@sitecast/shared/protocol/clip-chunk';
import { clipResult } from '@sitecast/shared/protocol/commands';
import { cameraEvent, type CameraEvent } from '@sitecast/shared/protocol/events';
import { decodeMessage } from '@sitecast/shared/protocol/json-message';
import { CLIP_CHUNK_BYTES } from '@sitecast/shared/protocol/limits';
import { decodeSnapshotEnvelope } from '@sitecast/shared/protocol/snapshot-envelope';
import { agentHealth } from '@sitecast/shared/protocol/status';
import { topics } from '@sitecast/shared/protocol/topics';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { temporaryFolder, waitFor } from '../support.ts';
import { startMosquitto } from './brokers.ts';
import { address, FakeServer, launch, writeConfig } from './running-agent.ts';

const hasBroker = requireTool('mosquitto', 'the agent is tested against a real broker');

describe.skipIf(!hasBroker)('sitecast-agent run', () => {
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
    const begun = await waitFor(() => motions().find(({ until }) => until === null), 'motion');
    const pictured = server
      .of(topics.snapshot(address, 'front'))
      .map((payload) => decodeSnapshotEnvelope(payload).header);
    expect(pictured).toContainEqual(expect.objectContaining({ id: begun.snapshotId, reason: 'motion' }));
    first.child.kill('SIGKILL');
    await first.exit;
    launch(['run', '--config', path], env);
    const ended = await waitFor(() => motions().find(({ until }) => until !== null), 'its end');
    expect(ended).toMatchObject({ id: begun.id, at: begun.at, snapshotId: begun.snapshotId });
    expect(Date.parse(ended.until!)).toBeGreaterThanOrEqual(Date.parse(begun.at));
  });

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
    const begun = await waitFor(() => told().find(({ until }) => until === null), 'the begin');
    const joined = await server.command('clip', { camera: 'front' });
    const answeredAtMs = Date.now();
    const ended = await waitFor(
      () => told().find(({ until, clipId }) => until !== null && clipId === begun.clipId),
      'the end',
    );
    expect(ended).toMatchObject({ id: begun.id, at: begun.at });
    // Unless the machine was so slow that it was over by then.
    if (Date.parse(ended.until!) > answeredAtMs)
      expect(joined).toMatchObject({ ok: true, result: { clipId: begun.clipId } });
    const clipPath = (id: string | undefined): string => join(folder, 'data/clips', `${id}.mp4`);
    expect(existsSync(clipPath(begun.clipId))).toBe(true);
    expect(await server.command('clip', { camera: 'back' })).toMatchObject({ error: { code: 'NOT_FOUND' } });

    // Cut off in the middle.
    const asked = await server.command('clip', { camera: 'front' });
    const { clipId } = clipResult.parse(asked.ok ? asked.result : undefined);
    const partial = `${clipPath(clipId)}.partial`;
    await waitFor(() => existsSync(partial) && statSync(partial).size > 100_000, 'half a clip');
    first.child.kill('SIGKILL');
    await first.exit;
    launch(['run', '--config', path], env);
    await waitFor(() => existsSync(clipPath(clipId)), 'the clip to be finished');
    const its = (): CameraEvent | undefined =>
      told().find((event) => event.clipId === clipId && event.until !== null);
    const cutOff = await waitFor(its, 'the end of its event');
    expect(cutOff.detail).toMatch(/^\d+\.\d s, \d+\.\d MiB, cut because the agent was cut off$/);
    const isTold = (): boolean =>
      server
        .of(topics.health(address))
        .some((payload) => decodeMessage(agentHealth, payload).clips?.repaired === 1);
    await waitFor(isTold, 'health that says so');

    // Uploaded when somebody asks.
    expect(server.of(topics.clip(address, 'front'))).toEqual([]);
    const file = readFileSync(clipPath(clipId));
    expect(await server.command('clip.upload', { clipId })).toMatchObject({
      ok: true,
      result: { bytes: file.length },
    });
    const chunks = (): ClipChunk[] => server.of(topics.clip(address, 'front')).map(decodeClipChunk);
    await waitFor(() => chunks().length >= Math.ceil(file.length / CLIP_CHUNK_BYTES), 'all chunks');
    const whole = Buffer.alloc(file.length);
    for (const { header, bytes } of chunks()) {
      expect(header).toMatchObject({ id: clipId, camera: 'front', reason: 'command', total: file.length });
      whole.set(bytes, header.offset);
    }
    expect(whole.equals(file)).toBe(true);
  });
});
