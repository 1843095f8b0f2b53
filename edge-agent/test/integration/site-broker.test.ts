import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect as connectSocket, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { generate } from 'mqtt-packet';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseReadings, type Reading } from '@sitecast/shared/protocol/telemetry';
import { agentHealth } from '@sitecast/shared/protocol/status';
import { parseTopic } from '@sitecast/shared/protocol/topics';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { FOREIGN_MESSAGES } from '../../../shared/test/foreign-messages.ts';
import { PATIENCE_MS } from '../../../shared/test/patience.ts';
import { requireTool } from '../../../shared/test/require-tool.ts';
import type { SiteBrokerConfig } from '../../src/config.ts';
import { QuietLog } from '../../src/health/quiet-log.ts';
import { SiteBroker, type SiteBrokerOptions } from '../../src/sensors/site-broker.ts';
import { SITE_LIMITS } from '../../src/sensors/site-limits.ts';
import { UNMAPPED_MAX_TOPICS } from '../../src/sensors/unmapped-topics.ts';
import { MqttConnection } from '../../src/uplink/connection.ts';
import { Outbox } from '../../src/uplink/outbox.ts';
import { SpoolSender } from '../../src/uplink/spool-sender.ts';
import { Spool } from '../../src/uplink/spool.ts';
import { laneLimits } from '../../src/uplink/lanes.ts';
import { silentLogger, temporaryFolder, waitFor } from '../support.ts';
import { RawBroker } from './brokers.ts';

const MIB = 1024 * 1024;
const address = { site: 'demo', agent: 'gateway' };
const PASSWORD = 'right';

const CONFIG: SiteBrokerConfig = {
  listen: '127.0.0.1',
  // The system chooses.
  port: 0,
  credentials: [
    { user: 'sensor', password: PASSWORD },
    { user: 'other', password: PASSWORD },
  ],
  anonymous: false,
  maxConnections: 64,
  maxPacketBytes: 1 * MIB,
  maxSensors: 64,
  maxSeries: 200,
};

interface Kept {
  sensor: string;
  readings: Reading[];
}

interface Site {
  broker: SiteBroker;
  kept: Kept[];
}

async function startSite(
  config: Partial<SiteBrokerConfig> = {},
  options: Partial<SiteBrokerOptions> = {},
): Promise<Site> {
  const kept: Kept[] = [];
  const broker = new SiteBroker({
    site: 'demo',
    config: { ...CONFIG, ...config },
    reserved: ['climate'],
    keep: async (sensor, readings) => void kept.push({ sensor, readings }),
    logger: silentLogger,
    ...options,
  });
  onTestFinished(() => broker.close());
  broker.start();
  await waitFor(() => broker.port !== 0, 'the site broker');
  return { broker, kept };
}

async function connect(port: number, options: IClientOptions = {}): Promise<MqttClient> {
  const client = await connectAsync(
    `mqtt://127.0.0.1:${port}`,
    { username: 'sensor', password: PASSWORD, reconnectPeriod: 0, connectTimeout: PATIENCE_MS, ...options },
    false,
  );
  client.on('error', () => {});
  onTestFinished(() => void client.end(true));
  return client;
}

const closeOf = (client: MqttClient): Promise<void> =>
  new Promise((resolve) => client.once('close', () => resolve()));

const send = (client: MqttClient, topic: string, payload: string | Buffer): Promise<unknown> =>
  client.publishAsync(topic, payload, { qos: 1 });

interface Uplink {
  spool: Spool;
  outbox: Outbox;
}

/** Spool, sender and connection of an agent, towards `server`. */
async function startUplink(server: RawBroker): Promise<Uplink> {
  const spool = await Spool.open({
    folder: await temporaryFolder(),
    lanes: laneLimits(16 * MIB),
    logger: silentLogger,
  });
  onTestFinished(() => spool.close());
  const connection = new MqttConnection({
    name: 'data',
    url: server.url,
    clientId: 'gateway',
    username: 'gateway',
    password: 'secret',
    subscriptions: [],
    logger: silentLogger,
    random: () => 0,
  });
  onTestFinished(() => connection.close());
  const sender = new SpoolSender({ spool, connection, replayPercent: 50, logger: silentLogger });
  onTestFinished(() => sender.close());
  sender.start();
  connection.start();
  return { spool, outbox: new Outbox({ address, spool, log: new QuietLog(silentLogger) }) };
}

