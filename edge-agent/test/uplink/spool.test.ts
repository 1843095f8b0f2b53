import { appendFile, mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { onTestFinished, describe, expect, test, vi } from 'vitest';
import { topics } from '@sitecast/shared/protocol/topics';
import { laneLimits, type Lane, type LaneSettings } from '../../src/uplink/lanes.ts';
import type { SpoolPart } from '../../src/uplink/spool-cursors.ts';
import { MAX_ACKED_RANGES, type SpoolMessage } from '../../src/uplink/spool-log.ts';
import { SpoolSegment } from '../../src/uplink/spool-segment.ts';
import { Spool } from '../../src/uplink/spool.ts';
import { silentLogger, temporaryFolder, waitFor } from '../support.ts';

const MIB = 1024 * 1024;
const agent = { site: 'demo', agent: 'gateway' };
const topicOf: Record<Lane, string> = {
  alarms: topics.event(agent, 'front'),
  events: topics.event(agent, 'front'),
  telemetry: topics.agentTelemetry(agent, 'climate'),
  snapshots: topics.snapshot(agent, 'front'),
  clips: topics.clip(agent, 'front'),
};
const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString();

async function openSpool(folder: string, lanes: LaneSettings = {}): Promise<Spool> {
  const spool = await Spool.open({ folder, lanes: laneLimits(16 * MIB, lanes), logger: silentLogger });
  onTestFinished(() => spool.close());
  return spool;
}

const put = (spool: Spool, lane: Lane, payload: string | Uint8Array): Promise<void> =>
  spool.put(lane, topicOf[lane], Buffer.from(payload));

/** As it is before a spy stands around it; to be called with its segment. */
const methodOf = <K extends 'append' | 'abandonFrom'>(name: K): SpoolSegment[K] =>
  SpoolSegment.prototype[name];

/** The backlog first, as if it were the only thing. */
const next = async (spool: Spool, lane: Lane): Promise<SpoolMessage | undefined> =>
  (await spool.next(lane, 'backlog')) ?? (await spool.next(lane, 'fresh'));

async function drain(spool: Spool, lane: Lane): Promise<string[]> {
  const payloads: string[] = [];
  for (let message = await next(spool, lane); message; message = await next(spool, lane)) {
    payloads.push(text(message.payload) ?? '');
    spool.ack(lane, message);
  }
  return payloads;
}

async function segmentPaths(folder: string, lane: Lane): Promise<string[]> {
  const names = await readdir(join(folder, lane));
  return names
    .filter((name) => name.endsWith('.segment'))
    .sort()
    .map((name) => join(folder, lane, name));
}

/** As agents before the lanes wrote it: without clocks. */
function olderRecord(sequence: number, payload: string): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32BE(0x53435350, 0);
  header.writeBigUInt64BE(BigInt(sequence), 8);
  header.writeUInt32BE(payload.length, 16);
  header.writeUInt16BE(topicOf.telemetry.length, 20);
  const record = Buffer.concat([header, Buffer.from(topicOf.telemetry + payload)]);
  record.writeUInt32BE(crc32(record.subarray(8)), 4);
  return record;
}

