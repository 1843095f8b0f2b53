import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ulid } from 'ulid';
import { describe, expect, onTestFinished, test } from 'vitest';
import { decodeClipChunk } from '@sitecast/shared/protocol/clip-chunk';
import { MAX_UPLINK_IN_FLIGHT } from '@sitecast/shared/protocol/limits';
import { agentEvent, type GapReport } from '@sitecast/shared/protocol/events';
import { decodeMessage } from '@sitecast/shared/protocol/json-message';
import { topics } from '@sitecast/shared/protocol/topics';
import { systemClock } from '@sitecast/shared/runtime/clock';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { ClipStore } from '../../src/clips/clip-store.ts';
import type { StoredClip } from '../../src/clips/stored-clip.ts';
import { ClipUploader } from '../../src/clips/clip-uploader.ts';
import { MqttConnection, WAITING_MAX_MESSAGES, type ConnectionOptions } from '../../src/uplink/connection.ts';
import {
  MAX_BELOW_ALARMS_IN_FLIGHT,
  MAX_CLIP_CHUNKS_IN_FLIGHT,
  MAX_SNAPSHOTS_IN_FLIGHT,
  MAX_SPOOL_IN_FLIGHT,
  SpoolSender,
  type SpoolSenderOptions,
} from '../../src/uplink/spool-sender.ts';
import { Spool } from '../../src/uplink/spool.ts';
import { QuietLog } from '../../src/health/quiet-log.ts';
import { GapTeller } from '../../src/uplink/gap-teller.ts';
import { Outbox } from '../../src/uplink/outbox.ts';
import { laneLimits, type Lane } from '../../src/uplink/lanes.ts';
import { ManualClock, silentLogger, temporaryFolder, waitFor } from '../support.ts';
import { RawBroker, startMosquitto } from './brokers.ts';

const agent = { site: 'demo', agent: 'gateway' };
const readingTopic = topics.agentTelemetry(agent, 'climate');
const MIB = 1024 * 1024;

function connect(url: string, options: Partial<ConnectionOptions> = {}): MqttConnection {
  const connection = new MqttConnection({
    name: 'data',
    url,
    clientId: 'gateway',
    username: 'gateway',
    password: 'secret',
    subscriptions: [topics.command(agent)],
    logger: silentLogger,
    random: () => 0,
    ...options,
  });
  onTestFinished(() => connection.close());
  connection.start();
  return connection;
}

const online = (connection: MqttConnection): Promise<true> =>
  waitFor(() => connection.isOnline, 'the connection');

async function openSpool(folder?: string): Promise<Spool> {
  const spool = await Spool.open({
    folder: folder ?? (await temporaryFolder()),
    lanes: laneLimits(16 * MIB),
    logger: silentLogger,
  });
  onTestFinished(() => spool.close());
  return spool;
}

function startSender(
  spool: Spool,
  connection: MqttConnection,
  more: Partial<SpoolSenderOptions> = {},
): SpoolSender {
  const sender = new SpoolSender({ spool, connection, replayPercent: 50, logger: silentLogger, ...more });
  onTestFinished(() => sender.close());
  sender.start();
  return sender;
}

const putReadings = (spool: Spool, from: number, to: number): Promise<unknown> =>
  Promise.all(
    Array.from({ length: to - from }, (_, n) =>
      spool.put('telemetry', readingTopic, Buffer.from(String(from + n))),
    ),
  );

