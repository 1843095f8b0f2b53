import { mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CLIP_UPLOAD_IDLE_MS } from '@sitecast/shared/protocol/limits';
import type { ClipChunkHeader } from '@sitecast/shared/protocol/clip-chunk';
import {
  ClipIntake,
  CLIP_UPLOADS_MAX,
  CLIP_UPLOADS_PER_DEVICE_MAX,
  type ClipIntakeOptions,
} from '../../src/ingest/clip-intake.ts';
import { ClipStore } from '../../src/ingest/clip-store.ts';
import { ClipFiles } from '../../src/media-store/clip-files.ts';
import { ClipParts } from '../../src/media-store/clip-parts.ts';
import { MediaStore } from '../../src/media-store/media-store.ts';
import { Garbage } from '../../src/retention/garbage.ts';
import { MediaRemoval } from '../../src/retention/media-removal.ts';
import { Retention } from '../../src/retention/retention.ts';
import { RowExpiry } from '../../src/retention/row-expiry.ts';
import { StorageFigures } from '../../src/retention/storage-figures.ts';
import { Turns } from '../../src/retention/turns.ts';
import { makeClip, type MadeClip } from '../support/clips.ts';
import { testLogger, useOwnPostgres } from '../support/postgres.ts';
import { waitFor } from '../support/wait-for.ts';
import { BELIEVED } from '../support/clock-trust.ts';

const FROM = { site: 'home', agent: 'gateway', camera: 'front' };
const LARGE_BYTES = 2 ** 40;

