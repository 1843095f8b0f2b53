// The broker against clients that are not ours: Debian's mosquitto_pub and mosquitto_sub.

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { secretOf, startBroker, type Harness } from '../broker/broker-harness.ts';

const TELEMETRY = 'sitecast/v1/demo/sensors/thermo/telemetry';
const MIB = 1024 * 1024;

interface Result {
  code: number | null;
  output: string;
}

describe.skipIf(!requireTool('mosquitto_pub'))('mosquitto clients', () => {
  let harness: Harness;
  let folder: string;
  beforeEach(async () => {
    harness = await startBroker();
    folder = await mkdtemp(join(tmpdir(), 'sitecast-mosquitto-'));
  });
  afterEach(async () => {
    await harness[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  function run(
    tool: 'mosquitto_pub' | 'mosquitto_sub',
    args: string[],
    user = 'thermo',
    secret = secretOf(user),
  ): Promise<Result> {
    const child = spawn(tool, [
      '-h',
      '127.0.0.1',
      '-p',
      String(harness.broker.dataPort),
      '-u',
      user,
      '-P',
      secret,
      ...args,
    ]);
    let output = '';
    child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
    child.stderr.on('data', (bytes: Buffer) => (output += bytes.toString()));
    return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })));
  }

  const payloads = (): string[] => harness.messages.map(({ payload }) => payload.toString());

  async function stillServes(): Promise<void> {
    const result = await run('mosquitto_pub', ['-q', '1', '-t', TELEMETRY, '-m', '21.5']);
    expect(result).toMatchObject({ code: 0 });
    expect(payloads().at(-1)).toBe('21.5');
  }

  it.each(['0', '1', '2'])('publish a reading with QoS %s, with MQTT 3.1 as well as 3.1.1', async (qos) => {
    for (const version of ['mqttv31', 'mqttv311']) {
      const result = await run('mosquitto_pub', ['-V', version, '-q', qos, '-t', TELEMETRY, '-m', qos]);
      expect(result).toMatchObject({ code: 0 });
    }
    await stillServes();
    expect(payloads()).toEqual([qos, qos, '21.5']);
  });

  it('publish many readings through one connection', async () => {
    const lines = Array.from({ length: 2_000 }, (_, i) => `${i}`);
    await writeFile(join(folder, 'lines'), lines.join('\n') + '\n');
    const child = spawn('sh', [
      '-c',
      `mosquitto_pub -h 127.0.0.1 -p ${harness.broker.dataPort} -u thermo -P ${secretOf('thermo')} -q 1 -t ${TELEMETRY} -l < ${join(folder, 'lines')}`,
    ]);
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
    expect(payloads()).toEqual(lines);
  });

  it('are refused with a wrong secret or an unknown name', async () => {
    const wrong = await run('mosquitto_pub', ['-t', TELEMETRY, '-m', '1'], 'thermo', 'wrong');
    expect(wrong.code).not.toBe(0);
    expect(wrong.output).toMatch(/bad user name or password|not authori[sz]ed/i);
    expect((await run('mosquitto_pub', ['-t', TELEMETRY, '-m', '1'], 'nobody', 'x')).code).not.toBe(0);
    await stillServes();
  });

  it("get nothing stored under another device's topic", async () => {
    const other = 'sitecast/v1/demo/gateway/telemetry/climate';
    await run('mosquitto_pub', ['-q', '1', '-t', other, '-m', 'forged']);
    await stillServes();
    expect(payloads()).toEqual(['21.5']);
    expect(harness.broker.counters.messagesDropped).toBe(1);
  });

  it.each(['#', 'sitecast/v1/demo/gateway/cam/front/live/main', 'sitecast/v1/+/+/cam/+/live/#', '$SYS/#'])(
    'may not subscribe to %s',
    async (filter) => {
      const result = await run('mosquitto_sub', ['-t', filter, '-W', '60']);
      expect(result.output).toMatch(/denied|rejected|not authori[sz]ed/i);
      await stillServes();
    },
  );

  it.each([2, 250])(
    'are cut off when they send %i MB, and the server does not grow by it',
    async (megabytes) => {
      const file = join(folder, 'large');
      await writeFile(file, Buffer.alloc(megabytes * MIB));
      const before = process.memoryUsage().rss;
      // mosquitto_pub reconnects for ever; its exit is not the point.
      const child = spawn('mosquitto_pub', [
        ...[
          '-h',
          '127.0.0.1',
          '-p',
          String(harness.broker.dataPort),
          '-u',
          'thermo',
          '-P',
          secretOf('thermo'),
        ],
        ...['-q', '1', '-t', TELEMETRY, '-f', file],
      ]);
      const ended = new Promise((resolve) => child.once('close', resolve));
      while (harness.broker.counters.packetsTooLarge === 0)
        await new Promise((resolve) => setTimeout(resolve, 20));
      await stillServes();
      child.kill('SIGKILL');
      await ended;
      expect(process.memoryUsage().rss - before).toBeLessThan(64 * MIB);
      expect(payloads()).toEqual(['21.5']);
    },
  );
});
