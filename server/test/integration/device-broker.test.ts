// The broker against real mqtt.js clients and raw sockets.

import { createConnection, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '@sitecast/shared/node/logger';
import { decodeMessage } from '@sitecast/shared/protocol/json-message';
import { droppedNotice } from '@sitecast/shared/protocol/commands';
import { topics } from '@sitecast/shared/protocol/topics';
import { KIB, MIB } from '@sitecast/shared/protocol/limits';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { DeviceBroker } from '../../src/broker/device-broker.ts';
import { BROKER_LIMITS } from '../../src/broker/limits.ts';
import { DEVICES, pinged, startBroker, type Harness } from '../broker/broker-harness.ts';
import { waitFor } from '../support/wait-for.ts';

const GATEWAY = { site: 'demo', agent: 'gateway' };
const OTHER = { site: 'demo', agent: 'other' };
const READINGS = topics.agentTelemetry(GATEWAY, 'climate');

let harness: Harness;
beforeEach(async () => {
  harness = await startBroker();
});
afterEach(async () => {
  await harness[Symbol.asyncDispose]();
});

const payloads = (): string[] => harness.messages.map(({ payload }) => payload.toString());

async function openSocket(port: number): Promise<Socket> {
  const socket = createConnection({ port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

function isClosed(socket: Socket): Promise<void> {
  socket.resume();
  return new Promise((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())));
}

it('says that it listens until it closes', async () => {
  expect(harness.broker.isListening).toBe(true);
  const closing = harness.broker.close();
  expect(harness.broker.isListening).toBe(false);
  await closing;
  expect(harness.broker.isListening).toBe(false);
});

describe('login', () => {
  it('refuses a wrong secret, no credentials and a user name that is no device id', async () => {
    await expect(harness.connect('gateway', { password: 'wrong' })).rejects.toThrow(
      /Bad username or password/i,
    );
    await expect(harness.connect('gateway', { username: undefined, password: undefined })).rejects.toThrow();
    await expect(harness.connect('gateway', { username: 'gate\u0000way' })).rejects.toThrow();
    expect(harness.broker.counters.loginsRefused).toBe(3);
  });

  it('refuses an agent under a client id that is not its own, and a sensor on the media listener', async () => {
    await expect(harness.connect('gateway', { clientId: 'other' })).rejects.toThrow(/Identifier rejected/i);
    await expect(harness.connect('thermo', { listener: 'media' })).rejects.toThrow(/Not authorized/i);
  });

  it('answers "server unavailable" when credentials cannot be checked in time or at all', async () => {
    await harness[Symbol.asyncDispose]();
    harness = await startBroker({ authenticateTimeoutMs: 200 });
    harness.authenticate = () => new Promise(() => undefined);
    await expect(harness.connect('gateway')).rejects.toThrow(/Server unavailable/i);
    harness.authenticate = async () => {
      throw new AppError('STORE_UNAVAILABLE', 'no database', { retryable: true });
    };
    await expect(harness.connect('gateway')).rejects.toThrow(/Server unavailable/i);
  });

  it('refuses MQTT 5 with a return code', async () => {
    await expect(harness.connect('gateway', { protocolVersion: 5 })).rejects.toThrow(
      /Unacceptable protocol|unsupported|refused/i,
    );
  });

  it('closes a connection that says nothing', async () => {
    await harness[Symbol.asyncDispose]();
    harness = await startBroker({ connectTimeoutMs: 200 });
    await isClosed(await openSocket(harness.broker.dataPort));
  });

  it('names the port when it is taken', async () => {
    const opening = DeviceBroker.open({
      host: '127.0.0.1',
      dataPort: 0,
      mediaPort: harness.broker.dataPort,
      authenticate: async () => undefined,
      handlers: { onLiveFrame: () => undefined, onMessage: async () => undefined },
      logger: (await import('@sitecast/shared/node/logger')).createLogger({ name: 'test', level: 'silent' }),
    });
    await expect(opening).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      detail: { port: harness.broker.dataPort },
    });
  });
});

describe('connection bounds', () => {
  it('refuses connections above the bound of the listener, and takes one again when one has left', async () => {
    await harness[Symbol.asyncDispose]();
    harness = await startBroker({ data: { ...BROKER_LIMITS.data, maxConnections: 1 } });
    const first = await harness.connect('gateway');
    await isClosed(await openSocket(harness.broker.dataPort));
    expect(harness.broker.counters.connectionsRefused).toBe(1);
    first.end(true);
    await waitFor('the first connection to be gone', () => harness.broker.connections.data === 0);
    await harness.connect('other');
  });

  it('refuses connections that come faster than the bound', async () => {
    await harness[Symbol.asyncDispose]();
    harness = await startBroker({ connectsPerSecond: 0.001, connectsBurst: 2 });
    await harness.connect('gateway');
    await harness.connect('other');
    await isClosed(await openSocket(harness.broker.dataPort));
    expect(harness.broker.counters.connectionsRefused).toBe(1);
  });

  it('lets the newest connection of a sensor replace its oldest above the bound', async () => {
    await harness[Symbol.asyncDispose]();
    harness = await startBroker({ maxConnectionsPerSensor: 2 });
    const oldest = await harness.connect('thermo', { clientId: 'a' });
    const kept = await harness.connect('thermo', { clientId: 'b' });
    await harness.connect('thermo', { clientId: 'c' });
    await waitFor('the oldest to be closed', () => !oldest.connected);
    expect(kept.connected).toBe(true);
    expect(harness.broker.connections.sensors).toBe(2);
  });

  it('lets nobody take over the connection of another device by using its client id', async () => {
    const victim = await harness.connect('gateway');
    await harness.connect('thermo', { clientId: 'gateway' });
    await victim.publishAsync(READINGS, '1', { qos: 1 });
    expect(victim.connected).toBe(true);
  });
});

describe('packet caps', () => {
  const hugeConnect = Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]);

  it('cuts off a 250 MB packet before login at its header', async () => {
    const socket = await openSocket(harness.broker.dataPort);
    socket.write(hugeConnect);
    await isClosed(socket);
    expect(harness.broker.counters.packetsTooLarge).toBe(1);
  });

  it('cuts off a 2 MB publish while others go on, and keeps no memory for it', async () => {
    const good = await harness.connect('other');
    const bad = await harness.connect('gateway');
    bad.publish(READINGS, Buffer.alloc(2 * MIB), { qos: 1 });
    await waitFor('the sender to be cut off', () => !bad.connected);
    await good.publishAsync(topics.agentTelemetry(OTHER, 'climate'), '2', { qos: 1 });
    expect(payloads()).toEqual(['2']);
    expect(harness.broker.heldBytes.data).toBe(0);
  });

  it('takes the largest packet that is allowed on each listener', async () => {
    const data = await harness.connect('gateway');
    const media = await harness.connect('gateway', { listener: 'media' });
    await data.publishAsync(topics.snapshot(GATEWAY, 'front'), Buffer.alloc(511 * KIB), { qos: 1 });
    media.publish(topics.live(GATEWAY, 'front', 'main'), Buffer.alloc(1023 * KIB));
    await waitFor('the frame', () => harness.frames.length === 1);
    expect(harness.frames[0]?.bytes.length).toBe(1023 * KIB);
    expect(harness.messages[0]?.payload.length).toBe(511 * KIB);
  });
});