describe('MqttConnection', () => {
  test('tries at once when it is told that the server can be reached, and only then', async () => {
    const broker = await RawBroker.open();
    broker.returnCode = 3;
    // It stands still: nothing is tried again by itself.
    const clock = new ManualClock();
    const failures: string[] = [];
    const logger = silentLogger.child({});
    logger.warn = (fields: { reason?: string }) => void failures.push(fields.reason ?? '');
    const connection = connect(broker.url, { clock, logger });
    await waitFor(() => failures.length === 1, 'the refusal');
    broker.returnCode = 0;
    connection.retryNow();
    await online(connection);
    connection.retryNow();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(broker.connects).toBe(2);
  });

  test('never has more un-acked messages than the protocol allows, and sends the rest as places get free', async () => {
    const broker = await RawBroker.open();
    broker.isAcking = false;
    const connection = connect(broker.url);
    await online(connection);
    const results = Array.from({ length: 20 }, (_, n) =>
      connection.publish(readingTopic, Buffer.from(String(n))),
    );
    await waitFor(() => broker.published.length === MAX_UPLINK_IN_FLIGHT, 'a full window');
    expect(connection.inFlight).toBe(MAX_UPLINK_IN_FLIGHT);
    broker.isAcking = true;
    for (const { messageId, socket } of broker.published.slice()) broker.ack(messageId, socket);
    await Promise.all(results);
    expect(broker.published.map(({ payload }) => Number(payload))).toEqual(
      Array.from({ length: 20 }, (_, n) => n),
    );
    expect(connection.counters.acked).toBe(20);
  });

  test('refuses when too many wait, and when it is offline, with a code each', async () => {
    const broker = await RawBroker.open();
    broker.isAcking = false;
    const connection = connect(broker.url);
    await expect(connection.publish(readingTopic, Buffer.alloc(1))).rejects.toMatchObject({
      code: 'UPLINK_OFFLINE',
    });
    expect(connection.send(readingTopic, Buffer.alloc(1))).toBe(false);
    await online(connection);
    const fitting = MAX_UPLINK_IN_FLIGHT + WAITING_MAX_MESSAGES;
    const results = Array.from({ length: fitting }, () => connection.publish(readingTopic, Buffer.alloc(1)));
    await expect(connection.publish(readingTopic, Buffer.alloc(1))).rejects.toMatchObject({
      code: 'QUEUE_FULL',
    });
    const outcomes = Promise.allSettled(results);
    broker.disconnectAll();
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'UPLINK_OFFLINE', retryable: true },
      });
    }
  });

  test('comes back by itself after refusals of the broker, and after broken connections', async () => {
    const broker = await RawBroker.open();
    broker.returnCode = 3;
    const connection = connect(broker.url);
    await waitFor(() => broker.connects >= 2, 'a second try');
    broker.returnCode = 5;
    await waitFor(() => broker.connects >= 3, 'a third try');
    broker.returnCode = 0;
    await online(connection);
    broker.disconnectAll();
    await waitFor(() => connection.counters.connects === 2, 'the connection to come back');
  });

  test('waits twice as long after each failure', async () => {
    const broker = await RawBroker.open();
    broker.returnCode = 3;
    const startedAtMs = performance.now();
    connect(broker.url);
    await waitFor(() => broker.connects >= 4, 'four tries');
    // With no luck of the draw: 100, 200 and 400 ms.
    expect(performance.now() - startedAtMs).toBeGreaterThan(650);
  });

  test('refuses frames when the socket is full, instead of filling memory', async () => {
    const broker = await RawBroker.open();
    const connection = connect(broker.url, { subscriptions: [] });
    await online(connection);
    const frame = Buffer.alloc(512 * 1024);
    let sent = 0;
    while (connection.send(topics.live(agent, 'front', 'main'), frame) && sent < 100) sent += 1;
    expect(sent).toBeLessThan(100);
  });

  test('says how long each PUBACK took, and counts the bytes of both ways over all its connections', async () => {
    const broker = await RawBroker.open();
    const shown: { bytes: number; roundTripMs: number }[] = [];
    const onAcked = (bytes: number, roundTripMs: number): void => void shown.push({ bytes, roundTripMs });
    const connection = connect(broker.url, { onAcked });
    await online(connection);
    await connection.publish(readingTopic, Buffer.alloc(5_000));
    expect(shown).toEqual([{ bytes: 5_000, roundTripMs: expect.any(Number) as number }]);
    expect(shown[0]!.roundTripMs).toBeGreaterThanOrEqual(0);
    const moved = connection.bytesMoved;
    expect(moved).toBeGreaterThan(5_000);
    expect(moved).toBeLessThan(6_000);
    broker.disconnectAll();
    await waitFor(() => connection.counters.connects === 2, 'the connection to come back');
    await connection.publish(readingTopic, Buffer.alloc(5_000));
    expect(connection.bytesMoved).toBeGreaterThan(moved + 5_000);
    await connection.close();
    expect(connection.bytesMoved).toBeGreaterThan(moved + 5_000);
  });

  test('ends at once although nothing was acknowledged', async () => {
    const broker = await RawBroker.open();
    broker.isAcking = false;
    const connection = connect(broker.url);
    await online(connection);
    const unacked = connection.publish(readingTopic, Buffer.alloc(1));
    const rejected = expect(unacked).rejects.toMatchObject({ code: 'UPLINK_OFFLINE' });
    await connection.close();
    await rejected;
    expect(connection.isOnline).toBe(false);
  });
});