/** Every value that the server got, as it would be stored: once for each sensor, metric and time. */
function storedOf(server: RawBroker): Map<string, number> {
  const stored = new Map<string, number>();
  for (const { topic, payload } of server.published) {
    const parsed = parseTopic(topic);
    if (parsed?.kind !== 'agent-telemetry') continue;
    for (const { tsMs, values } of parseReadings(payload, Date.now())) {
      for (const [metric, value] of Object.entries(values)) {
        stored.set(`${parsed.sensor} ${metric} ${tsMs}`, value);
      }
    }
  }
  return stored;
}

describe('readings', () => {
  test('of every project, and of sensors that speak for themselves, arrive once at the server', async () => {
    const server = await RawBroker.open();
    const { outbox, spool } = await startUplink(server);
    const { broker } = await startSite({}, { keep: (sensor, readings) => outbox.readings(sensor, readings) });
    const client = await connect(broker.port);
    for (const { topic, payload } of FOREIGN_MESSAGES) await send(client, topic, payload);
    await send(client, 'sensors/own/telemetry', '{"ts":1772355600000,"values":{"level":3}}');
    await send(client, 'sitecast/v1/demo/sensors/own2/telemetry', '21.5');
    await send(client, 'sitecast/v1/demo/sensors/own3/foreign/tele/SENSOR', '{"ENERGY":{"Power":5}}');
    await waitFor(() => spool.stats().messages === 0, 'an empty spool');

    const expected = FOREIGN_MESSAGES.flatMap(({ sensor, values }) =>
      Object.entries(values).map(([metric, value]) => `${sensor} ${metric} ${value}`),
    );
    const found = [...storedOf(server)].map(([key, value]) => `${key.replace(/ \d+$/, '')} ${value}`);
    expect(found.sort()).toEqual(
      [...expected, 'own level 3', 'own2 value 21.5', 'own3 ENERGY.Power 5'].sort(),
    );
    expect(storedOf(server).get('own level 1772355600000')).toBe(3);
    for (const { sensor, values, tsMs } of FOREIGN_MESSAGES) {
      if (tsMs === undefined) continue;
      for (const [metric, value] of Object.entries(values)) {
        expect(storedOf(server).get(`${sensor} ${metric} ${tsMs}`)).toBe(value);
      }
    }
    expect(broker.health()).toMatchObject({
      messagesAccepted: FOREIGN_MESSAGES.length + 3,
      messagesUnmapped: 0,
      unmapped: [],
    });
  });

  test('that come while the uplink is down for three seconds are all there afterwards, each once', async () => {
    const server = await RawBroker.open();
    const { outbox, spool } = await startUplink(server);
    const { broker } = await startSite({}, { keep: (sensor, readings) => outbox.readings(sensor, readings) });
    const client = await connect(broker.port);
    const fromMs = Date.now() - 1_000_000;
    let sent = 0;
    const sendFor = async (durationMs: number): Promise<void> => {
      const untilMs = performance.now() + durationMs;
      while (performance.now() < untilMs) {
        await send(client, 'zigbee2mqtt/plug', JSON.stringify({ power: sent, last_seen: fromMs + sent }));
        sent += 1;
      }
    };
    await sendFor(300);
    server.returnCode = 3;
    server.disconnectAll();
    await sendFor(3_000);
    expect(spool.stats().messages).toBeGreaterThan(0);
    server.returnCode = 0;
    await sendFor(300);
    await waitFor(() => spool.stats().messages === 0, 'an empty spool');
    const stored = storedOf(server);
    expect(stored.size).toBe(sent);
    for (let n = 0; n < sent; n += 1) expect(stored.get(`plug power ${fromMs + n}`)).toBe(n);
  });

  test('are acknowledged when they are on the disk and no earlier; what the disk refuses comes again', async () => {
    let settle: ((error?: Error) => void) | undefined;
    const keep = (): Promise<void> =>
      new Promise((resolve, reject) => {
        settle = (error) => (error ? reject(error) : resolve());
      });
    const { broker } = await startSite({}, { keep });
    const client = await connect(broker.port, { reconnectPeriod: 50 });
    let isAcked = false;
    const acked = send(client, 'sensors/a/telemetry', '1').then(() => (isAcked = true));
    await waitFor(() => settle, 'the reading');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(isAcked).toBe(false);
    const refuse = settle;
    settle = undefined;
    refuse?.(new AppError('SPOOL_FULL', 'full', { retryable: true }));
    await waitFor(() => settle, 'the same reading again');
    expect(isAcked).toBe(false);
    (settle as unknown as () => void)();
    await acked;
    expect(broker.health()).toMatchObject({ messagesFailed: 1, messagesAccepted: 1 });
  });

  test('that can never be one are acknowledged, counted and shown, and those behind them go on', async () => {
    const { broker, kept } = await startSite();
    const client = await connect(broker.port);
    for (let n = 0; n < 3; n += 1) await send(client, 'plant/boiler', '{"t":1,"password":"hunter2"}');
    await send(client, 'zigbee2mqtt/switch', '{"action":"single"}');
    await send(client, 'sensors/Not An Id/telemetry', '1');
    await send(client, 'sitecast/v1/elsewhere/sensors/a/telemetry', '1');
    await send(client, 'sensors/climate/telemetry', '1');
    await send(client, 'zigbee2mqtt/bridge/state', '{"state":"online"}');
    await send(client, 'sensors/good/telemetry', '1');
    expect(kept.map(({ sensor }) => sensor)).toEqual(['good']);
    const health = broker.health();
    expect(health).toMatchObject({ messagesUnmapped: 7, messagesIgnored: 1, messagesAccepted: 1 });
    expect(health.unmapped[0]).toEqual({
      topic: 'plant/boiler',
      count: 3,
      reason: 'no rule has this topic',
      payload: '{"t":1,"password":***}',
    });
    expect(health.unmapped.map(({ reason }) => reason)).toEqual(
      expect.arrayContaining([
        'zigbee2mqtt: no number in it; action is a text, not a number',
        'the sensor in the topic is no id: 1 to 63 small letters, digits and hyphens',
        '"climate" is the id of a sensor of the configuration',
      ]),
    );
    // Taking a password out makes a text longer, and a pair of surrogates must not be cut in two.
    await send(client, 'plant/hostile', 'pwd=1&'.repeat(40));
    await send(client, 'plant/hostile2', `x${'😀'.repeat(200)}`);
    expect(agentHealth.shape.siteBroker.safeParse(broker.health()).success).toBe(true);
    for (const { payload } of broker.health().unmapped) expect(payload).not.toMatch(/\p{Cs}/u);
    for (let n = 0; n < 2 * UNMAPPED_MAX_TOPICS; n += 1) await send(client, `noise/${n}`, Buffer.of(0xff, 0));
    const { unmapped } = broker.health();
    expect(unmapped).toHaveLength(UNMAPPED_MAX_TOPICS);
    expect(unmapped[0]?.topic).toBe('plant/boiler');
    expect(agentHealth.shape.siteBroker.safeParse(broker.health()).success).toBe(true);
  });

  test('of more sensors and series than allowed are left out with a count, and two devices never share an id', async () => {
    const { broker, kept } = await startSite({ maxSensors: 2, maxSeries: 5 });
    const client = await connect(broker.port);
    await send(client, 'zigbee2mqtt/kitchen', '{"temperature":1}');
    await send(client, 'tele/kitchen/SENSOR', '{"DS18B20":{"Temperature":2}}');
    await send(client, 'sensors/wide/telemetry', '{"a":1,"b":2,"c":3,"d":4,"e":5}');
    await send(client, 'sensors/third/telemetry', '1');
    await send(client, 'zigbee2mqtt/kitchen', '{"temperature":3}');
    expect(kept.map(({ sensor, readings }) => [sensor, readings[0]?.values])).toEqual([
      ['kitchen', { temperature: 1 }],
      ['wide', { a: 1, b: 2, c: 3, d: 4 }],
      ['kitchen', { temperature: 3 }],
    ]);
    const { unmapped, ...counters } = broker.health();
    expect(counters).toMatchObject({ sensors: 2, series: 5, seriesRefused: 2 });
    expect(unmapped.map(({ topic, reason }) => [topic, reason])).toEqual([
      ['tele/kitchen/SENSOR', '"kitchen" is already the id of zigbee2mqtt: kitchen'],
      ['sensors/third/telemetry', 'there are 5 series already'],
    ]);
  });

  test('come from a Last Will least of all', async () => {
    const { broker, kept } = await startSite();
    const will = { topic: 'sensors/a/telemetry', payload: Buffer.from('1'), qos: 1 as const, retain: false };
    const client = await connect(broker.port, { will });
    client.stream.destroy();
    await waitFor(() => broker.health().connections === 0, 'the end of the connection');
    await send(await connect(broker.port), 'sensors/b/telemetry', '1');
    expect(kept.map(({ sensor }) => sensor)).toEqual(['b']);
  });
});

