// A camera gets masks while its snapshots wait for the uplink.

import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { agentEvent, type AgentEvent } from '@sitecast/shared/protocol/events';
import { decodeMessage } from '@sitecast/shared/protocol/json-message';
import { decodeSnapshotEnvelope } from '@sitecast/shared/protocol/snapshot-envelope';
import { topics } from '@sitecast/shared/protocol/topics';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { listSegments } from '../../src/uplink/spool-segment.ts';
import { temporaryFolder, waitFor } from '../support.ts';
import { startMosquitto } from './brokers.ts';
import { address, FakeServer, launch, writeConfig } from './running-agent.ts';

const hasBroker = requireTool('mosquitto', 'the agent is tested against a real broker');
const env = { SITECAST_AGENT_SECRET: 'x' };
const MASKS = 'masks: [{ x: 0, y: 0, width: 0.5, height: 1 }], snapshotIntervalSeconds: 1';

describe.skipIf(!hasBroker).each(['SIGHUP', 'a restart'])('Masks that come by %s', (way) => {
  test('keep what waits in the spool without them from leaving, and that is told as a gap', async () => {
    const mosquitto = await startMosquitto();
    const server = new FakeServer(mosquitto);
    const folder = await temporaryFolder();
    const path = await writeConfig(folder, mosquitto.url);
    const masked = readFileSync(path, 'utf8').replace('snapshotIntervalSeconds: 3', MASKS);
    await writeFile(path, masked.replace(MASKS, 'snapshotIntervalSeconds: 1'));
    const agent = launch(['run', '--config', path], env);
    const versions = (): number[] =>
      server
        .of(topics.snapshot(address, 'front'))
        .map((payload) => decodeSnapshotEnvelope(payload).header.maskVersion);
    await waitFor(() => versions().length > 0, 'a snapshot');

    await mosquitto.kill();
    const spooled = join(folder, 'data/spool/snapshots');
    const waiting = async (): Promise<number> => {
      const segments = await Promise.all((await listSegments(spooled)).map((each) => readFile(each)));
      return Buffer.concat(segments).toString('latin1').split('"reason":"interval"').length - 1;
    };
    const atOutage = await waiting();
    await waitFor(async () => (await waiting()) >= atOutage + 3, 'snapshots that wait');
    await writeFile(path, masked);
    if (way === 'SIGHUP') {
      agent.child.kill('SIGHUP');
      await waitFor(() => agent.stderr().includes('the configuration was read again'), 'the reload');
    } else {
      agent.child.kill('SIGKILL');
      await agent.exit;
      launch(['run', '--config', path], env);
    }
    const before = versions().length;
    await mosquitto.start();

    const isOfSnapshots = ({ gap }: AgentEvent): boolean => gap?.lane === 'snapshots';
    const told = (): AgentEvent | undefined =>
      server
        .of(topics.agentEvent(address))
        .map((payload) => decodeMessage(agentEvent, payload))
        .find(isOfSnapshots);
    await waitFor(() => versions().length > before, 'a masked snapshot');
    const areCounted = (): boolean => {
      expect(versions().slice(before)).not.toContain(0);
      return (server.health()?.spool.messagesDropped ?? 0) >= 3;
    };
    await waitFor(areCounted, 'health that counts them');
    if (way === 'a restart') return;
    const gap = await waitFor(told, 'the gap, within a minute');
    expect(gap.detail).toMatch(/withheld because they show what privacy masks hide now/);
    expect(gap.gap!.count).toBeGreaterThanOrEqual(3);
  });
});