describe('topic access', () => {
  it('acknowledges and drops what a device publishes elsewhere, and tells it so', async () => {
    const client = await harness.connect('gateway');
    const notices: Buffer[] = [];
    client.on('message', (_topic, payload) => notices.push(payload));
    await client.subscribeAsync(topics.agentErrors(GATEWAY));
    const foreign = [
      topics.status(OTHER),
      topics.command(GATEWAY),
      topics.live(GATEWAY, 'front', 'main'),
      topics.sensorTelemetry('demo', 'thermo'),
      'sitecast/v1/elsewhere/gateway/status',
      'any/thing',
      '$SYS/broker',
      'with\u0001control',
    ];
    for (const topic of foreign) await client.publishAsync(topic, 'x', { qos: 1 });
    await client.publishAsync(READINGS, 'mine', { qos: 1 });
    await waitFor('a notice for each', () => notices.length === foreign.length);
    expect(payloads()).toEqual(['mine']);
    expect(harness.frames).toEqual([]);
    expect(decodeMessage(droppedNotice, notices[0] as Buffer)).toMatchObject({
      code: 'FORBIDDEN',
      topic: topics.status(OTHER),
    });
  });

  it('lets a sensor speak the language of another project below its own topic, and nowhere else', async () => {
    const client = await harness.connect('thermo');
    const own = topics.sensorForeign('demo', 'thermo', 'events/rpc');
    for (const topic of [
      topics.sensorForeign('demo', 'other', 'events/rpc'),
      topics.sensorForeign('elsewhere', 'thermo', 'events/rpc'),
      'thermo/events/rpc',
      'sitecast/v1/demo/sensors/thermo/events/rpc',
      own,
    ]) {
      await client.publishAsync(topic, topic, { qos: 1 });
    }
    await (await harness.connect('gateway')).publishAsync(own, 'not mine', { qos: 1 });
    expect(payloads()).toEqual([own]);
    expect(harness.messages[0]?.topic).toEqual({
      kind: 'sensor-foreign',
      site: 'demo',
      sensor: 'thermo',
      topic: 'events/rpc',
    });
  });

  it('lets a sensor use the topics that it was given, and what is below them, and nobody else', async () => {
    const client = await harness.connect('bridge');
    const given = ['zigbee2mqtt/kitchen', 'zigbee2mqtt', 'hall/7/state'];
    const deep = `zigbee2mqtt/${'x/'.repeat(20)}y`;
    const others = ['zigbee2mqttx/kitchen', 'hall/8', 'hall', 'zigbee2mqtt//x', deep, topics.status(GATEWAY)];
    for (const topic of [...others, ...given]) await client.publishAsync(topic, topic, { qos: 1 });
    const stranger = await harness.connect('thermo');
    await stranger.publishAsync('zigbee2mqtt/kitchen', 'not mine', { qos: 1 });
    await expect(client.subscribeAsync('zigbee2mqtt/kitchen')).rejects.toThrow();
    expect(payloads()).toEqual(given);
    expect(harness.messages[0]?.topic).toEqual({
      kind: 'sensor-foreign',
      site: 'demo',
      sensor: 'bridge',
      topic: 'zigbee2mqtt/kitchen',
    });
    expect(harness.forbidden).toEqual([...others, 'zigbee2mqtt/kitchen']);
  });

  it('refuses every subscription but the own command, error and live-ack topics', async () => {
    const client = await harness.connect('gateway');
    const media = await harness.connect('gateway', { listener: 'media' });
    const refused = [
      '#',
      '+/+/#',
      '$SYS/#',
      topics.live(GATEWAY, 'front', 'main'),
      'sitecast/v1/demo/+/cam/+/live/+',
      topics.command(OTHER),
      topics.status(GATEWAY),
      topics.liveAck(GATEWAY),
    ];
    for (const filter of refused) {
      await expect(client.subscribeAsync(filter), filter).rejects.toThrow();
    }
    await expect(media.subscribeAsync(topics.command(GATEWAY))).rejects.toThrow();
    await client.subscribeAsync([topics.command(GATEWAY), topics.agentErrors(GATEWAY)]);
    await media.subscribeAsync(topics.liveAck(GATEWAY));
    expect(harness.broker.counters.subscriptionsRefused).toBe(refused.length + 1);
    expect(client.connected && media.connected).toBe(true);
  });

  it('keeps nothing for later: neither retained messages nor sessions', async () => {
    const client = await harness.connect('gateway', { clean: false });
    await client.subscribeAsync(topics.command(GATEWAY), { qos: 1 });
    await client.publishAsync(topics.status(GATEWAY), 'online', { qos: 1, retain: true });
    expect(payloads()).toEqual(['online']);
    client.end(true);
    await waitFor('the agent to be gone', () => !harness.broker.isConnected(GATEWAY));
    harness.broker.publish(topics.command(GATEWAY), Buffer.from('late'), { qos: 1 });
    const again = await harness.connect('gateway', { clean: false });
    const received: string[] = [];
    again.on('message', (_topic, payload) => received.push(payload.toString()));
    await again.subscribeAsync(topics.command(GATEWAY), { qos: 1 });
    harness.broker.publish(topics.command(GATEWAY), Buffer.from('now'), { qos: 1 });
    await waitFor('the command', () => received.length > 0);
    expect(received).toEqual(['now']);
  });
});