describe('SpoolSender', () => {
  test('holds a lane that may not pass, sends the others, and goes on when it is woken', async () => {
    const broker = await RawBroker.open();
    const spool = await openSpool();
    const connection = connect(broker.url);
    let isHeld = true;
    const mayPass = (lane: Lane): boolean => !isHeld || lane !== 'snapshots';
    const sender = startSender(spool, connection, { mayPass });
    await online(connection);
    await spool.put('snapshots', topics.snapshot(agent, 'front'), Buffer.alloc(1_000));
    await putReadings(spool, 0, 3);
    await spool.put('alarms', topics.event(agent, 'front'), Buffer.from('alarm'));
    await waitFor(() => spool.stats().messages === 1, 'all but the snapshot to be acknowledged');
    expect(broker.published.map(({ topic }) => topic)).not.toContain(topics.snapshot(agent, 'front'));
    isHeld = false;
    sender.wake();
    await waitFor(() => spool.stats().messages === 0, 'the snapshot');
  });

  test('leaves places for control messages, for readings among snapshots, and for an alarm', async () => {
    const broker = await RawBroker.open();
    broker.isAcking = false;
    const spool = await openSpool();
    const connection = connect(broker.url);
    startSender(spool, connection);
    await online(connection);
    for (let n = 0; n < 10; n += 1)
      await spool.put('snapshots', topics.snapshot(agent, 'front'), Buffer.alloc(1_000));
    await waitFor(() => broker.published.length === MAX_SNAPSHOTS_IN_FLIGHT, 'the snapshots that may go');
    await putReadings(spool, 0, 10);
    await waitFor(() => broker.published.length === MAX_BELOW_ALARMS_IN_FLIGHT, 'a full window');
    await spool.put('alarms', topics.event(agent, 'front'), Buffer.from('alarm'));
    await waitFor(() => broker.published.length === MAX_SPOOL_IN_FLIGHT, 'the alarm');
    expect(broker.published.at(-1)?.payload.toString()).toBe('alarm');
    void connection.publish(topics.reply(agent), Buffer.from('{}')).catch(() => {});
    await waitFor(() => broker.published.some(({ topic }) => topic === topics.reply(agent)), 'the reply');
    expect(broker.published).toHaveLength(MAX_SPOOL_IN_FLIGHT + 1);
  });

  test('sends what is new beside a backlog, an alarm at once, and the backlog lane by lane at its pace', async () => {
    const broker = await RawBroker.open();
    broker.isAcking = false;
    const spool = await openSpool();
    const payloads = (): string[] => broker.published.map(({ payload }) => payload.toString());
    for (let n = 0; n < 30; n += 1)
      await spool.put('snapshots', topics.snapshot(agent, 'front'), Buffer.from(`old snapshot ${n}`));
    await putReadings(spool, 0, 30);
    for (let n = 0; n < 3; n += 1)
      await spool.put('events', topics.event(agent, 'front'), Buffer.from(`old event ${n}`));
    await spool.put('alarms', topics.event(agent, 'front'), Buffer.from('old alarm'));
    const connection = connect(broker.url);
    startSender(spool, connection);
    await waitFor(() => broker.published.length === MAX_BELOW_ALARMS_IN_FLIGHT, 'a full window');
    expect(payloads()).toEqual(['old alarm', 'old event 0', 'old event 1', 'old event 2', '0']);
    await spool.put('alarms', topics.event(agent, 'front'), Buffer.from('new alarm'));
    await waitFor(() => payloads().includes('new alarm'), 'the alarm');
    await spool.put('snapshots', topics.snapshot(agent, 'front'), Buffer.from('new snapshot'));
    // Slow acks: the backlog gets at most every second moment, what is new none less.
    const acking = setInterval(() => {
      const unacked = broker.published.find((sent) => !acked.has(sent));
      if (!unacked) return;
      acked.add(unacked);
      broker.ack(unacked.messageId, unacked.socket);
    }, 20);
    const acked = new Set<(typeof broker.published)[number]>();
    onTestFinished(() => clearInterval(acking));
    await waitFor(() => payloads().includes('new snapshot'), 'the new snapshot');
    expect(payloads().filter((payload) => payload.startsWith('old snapshot'))).toEqual([]);
    await waitFor(() => spool.stats().messages === 0, 'an empty spool');
    expect(payloads().at(-1)).toBe('old snapshot 29');
    expect(payloads()).toHaveLength(66);
  });

  test('sends pieces of clips when nothing else is left, a few at a time, and at the pace of a backlog', async () => {
    const broker = await RawBroker.open();
    broker.isAcking = false;
    const spool = await openSpool();
    const connection = connect(broker.url);
    const clock = new ManualClock();
    startSender(spool, connection, { clock });
    await online(connection);
    const payloads = (): string[] => broker.published.map(({ payload }) => payload.toString());
    const ack = (payload: string): void => {
      const { messageId, socket } = broker.published.find((sent) => sent.payload.toString() === payload)!;
      broker.ack(messageId, socket);
    };
    for (let n = 0; n < 6; n += 1)
      await spool.put('clips', topics.clip(agent, 'front'), Buffer.from(`clip ${n}`));
    await waitFor(() => broker.published.length === MAX_CLIP_CHUNKS_IN_FLIGHT, 'the pieces that may go');
    await spool.put('snapshots', topics.snapshot(agent, 'front'), Buffer.from('snapshot'));
    await waitFor(() => payloads().includes('snapshot'), 'the snapshot');
    expect(payloads()).toEqual(['clip 0', 'clip 1', 'snapshot']);
    // Acknowledged after 400 ms, they have a rest of as much behind them, in which anything else may go.
    clock.advance(400);
    for (const payload of ['snapshot', 'clip 0', 'clip 1']) ack(payload);
    await waitFor(() => spool.stats().messages === 4, 'what was acknowledged');
    await putReadings(spool, 0, 1);
    await waitFor(() => payloads().includes('0'), 'the reading');
    clock.advance(399);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(payloads()).toHaveLength(4);
    clock.advance(1);
    await waitFor(() => payloads().includes('clip 2'), 'the next piece');
  });

  test('counts what was spooled before the clock was set, and sends it as it was', async () => {
    const broker = await RawBroker.open();
    let setByMs = 0;
    const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + setByMs };
    const lanes = laneLimits(16 * MIB);
    const spool = await Spool.open({ folder: await temporaryFolder(), lanes, logger: silentLogger, clock });
    onTestFinished(() => spool.close());
    await putReadings(spool, 0, 3);
    setByMs = -3_600_000;
    await putReadings(spool, 3, 5);
    const connection = connect(broker.url);
    const sender = new SpoolSender({ spool, connection, replayPercent: 50, logger: silentLogger, clock });
    onTestFinished(() => sender.close());
    sender.start();
    await waitFor(() => spool.stats().messages === 0, 'an empty spool');
    expect(sender.messagesAcrossStep).toBe(3);
    expect(broker.published.map(({ payload }) => payload.toString())).toEqual(['0', '1', '2', '3', '4']);
  });

  test('after three outages that were too long, what arrived and what the gaps count is all that there was', async () => {
    const broker = await RawBroker.open();
    const lanes = laneLimits(16 * MIB, {
      telemetry: { maxBytes: MIB, whenFull: 'drop-oldest' },
      snapshots: { maxBytes: MIB, whenFull: 'reject-new' },
    });
    const folder = await temporaryFolder();
    const open = async (): Promise<{ spool: Spool; close: () => Promise<void> }> => {
      const spool = await Spool.open({ folder, lanes, logger: silentLogger });
      const connection = connect(broker.url);
      const sender = startSender(spool, connection);
      const log = new QuietLog(silentLogger);
      const outbox = new Outbox({ address: agent, spool, log });
      const gaps = new GapTeller({
        spool,
        keep: (lane, gap) => outbox.gap(lane, gap),
        isOnline: () => connection.isOnline,
        onReady: (tell) => sender.onSettled(tell),
        log,
      });
      gaps.start();
      onTestFinished(() => gaps.close());
      const close = async (): Promise<void> => {
        for (const part of [gaps, sender, connection, spool]) await part.close();
      };
      return { spool, close };
    };
    let { spool, close } = await open();
    let put = 0;
    for (let outage = 0; outage < 3; outage += 1) {
      await waitFor(() => spool.stats().messages === 0, 'an empty spool');
      const from = put;
      const putOne = async (): Promise<void> => {
        const payload = Buffer.alloc(60_000, `${put} `);
        await spool.put('telemetry', readingTopic, payload);
        await spool.put('snapshots', topics.snapshot(agent, 'front'), payload).catch(() => {});
        put += 1;
      };
      // They arrive, and their acknowledgements do not come back; what an agent that starts anew cannot know.
      broker.isAcking = outage === 1;
      const before = broker.published.length;
      while (put < from + 2) await putOne();
      await waitFor(() => broker.published.length >= before + 4, 'messages on their way');
      broker.returnCode = 3;
      broker.disconnectAll();
      broker.isAcking = true;
      while (put < from + 42) await putOne();
      if (outage === 1) {
        await close();
        ({ spool, close } = await open());
      }
      broker.returnCode = 0;
    }
    const gapTopic = topics.agentEvent(agent);
    const told = (): GapReport[] =>
      [
        ...new Set(
          broker.published.filter(({ topic }) => topic === gapTopic).map(({ payload }) => String(payload)),
        ),
      ].flatMap((payload) => decodeMessage(agentEvent, Buffer.from(payload)).gap ?? []);
    await waitFor(() => spool.stats().messages === 0 && told().length === 6, 'all gaps');
    for (const [lane, topic] of [
      ['telemetry', readingTopic],
      ['snapshots', topics.snapshot(agent, 'front')],
    ]) {
      const arrived = new Set(
        broker.published
          .filter((sent) => sent.topic === topic)
          .map(({ payload }) => parseInt(String(payload))),
      );
      const lost = told().filter((gap) => gap.lane === lane);
      expect(lost).toHaveLength(3);
      expect(lost.reduce((sum, { count }) => sum + count, 0)).toBe(put - arrived.size);
      expect(arrived.size).toBeGreaterThan(30);
    }
    await close();
  });

  test('sends the same bytes again after a broken connection, until they are acknowledged', async () => {
    const broker = await RawBroker.open();
    broker.isAcking = false;
    const spool = await openSpool();
    await putReadings(spool, 0, 3);
    const connection = connect(broker.url);
    startSender(spool, connection);
    await waitFor(() => broker.published.length === 3, 'the first delivery');
    broker.disconnectAll();
    await waitFor(() => broker.published.length === 6, 'the second delivery');
    const payloads = broker.published.map(({ payload }) => payload.toString());
    expect(payloads).toEqual(['0', '1', '2', '0', '1', '2']);
    broker.isAcking = true;
    for (const { messageId, socket } of broker.published.slice(3)) broker.ack(messageId, socket);
    await waitFor(() => spool.stats().messages === 0, 'an empty spool');
  });
});

