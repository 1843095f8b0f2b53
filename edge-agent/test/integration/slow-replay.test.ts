import { describe, expect, onTestFinished, test } from 'vitest';
import { topics } from '@sitecast/shared/protocol/topics';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { MqttConnection } from '../../src/uplink/connection.ts';
import { laneLimits } from '../../src/uplink/lanes.ts';
import { MAX_SNAPSHOTS_IN_FLIGHT, SpoolSender } from '../../src/uplink/spool-sender.ts';
import { Spool } from '../../src/uplink/spool.ts';
import { silentLogger, temporaryFolder, waitFor } from '../support.ts';
import { startMosquitto } from './brokers.ts';
import { slowLine } from './slow-line.ts';

const MIB = 1024 * 1024;
const BYTES_PER_SECOND = 125_000;
const SNAPSHOT_BYTES = 60_000;
const SNAPSHOTS = 60;
const MESSAGES = 20;
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
  test('on 1 Mbit/s goes on, and neither an alarm nor a reading of now waits behind it', async () => {
    const mosquitto = await startMosquitto();
    const server = connect('server', mosquitto.port, [readingTopic, snapshotTopic, alarmTopic]);
    await waitFor(() => server.isOnline, 'the server');
    const folder = await temporaryFolder();
    const spool = await Spool.open({ folder, lanes: laneLimits(16 * MIB), logger: silentLogger });
    onTestFinished(() => spool.close());
    for (let n = 0; n < SNAPSHOTS; n += 1)
      await spool.put('snapshots', snapshotTopic, Buffer.alloc(SNAPSHOT_BYTES));

    let replayed = 0;
    /** How many old snapshots arrived between a message's way into the spool and its arrival. */
    const overtakenBy: Record<string, number[]> = { [readingTopic]: [], [alarmTopic]: [] };
    server.onMessage(({ topic, payload }) => {
      if (topic === snapshotTopic) replayed += 1;
      else overtakenBy[topic]?.push(replayed - Number(Buffer.from(payload).toString()));
    });
    const connection = connect('gateway', await slowLine(mosquitto.port, BYTES_PER_SECOND), []);
    const sender = new SpoolSender({ spool, connection, replayPercent: 50, logger: silentLogger });
    onTestFinished(() => sender.close());
    sender.start();
    await waitFor(() => connection.isOnline, 'the uplink');
    const soFar = (): Buffer => Buffer.from(String(replayed));
    for (let n = 0; n < MESSAGES; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      await spool.put('telemetry', readingTopic, soFar());
      if (n % 5 === 0) await spool.put('alarms', alarmTopic, soFar());
    }
    await waitFor(() => overtakenBy[readingTopic]?.length === MESSAGES, 'the last reading');
    await waitFor(() => overtakenBy[alarmTopic]?.length === MESSAGES / 5, 'the last alarm');
    // Those that were on their way when it came. How much of the uplink the replay takes shows with a clock (replay-pace.test.ts).
    for (const counts of Object.values(overtakenBy))
      expect(Math.max(...counts)).toBeLessThanOrEqual(MAX_SNAPSHOTS_IN_FLIGHT);
    expect(replayed).toBeGreaterThan(2);
    expect(spool.stats().messages).toBeGreaterThan(0);
  });
});