describe('the site broker', () => {
  test('lets in who has the password, and everybody only where that was asked for', async () => {
    const { broker } = await startSite();
    for (const wrong of [{ password: 'wrong' }, { username: 'nobody' }, { username: '', password: '' }]) {
      await expect(connect(broker.port, wrong)).rejects.toMatchObject({ code: 4 });
    }
    await expect(connect(broker.port, { clientId: 'a\u0001b' })).rejects.toMatchObject({ code: 2 });
    await send(await connect(broker.port), 'sensors/a/telemetry', '1');
    expect(broker.health().loginsRefused).toBe(4);

    const open = await startSite({ credentials: [], anonymous: true });
    const stranger = await connectAsync(
      `mqtt://127.0.0.1:${open.broker.port}`,
      { reconnectPeriod: 0, connectTimeout: PATIENCE_MS },
      false,
    );
    onTestFinished(() => void stranger.end(true));
    await send(stranger, 'sensors/a/telemetry', '1');
    expect(open.kept).toHaveLength(1);
  });

  test('takes from a user only what is in the topics of that user', async () => {
    const zigbee = {
      user: 'sensor',
      password: PASSWORD,
      topics: ['zigbee2mqtt/{rest...}', 'sensors/own/telemetry'],
    };
    const { broker, kept } = await startSite({ credentials: [zigbee] });
    const client = await connect(broker.port);
    for (const topic of ['sensors/other/telemetry', 'sensors/own/telemetry', 'zigbee2mqtt'])
      await send(client, topic, '1');
    await send(client, 'zigbee2mqtt/plug', '{"power":1}');
    expect(kept.map(({ sensor }) => sensor)).toEqual(['own', 'plug']);
    expect(broker.health().unmapped).toMatchObject([
      { topic: 'sensors/other/telemetry', reason: 'user "sensor" may not publish here' },
      { topic: 'zigbee2mqtt' },
    ]);
  });

  test('delivers nothing to anybody, and grants what devices insist on', async () => {
    const { broker } = await startSite();
    const [listener, client] = [await connect(broker.port), await connect(broker.port)];
    const heard: string[] = [];
    listener.on('message', (topic) => heard.push(topic));
    const granted = await listener.subscribeAsync(['#', '$SYS/#', 'cmnd/+/POWER'], { qos: 1 });
    expect(granted.map(({ qos }) => qos)).toEqual([1, 1, 1]);
    await client.publishAsync('sensors/a/telemetry', '1', { qos: 1, retain: true });
    await client.publishAsync('cmnd/x/POWER', 'ON', { qos: 1, retain: true });
    await client.publishAsync('sensors/b/telemetry', '1', { qos: 2 });
    await listener.unsubscribeAsync('#');
    const late = await connect(broker.port);
    late.on('message', (topic) => heard.push(topic));
    await late.subscribeAsync('#');
    await send(late, 'sensors/c/telemetry', '1');
    expect(heard).toEqual([]);
  });

  test('cuts off a packet of 2 MB and one of 17 KB before the login, and serves the others on', async () => {
    const { broker, kept } = await startSite();
    const good = await connect(broker.port);
    const bad = await connect(broker.port);
    const closed = closeOf(bad);
    bad.publish('sensors/a/telemetry', Buffer.alloc(2 * MIB), { qos: 1 }, () => {});
    await closed;
    const socket = connectSocket(broker.port, '127.0.0.1');
    const ended = once(socket, 'close');
    socket.on('error', () => {});
    socket.write(generate({ cmd: 'connect', clientId: 'x', username: 'u'.repeat(17 * 1024), keepalive: 1 }));
    await ended;
    await send(good, 'sensors/a/telemetry', '1');
    expect(kept).toHaveLength(1);
    expect(broker.health()).toMatchObject({ packetsTooLarge: 2, connections: 1 });
    // Large, but not too large: lists of devices are.
    await send(good, 'zigbee2mqtt/bridge/devices', Buffer.alloc(900_000, 0x20));
    expect(broker.health().messagesIgnored).toBe(1);
  });

  test('cuts off who begins packets and does not end them, and serves who waited for the room that they held', async () => {
    const limits = {
      ...SITE_LIMITS,
      maxHeldBytes: 64 * 1024,
      packetMs: 500,
      packetSilenceMs: 300,
      packetWatchMs: 50,
    };
    const { broker, kept } = await startSite({}, { limits });
    const good = await connect(broker.port);
    const slow = await connect(broker.port);
    const closed = closeOf(slow);
    const whole = generate({
      cmd: 'publish',
      topic: 'sensors/a/telemetry',
      payload: Buffer.alloc(100_000),
      qos: 0,
      dup: false,
      retain: false,
    });
    slow.stream.write(whole.subarray(0, 90_000));
    await closed;
    await send(good, 'sensors/a/telemetry', '1');
    expect(kept).toHaveLength(1);
    expect(broker.health()).toMatchObject({ packetsTooSlow: 1, packetsTooLarge: 0, connections: 1 });
  });

  test('refuses most of 300 connections at once, and serves who is there', async () => {
    const { broker, kept } = await startSite();
    const good = await connect(broker.port);
    const sockets = Array.from({ length: 300 }, () => connectSocket(broker.port, '127.0.0.1'));
    onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
    for (const socket of sockets) socket.on('error', () => {});
    await waitFor(() => broker.health().connectionsRefused >= 300 + 1 - CONFIG.maxConnections, 'refusals');
    await send(good, 'sensors/a/telemetry', '1');
    expect(kept).toHaveLength(1);
    expect(broker.health().connections).toBeLessThanOrEqual(CONFIG.maxConnections);
    for (const socket of sockets) socket.destroy();
    await waitFor(() => broker.health().connections === 1, 'the end of the others');
    const patient = { ...SITE_LIMITS, connectsBurst: 3, connectsPerSecond: 0.001 };
    const slow = await startSite({}, { limits: patient });
    for (let n = 0; n < 3; n += 1) await connect(slow.broker.port);
    await expect(connect(slow.broker.port)).rejects.toThrow();
    expect(slow.broker.health().connectionsRefused).toBe(1);
  });

  test('replaces a connection by a newer one of the same user and client id, and of nobody else', async () => {
    const { broker } = await startSite();
    const first = await connect(broker.port, { clientId: 'plug' });
    const foreign = await connect(broker.port, { clientId: 'plug', username: 'other' });
    await send(first, 'sensors/a/telemetry', '1');
    const closed = closeOf(first);
    await connect(broker.port, { clientId: 'plug' });
    await closed;
    await send(foreign, 'sensors/b/telemetry', '1');
    expect(broker.health().connectionsReplaced).toBe(1);
  });

  test('holds a flood of one connection until the disk has it, in bounded memory', async () => {
    let inHand = 0;
    let most = 0;
    const keep = async (): Promise<void> => {
      inHand += 1;
      most = Math.max(most, inHand);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inHand -= 1;
    };
    const { broker } = await startSite({}, { keep });
    const client = await connect(broker.port);
    // Spaces make it large: what stands in one chunk of the socket, 64 KiB at most, is dispatched as a whole.
    await Promise.all(
      Array.from({ length: 1_000 }, (_, n) => send(client, 'sensors/a/telemetry', String(n).padStart(1_000))),
    );
    expect(broker.health().messagesAccepted).toBe(1_000);
    expect(most).toBeLessThan(200);
  });

  test('waits for its port when another program has it', async () => {
    const squatter = createServer();
    squatter.listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as { port: number };
    const broker = new SiteBroker({
      site: 'demo',
      config: { ...CONFIG, port },
      reserved: [],
      keep: async () => {},
      logger: silentLogger,
      limits: { ...SITE_LIMITS, retryListenMs: 50 },
    });
    onTestFinished(() => broker.close());
    broker.start();
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(broker.health().isListening).toBe(false);
    squatter.close();
    await waitFor(() => broker.health().isListening, 'the port');
    await send(await connect(port), 'sensors/a/telemetry', '1');
  });

  test('lets readings that are being written finish, and says so, before it closes', async () => {
    const { broker } = await startSite(
      {},
      { keep: () => new Promise((resolve) => setTimeout(resolve, 200)) },
    );
    const client = await connect(broker.port);
    const acked = send(client, 'sensors/a/telemetry', '1');
    await waitFor(() => broker.health().series === 1, 'the reading');
    await broker.close();
    await acked;
    await expect(connect(broker.port)).rejects.toThrow();
  });
});

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