describe('a clip', () => {
  test('is uploaded whole, although the uplink is cut again and again and the agent starts anew', async () => {
    const broker = await RawBroker.open();
    const folder = await temporaryFolder();
    const content = randomBytes(4 * MIB + 5);
    const id = ulid();
    const clip: StoredClip = {
      ...{ id, camera: 'front', reason: 'motion', startedAt: new Date().toISOString() },
      ...{ codec: 'avc1.64001f', width: 1280, height: 720, maskVersion: 0, upload: 'wanted' },
      ...{ isMaskedSince: false, uploadedBytes: 0, uploadedAt: null },
      figures: {
        durationMs: 15_000,
        bytes: content.length,
        sha256: createHash('sha256').update(content).digest('hex'),
      },
    };
    await writeFile(join(folder, `${id}.json`), JSON.stringify(clip));
    await writeFile(join(folder, `${id}.mp4`), content);
    const spoolFolder = await temporaryFolder();
    const open = async (): Promise<{ store: ClipStore; close: () => Promise<void> }> => {
      const bounds = { quotaBytes: 64 * MIB, maxClipBytes: 8 * MIB };
      const store = await ClipStore.open({ folder, ...bounds, logger: silentLogger });
      const spool = await openSpool(spoolFolder);
      const connection = connect(broker.url);
      const sender = startSender(spool, connection);
      const log = new QuietLog(silentLogger);
      const outbox = new Outbox({ address: agent, spool, log });
      const uploads = new ClipUploader({ store, spool, put: (chunk) => outbox.clipChunk(chunk), log });
      uploads.start();
      const close = async (): Promise<void> => {
        for (const part of [uploads, store, sender, connection, spool]) await part.close();
      };
      return { store, close };
    };
    let { store, close } = await open();
    for (const [round, chunks] of [10, 25, 40].entries()) {
      await waitFor(() => broker.published.length > chunks, `${chunks} chunks`);
      broker.disconnectAll();
      if (round !== 1) continue;
      await close();
      ({ store, close } = await open());
    }
    await waitFor(() => store.find(id)?.upload === 'done', 'the whole clip');
    const whole = Buffer.alloc(content.length);
    const seen = new Map<number, number>();
    for (const { payload } of broker.published) {
      const { header, bytes } = decodeClipChunk(payload);
      whole.set(bytes, header.offset);
      seen.set(header.offset, (seen.get(header.offset) ?? 0) + 1);
    }
    expect(whole.equals(content)).toBe(true);
    // What was on its way or in the lane at a cut comes twice, not all that came before.
    const again = [...seen.values()].reduce((sum, times) => sum + times - 1, 0);
    expect(again).toBeLessThan(30);
    await close();
  });
});

