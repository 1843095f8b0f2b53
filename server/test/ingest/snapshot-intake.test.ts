import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '@sitecast/shared/node/logger';
import { MAX_SNAPSHOT_ENVELOPE_BYTES } from '@sitecast/shared/protocol/limits';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { SnapshotIntake, type SnapshotJob } from '../../src/ingest/snapshot-intake.ts';
import { SnapshotWorker } from '../../src/ingest/snapshot-worker.ts';
import { formatStagedName, Staging } from '../../src/media-store/staging.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { makeSnapshot } from '../support/snapshots.ts';
import { waitFor } from '../support/wait-for.ts';

const FROM = { site: 'seoul', agent: 'gateway', camera: 'front' };
const AWAY = new AppError('STORE_UNAVAILABLE', 'the store is away', { retryable: true });

/** A queue whose store is away, or hangs, as the test says. */
class Queue {
  added: string[] = [];
  answer: () => Promise<void> = () => Promise.resolve();

  async add(id: string): Promise<void> {
    await this.answer();
    this.added.push(id);
  }

  file: (job: SnapshotJob) => Promise<void> = () => Promise.resolve();

  process(_concurrency: number, handler: (job: SnapshotJob) => Promise<void>): void {
    this.file = handler;
  }
}

describe('sweep of staged snapshots', () => {
  let folder: string;
  let clock: ManualClock;
  let queue: Queue;
  let staging: Staging;
  let intake: SnapshotIntake;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sitecast-intake-'));
    clock = new ManualClock();
    queue = new Queue();
    staging = await Staging.open(folder);
    const logger = createLogger({ name: 'test', level: 'silent' });
    // Nothing is filed here, so the worker needs no store of its own.
    const worker = Object.create(SnapshotWorker.prototype) as SnapshotWorker;
    intake = new SnapshotIntake({ staging, queue, worker, concurrency: 2, maxStaged: 10, logger, clock });
    await intake.start();
  });
  afterEach(async () => {
    await intake.close();
    await rm(folder, { recursive: true });
  });

  const accept = (): Promise<void> =>
    intake.accept(FROM, makeSnapshot({ capturedAt: new Date(clock.nowMs()).toISOString() }).envelope);

  it('queues 5 s later what could not be queued', async () => {
    queue.answer = () => Promise.reject(AWAY);
    await accept();
    queue.answer = () => Promise.resolve();
    await waitFor('the snapshot to be queued', () => {
      clock.advance(5_000);
      return queue.added.length === 1;
    });
  });

  it('queues again 10 s later what failed until the queue gave it up', async () => {
    await accept();
    await waitFor('the snapshot to be queued', () => queue.added.length === 1);
    // The worker has no store here, so every attempt fails.
    await expect(queue.file({ staged: queue.added[0] as string })).rejects.toThrow();
    clock.advance(9_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(queue.added).toHaveLength(1);
    clock.advance(1_000);
    await waitFor('the snapshot to be queued again', () => queue.added.length === 2);
    expect(queue.added[1]).toBe(queue.added[0]);
  });

  it('reads what an earlier run staged once, and one at a time, when its ids come again', async () => {
    const capturedAt = new Date(clock.nowMs()).toISOString();
    const left = [1, 2, 3].map(() => makeSnapshot({ capturedAt }));
    for (const { header, envelope } of left)
      await staging.put(formatStagedName({ ...FROM, id: header.id }), envelope);
    await intake.sweep();
    const read = staging.read.bind(staging);
    let [reads, now, most] = [0, 0, 0];
    staging.read = async (name) => {
      expect(intake.heldBytes).toBe(MAX_SNAPSHOT_ENVELOPE_BYTES);
      reads += 1;
      most = Math.max(most, (now += 1));
      const file = await read(name);
      now -= 1;
      return file;
    };
    await Promise.all([...left, ...left].map(({ envelope }) => intake.accept(FROM, envelope)));
    expect([reads, most, intake.heldBytes]).toEqual([3, 1, 0]);
    expect(intake.counters).toMatchObject({ snapshotsAccepted: 0, snapshotsRepeated: 6 });
  });

  it('goes on when a timer fired while a sweep was stuck in a store that hung', async () => {
    queue.answer = () => Promise.reject(AWAY);
    await accept();
    let release: () => void = () => undefined;
    let asked = 0;
    queue.answer = () => {
      asked += 1;
      return new Promise<void>((_resolve, reject) => (release = () => reject(AWAY)));
    };
    await waitFor('a sweep to hang', () => {
      clock.advance(5_000);
      return asked === 1;
    });
    queue.answer = () => Promise.reject(AWAY);
    await accept();
    clock.advance(10_000);
    queue.answer = () => Promise.resolve();
    release();
    await waitFor('both to be queued by a later sweep', () => {
      clock.advance(5_000);
      return queue.added.length >= 2;
    });
    expect(new Set(queue.added).size).toBe(2);
  });
});
