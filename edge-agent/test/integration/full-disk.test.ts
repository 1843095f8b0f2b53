import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { describe, expect, onTestFinished, test } from 'vitest';
import { topics } from '@sitecast/shared/protocol/topics';
import { systemClock } from '@sitecast/shared/runtime/clock';
import type { Fragment } from '../../src/camera/fragment.ts';
import { recordProcess, sweepOrphans } from '../../src/camera/process-record.ts';
import { ClipRecorder } from '../../src/clips/clip-recorder.ts';
import { ClipStore } from '../../src/clips/clip-store.ts';
import { laneLimits } from '../../src/uplink/lanes.ts';
import { Spool } from '../../src/uplink/spool.ts';
import { ManualClock, silentLogger } from '../support.ts';
import { draw, newInit, readClip } from '../clips/drawn-clip.ts';
import { mayMount, mountDisk, remount } from './disks.ts';

const MIB = 1024 * 1024;
const agent = { site: 'demo', agent: 'gateway' };
const readingTopic = topics.agentTelemetry(agent, 'climate');

const clock = new ManualClock();

async function openSpool(folder: string): Promise<Spool> {
  const spool = await Spool.open({ folder, lanes: laneLimits(16 * MIB), logger: silentLogger, clock });
  onTestFinished(() => spool.close());
  return spool;
}

const put = (spool: Spool, payload: string | Buffer): Promise<void> =>
  spool.put('telemetry', readingTopic, Buffer.from(payload));

async function drain(spool: Spool): Promise<string[]> {
  const payloads: string[] = [];
  for (const part of ['backlog', 'fresh'] as const) {
    for (let next = await spool.next('telemetry', part); next; next = await spool.next('telemetry', part)) {
      payloads.push(Buffer.from(next.payload).toString());
      spool.ack('telemetry', next);
    }
  }
  return payloads;
}

describe.skipIf(!mayMount())('Spool', () => {
  test('says that the disk is full, loses nothing that it took, and goes on when there is room', async () => {
    const disk = await mountDisk(512);
    const spool = await openSpool(join(disk, 'spool'));
    await put(spool, 'before');
    await writeFile(join(disk, 'log of somebody'), Buffer.alloc(MIB)).catch(() => {});
    // What fits into the last page of a file still fits.
    const outcomes: PromiseSettledResult<void>[] = [];
    for (let n = 0; n < 5; n += 1)
      outcomes.push((await Promise.allSettled([put(spool, Buffer.alloc(8_000))]))[0]);
    expect(outcomes.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'SPOOL_FULL' } });
    expect(spool.stats().disk).toMatchObject({
      state: 'full',
      detail: expect.stringContaining('ENOSPC') as string,
    });
    await rm(join(disk, 'log of somebody'));
    await put(spool, 'after');
    expect(spool.stats().disk).toEqual({ state: 'ok', since: null, detail: null });
    const { messages, messagesDropped } = spool.stats();
    // What was taken is there, or was dropped to make room; what was refused is counted.
    expect(messages + messagesDropped).toBe(7);
    expect(await spool.gapToTell('telemetry')).toMatchObject({ count: messagesDropped });
    expect((await drain(spool)).at(-1)).toBe('after');
  });

  test('lives with a disk that turns read-only, keeps what is there, and goes on when it may write', async () => {
    const disk = await mountDisk(4_096);
    const spool = await openSpool(join(disk, 'spool'));
    await put(spool, 'before');
    await spool.close();
    remount(disk, 'ro');
    const again = await openSpool(join(disk, 'spool'));
    for (let n = 0; n < 3; n += 1)
      await expect(put(again, 'during')).rejects.toMatchObject({ code: 'SPOOL_FULL' });
    expect(again.stats()).toMatchObject({ messagesDropped: 3, disk: { state: 'read-only' } });
    remount(disk, 'rw');
    clock.advance(10_000);
    await put(again, 'after');
    expect(again.stats()).toMatchObject({ messages: 2, disk: { state: 'ok' } });
    expect(await again.gapToTell('telemetry')).toMatchObject({ count: 3, reasons: { refused: 3 } });
    expect(await drain(again)).toEqual(['before', 'after']);
  });

  test('opens on a full disk, and drops nothing of what was there', async () => {
    const disk = await mountDisk(512);
    const first = await openSpool(join(disk, 'spool'));
    for (let n = 0; n < 10; n += 1) await put(first, String(n));
    await first.close();
    await writeFile(join(disk, 'log of somebody'), Buffer.alloc(MIB)).catch(() => {});
    const second = await openSpool(join(disk, 'spool'));
    expect(second.stats()).toMatchObject({ messages: 10, messagesDropped: 0 });
    expect(await drain(second)).toHaveLength(10);
  });
});

describe.skipIf(!mayMount())('a clip', () => {
  test('on a disk that gets full keeps what found room, and plays', async () => {
    const disk = await mountDisk(1024);
    const path = join(disk, 'clip.partial');
    const init = newInit();
    const [first, ...rest] = draw(`K${'p'.repeat(999)}`, { init, bytes: 4_000 });
    let take: (fragment: Fragment) => void = () => {};
    const source = {
      ...{ preRollS: 0, failure: undefined, close: () => {} },
      start: (taker: typeof take) => {
        take = taker;
        take(first!);
      },
    };
    const bounds = { postRollS: 60, maxSeconds: 60, maxBytes: 32 * MIB };
    const recorder = new ClipRecorder({ path, source, clock: systemClock, ...bounds });
    const recording = recorder.record();
    for (const fragment of rest) {
      take(fragment);
      if (fragment.sequence % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const { end, bytes } = await recording;
    expect(end).toBe('failed');
    expect(bytes).toBeLessThanOrEqual(MIB);
    const { samples } = readClip(await readFile(path));
    expect(samples.length).toBeGreaterThan(100);
    for (const [index, sample] of samples.entries()) expect(sample[0]).toBe(index % 251);
  });

  test('is refused on a read-only disk, and recorded when it may write', async () => {
    const disk = await mountDisk(8 * 1024);
    const folder = join(disk, 'clips');
    const bounds = { quotaBytes: 4 * MIB, maxClipBytes: MIB };
    const store = await ClipStore.open({ folder, ...bounds, logger: silentLogger });
    onTestFinished(() => store.close());
    remount(disk, 'ro');
    const picture = { codec: 'avc1.64001f', width: 1280, height: 720, maskVersion: 0 };
    const clip = {
      camera: 'front',
      reason: 'rule',
      startedAt: '2026-03-01T09:00:00.000Z',
      ...picture,
    } as const;
    const begin = (): Promise<void> => store.begin({ id: ulid(), upload: 'none', ...clip });
    await expect(begin()).rejects.toMatchObject({ code: 'CLIP_FAILED', retryable: true });
    remount(disk, 'rw');
    await begin();
  });
});

describe.skipIf(!mayMount())('the record of a capture', () => {
  test('is done without on a full disk, and left alone on a read-only one', async () => {
    const disk = await mountDisk(64);
    const runDir = join(disk, 'run');
    recordProcess(runDir, process.pid)();
    await writeFile(join(disk, 'log of somebody'), Buffer.alloc(MIB)).catch(() => {});
    expect(() => recordProcess(runDir, process.pid)()).not.toThrow();
    await rm(join(disk, 'log of somebody'));
    const forget = recordProcess(runDir, process.pid);
    expect(await readdir(runDir)).toHaveLength(1);
    remount(disk, 'ro');
    expect(forget).not.toThrow();
    expect(await sweepOrphans({ runDir, logger: silentLogger })).toBe(0);
  });
});