describe('Spool', () => {
  test('gives messages back in order, with their topics, class by class', async () => {
    const spool = await openSpool(await temporaryFolder());
    await Promise.all(['1', '2', '3'].map((payload) => put(spool, 'telemetry', payload)));
    await put(spool, 'events', 'e');
    expect((await next(spool, 'events'))?.topic).toBe(topicOf.events);
    expect(await drain(spool, 'telemetry')).toEqual(['1', '2', '3']);
    expect(await next(spool, 'snapshots')).toBeUndefined();
  });

  test('keeps what was put and not acknowledged over a restart, and forgets the rest', async () => {
    const folder = await temporaryFolder();
    const first = await openSpool(folder);
    for (const payload of ['1', '2', '3', '4']) await put(first, 'telemetry', payload);
    const one = await next(first, 'telemetry');
    const two = await next(first, 'telemetry');
    first.ack('telemetry', one!);
    first.ack('telemetry', two!);
    await first.close();

    const second = await openSpool(folder);
    expect(second.stats()).toMatchObject({ messages: 2, corruptTails: 0 });
    await put(second, 'telemetry', '5');
    expect(await drain(second, 'telemetry')).toEqual(['3', '4', '5']);
    expect(second.stats()).toMatchObject({ messages: 0, bytes: 0 });
  });

  test('reads un-acked messages again after a rewind, but not those acknowledged out of order', async () => {
    const spool = await openSpool(await temporaryFolder());
    for (const payload of ['1', '2', '3']) await put(spool, 'telemetry', payload);
    await next(spool, 'telemetry');
    spool.ack('telemetry', (await next(spool, 'telemetry'))!);
    spool.rewind();
    expect(await drain(spool, 'telemetry')).toEqual(['1', '3']);
  });

  test.each([1, 10, 24, 60])(
    'keeps the whole records of a tail that was torn by %i bytes',
    async (tornBytes) => {
      const folder = await temporaryFolder();
      const first = await openSpool(folder);
      for (const payload of ['first', 'second', 'third']) await put(first, 'telemetry', payload);
      await first.close();
      const [path = ''] = await segmentPaths(folder, 'telemetry');
      await truncate(path, (await stat(path)).size - tornBytes);

      const second = await openSpool(folder);
      expect(second.stats().corruptTails).toBe(1);
      await put(second, 'telemetry', 'after');
      expect(await drain(second, 'telemetry')).toEqual(['first', 'second', 'after']);
    },
  );

  test('sets garbage behind a segment aside', async () => {
    const folder = await temporaryFolder();
    const first = await openSpool(folder);
    await put(first, 'events', 'good');
    await first.close();
    const [path = ''] = await segmentPaths(folder, 'events');
    await appendFile(path, Buffer.alloc(500, 7));

    const second = await openSpool(folder);
    expect(await drain(second, 'events')).toEqual(['good']);
    const [kept = ''] = await readdir(join(folder, 'events', 'set-aside'));
    expect(await readFile(join(folder, 'events', 'set-aside', kept))).toEqual(Buffer.alloc(500, 7));
  });

  test('steps over a record that rots while the agent runs, and counts what it loses', async () => {
    const folder = await temporaryFolder();
    const spool = await openSpool(folder);
    for (const payload of ['1', '2', '3']) await put(spool, 'telemetry', payload);
    const one = await next(spool, 'telemetry');
    const [path = ''] = await segmentPaths(folder, 'telemetry');
    const bytes = await readFile(path);
    bytes[one!.recordBytes + 30]! ^= 0xff;
    await writeFile(path, bytes);

    expect(await next(spool, 'telemetry')).toBeUndefined();
    expect(spool.stats()).toMatchObject({ corruptTails: 1, messagesDropped: 2, messages: 1 });
    spool.ack('telemetry', one!);
    await put(spool, 'telemetry', '4');
    expect(await drain(spool, 'telemetry')).toEqual(['4']);
    expect(spool.stats().messages).toBe(0);
  });

  test('keeps what is put while it finds a record that rotted', async () => {
    const folder = await temporaryFolder();
    const spool = await openSpool(folder);
    for (const payload of ['1', '2']) await put(spool, 'telemetry', payload);
    const one = await next(spool, 'telemetry');
    const [path = ''] = await segmentPaths(folder, 'telemetry');
    const bytes = await readFile(path);
    bytes[one!.recordBytes + 30]! ^= 0xff;
    await writeFile(path, bytes);

    const abandonFrom = methodOf('abandonFrom');
    let meanwhile: Promise<void> | undefined;
    const abandon = vi.spyOn(SpoolSegment.prototype, 'abandonFrom');
    onTestFinished(() => abandon.mockRestore());
    abandon.mockImplementation(async function (this: SpoolSegment, ...args) {
      const abandoned = abandonFrom.apply(this, args);
      meanwhile ??= put(spool, 'telemetry', 'meanwhile');
      return await abandoned;
    });
    const found = await next(spool, 'telemetry');
    await meanwhile;
    expect(text((found ?? (await next(spool, 'telemetry')))?.payload)).toBe('meanwhile');
    expect(spool.stats()).toMatchObject({ messages: 2, messagesDropped: 1 });
  });

  test('counts all that it drops when the disk is full while another lane is being written', async () => {
    const spool = await openSpool(await temporaryFolder());
    await put(spool, 'snapshots', 'earlier');
    const append = methodOf('append');
    const appending = vi.spyOn(SpoolSegment.prototype, 'append');
    onTestFinished(() => appending.mockRestore());
    appending.mockImplementation(async function (this: SpoolSegment, ...args) {
      if (this.path.includes('/events/')) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
      await new Promise((resolve) => setTimeout(resolve, 50));
      return await append.apply(this, args);
    });
    const event = put(spool, 'events', 'refused');
    const snapshot = put(spool, 'snapshots', 'on its way');
    await expect(event).rejects.toMatchObject({ code: 'SPOOL_FULL' });
    await snapshot;
    // In the turn after that the oldest segment went, which is the one that was written.
    await waitFor(() => spool.stats().messages === 0, 'the segment to go');
    expect(spool.stats().messagesDropped).toBe(3);
  });

  test('keeps each lane to its own cap: a flood of snapshots costs the oldest snapshots, and nothing else', async () => {
    const folder = await temporaryFolder();
    const spool = await openSpool(folder);
    for (let n = 0; n < 10; n += 1) await put(spool, 'events', `event ${n}`);
    for (let n = 0; n < 40; n += 1) {
      await put(spool, 'snapshots', Buffer.concat([Buffer.from(`snapshot ${n} `), Buffer.alloc(300_000)]));
    }
    const { messages, messagesDropped, lanes } = spool.stats();
    const snapshots = lanes.find(({ lane }) => lane === 'snapshots')!;
    expect(messages + messagesDropped).toBe(50);
    expect(snapshots.bytes).toBeLessThanOrEqual(snapshots.maxBytes);
    expect(snapshots.bytes).toBeGreaterThan(snapshots.maxBytes - 1_000_000);
    expect(await drain(spool, 'events')).toHaveLength(10);
    const left = await drain(spool, 'snapshots');
    expect(left.at(-1)).toContain('snapshot 39 ');
    expect(left[0]).toContain(`snapshot ${messagesDropped} `);
  });

  test('refuses what is new in a lane whose policy says so, and keeps all that it took', async () => {
    const spool = await openSpool(await temporaryFolder(), {
      telemetry: { maxBytes: MIB, whenFull: 'reject-new' },
    });
    const big = Buffer.alloc(60_000);
    let taken = 0;
    for (let n = 0; n < 30; n += 1)
      await put(spool, 'telemetry', big).then(
        () => (taken += 1),
        () => {},
      );
    expect(taken).toBe(17);
    await expect(put(spool, 'telemetry', big)).rejects.toMatchObject({ code: 'SPOOL_FULL', retryable: true });
    await put(spool, 'events', 'has a lane of its own');
    expect(await drain(spool, 'telemetry')).toHaveLength(taken);
    await put(spool, 'telemetry', 'has room again');
  });

  test('gives what is new beside what is old, each in order and once', async () => {
    const spool = await openSpool(await temporaryFolder());
    for (const payload of ['old 1', 'old 2', 'old 3']) await put(spool, 'telemetry', payload);
    spool.rewind();
    for (const payload of ['new 1', 'new 2']) await put(spool, 'telemetry', payload);
    const take = async (part: SpoolPart): Promise<string | undefined> => {
      const message = await spool.next('telemetry', part);
      if (message) spool.ack('telemetry', message);
      return text(message?.payload);
    };
    expect(await take('fresh')).toBe('new 1');
    expect(await take('backlog')).toBe('old 1');
    await put(spool, 'telemetry', 'new 3');
    expect([await take('fresh'), await take('fresh'), await take('fresh')]).toEqual([
      'new 2',
      'new 3',
      undefined,
    ]);
    expect([await take('backlog'), await take('backlog'), await take('backlog')]).toEqual([
      'old 2',
      'old 3',
      undefined,
    ]);
    expect(spool.stats()).toMatchObject({ messages: 0, bytes: 0 });
  });

  test('keeps apart what is new and what is old when it reads again, and remembers both over a restart', async () => {
    const folder = await temporaryFolder();
    const spool = await openSpool(folder);
    for (const payload of ['old 1', 'old 2']) await put(spool, 'telemetry', payload);
    spool.rewind();
    for (const payload of ['new 1', 'new 2']) await put(spool, 'telemetry', payload);
    spool.ack('telemetry', (await spool.next('telemetry', 'fresh'))!);
    await spool.next('telemetry', 'backlog');
    spool.readAgain();
    expect(text((await spool.next('telemetry', 'fresh'))?.payload)).toBe('new 2');
    expect(text((await spool.next('telemetry', 'backlog'))?.payload)).toBe('old 1');
    await spool.close();
    expect(await drain(await openSpool(folder), 'telemetry')).toEqual(['old 1', 'old 2', 'new 2']);
  });

  test('gives back what is new and acknowledged, although what is old still waits', async () => {
    const folder = await temporaryFolder();
    const spool = await openSpool(folder);
    await put(spool, 'snapshots', 'old');
    spool.rewind();
    for (let n = 0; n < 30; n += 1) {
      await put(spool, 'snapshots', Buffer.alloc(300_000));
      spool.ack('snapshots', (await spool.next('snapshots', 'fresh'))!);
    }
    expect(spool.stats()).toMatchObject({ messages: 1, messagesDropped: 0 });
    await spool.close();
    const again = await openSpool(folder);
    expect(await drain(again, 'snapshots')).toEqual(['old']);
    expect(again.stats()).toMatchObject({ messagesDropped: 0, corruptTails: 0 });
  });

  test('reads what an older agent left', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'readings'), { recursive: true });
    const records = ['1', '2', '3'].map((payload, index) => olderRecord(index + 1, payload));
    await writeFile(join(folder, 'readings', '0000000000000001.segment'), Buffer.concat(records));
    const acked = Buffer.alloc(12);
    acked.writeBigUInt64BE(1n, 0);
    acked.writeUInt32BE(crc32(acked.subarray(0, 8)), 8);
    await writeFile(join(folder, 'readings', 'acked'), acked);
    const spool = await openSpool(folder);
    await put(spool, 'telemetry', '4');
    expect(await drain(spool, 'telemetry')).toEqual(['2', '3', '4']);
    expect(spool.stats()).toMatchObject({ corruptTails: 0, messagesDropped: 0 });
  });

  test('gives the disk back as messages are acknowledged', async () => {
    const folder = await temporaryFolder();
    const spool = await openSpool(folder);
    for (let n = 0; n < 30; n += 1) {
      await put(spool, 'snapshots', Buffer.alloc(300_000));
      spool.ack('snapshots', (await next(spool, 'snapshots'))!);
    }
    await spool.close();
    const sizes = await Promise.all(
      (await segmentPaths(folder, 'snapshots')).map(async (path) => (await stat(path)).size),
    );
    expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThan(MIB);
  });

  test('refuses what the server would refuse, before it takes any disk', async () => {
    const spool = await openSpool(await temporaryFolder());
    await expect(put(spool, 'telemetry', Buffer.alloc(64 * 1024 + 1))).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
    });
    await expect(put(spool, 'snapshots', Buffer.alloc(400_000))).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
    });
    expect(() => spool.put('events', 'sitecast/v1/#', Buffer.alloc(1))).toThrow(TypeError);
    expect(spool.stats()).toMatchObject({ messages: 0, bytes: 0 });
  });

  test('refuses more than it may hold unwritten, and writes all that it took', async () => {
    const spool = await openSpool(await temporaryFolder());
    const results = await Promise.allSettled(
      Array.from({ length: 5_000 }, (_, n) => put(spool, 'telemetry', String(n))),
    );
    const refused = results.filter(({ status }) => status === 'rejected').length;
    expect(refused).toBe(5_000 - 4_096);
    expect(spool.stats()).toMatchObject({ messages: 4_096, messagesDropped: refused });
  });

  test('stops giving messages when acknowledgements come in too many pieces, until some are whole', async () => {
    const spool = await openSpool(await temporaryFolder());
    const total = 4 * MAX_ACKED_RANGES;
    await Promise.all(Array.from({ length: total }, (_, n) => put(spool, 'telemetry', String(n))));
    const given: SpoolMessage[] = [];
    for (let message = await next(spool, 'telemetry'); message; message = await next(spool, 'telemetry')) {
      given.push(message);
      if (given.length % 2 === 0) spool.ack('telemetry', message);
    }
    expect(given.length).toBeLessThanOrEqual(2 * MAX_ACKED_RANGES + 1);
    spool.rewind();
    expect(await drain(spool, 'telemetry')).toHaveLength(total - Math.floor(given.length / 2));
  });

  test('refuses to put after it was closed', async () => {
    const spool = await openSpool(await temporaryFolder());
    const unwritten = put(spool, 'telemetry', 'in time');
    await spool.close();
    await expect(unwritten).resolves.toBeUndefined();
    await expect(put(spool, 'telemetry', 'late')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});
