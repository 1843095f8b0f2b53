import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { agentEvent } from '@sitecast/shared/protocol/events';
import { decodeMessage } from '@sitecast/shared/protocol/json-message';
import { topics } from '@sitecast/shared/protocol/topics';
import { QuietLog } from '../../src/health/quiet-log.ts';
import type { Gap } from '../../src/uplink/gap.ts';
import { GapTeller } from '../../src/uplink/gap-teller.ts';
import { laneLimits } from '../../src/uplink/lanes.ts';
import { Outbox } from '../../src/uplink/outbox.ts';
import { SpoolSegment } from '../../src/uplink/spool-segment.ts';
import { Spool } from '../../src/uplink/spool.ts';
import { ManualClock, silentLogger, temporaryFolder, waitFor } from '../support.ts';

const MIB = 1024 * 1024;
const agent = { site: 'demo', agent: 'gateway' };
const topic = topics.snapshot(agent, 'front');
const clock = new ManualClock();

async function openSpool(
  folder: string,
  whenFull: 'drop-oldest' | 'reject-new' = 'drop-oldest',
): Promise<Spool> {
  const lanes = laneLimits(16 * MIB, { snapshots: { maxBytes: MIB, whenFull } });
  const spool = await Spool.open({ folder, lanes, logger: silentLogger, clock });
  onTestFinished(() => spool.close());
  return spool;
}

/** One a second. @returns when the first was put. */
async function putSnapshots(spool: Spool, count: number): Promise<number> {
  const fromMs = clock.nowMs();
  for (let n = 0; n < count; n += 1) {
    await spool.put('snapshots', topic, Buffer.alloc(100_000)).catch(() => {});
    clock.advance(1_000);
  }
  return fromMs;
}

const messagesIn = (spool: Spool): number => spool.stats().messages;

describe('a gap', () => {
  test('counts what was dropped and says from when, over restarts, as one', async () => {
    const folder = await temporaryFolder();
    const first = await openSpool(folder);
    const fromMs = await putSnapshots(first, 30);
    await first.close();
    const second = await openSpool(folder);
    await putSnapshots(second, 20);
    const dropped = 50 - messagesIn(second);
    expect(dropped).toBeGreaterThan(35);
    const gap = await second.gapToTell('snapshots');
    expect(gap).toMatchObject({
      count: dropped,
      fromMs,
      toMs: fromMs + (dropped - 1) * 1_000,
      reasons: { dropped },
    });
    expect(await second.gapToTell('telemetry')).toBeUndefined();
  });

  test('stands still while it is told, comes again until it is, and what goes meanwhile is another', async () => {
    const folder = await temporaryFolder();
    const first = await openSpool(folder);
    await putSnapshots(first, 30);
    const told = await first.gapToTell('snapshots');
    await putSnapshots(first, 10);
    await first.close();
    const second = await openSpool(folder);
    expect(await second.gapToTell('snapshots')).toEqual(told);
    await second.gapTold('snapshots');
    const other = await second.gapToTell('snapshots');
    expect(other?.id).not.toBe(told?.id);
    expect((told?.count ?? 0) + (other?.count ?? 0)).toBe(40 - messagesIn(second));
    await second.gapTold('snapshots');
    expect(await second.gapToTell('snapshots')).toBeUndefined();
  });

  test('counts what a lane refused, unless whoever has it tries again', async () => {
    const spool = await openSpool(await temporaryFolder(), 'reject-new');
    const fromMs = await putSnapshots(spool, 15);
    const taken = messagesIn(spool);
    await expect(
      spool.put('snapshots', topic, Buffer.alloc(100_000), { isRetried: true }),
    ).rejects.toMatchObject({ code: 'SPOOL_FULL' });
    expect(await spool.gapToTell('snapshots')).toMatchObject({
      count: 15 - taken,
      fromMs: fromMs + taken * 1_000,
      reasons: { refused: 15 - taken },
    });
    expect(spool.stats().messagesDropped).toBe(15 - taken);
  });

  test('does not count what was on its way when it was dropped, and arrived', async () => {
    const spool = await openSpool(await temporaryFolder());
    await putSnapshots(spool, 3);
    const onTheWay = [await spool.next('snapshots', 'fresh'), await spool.next('snapshots', 'fresh')];
    await putSnapshots(spool, 30);
    const dropped = 33 - messagesIn(spool);
    for (const message of onTheWay) spool.ack('snapshots', message!);
    for (const message of onTheWay) spool.ack('snapshots', message!);
    expect(spool.stats().messagesDropped).toBe(dropped - 2);
    expect(await spool.gapToTell('snapshots')).toMatchObject({
      count: dropped - 2,
      reasons: { dropped: dropped - 2 },
    });
  });

  test('is counted once when the agent is killed before the file is gone', async () => {
    const folder = await temporaryFolder();
    const first = await openSpool(folder);
    const removing = vi.spyOn(SpoolSegment.prototype, 'remove');
    removing.mockImplementation(async function (this: SpoolSegment) {
      await this.close();
      throw new Error('killed');
    });
    onTestFinished(() => removing.mockRestore());
    await putSnapshots(first, 30);
    const left = messagesIn(first);
    await first.close();
    removing.mockRestore();
    const second = await openSpool(folder);
    expect(messagesIn(second)).toBe(left);
    expect(await second.gapToTell('snapshots')).toMatchObject({ count: 30 - left });
  });
});

describe('GapTeller', () => {
  const goOnline = (listeners: Set<() => void>): void => listeners.forEach((listener) => listener());

  function teller(spool: Spool, isOnline: () => boolean): Set<() => void> {
    const listeners = new Set<() => void>();
    const log = new QuietLog(silentLogger);
    const outbox = new Outbox({ address: agent, spool, log });
    const gaps = new GapTeller({
      spool,
      keep: (lane, gap) => outbox.gap(lane, gap),
      isOnline,
      onReady: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      log,
      clock,
    });
    onTestFinished(() => gaps.close());
    gaps.start();
    return listeners;
  }

  async function toldBy(spool: Spool): Promise<Pick<Gap, 'count'>[]> {
    const counts: Pick<Gap, 'count'>[] = [];
    for (let next = await spool.next('alarms', 'fresh'); next; next = await spool.next('alarms', 'fresh')) {
      expect(next.topic).toBe(topics.agentEvent(agent));
      const { kind, gap, at, until } = decodeMessage(agentEvent, next.payload);
      expect([kind, gap?.lane, gap?.from, gap?.to]).toEqual(['gap', 'snapshots', at, until]);
      counts.push({ count: gap?.count ?? 0 });
    }
    return counts;
  }

  test('says nothing while the server is away, one gap when it is back, and what grows then each minute', async () => {
    const spool = await openSpool(await temporaryFolder());
    let isOnline = false;
    const listeners = teller(spool, () => isOnline);
    // Two minutes of outage: the clock goes on with each snapshot.
    await putSnapshots(spool, 120);
    expect(await toldBy(spool)).toEqual([]);
    const dropped = spool.stats().messagesDropped;
    isOnline = true;
    goOnline(listeners);
    await waitFor(() => spool.stats().lanes[0]?.messages === 1, 'the gap');
    expect(await toldBy(spool)).toEqual([{ count: dropped }]);
    goOnline(listeners);
    await putSnapshots(spool, 30);
    const more = spool.stats().messagesDropped - dropped;
    clock.advance(60_000);
    await waitFor(() => (spool.stats().lanes[0]?.messages ?? 0) > 1, 'the second gap');
    const told = await toldBy(spool);
    expect(told.reduce((sum, { count }) => sum + count, 0)).toBe(more);
  });
});
