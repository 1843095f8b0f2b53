// Devices that are not ours: mosquitto_pub with a sensor's credentials, and what is refused while others go on.

import { spawn } from 'node:child_process';
import { connect, createConnection } from 'node:net';
import { connect as connectDevice } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { createDevice, type DeviceLogin } from './support/device.ts';
import { type Sitecast, waitFor, type ApiSession } from './support/sitecast.ts';
import { startSitecast } from './support/start-sitecast.ts';

interface Point {
  site: string;
  sensor: string;
  metric: string;
  value: number;
}

describe.skipIf(!requireTool('mosquitto_pub', 'it stands for sensors of other makers'))(
  'foreign devices',
  () => {
    let sitecast: Sitecast;
    let session: ApiSession;
    let boiler: DeviceLogin;
    let other: DeviceLogin;

    beforeAll(async () => {
      sitecast = await startSitecast({ args: ['--no-demo'] });
      session = await sitecast.login();
      boiler = await createDevice(session, 'boiler', 'sensor');
      other = await createDevice(session, 'other', 'sensor');
    });
    afterAll(() => sitecast.close());

    it.each([
      ['a bare number', '21.5', { value: 21.5 }],
      ['a flat object', '{"temperature":22.5,"humidity":40}', { temperature: 22.5, humidity: 40 }],
      ['a reading with epoch ms', `{"ts":${Date.now() - 1000},"values":{"pressure":1.5}}`, { pressure: 1.5 }],
      ['a reading with ISO time', `{"ts":"${new Date().toISOString()}","values":{"flow":7}}`, { flow: 7 }],
      ['an array', '[{"values":{"rpm":900}},{"values":{"power":12}}]', { rpm: 900, power: 12 }],
    ])('stores %s', async (_form, payload, expected) => {
      expect(await publish(boiler, topicOf('boiler'), payload)).toBe(0);
      await waitFor(async () => {
        const { items } = await session.get<{ items: Point[] }>('telemetry/latest');
        const own = Object.fromEntries(
          items.filter(({ sensor }) => sensor === 'boiler').map((p) => [p.metric, p.value]),
        );
        return Object.entries(expected).every(([metric, value]) => own[metric] === value);
      }, JSON.stringify(expected));
    });

    it('stores what a Shelly says below the topic of its sensor', async () => {
      const topic = 'sitecast/v1/local/sensors/boiler/foreign/status/switch:0';
      expect(await publish(boiler, topic, '{"id":0,"output":true,"apower":8.9}')).toBe(0);
      await waitFor(async () => {
        const { items } = await session.get<{ items: Point[] }>('telemetry/latest');
        const own = items.filter(({ sensor }) => sensor === 'boiler').map((p) => `${p.metric} ${p.value}`);
        return own.includes('switch:0.apower 8.9') && own.includes('switch:0.output 1');
      }, 'the readings of the Shelly');
    });

    it('refuses wrong credentials', async () => {
      expect(await publish({ id: 'boiler', secret: 'wrong' }, topicOf('boiler'), '1')).not.toBe(0);
      expect(await publish({ id: 'nobody', secret: boiler.secret }, topicOf('boiler'), '1')).not.toBe(0);
    });

    it("refuses another device's topic: nothing of it is stored", async () => {
      await publish(boiler, topicOf('other'), '{"forged":1}');
      await publish(other, topicOf('other'), '{"honest":1}');
      const metrics = await waitFor(async () => {
        const { items } = await session.get<{ items: Point[] }>('telemetry/latest');
        const found = items.filter(({ sensor }) => sensor === 'other').map(({ metric }) => metric);
        return found.length > 0 && found;
      }, 'the honest reading');
      expect(metrics).toEqual(['honest']);
    });

    it.each(['#', 'sitecast/v1/#', 'sitecast/v1/local/+/cam/+/live/main', '$SYS/#'])(
      'refuses a subscription to %s',
      async (filter) => {
        const login = ['-u', boiler.id, '-P', boiler.secret, '-p', String(sitecast.ready.mqttPort)];
        const { output } = await run('mosquitto_sub', [
          '-h',
          '127.0.0.1',
          ...login,
          '-t',
          filter,
          '-W',
          '60',
          '-d',
        ]);
        expect(output).toMatch(/denied|rejected|Subscribed \(mid: 1\): 128|not authori|lost/i);
      },
    );

    it('cuts off a 2 MB and a 250 MB packet, while another device goes on', async () => {
      for (const megabytes of [2, 250]) {
        await publishOversized(sitecast.ready.mqttPort, boiler, megabytes * 1024 * 1024);
        expect(await publish(other, topicOf('other'), `{"after${megabytes}":1}`)).toBe(0);
      }
      expect((await session.fetch('telemetry/latest')).status).toBe(200);
    });

    it('cuts off a first packet of 250 MB from somebody without a login', async () => {
      const socket = connect(sitecast.ready.mqttPort, '127.0.0.1');
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
      socket.on('error', () => undefined);
      // CONNECT with a remaining length of 250 MiB (MQTT 3.1.1 2.2.3), and a little of it.
      socket.write(
        Buffer.concat([Buffer.from([0x10, ...remainingLength(250 * 1024 * 1024)]), Buffer.alloc(64 * 1024)]),
      );
      await closed;
      expect(socket.bytesRead).toBeLessThan(64);
    });

    it('a revoked device is disconnected and may not come back', async () => {
      const client = connectDevice({
        port: sitecast.ready.mqttPort,
        username: other.id,
        password: other.secret,
        reconnectPeriod: 0,
      });
      const gone = new Promise<void>((resolve) => client.once('close', () => resolve()));
      await new Promise<void>((resolve) => client.once('connect', () => resolve()));
      expect((await session.fetch('devices/other', { method: 'DELETE' })).status).toBe(204);
      await gone;
      expect(await publish(other, topicOf('other'), '1')).not.toBe(0);
      await client.endAsync(true);
    });

    const topicOf = (sensor: string): string => `sitecast/v1/local/sensors/${sensor}/telemetry`;

    async function publish(
      { id, secret }: DeviceLogin,
      topic: string,
      payload: string,
    ): Promise<number | null> {
      const port = String(sitecast.ready.mqttPort);
      const { code } = await run('mosquitto_pub', [
        '-h',
        '127.0.0.1',
        '-p',
        port,
        '-u',
        id,
        '-P',
        secret,
        '-q',
        '1',
        '-t',
        topic,
        '-m',
        payload,
      ]);
      return code;
    }
  },
);