describe('acknowledgement', () => {
  it('withholds the PUBACK until the message is stored, and meanwhile answers others and pings', async () => {
    let store: () => void = () => undefined;
    harness.onMessage = ({ payload }) =>
      payload.toString() === 'slow' ? new Promise<void>((resolve) => (store = resolve)) : Promise.resolve();
    const client = await harness.connect('gateway');
    let isAcked = false;
    const slow = client.publishAsync(READINGS, 'slow', { qos: 1 }).then(() => (isAcked = true));
    await waitFor('the handler', () => harness.broker.heldBytes.data > 0);
    // A connection lives by that: PINGREQ is read behind the message that waits.
    await pinged(client);
    await client.publishAsync(READINGS, 'quick', { qos: 1 });
    expect(isAcked).toBe(false);
    expect(client.connected).toBe(true);
    store();
    await slow;
    expect(payloads()).toEqual(['quick', 'slow']);
  });

  it('acknowledges, drops and reports a bad message, so that the good ones behind it get through', async () => {
    harness.onMessage = async ({ payload }) => {
      if (payload.toString() === 'bad') {
        throw new AppError('FRAME_MALFORMED', 'values: expected a number', { detail: { id: 'reading-1' } });
      }
    };
    const client = await harness.connect('gateway');
    const notices: Buffer[] = [];
    client.on('message', (_topic, payload) => notices.push(payload));
    await client.subscribeAsync(topics.agentErrors(GATEWAY));
    for (const text of ['good 1', 'bad', 'good 2']) await client.publishAsync(READINGS, text, { qos: 1 });
    expect(payloads()).toEqual(['good 1', 'good 2']);
    await waitFor('the notice', () => notices.length === 1);
    expect(decodeMessage(droppedNotice, notices[0] as Buffer)).toMatchObject({
      topic: READINGS,
      code: 'FRAME_MALFORMED',
      message: 'values: expected a number',
      id: 'reading-1',
    });
    expect(harness.broker.counters).toMatchObject({ messagesDropped: 1, messagesFailed: 0 });
  });

  it.each([
    ['a retryable AppError', new AppError('BUSY', 'come again', { retryable: true })],
    ['an error about the server itself', new AppError('STORE_UNAVAILABLE', 'no database')],
    ['an error that nobody expected', new Error('boom')],
  ])('hangs up without PUBACK on %s, and the device sends it again', async (_what, error) => {
    let failures = 3;
    harness.onMessage = async () => {
      if (failures-- > 0) throw error;
    };
    const client = await harness.connect('gateway', { reconnectPeriod: 20 });
    await client.publishAsync(READINGS, 'precious', { qos: 1 });
    expect(payloads()).toEqual(['precious']);
    expect(harness.broker.counters).toMatchObject({ messagesFailed: 3, messagesDropped: 0 });
  });

  it('does not hang up over a QoS 0 message that could not be stored', async () => {
    harness.onMessage = async ({ payload }) => {
      if (payload.toString() === 'lost') throw new Error('boom');
    };
    const client = await harness.connect('thermo', { clientId: 'any' });
    client.publish(topics.sensorTelemetry('demo', 'thermo'), 'lost');
    await client.publishAsync(topics.sensorTelemetry('demo', 'thermo'), 'kept', { qos: 1 });
    expect(payloads()).toEqual(['kept']);
  });

  it('takes QoS 2 exactly once', async () => {
    const client = await harness.connect('gateway');
    await client.publishAsync(READINGS, 'two', { qos: 2 });
    await client.publishAsync(READINGS, 'three', { qos: 2 });
    expect(payloads()).toEqual(['two', 'three']);
  });

  it('sends the PUBACK of a message that is being stored while it closes', async () => {
    let store: () => void = () => undefined;
    harness.onMessage = () => new Promise<void>((resolve) => (store = resolve));
    const client = await harness.connect('gateway');
    const acked = client.publishAsync(READINGS, 'last', { qos: 1 });
    await waitFor('the handler', () => harness.broker.heldBytes.data > 0);
    const closing = harness.broker.close();
    store();
    await acked;
    await closing;
  });
});

