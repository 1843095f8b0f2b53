// Devices that would have the broker for themselves: unfinished packets, floods of good and of forbidden messages. An honest
// device gets its PUBACK in time meanwhile, and what was held is given back.

import { createConnection, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { KIB, MIB } from '@sitecast/shared/protocol/limits';
import { topics } from '@sitecast/shared/protocol/topics';
import { BROKER_LIMITS, type BrokerLimits } from '../../src/broker/limits.ts';
import { pinged, secretOf, startBroker, type Harness } from '../broker/broker-harness.ts';
import { waitFor } from '../support/wait-for.ts';

const GATEWAY = { site: 'demo', agent: 'gateway' };
const OWN_TOPIC = topics.sensorTelemetry('demo', 'thermo');

let harness: Harness;
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await harness[Symbol.asyncDispose]();
});

async function start(limits: Partial<BrokerLimits> = {}): Promise<void> {
  harness = await startBroker(limits);
}

const text = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
};

function packet(header: number, body: Buffer): Buffer {
  const length: number[] = [];
  for (let rest = body.length; ; rest >>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  return Buffer.concat([Buffer.from([header, ...length]), body]);
}

const publish = (topic: string, payload: Buffer, id = 1): Buffer =>
  packet(0x32, Buffer.concat([text(topic), Buffer.from([id >> 8, id & 0xff]), payload]));

/** A connection of the sensor that is let in, and does what a client library would not. */
async function openSensor(clientId: string): Promise<Socket> {
  const socket = createConnection({ port: harness.broker.dataPort, host: '127.0.0.1' });
  sockets.push(socket);
  socket.on('error', () => undefined);
  const login = [text(clientId), text('thermo'), text(secretOf('thermo'))];
  socket.write(packet(0x10, Buffer.concat([text('MQTT'), Buffer.from([4, 0xc2, 0, 0]), ...login])));
  await new Promise((resolve) => socket.once('data', resolve));
  socket.resume();
  return socket;
}

/** All of a packet of 500 KiB but its end. */
const UNFINISHED = publish(OWN_TOPIC, Buffer.alloc(500 * KIB)).subarray(0, -10);

async function openUnfinished(count: number): Promise<Socket[]> {
  const opened: Socket[] = [];
  for (let i = 0; i < count; i += 1) {
    const socket = await openSensor(`unfinished-${i}`);
    socket.write(UNFINISHED);
    opened.push(socket);
  }
  return opened;
}

/** Forbidden messages without end, as fast as the socket takes them. */
function floodForbidden(socket: Socket): void {
  const batch = Buffer.concat(
    Array.from({ length: 500 }, (_, i) => publish(`not/mine/${i}`, Buffer.from('x'))),
  );
  const write = (): void => {
    if (!socket.destroyed && socket.write(batch)) setImmediate(write);
  };
  socket.on('drain', write);
  write();
}

async function timed(work: Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work;
  return performance.now() - startMs;
}

describe('packets that are begun and not finished', () => {
  it('end by themselves; meanwhile others log in although there is no room for messages', async () => {
    await start({
      packetSilenceMs: 2_000,
      packetWatchMs: 100,
      data: { ...BROKER_LIMITS.data, maxHeldBytes: 1 * MIB, maxHeldBytesPerDevice: 2 * MIB },
    });
    const unfinished = await openUnfinished(4);
    await waitFor('no room', () => harness.broker.heldBytes.data >= 1 * MIB);
    const honest = await harness.connect('gateway');
    expect(harness.broker.heldBytes.data).toBeGreaterThanOrEqual(1 * MIB);
    await honest.publishAsync(topics.agentTelemetry(GATEWAY, 'climate'), '1', { qos: 1 });
    await waitFor('the attack to end', () => unfinished.every(({ closed }) => closed));
    expect(harness.broker.counters.packetsTooSlow).toBeGreaterThanOrEqual(2);
    expect(harness.broker.heldBytes.data).toBe(0);
    expect(honest.connected).toBe(true);
  });

  it('cannot take more than the share of one device, so that others go on at once', async () => {
    await start({
      packetWatchMs: 100,
      packetSilenceMs: 3_000,
      data: { ...BROKER_LIMITS.data, maxHeldBytes: 2 * MIB, maxHeldBytesPerDevice: 256 * KIB },
    });
    const unfinished = await openUnfinished(8);
    await waitFor('the share', () => harness.broker.counters.readsHeldUpOfDevice >= 7);
    expect(harness.broker.heldBytes.data).toBe(UNFINISHED.length + 10 - 4);
    const honest = await harness.connect('gateway');
    const snapshot = Buffer.alloc(300 * KIB);
    await honest.publishAsync(topics.snapshot(GATEWAY, 'front'), snapshot, { qos: 1 });
    expect(harness.broker.counters.packetsTooSlow).toBe(0);
    for (const socket of unfinished) socket.destroy();
    await waitFor('nothing held', () => harness.broker.heldBytes.data === 0);
  });

  it('are closed on the media listener as well, and an honest sender that is merely slow is not', async () => {
    await start({ packetWatchMs: 50, packetSilenceMs: 600, packetMs: 10_000 });
    const slow = await openSensor('slow');
    const whole = publish(OWN_TOPIC, Buffer.alloc(1_000));
    for (let at = 0; at < whole.length; at += 100) {
      slow.write(whole.subarray(at, at + 100));
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    await waitFor('the message', () => harness.messages.length === 1);
    const media = await harness.connect('gateway', { listener: 'media' });
    media.stream.write(
      publish(topics.live(GATEWAY, 'front', 'main'), Buffer.alloc(9_000)).subarray(0, 5_000),
    );
    await waitFor('the held bytes', () => harness.broker.heldBytes.media > 0);
    await waitFor('the cut', () => !media.connected);
    expect(harness.broker.heldBytes.media).toBe(0);
    expect(harness.broker.counters.packetsTooSlow).toBe(1);
    expect(slow.closed).toBe(false);
  });
});

describe('a device that sends too fast', () => {
  it('with forbidden messages on six connections keeps nobody else waiting, and loses no quiet connection', async () => {
    await start();
    const honest = await harness.connect('gateway');
    const quiet = await harness.connect('thermo', { clientId: 'quiet' });
    const startMs = performance.now();
    for (let i = 0; i < 6; i += 1) floodForbidden(await openSensor(`flood-${i}`));
    await waitFor('the rate to be met', () => harness.broker.counters.readsHeldUpByRate > 0);
    for (let n = 0; n < 20; n += 1) {
      const before = harness.broker.counters.messagesDropped;
      const sinceMs = performance.now();
      await honest.publishAsync(topics.agentTelemetry(GATEWAY, 'climate'), '1', { qos: 1 });
      // In its turn: of the flood no more was read meanwhile than its rate lets in, not what stood in front.
      const seconds = (performance.now() - sinceMs) / 1_000;
      expect(harness.broker.counters.messagesDropped - before).toBeLessThan(50 * seconds + 6 * 64);
    }
    // The same device, and the same rate: its PINGREQ has to be read all the same, time and again.
    for (let n = 0; n < 3; n += 1) await pinged(quiet);
    const seconds = (performance.now() - startMs) / 1_000;
    const { messagesDropped, noticesDropped } = harness.broker.counters;
    // A tenth of the burst and of the rate, and what six reads may have spent beyond.
    expect(messagesDropped).toBeLessThan(200 + 50 * seconds + 6 * 64);
    expect(noticesDropped).toBeGreaterThan(0);
    expect(quiet.connected).toBe(true);
  });

  it('is read at its rate, and loses nothing', async () => {
    await start({ messagesPerSecond: 200, messagesBurst: 100 });
    const client = await harness.connect('thermo', { clientId: 'a' });
    const numbers = Array.from({ length: 500 }, (_, i) => String(i));
    const tookMs = await timed(
      Promise.all(numbers.map((number) => client.publishAsync(OWN_TOPIC, number, { qos: 1 }))),
    );
    expect(harness.messages.map(({ payload }) => payload.toString())).toEqual(numbers);
    expect(tookMs).toBeGreaterThan(1_500);
    expect(harness.broker.heldBytes.data).toBe(0);
  });

  it('is held to its bytes a second', async () => {
    await start({ bytesPerSecond: 1 * MIB, bytesBurst: 1 * MIB });
    const client = await harness.connect('gateway');
    const pictures = Array.from({ length: 10 }, () =>
      client.publishAsync(topics.snapshot(GATEWAY, 'front'), Buffer.alloc(300 * KIB), { qos: 1 }),
    );
    // 3 MiB, of which one is the burst and up to one packet more than there is room for.
    expect(await timed(Promise.all(pictures))).toBeGreaterThan(1_200);
  });

  it('gets no new burst by coming anew', async () => {
    // Nothing worth speaking of comes back to it while the test runs.
    const slow = { messagesPerSecond: 0.001, messagesBurst: 25, maxRateWaitMs: 1_000_000 };
    await start({ ...slow, packetWatchMs: 50 });
    const first = await harness.connect('thermo', { clientId: 'a' });
    for (let i = 0; i < 20; i += 1) await first.publishAsync(OWN_TOPIC, 'x', { qos: 1 });
    // Leaves it in debt.
    await first.publishAsync('not/mine', 'x', { qos: 1 });
    first.end(true);
    const heldUp = harness.broker.counters.readsHeldUpByRate;
    const second = await harness.connect('thermo', { clientId: 'a' });
    second.publish(OWN_TOPIC, 'too soon', { qos: 1 });
    await waitFor('it to be held up', () => harness.broker.counters.readsHeldUpByRate > heldUp);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(harness.messages.map(({ payload }) => payload.toString())).toEqual(Array<string>(20).fill('x'));
  });

  it('is not meant when it sends live frames', async () => {
    await start({ messagesPerSecond: 1, messagesBurst: 1, bytesPerSecond: 1_000, bytesBurst: 1_000 });
    const media = await harness.connect('gateway', { listener: 'media' });
    for (let i = 0; i < 300; i += 1)
      media.publish(topics.live(GATEWAY, 'front', 'main'), Buffer.alloc(10_000));
    await waitFor('all frames', () => harness.frames.length === 300);
    expect(harness.broker.counters.readsHeldUpByRate).toBe(0);
  });
});