/** Logs in by hand, then announces a PUBLISH of `bytes` and sends until the server cuts the line. */
async function publishOversized(port: number, { id, secret }: DeviceLogin, bytes: number): Promise<void> {
  const socket = createConnection(port, '127.0.0.1');
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.write(connectPacket(id, secret));
  await new Promise((resolve) => socket.once('data', resolve));
  socket.write(Buffer.from([0x32, ...remainingLength(bytes)]));
  const chunk = Buffer.alloc(64 * 1024);
  const pump = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', pump);
  pump();
  await closed;
  // What this side had handed to its kernel when the line was cut, not what the server read.
  expect(socket.bytesWritten).toBeLessThan(16 * 1024 * 1024);
}

/** MQTT 3.1.1 3.1: protocol name and level, clean session, keep alive 30 s, client id, user name, password. */
function connectPacket(id: string, secret: string): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
  };
  const body = Buffer.concat([text('MQTT'), Buffer.from([4, 0xc2, 0, 30]), text(id), text(id), text(secret)]);
  return Buffer.concat([Buffer.from([0x10, ...remainingLength(body.length)]), body]);
}

function remainingLength(length: number): number[] {
  const digits: number[] = [];
  do {
    const digit = length % 128;
    length = Math.floor(length / 128);
    digits.push(length > 0 ? digit | 0x80 : digit);
  } while (length > 0);
  return digits;
}

function run(command: string, args: string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('exit', (code) => resolve({ code, output }));
  });
}
