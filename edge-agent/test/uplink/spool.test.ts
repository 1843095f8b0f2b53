import { appendFile, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished, describe, expect, test, vi } from 'vitest';
import { topics } from '@sitecast/shared/protocol/topics';
import { MAX_ACKED_AHEAD } from '../../src/uplink/spool-log.ts';
import { SpoolSegment } from '../../src/uplink/spool-segment.ts';
import { Spool, type SpoolClass } from '../../src/uplink/spool.ts';
import { silentLogger, temporaryFolder } from '../support.ts';

const MIB = 1024 * 1024;
const agent = { site: 'demo', agent: 'gateway' };
const topicOf: Record<SpoolClass, string> = {
  events: topics.event(agent, 'front'),
  readings: topics.agentTelemetry(agent, 'climate'),
  snapshots: topics.snapshot(agent, 'front'),
};
const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString();

async function openSpool(folder: string, maxBytes = 16 * MIB): Promise<Spool> {
  const spool = await Spool.open({ folder, maxBytes, logger: silentLogger });
  onTestFinished(() => spool.close());
  return spool;
}

const put = (spool: Spool, spoolClass: SpoolClass, payload: string | Uint8Array): Promise<void> =>
  spool.put(spoolClass, topicOf[spoolClass], Buffer.from(payload));

/** As it is before a spy stands around it; to be called with its segment. */
const methodOf = <K extends 'append' | 'abandonFrom'>(name: K): SpoolSegment[K] =>
  SpoolSegment.prototype[name];

async function drain(spool: Spool, spoolClass: SpoolClass): Promise<string[]> {
  const payloads: string[] = [];
  for (let message = await spool.next(spoolClass); message; message = await spool.next(spoolClass)) {
    payloads.push(text(message.payload) ?? '');
    spool.ack(spoolClass, message);
  }
  return payloads;
}

async function segmentPaths(folder: string, spoolClass: SpoolClass): Promise<string[]> {
  const names = await readdir(join(folder, spoolClass));
  return names
    .filter((name) => name.endsWith('.segment'))
    .sort()
    .map((name) => join(folder, spoolClass, name));
}