function launch(configPath: string): { child: ChildProcess; stderr: () => string } {
  const child = spawn(process.execPath, [main, 'run', '--config', configPath], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH, SITECAST_AGENT_SECRET: 's3cret' },
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  return { child, stderr: () => stderr };
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

describe('an agent with a site broker', () => {
  test('that is killed loses nothing that it had acknowledged', async () => {
    const server = await RawBroker.open();
    server.returnCode = 3;
    const folder = await temporaryFolder();
    const port = await freePort();
    const path = join(folder, 'agent.yaml');
    await writeFile(join(folder, 'users'), `sensor:${PASSWORD}\n`);
    await writeFile(
      path,
      `site: demo
agent: gateway
dataDir: ./data
uplink: { url: "${server.url}", mediaUrl: "${server.url}" }
siteBroker: { listen: 127.0.0.1, port: ${port}, credentialsFile: ./users }
`,
    );
    let sent = 0;
    const fromMs = Date.now() - 1_000_000;
    for (let round = 0; round < 2; round += 1) {
      const agent = launch(path);
      await waitFor(() => agent.stderr().includes('the site broker listens'), 'the site broker');
      const client = await connect(port);
      for (let n = 0; n < 50; n += 1, sent += 1) {
        await send(
          client,
          'sensors/pump/telemetry',
          JSON.stringify({ ts: fromMs + sent, values: { n: sent } }),
        );
      }
      agent.child.kill('SIGKILL');
      await once(agent.child, 'exit');
      client.end(true);
    }
    server.returnCode = 0;
    const agent = launch(path);
    const stored = (): Map<string, number> => storedOf(server);
    await waitFor(() => stored().size === sent, 'all readings');
    for (let n = 0; n < sent; n += 1) expect(stored().get(`pump n ${fromMs + n}`)).toBe(n);
    const topic = 'sitecast/v1/demo/gateway/health';
    const health = await waitFor(() => server.published.find((message) => message.topic === topic), 'health');
    expect(agentHealth.parse(JSON.parse(health.payload.toString())).siteBroker).toMatchObject({
      isListening: true,
    });
    agent.child.kill('SIGTERM');
    expect(await once(agent.child, 'exit')).toEqual([0, null]);
  });

  test.skipIf(!requireTool('mosquitto_pub', 'the site broker is tested with a foreign client'))(
    'takes what mosquitto_pub sends, and refuses it with a wrong password',
    async () => {
      const { broker, kept } = await startSite();
      const publish = async (password: string, qos: string): Promise<number> => {
        const parameters = [
          '-h',
          '127.0.0.1',
          '-p',
          `${broker.port}`,
          '-u',
          'sensor',
          '-P',
          password,
          '-q',
          qos,
        ];
        const message = ['-t', 'livingroom/sensor/outside_temperature/state', '-m', '21.4'];
        const child = spawn('mosquitto_pub', [...parameters, ...message], { stdio: 'ignore' });
        const [code] = (await once(child, 'exit')) as [number];
        return code;
      };
      expect([
        await publish(PASSWORD, '0'),
        await publish(PASSWORD, '1'),
        await publish(PASSWORD, '2'),
      ]).toEqual([0, 0, 0]);
      expect(await publish('wrong', '1')).not.toBe(0);
      await waitFor(() => kept.length === 3, 'three readings');
      expect(kept.map(({ sensor, readings }) => [sensor, readings[0]?.values])).toEqual(
        Array.from({ length: 3 }, () => ['livingroom', { outside_temperature: 21.4 }]),
      );
    },
  );
});