describe('backpressure', () => {
  it('stops reading from a device while its messages are being stored, and loses none', async () => {
    await harness[Symbol.asyncDispose]();
    harness = await startBroker({ maxHeldBytesPerConnection: 1 * MIB });
    const waiting: (() => void)[] = [];
    harness.onMessage = () => new Promise<void>((resolve) => waiting.push(resolve));
    const client = await harness.connect('gateway');
    const sent = Array.from({ length: 40 }, () =>
      client.publishAsync(topics.snapshot(GATEWAY, 'front'), Buffer.alloc(200 * KIB), { qos: 1 }),
    );
    await waitFor('the bound', () => harness.broker.heldBytes.data >= 1 * MIB);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(harness.broker.heldBytes.data).toBeLessThan(2 * MIB);
    const releasing = setInterval(() => waiting.shift()?.(), 1);
    await Promise.all(sent);
    clearInterval(releasing);
    expect(harness.messages.length).toBe(40);
    expect(harness.broker.heldBytes.data).toBe(0);
  });

  it('does not stall when many small messages reach the bound', async () => {
    await harness[Symbol.asyncDispose]();
    harness = await startBroker({ maxHeldMessagesPerConnection: 4 });
    harness.onMessage = () => new Promise((resolve) => setTimeout(resolve, 1));
    const client = await harness.connect('gateway');
    await Promise.all(
      Array.from({ length: 1_000 }, (_, i) => client.publishAsync(READINGS, String(i), { qos: 1 })),
    );
    expect(payloads()).toEqual(Array.from({ length: 1_000 }, (_, i) => String(i)));
  });

  it('holds new packets of all devices below the bound of the listener, and serves each in the end', async () => {
    await harness[Symbol.asyncDispose]();
    harness = await startBroker({ data: { ...BROKER_LIMITS.data, maxHeldBytes: 512 * KIB } });
    let mostHeld = 0;
    harness.onMessage = async () => {
      mostHeld = Math.max(mostHeld, harness.broker.heldBytes.data);
      await new Promise((resolve) => setTimeout(resolve, 5));
    };
    const clients = await Promise.all([harness.connect('gateway'), harness.connect('other')]);
    const agents = [GATEWAY, OTHER];
    await Promise.all(
      clients.flatMap((client, i) =>
        Array.from({ length: 20 }, () =>
          client.publishAsync(
            topics.snapshot(agents[i] as typeof GATEWAY, 'front'),
            Buffer.alloc(300 * KIB),
            { qos: 1 },
          ),
        ),
      ),
    );
    expect(harness.messages.length).toBe(40);
    expect(mostHeld).toBeLessThan(1_100 * KIB);
    expect(harness.broker.heldBytes.data).toBe(0);
  });

  it('drops messages to a device that does not read instead of queueing them', async () => {
    const client = await harness.connect('gateway');
    await client.subscribeAsync(topics.command(GATEWAY), { qos: 0 });
    client.stream.pause();
    const other = await harness.connect('other');
    for (let i = 0; i < 400 && harness.broker.counters.deliveriesDropped === 0; i += 1) {
      harness.broker.publish(topics.command(GATEWAY), Buffer.alloc(60 * KIB));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await waitFor('drops or a cut', () => harness.broker.counters.deliveriesDropped > 0 || !client.connected);
    await other.publishAsync(topics.agentTelemetry(OTHER, 'climate'), 'goes on', { qos: 1 });
  });
});

describe('presence', () => {
  const will = {
    topic: topics.status(GATEWAY),
    payload: Buffer.from('{"state":"offline"}'),
    qos: 1 as const,
    retain: true,
  };

  it('tells when a device comes and goes, on the data listener only', async () => {
    const media = await harness.connect('gateway', { listener: 'media' });
    expect(harness.broker.isConnected(GATEWAY)).toBe(false);
    const client = await harness.connect('gateway');
    await waitFor('online', () => harness.broker.isConnected(GATEWAY));
    expect(harness.broker.connections).toMatchObject({ data: 1, media: 1, agents: 1 });
    client.end(true);
    await waitFor('offline', () => harness.changes.length === 2);
    expect(harness.changes.map(({ device, isOnline }) => [device.id, isOnline])).toEqual([
      ['gateway', true],
      ['gateway', false],
    ]);
    expect(media.connected).toBe(true);
  });

  it('hands on the Will of a connection that broke, and only of one', async () => {
    const client = await harness.connect('gateway', { will });
    client.stream.destroy();
    await waitFor('the Will', () => harness.messages.length === 1);
    expect(harness.messages[0]).toMatchObject({ from: DEVICES.gateway, topic: { kind: 'status' } });
    const polite = await harness.connect('gateway', { will });
    await polite.endAsync();
    await waitFor('offline again', () => harness.changes.length === 4);
    expect(harness.messages.length).toBe(1);
  });

  it('does not let the Will of a replaced connection mark a live agent offline', async () => {
    const old = await harness.connect('gateway', { will });
    await harness.connect('gateway', { will });
    await waitFor('the old one to be closed', () => !old.connected);
    await waitFor('its socket to be gone', () => harness.broker.connections.data === 1);
    expect(harness.messages).toEqual([]);
    expect(harness.changes.every(({ isOnline }) => isOnline)).toBe(true);
    expect(harness.broker.isConnected(GATEWAY)).toBe(true);
  });

  it('says that two agents may share their credentials when one takes the place of the other again and again', async () => {
    const lines: string[] = [];
    const logger = createLogger({ name: 'test', level: 'silent' });
    logger.warn = (fields: object, message?: string) =>
      void lines.push(`${JSON.stringify(fields)} ${message}`);
    await using broker = await startBroker({}, logger);
    const rivals = (): string[] => lines.filter((line) => /may be using the same/.test(line));
    for (let connected = 0; connected < 3; connected += 1) {
      await broker.connect('gateway');
      await broker.connect('gateway', { listener: 'media' });
    }
    expect(rivals()).toEqual([]);
    await broker.connect('gateway');
    expect(rivals()).toEqual([expect.stringContaining('"device":"gateway"')]);
  });

  it('ignores a Will for a topic of another device', async () => {
    const client = await harness.connect('gateway', { will: { ...will, topic: topics.status(OTHER) } });
    client.stream.destroy();
    await waitFor('offline', () => harness.changes.length === 2);
    expect(harness.messages).toEqual([]);
  });

  it('cuts every connection of a device that was revoked', async () => {
    const data = await harness.connect('gateway');
    const media = await harness.connect('gateway', { listener: 'media' });
    const other = await harness.connect('other');
    harness.broker.disconnectDevice('gateway');
    await waitFor('both to be cut', () => !data.connected && !media.connected);
    expect(other.connected).toBe(true);
  });
});