describe('Spool', () => {
  test('gives messages back in order, with their topics, class by class', async () => {
    const spool = await openSpool(await temporaryFolder());
    await Promise.all(['1', '2', '3'].map((payload) => put(spool, 'readings', payload)));
    await put(spool, 'events', 'e');
    expect((await spool.next('events'))?.topic).toBe(topicOf.events);
    expect(await drain(spool, 'readings')).toEqual(['1', '2', '3']);
    expect(await spool.next('snapshots')).toBeUndefined();
  });

  test('keeps what was put and not acknowledged over a restart, and forgets the rest', async () => {
    const folder = await temporaryFolder();
    const first = await openSpool(folder);
    for (const payload of ['1', '2', '3', '4']) await put(first, 'readings', payload);
    const one = await first.next('readings');
    const two = await first.next('readings');
    first.ack('readings', one!);
    first.ack('readings', two!);
    await first.close();

    const second = await openSpool(folder);
    expect(second.stats()).toMatchObject({ messages: 2, corruptTails: 0 });
    await put(second, 'readings', '5');
    expect(await drain(second, 'readings')).toEqual(['3', '4', '5']);
    expect(second.stats()).toMatchObject({ messages: 0, bytes: 0 });
  });

  test('reads un-acked messages again after a rewind, but not those acknowledged out of order', async () => {
    const spool = await openSpool(await temporaryFolder());
    for (const payload of ['1', '2', '3']) await put(spool, 'readings', payload);
    await spool.next('readings');
    spool.ack('readings', (await spool.next('readings'))!);
    spool.rewind();
    expect(await drain(spool, 'readings')).toEqual(['1', '3']);
  });

  test.each([1, 10, 24, 60])(
    'keeps the whole records of a tail that was torn by %i bytes',
    async (tornBytes) => {
      const folder = await temporaryFolder();
      const first = await openSpool(folder);
      for (const payload of ['first', 'second', 'third']) await put(first, 'readings', payload);
      await first.close();
      const [path = ''] = await segmentPaths(folder, 'readings');
      await truncate(path, (await stat(path)).size - tornBytes);

      const second = await openSpool(folder);
      expect(second.stats().corruptTails).toBe(1);
      await put(second, 'readings', 'after');
      expect(await drain(second, 'readings')).toEqual(['first', 'second', 'after']);
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
    for (const payload of ['1', '2', '3']) await put(spool, 'readings', payload);
    const one = await spool.next('readings');
    const [path = ''] = await segmentPaths(folder, 'readings');
    const bytes = await readFile(path);
    bytes[one!.recordBytes + 30]! ^= 0xff;
    await writeFile(path, bytes);

    expect(await spool.next('readings')).toBeUndefined();
    expect(spool.stats()).toMatchObject({ corruptTails: 1, messagesDropped: 2, messages: 1 });
    spool.ack('readings', one!);
    await put(spool, 'readings', '4');
    expect(await drain(spool, 'readings')).toEqual(['4']);
    expect(spool.stats().messages).toBe(0);
  });

  test('keeps what is put while it finds a record that rotted', async () => {
    const folder = await temporaryFolder();
    const spool = await openSpool(folder);
    for (const payload of ['1', '2']) await put(spool, 'readings', payload);
    const one = await spool.next('readings');
    const [path = ''] = await segmentPaths(folder, 'readings');
    const bytes = await readFile(path);
    bytes[one!.recordBytes + 30]! ^= 0xff;
    await writeFile(path, bytes);

    const abandonFrom = methodOf('abandonFrom');
    let meanwhile: Promise<void> | undefined;
    const abandon = vi.spyOn(SpoolSegment.prototype, 'abandonFrom');
    onTestFinished(() => abandon.mockRestore());
    abandon.mockImplementation(async function (this: SpoolSegment, ...args) {
      const abandoned = abandonFrom.apply(this, args);
      meanwhile ??= put(spool, 'readings', 'meanwhile');
      return await abandoned;
    });
    const next = await spool.next('readings');
    await meanwhile;
    expect(text((next ?? (await spool.next('readings')))?.payload)).toBe('meanwhile');
    expect(spool.stats()).toMatchObject({ messages: 2, messagesDropped: 1 });
  });

  test('counts all that it drops when the disk is full while another class is being written', async () => {
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
    await new Promise((resolve) => setTimeout(resolve, 10));
    const { messages, messagesDropped } = spool.stats();
    expect([messages, messagesDropped]).toEqual([0, 3]);
  });

  test('drops the oldest snapshots first when the cap is reached, and never an event for a snapshot', async () => {
    const folder = await temporaryFolder();
    const spool = await openSpool(folder);
    for (let n = 0; n < 10; n += 1) await put(spool, 'events', `event ${n}`);
    for (let n = 0; n < 80; n += 1) {
      await put(spool, 'snapshots', Buffer.concat([Buffer.from(`snapshot ${n} `), Buffer.alloc(300_000)]));
    }
    const { messages, messagesDropped, bytes } = spool.stats();
    expect(messages + messagesDropped).toBe(90);
    expect(bytes).toBeLessThanOrEqual(16 * MIB);
    expect(messagesDropped).toBeGreaterThan(20);
    expect(await drain(spool, 'events')).toHaveLength(10);
    const left = await drain(spool, 'snapshots');
    expect(left.at(-1)).toContain('snapshot 79 ');
    expect(left[0]).toContain(`snapshot ${messagesDropped} `);
  });

  test('refuses a snapshot rather than dropping readings, and drops snapshots for readings', async () => {
    const folder = await temporaryFolder();
    const spool = await openSpool(folder);
    await put(spool, 'snapshots', Buffer.alloc(300_000));
    const big = Buffer.alloc(60_000);
    for (let n = 0; n < 300; n += 1) await put(spool, 'readings', big);
    await expect(put(spool, 'snapshots', Buffer.alloc(300_000))).rejects.toMatchObject({
      code: 'SPOOL_FULL',
    });
    expect(await spool.next('snapshots')).toBeUndefined();
    await put(spool, 'events', 'still fits');
    expect(await drain(spool, 'events')).toEqual(['still fits']);
  });

  test('gives the disk back as messages are acknowledged', async () => {
    const folder = await temporaryFolder();
    const spool = await openSpool(folder);
    for (let n = 0; n < 30; n += 1) {
      await put(spool, 'snapshots', Buffer.alloc(300_000));
      spool.ack('snapshots', (await spool.next('snapshots'))!);
    }
    await spool.close();
    const sizes = await Promise.all(
      (await segmentPaths(folder, 'snapshots')).map(async (path) => (await stat(path)).size),
    );
    expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThan(MIB);
  });

  test('refuses what the server would refuse, before it takes any disk', async () => {
    const spool = await openSpool(await temporaryFolder());
    await expect(put(spool, 'readings', Buffer.alloc(64 * 1024 + 1))).rejects.toMatchObject({
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
      Array.from({ length: 5_000 }, (_, n) => put(spool, 'readings', String(n))),
    );
    const refused = results.filter(({ status }) => status === 'rejected').length;
    expect(refused).toBe(5_000 - 4_096);
    expect(spool.stats()).toMatchObject({ messages: 4_096, messagesDropped: refused });
  });

  test('stops giving messages when too many behind an un-acked one are acknowledged', async () => {
    const spool = await openSpool(await temporaryFolder());
    await Promise.all(
      Array.from({ length: MAX_ACKED_AHEAD + 100 }, (_, n) => put(spool, 'readings', String(n))),
    );
    const stuck = await spool.next('readings');
    expect(await drain(spool, 'readings')).toHaveLength(MAX_ACKED_AHEAD - 1);
    spool.ack('readings', stuck!);
    expect(await drain(spool, 'readings')).toHaveLength(100);
  });

  test('refuses to put after it was closed', async () => {
    const spool = await openSpool(await temporaryFolder());
    const unwritten = put(spool, 'readings', 'in time');
    await spool.close();
    await expect(unwritten).resolves.toBeUndefined();
    await expect(put(spool, 'readings', 'late')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});