describe('clip ingest', () => {
  const postgres = useOwnPostgres();

  it('puts a clip together whatever the order of its chunks, and has it once it acknowledged the last', async () => {
    const house = await openHouse();
    const run = await house.run();
    const { header, content, chunks } = makeClip();
    for (const index of [2, 0, 3]) await run.intake.accept(FROM, chunks[index]!);
    expect(await run.clips.find(header.id)).toBeUndefined();
    const { id, total: bytes } = header;
    expect(run.intake.arriving).toMatchObject([{ id, site: 'home', camera: 'front', bytes }]);
    expect(run.intake.arriving[0]!.receivedBytes).toBeLessThan(bytes);
    await run.intake.accept(FROM, chunks[1]!);
    expect(run.intake.arriving).toEqual([]);
    expect(await run.clips.get(header.id)).toMatchObject({
      ...{ site: 'home', camera: 'front', durationMs: 15_040, reason: 'motion', bytes: content.length },
      ...{ sha256: header.sha256, startedAt: header.startedAt, codec: 'avc1.64001f', width: 1280 },
    });
    expect((await house.file(header.id)).equals(content)).toBe(true);
    expect([await house.parts(), run.intake.uploads]).toEqual([[], 0]);
  });

  it('stores a clip once, however often its chunks come, at once and later', async () => {
    const house = await openHouse();
    const run = await house.run();
    const { header, chunks, content } = makeClip();
    await Promise.all([...chunks, ...chunks, ...chunks].map((chunk) => run.intake.accept(FROM, chunk)));
    for (const chunk of chunks) await run.intake.accept(FROM, chunk);
    expect(run.intake.counters).toMatchObject({ filed: 1, repeated: 4, refused: 0 });
    expect((await run.clips.list({ limit: 10 })).items.map(({ id }) => id)).toEqual([header.id]);
    expect((await house.file(header.id)).equals(content)).toBe(true);
  });

  it('goes on after a restart with what it acknowledged, without what a crash left half written', async () => {
    const house = await openHouse();
    const { header, content, chunks } = makeClip();
    const crashed = await house.run();
    await crashed.intake.accept(FROM, chunks[0]!);
    await crashed.intake.accept(FROM, chunks[2]!);
    const [folder] = await house.parts();
    await writeFile(join(house.dir, 'parts', folder!, 'abc.partial'), 'half');
    const run = await house.run();
    expect(run.intake.uploads).toBe(1);
    await run.intake.accept(FROM, chunks[3]!);
    await run.intake.accept(FROM, chunks[1]!);
    expect((await house.file(header.id)).equals(content)).toBe(true);
  });

  it('does not acknowledge the last chunk while there is no database, and takes it when it comes again', async () => {
    const house = await openHouse();
    const run = await house.run();
    const { header, chunks } = makeClip();
    for (const chunk of chunks.slice(0, -1)) await run.intake.accept(FROM, chunk);
    process.kill(postgres.server.pid, 'SIGKILL');
    await waitFor('the end of PostgreSQL', () => !postgres.server.isRunning);
    await expect(run.intake.accept(FROM, chunks.at(-1)!)).rejects.toMatchObject({ retryable: true });
    await postgres.server.restart();
    await waitFor('the clip', () =>
      run.intake.accept(FROM, chunks.at(-1)!).then(
        () => true,
        () => false,
      ),
    );
    expect(await run.clips.get(header.id)).toMatchObject({ bytes: header.total });
  });

  it('removes at its start a file that never got its row, and an upload that cannot go on', async () => {
    const house = await openHouse();
    const first = await house.run();
    const kept = await house.store(first.intake, makeClip());
    const { chunks } = makeClip();
    await first.intake.accept(FROM, chunks[1]!);
    const [folder] = await house.parts();
    await truncate(join(house.dir, 'parts', folder!, '1'), 9);
    for (const name of ['01JZ0000000000000000000000.mp4', '0123.partial']) {
      await writeFile(join(house.dir, 'files', name), 'half');
    }
    await house.run();
    expect(await readdir(join(house.dir, 'files'))).toEqual([`${kept}.mp4`]);
    expect(await house.parts()).toEqual([]);
  });

  it.each<[string, Partial<ClipChunkHeader>]>([
    ['is of another camera than its topic', { camera: 'back' }],
    ['was recorded next year', { startedAt: new Date(Date.now() + 366 * 86_400_000).toISOString() }],
  ])('refuses for good a clip that %s', async (_, header) => {
    const house = await openHouse();
    const run = await house.run();
    const accepting = run.intake.accept(FROM, makeClip(header).chunks[0]!);
    await expect(accepting).rejects.toMatchObject({ code: 'FRAME_MALFORMED', retryable: false });
    expect(await house.parts()).toEqual([]);
  });

  it('refuses for good, and forgets, a clip that does not have the digest of its header', async () => {
    const house = await openHouse();
    const run = await house.run();
    const { header, chunks } = makeClip({ sha256: '0'.repeat(64) });
    for (const chunk of chunks.slice(0, -1)) await run.intake.accept(FROM, chunk);
    await expect(run.intake.accept(FROM, chunks.at(-1)!)).rejects.toMatchObject({
      ...{ code: 'FRAME_MALFORMED', retryable: false },
      detail: { id: header.id },
    });
    expect([await house.parts(), await readdir(join(house.dir, 'files'))]).toEqual([[], []]);
    expect(await run.clips.find(header.id)).toBeUndefined();
  });

  it('never lets one agent replace the clip of another by using its id, stored or on its way', async () => {
    const house = await openHouse();
    const run = await house.run();
    const real = makeClip();
    const forged = makeClip({ id: real.header.id });
    const other = { ...FROM, agent: 'other' };
    await run.intake.accept(FROM, real.chunks[0]!);
    const conflict = { code: 'CONFLICT', retryable: false, detail: { id: real.header.id } };
    await expect(run.intake.accept(FROM, forged.chunks[1]!)).rejects.toMatchObject(conflict);
    // Both on their way at once: whoever is whole first has the id.
    for (const chunk of forged.chunks.slice(0, -1)) await run.intake.accept(other, chunk);
    for (const chunk of real.chunks) await run.intake.accept(FROM, chunk);
    await expect(run.intake.accept(other, forged.chunks.at(-1)!)).rejects.toMatchObject(conflict);
    await expect(run.intake.accept(other, forged.chunks[0]!)).rejects.toMatchObject(conflict);
    expect((await house.file(real.header.id)).equals(real.content)).toBe(true);
    expect(await house.parts()).toEqual([]);
  });

  it('keeps to its bounds: uploads of one device, of all, bytes stored, and room on the disk', async () => {
    const house = await openHouse();
    let room = true;
    const run = await house.run({ maxStoredBytes: 1_000_000, hasRoomFor: async () => room });
    const started: string[] = [];
    for (let n = 0; n < CLIP_UPLOADS_PER_DEVICE_MAX + 1; n += 1) {
      const { header, chunks } = makeClip();
      started.push(`${header.id}.home.gateway`);
      await run.intake.accept(FROM, chunks[0]!);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await house.parts()).toEqual(started.slice(1).sort());
    for (let n = run.intake.uploads; n < CLIP_UPLOADS_MAX; n += 1)
      await run.intake.accept({ ...FROM, agent: `other-${n}` }, makeClip().chunks[0]!);
    const refusal = { code: 'LIMIT_REACHED', retryable: false };
    const accept = (clip: MadeClip): Promise<void> =>
      run.intake.accept({ ...FROM, agent: 'late' }, clip.chunks[0]!);
    await expect(accept(makeClip())).rejects.toMatchObject(refusal);
    expect(run.intake.counters).toMatchObject({ uploadsReplaced: 1, uploadsRefused: 1, storeFull: 0 });
    const large = await house.run({ maxStoredBytes: 1_000_000, hasRoomFor: async () => room });
    await expect(large.intake.accept(FROM, makeClip({}, 1_000_001).chunks[0]!)).rejects.toMatchObject(
      refusal,
    );
    room = false;
    await expect(large.intake.accept(FROM, makeClip().chunks[0]!)).rejects.toMatchObject(refusal);
    expect(large.intake.counters).toMatchObject({ storeFull: 2 });
  });

  it('lets the oldest clips make room for a new one, also those of earlier runs, and never holds more than its bound', async () => {
    const house = await openHouse();
    const first = await house.run();
    const oldest = await house.store(first.intake, makeClip({}, 600_000));
    const second = await house.run({ maxStoredBytes: 1_000_000 });
    const newer = await house.store(second.intake, makeClip({}, 600_000));
    const newest = await house.store(second.intake, makeClip({}, 300_000));
    expect(await second.clips.find(oldest)).toBeUndefined();
    expect(await readdir(join(house.dir, 'files'))).toEqual([`${newer}.mp4`, `${newest}.mp4`].sort());
    expect(second.intake.counters).toMatchObject({ filed: 2, storeFull: 0 });
  });

  it('takes a clip that is sent again while its file waits to be unlinked for one that is known', async () => {
    const house = await openHouse();
    const run = await house.run();
    const made = makeClip();
    const id = await house.store(run.intake, made);
    await new MediaRemoval(house.database).removeOne('clips', id, 'person');
    await house.store(run.intake, made);
    expect([await run.clips.find(id), run.intake.counters.filed]).toEqual([undefined, 1]);
    await house.empty();
    await house.store(run.intake, made);
    expect([(await run.clips.find(id))?.id, run.intake.counters.filed]).toEqual([id, 2]);
    expect((await house.file(id)).equals(made.content)).toBe(true);
  });

  it('forgets an upload of which nothing came for too long', async () => {
    const house = await openHouse();
    const first = await house.run();
    await first.intake.accept(FROM, makeClip().chunks[0]!);
    const [folder] = await house.parts();
    const then = new Date(Date.now() - CLIP_UPLOAD_IDLE_MS - 60_000);
    await utimes(join(house.dir, 'parts', folder!), then, then);
    const second = await house.run();
    expect([second.intake.uploads, second.intake.counters.uploadsExpired]).toEqual([0, 1]);
    expect(await house.parts()).toEqual([]);
  });

  interface Run {
    intake: ClipIntake;
    clips: ClipStore;
  }

  /** One data directory and one database, on which one server after the other may run. */
  async function openHouse() {
    const db = await postgres.createDatabase();
    onTestFinished(() => db[Symbol.asyncDispose]());
    await db.database.query(`insert into sites (id, name) values ('home', 'Home')`);
    const dir = await mkdtemp(join(tmpdir(), 'sitecast-clips-'));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    const { database } = db;
    const mediaStore = await MediaStore.open(join(dir, 'media'));
    const clipFiles = await ClipFiles.open(join(dir, 'files'));
    const garbage = new Garbage({ database, mediaStore, clipFiles });
    const run = async (more: Partial<ClipIntakeOptions> = {}): Promise<Run> => {
      const clips = new ClipStore(database);
      const { maxStoredBytes = LARGE_BYTES } = more;
      const retention = new Retention({
        ...{ media: new MediaRemoval(database), rows: new RowExpiry(database), garbage },
        figures: new StorageFigures(database),
        turns: new Turns({ isBusy: () => false, isUrgent: async () => false }),
        readDisk: () => Promise.reject(new Error('not in this test')),
        maxAgeDays: { snapshots: 0, clips: 0, events: 0, outages: 0, seals: 0, reports: 0 },
        bounds: { mediaMaxBytes: 0, clipsMaxBytes: maxStoredBytes, reportsMaxBytes: 0 },
        clockTrust: BELIEVED,
        logger: testLogger,
      });
      const intake = new ClipIntake({
        parts: await ClipParts.open(join(dir, 'parts')),
        files: clipFiles,
        clips,
        maxStoredBytes,
        makeRoomFor: (bytes) => retention.makeRoomForClip(bytes),
        hasRoomFor: async () => true,
        logger: testLogger,
        ...more,
      });
      onTestFinished(() => intake.close());
      await intake.start();
      return { intake, clips };
    };
    return {
      dir,
      run,
      database,
      empty: () => garbage.collect(),
      file: (id: string) => readFile(join(dir, 'files', `${id}.mp4`)),
      parts: async () => (await readdir(join(dir, 'parts'))).sort(),
      async store(intake: ClipIntake, { header, chunks }: MadeClip): Promise<string> {
        for (const chunk of chunks) await intake.accept(FROM, chunk);
        return header.id;
      },
    };
  }
});
