import { describe, expect, it, onTestFinished } from 'vitest';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SnapshotIntake, type SnapshotJob } from '../../src/ingest/snapshot-intake.ts';
import { SnapshotStore, type Snapshot } from '../../src/ingest/snapshot-store.ts';
import { SnapshotWorker, type RefusedSnapshot } from '../../src/ingest/snapshot-worker.ts';
import { MediaStore } from '../../src/media-store/media-store.ts';
import { Staging } from '../../src/media-store/staging.ts';
import type { Database } from '../../src/postgres/pool.ts';
import { openQueue } from '../../src/queues/job-queue.ts';
import { testLogger, useOwnPostgres } from '../support/postgres.ts';
import { makeSnapshot } from '../support/snapshots.ts';
import { waitFor } from '../support/wait-for.ts';

const FROM = { site: 'home', agent: 'gateway', camera: 'front' };

describe('snapshot ingest', () => {
  const postgres = useOwnPostgres();

  it('files a snapshot: pictures in the media store, a row, nothing left staged', async () => {
    const house = await openHouse();
    const run = await house.run();
    const made = makeSnapshot({ reason: 'motion' });
    await run.intake.accept(FROM, made.envelope);
    await waitFor('the row', () => run.stored.length === 1);
    const found = await run.snapshots.get(made.header.id);
    expect(found).toMatchObject({
      site: 'home',
      camera: 'front',
      reason: 'motion',
      sha256: made.header.sha256,
    });
    expect(found.thumbnail).toEqual(made.header.thumbnail);
    expect(await contents(run.mediaStore, found.path)).toEqual(made.snapshot);
    expect(await contents(run.mediaStore, found.thumbnailPath)).toEqual(made.thumbnail);
    await waitFor('an empty staging folder', () => run.intake.stats.staged === 0);
    expect(await house.staged()).toEqual([]);
  });

  it('stores a snapshot once, however often it is sent, at once and later', async () => {
    const house = await openHouse();
    const run = await house.run();
    const { envelope } = makeSnapshot();
    await Promise.all([1, 2, 3].map(() => run.intake.accept(FROM, envelope)));
    await waitFor('the row', () => run.stored.length === 1);
    await waitFor('an empty staging folder', () => run.intake.stats.staged === 0);
    await run.intake.accept(FROM, envelope);
    await waitFor('an empty staging folder', () => run.intake.stats.staged === 0);
    expect(run.stored).toHaveLength(1);
    expect(run.worker.counters).toMatchObject({ snapshotsFiled: 1, snapshotsKnown: 1, snapshotsSetAside: 0 });
  });

  it('has every accepted snapshot after a crash between staging and filing', async () => {
    const house = await openHouse();
    const made = Array.from({ length: 8 }, () => makeSnapshot());
    const crashed = await house.run({ files: false });
    for (const { envelope } of made) await crashed.intake.accept(FROM, envelope);
    await crashed.stop();
    expect(await house.staged()).toHaveLength(8);
    // One was filed up to the row, and one up to the pictures, when the power went.
    await house.leaveHalfFiled(made[0]!, made[1]!);
    const after = await house.run();
    await waitFor('all rows', async () => (await house.ids()).length === 8);
    expect(await house.ids()).toEqual(made.map(({ header }) => header.id).sort());
    await waitFor('an empty staging folder', async () => (await house.staged()).length === 0);
    await waitFor('all slots', () => after.intake.stats.staged === 0);
  });

  it('does not acknowledge while the backlog is full, lets in as room comes, and refuses when the line is full', async () => {
    const house = await openHouse();
    const run = await house.run({ files: false, maxStaged: 2, maxWaiting: 2 });
    const made = Array.from({ length: 5 }, () => makeSnapshot());
    const acknowledged: number[] = [];
    const accept = (n: number): Promise<void> =>
      run.intake.accept(FROM, made[n]!.envelope).then(() => void acknowledged.push(n));
    await accept(0);
    await accept(1);
    const waiting = [accept(2), accept(3)];
    await expect(accept(4)).rejects.toMatchObject({ code: 'QUEUE_FULL', retryable: true });
    expect(run.intake.stats).toEqual({
      staged: 2,
      maxStaged: 2,
      waiting: 2,
      heldUp: 2,
      waitingRefused: 1,
    });
    expect(await house.staged()).toHaveLength(2);
    expect(acknowledged).toEqual([0, 1]);
    await run.startFiling();
    await Promise.all(waiting);
    // Let in by turn, but written to the disk side by side.
    expect(acknowledged.toSorted()).toEqual([0, 1, 2, 3]);
    await waitFor('four rows', async () => (await house.ids()).length === 4);
  });

  it.each([
    ['is of another camera than its topic', { camera: 'back' }],
    ['has another digest than its header', { sha256: '0'.repeat(64) }],
    ['was captured next year', { capturedAt: new Date(Date.now() + 366 * 86_400_000).toISOString() }],
    ['was captured before gateways had clocks', { capturedAt: '1970-01-01T00:00:01.000Z' }],
  ])('refuses for good a snapshot that %s', async (_, header) => {
    const house = await openHouse();
    const run = await house.run();
    const accepting = run.intake.accept(FROM, makeSnapshot(header).envelope);
    await expect(accepting).rejects.toMatchObject({ code: 'FRAME_MALFORMED', retryable: false });
    expect(await house.staged()).toEqual([]);
  });

  it('sets aside a staged file that the disk has damaged, and goes on with the others', async () => {
    const house = await openHouse();
    const idle = await house.run({ files: false });
    const [broken, good] = [makeSnapshot(), makeSnapshot()];
    await idle.intake.accept(FROM, broken.envelope);
    await idle.intake.accept(FROM, good.envelope);
    await idle.stop();
    await writeFile(
      join(house.dir, 'staging', `${broken.header.id}.home.gateway`),
      broken.envelope.subarray(0, 900),
    );
    const run = await house.run();
    await waitFor(
      'both',
      () => run.worker.counters.snapshotsSetAside + run.worker.counters.snapshotsFiled === 2,
    );
    expect(await house.ids()).toEqual([good.header.id]);
    expect(await readdir(join(house.dir, 'staging/rejected'))).toEqual([`${broken.header.id}.home.gateway`]);
    await waitFor('all slots', () => run.intake.stats.staged === 0);
  });

  it('never lets one agent replace the picture of another by using its id', async () => {
    const house = await openHouse();
    const run = await house.run();
    const real = makeSnapshot();
    const forged = makeSnapshot({ id: real.header.id, capturedAt: real.header.capturedAt });
    await run.intake.accept(FROM, real.envelope);
    await waitFor('the row', () => run.stored.length === 1);
    await run.intake.accept({ ...FROM, agent: 'other' }, forged.envelope);
    await waitFor('the forged one', () => run.worker.counters.snapshotsSetAside === 1);
    const { path } = await run.snapshots.get(real.header.id);
    expect(await contents(run.mediaStore, path)).toEqual(real.snapshot);
  });

  it('leaves no pictures behind of another snapshot with a known id, and tells its agent', async () => {
    const house = await openHouse();
    const run = await house.run();
    const real = makeSnapshot();
    const otherDay = makeSnapshot({ id: real.header.id, capturedAt: '2024-02-03T00:00:00.000Z' });
    await run.intake.accept(FROM, real.envelope);
    await waitFor('the row', () => run.stored.length === 1);
    await run.intake.accept({ ...FROM, agent: 'other' }, otherDay.envelope);
    await waitFor('the other one', () => run.worker.counters.snapshotsSetAside === 1);
    expect(await readdir(join(house.dir, 'media/home'))).toEqual([real.header.capturedAt.slice(0, 10)]);
    expect(run.refused).toMatchObject([
      { site: 'home', agent: 'other', camera: 'front', id: real.header.id, error: { code: 'CONFLICT' } },
    ]);
  });

  it('refuses another picture under the id of one that is staged, in this run and in the next', async () => {
    const house = await openHouse();
    const real = makeSnapshot();
    const forged = makeSnapshot({ id: real.header.id });
    const first = await house.run({ files: false });
    await first.intake.accept(FROM, real.envelope);
    await first.intake.accept(FROM, real.envelope);
    const refusal = { code: 'CONFLICT', retryable: false, detail: { id: real.header.id } };
    await expect(first.intake.accept(FROM, forged.envelope)).rejects.toMatchObject(refusal);
    await first.stop();
    const second = await house.run({ files: false });
    await second.intake.accept(FROM, real.envelope);
    await expect(second.intake.accept(FROM, forged.envelope)).rejects.toMatchObject(refusal);
    await second.stop();
    const last = await house.run();
    await waitFor('the row', () => last.stored.length === 1);
    expect(await last.snapshots.get(real.header.id)).toMatchObject({ sha256: real.header.sha256 });
  });

  it('acknowledges while the queue has no store, and files when it is back', async () => {
    const house = await openHouse();
    const run = await house.run();
    process.kill(postgres.server.pid, 'SIGKILL');
    await waitFor('the end of PostgreSQL', () => !postgres.server.isRunning);
    const made = makeSnapshot();
    await run.intake.accept(FROM, made.envelope);
    expect(await house.staged()).toHaveLength(1);
    await postgres.server.restart();
    await waitFor('the row', () => run.stored.length === 1);
    expect(run.stored[0]?.id).toBe(made.header.id);
  });

  it('removes what a crash left half written, which nobody was told is safe', async () => {
    const house = await openHouse();
    await house.run({ files: false });
    await writeFile(join(house.dir, 'staging', '0123.partial'), 'half');
    await Staging.open(join(house.dir, 'staging'));
    expect(await readdir(join(house.dir, 'staging'))).toEqual(['rejected']);
  });

  interface RunOptions {
    files?: boolean;
    maxStaged?: number;
    maxWaiting?: number;
  }

  interface Run {
    intake: SnapshotIntake;
    worker: SnapshotWorker;
    snapshots: SnapshotStore;
    mediaStore: MediaStore;
    stored: Snapshot[];
    refused: RefusedSnapshot[];
    startFiling(): Promise<void>;
    stop(): Promise<void>;
  }

  /** One data directory and one database, on which one server after the other may run. */
  async function openHouse() {
    const db = await postgres.createDatabase();
    onTestFinished(() => db[Symbol.asyncDispose]());
    await db.database.query(`insert into sites (id, name) values ('home', 'Home')`);
    const dir = await mkdtemp(join(tmpdir(), 'sitecast-ingest-'));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    return {
      dir,
      run: (options: RunOptions = {}) => run(dir, db.url, db.database, options),
      staged: async () => (await readdir(join(dir, 'staging'))).filter((name) => name !== 'rejected'),
      ids: async () =>
        (await db.database.query<{ id: string }>('select id from snapshots order by id')).map(({ id }) => id),
      async leaveHalfFiled(
        withRow: ReturnType<typeof makeSnapshot>,
        withPictures: ReturnType<typeof makeSnapshot>,
      ) {
        const mediaStore = await MediaStore.open(join(dir, 'media'));
        const paths = await mediaStore.put('home', withRow);
        const receivedAt = new Date();
        const row = { site: 'home', agent: 'gateway', receivedAt, header: withRow.header, ...paths };
        await new SnapshotStore(db.database).insert(row);
        await mediaStore.put('home', withPictures);
      },
    };
  }

  async function run(
    dir: string,
    databaseUrl: string,
    database: Database,
    options: RunOptions,
  ): Promise<Run> {
    const { files = true, maxStaged = 500, maxWaiting } = options;
    const staging = await Staging.open(join(dir, 'staging'));
    const mediaStore = await MediaStore.open(join(dir, 'media'));
    const snapshots = new SnapshotStore(database);
    const stored: Snapshot[] = [];
    const onStored = (snapshot: Snapshot): void => void stored.push(snapshot);
    const refused: RefusedSnapshot[] = [];
    const worker = new SnapshotWorker({
      staging,
      mediaStore,
      snapshots,
      onStored,
      onRefused: (snapshot) => void refused.push(snapshot),
      logger: testLogger,
    });
    const queue = await openQueue<SnapshotJob>({ name: 'snapshots', databaseUrl, logger: testLogger });
    const intake = new SnapshotIntake({
      staging,
      queue,
      worker,
      concurrency: 2,
      maxStaged,
      maxWaiting,
      logger: testLogger,
    });
    const stop = async (): Promise<void> => {
      await intake.close();
      await queue.close();
    };
    onTestFinished(stop);
    if (files) await intake.start();
    return {
      intake,
      worker,
      snapshots,
      mediaStore,
      stored,
      refused,
      startFiling: () => intake.start(),
      stop,
    };
  }
});

async function contents(store: MediaStore, path: string): Promise<Buffer> {
  const { stream } = await store.open(path);
  return buffer(stream);
}