describe.skipIf(!requireTool('mosquitto', 'the uplink is tested against a real broker'))(
  'against Mosquitto',
  () => {
    test('everything is delivered and acknowledged although the broker is killed again and again', async () => {
      const mosquitto = await startMosquitto();
      const spool = await openSpool();
      const connection = connect(mosquitto.url);
      startSender(spool, connection);
      const received = new Set<string>();
      const watcher = connect(mosquitto.url, { clientId: 'watcher', subscriptions: ['sitecast/#'] });
      watcher.onMessage(({ payload }) => received.add(Buffer.from(payload).toString()));
      await online(watcher);
      for (let round = 1; round <= 3; round += 1) {
        await mosquitto.kill();
        await waitFor(() => !connection.isOnline, 'the loss to be noticed');
        await putReadings(spool, (round - 1) * 100, round * 100);
        expect(spool.stats().messages).toBe(100);
        await mosquitto.start();
        // Whoever subscribes too late misses what Mosquitto has acknowledged: that is its loss, not ours.
        await waitFor(() => spool.stats().messages === 0, 'an empty spool');
      }
      await online(watcher);
      await putReadings(spool, 1_000, 1_100);
      await waitFor(() => received.has('1099'), 'the last reading');
      expect(connection.counters).toMatchObject({ connects: 4, acked: 400 });
    });

    test('the Will says offline when the agent is cut off, and not when it says goodbye', async () => {
      const mosquitto = await startMosquitto();
      const seen: string[] = [];
      const watcher = connect(mosquitto.url, { clientId: 'watcher', subscriptions: ['sitecast/#'] });
      watcher.onMessage(({ topic, payload }) => seen.push(`${topic} ${Buffer.from(payload).toString()}`));
      await online(watcher);
      const will = (): { topic: string; payload: Uint8Array } => ({
        topic: topics.status(agent),
        payload: Buffer.from('gone'),
      });
      const first = connect(mosquitto.url, { will });
      await online(first);
      await first.close();
      const second = connect(mosquitto.url, { will });
      await online(second);
      expect(seen).toEqual([]);
      // The same client id again: Mosquitto cuts the older connection, which is no goodbye.
      const third = connect(mosquitto.url, { will });
      await online(third);
      await waitFor(() => seen.includes(`${topics.status(agent)} gone`), 'the Will');
    });

    test('wrong credentials keep it offline, right ones bring it on', async () => {
      const mosquitto = await startMosquitto({ user: 'gateway', password: 'right' });
      const codes: string[] = [];
      const logger = silentLogger.child({});
      logger.warn = (fields: { code?: string }) => void codes.push(fields.code ?? '');
      const wrong = connect(mosquitto.url, { password: 'wrong', logger });
      await waitFor(() => codes.length > 0, 'the refusal');
      expect(codes[0]).toBe('UNAUTHORIZED');
      expect(wrong.isOnline).toBe(false);
      await online(connect(mosquitto.url, { password: 'right', clientId: 'gateway:media' }));
    });
  },
);

describe('kill -9', () => {
  test('loses nothing that put() had resolved for', async () => {
    const folder = await temporaryFolder();
    const script = fileURLToPath(new URL('spool-writer.js', import.meta.url));
    let written = -1;
    for (let round = 0; round < 3; round += 1) {
      const child = spawn(process.execPath, [script, folder, String(written + 1)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      const target = written + 300;
      for await (const line of createInterface(child.stdout)) {
        written = Number(line);
        if (written >= target) break;
      }
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      expect(written).toBeGreaterThanOrEqual(target);
    }
    const spool = await openSpool(folder);
    const found = new Set<number>();
    for (
      let next = await spool.next('telemetry', 'backlog');
      next;
      next = await spool.next('telemetry', 'backlog')
    ) {
      found.add(Number(Buffer.from(next.payload).toString()));
      spool.ack('telemetry', next);
    }
    const missing = Array.from({ length: written + 1 }, (_, n) => n).filter((n) => !found.has(n));
    expect(missing).toEqual([]);
    expect(spool.stats().messagesDropped).toBe(0);
  });
});
