import { describe, expect, onTestFinished, test } from 'vitest';
import { topics } from '@sitecast/shared/protocol/topics';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { MqttConnection } from '../../src/uplink/connection.ts';
import { laneLimits } from '../../src/uplink/lanes.ts';
import { SpoolSender } from '../../src/uplink/spool-sender.ts';
import { Spool } from '../../src/uplink/spool.ts';
import { silentLogger, temporaryFolder, waitFor } from '../support.ts';
import { startMosquitto } from './brokers.ts';
import { slowLine } from './slow-line.ts';

const MIB = 1024 * 1024;
const BYTES_PER_SECOND = 125_000;
const SNAPSHOT_BYTES = 60_000;
const SNAPSHOTS = 30;
const SECONDS = 10;
const agent = { site: 'demo', agent: 'gateway' };
const readingTopic = topics.agentTelemetry(agent, 'climate');
const snapshotTopic = topics.snapshot(agent, 'front');
const alarmTopic = topics.event(agent, 'front');

function connect(name: string, port: number, subscriptions: string[]): MqttConnection {
  const url = `mqtt://127.0.0.1:${port}`;
  const options = { name, url, clientId: name, username: name, password: 'x', subscriptions };
  const connection = new MqttConnection({ ...options, logger: silentLogger });
  onTestFinished(() => connection.close());
  connection.start();
  return connection;
}

describe.skipIf(!requireTool('mosquitto', 'the spool is replayed to a real broker'))('a replay', () => {
  test(
    'on 1 Mbit/s takes its share, and neither an alarm nor a reading of now waits behind it',
    { timeout: 60_000 },
    async () => {
      const mosquitto = await startMosquitto();
      const server = connect('server', mosquitto.port, [readingTopic, snapshotTopic, alarmTopic]);
      await waitFor(() => server.isOnline, 'the server');
      const folder = await temporaryFolder();
      const spool = await Spool.open({ folder, lanes: laneLimits(16 * MIB), logger: silentLogger });
      onTestFinished(() => spool.close());
      for (let n = 0; n < SNAPSHOTS; n += 1)
        await spool.put('snapshots', snapshotTopic, Buffer.alloc(SNAPSHOT_BYTES));

      const agesMs: Record<string, number[]> = { [readingTopic]: [], [alarmTopic]: [] };
      let replayedBytes = 0;
      server.onMessage(({ topic, payload }) => {
        if (topic === snapshotTopic) replayedBytes += payload.length;
        else agesMs[topic]?.push(Date.now() - Number(Buffer.from(payload).toString()));
      });
      const connection = connect('gateway', await slowLine(mosquitto.port, BYTES_PER_SECOND), []);
      const sender = new SpoolSender({ spool, connection, replayPercent: 50, logger: silentLogger });
      onTestFinished(() => sender.close());
      sender.start();
      await waitFor(() => connection.isOnline, 'the uplink');
      const now = (): Buffer => Buffer.from(String(Date.now()));
      for (let n = 0; n < SECONDS * 2; n += 1) {
        await new Promise((resolve) => setTimeout(resolve, 500));
        await spool.put('telemetry', readingTopic, now());
        if (n % 5 === 0) await spool.put('alarms', alarmTopic, now());
      }
      const share = replayedBytes / (BYTES_PER_SECOND * SECONDS);
      await waitFor(() => agesMs[alarmTopic]?.length === 4, 'the last alarm');
      const worst = (topic: string): number => Math.max(...(agesMs[topic] ?? []));
      console.log(
        `replay took ${Math.round(share * 100)} % of the uplink; oldest alarm ${worst(alarmTopic)} ms, oldest reading ${worst(readingTopic)} ms`,
      );
      expect(share).toBeGreaterThan(0.2);
      expect(share).toBeLessThan(0.75);
      expect(worst(alarmTopic)).toBeLessThan(3_500);
      expect(worst(readingTopic)).toBeLessThan(3_500);
      expect(spool.stats().messages).toBeGreaterThan(0);
    },
  );
});
