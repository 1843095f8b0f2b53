import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, rmdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ClipFile } from '../../src/clips/clip-file.ts';
import { ClipStore, MAX_CLIPS, type ClipStoreOptions } from '../../src/clips/clip-store.ts';
import { LEAST_FREE_BYTES } from '../../src/clips/disk-room.ts';
import type { FinishedClip, StoredClip } from '../../src/clips/stored-clip.ts';
import { silentLogger, temporaryFolder } from '../support.ts';
import { draw, newInit, readClip } from './drawn-clip.ts';

const KIB = 1024;
const init = newInit();
const MAX_CLIP_BYTES = 100 * KIB;

async function openStore(
  folder: string,
  quotaBytes = 1024 * KIB,
  roomOf?: ClipStoreOptions['roomOf'],
): Promise<ClipStore> {
  const store = await ClipStore.open({
    folder,
    quotaBytes,
    maxClipBytes: MAX_CLIP_BYTES,
    logger: silentLogger,
    ...(roomOf && { roomOf }),
  });
  onTestFinished(() => store.close());
  return store;
}

function clipOf(id: string, upload: StoredClip['upload'] = 'none'): Parameters<ClipStore['begin']>[0] {
  const picture = { codec: '', width: 0, height: 0 };
  const startedAt = '2026-03-01T09:00:00.000Z';
  return { id, camera: 'front', reason: 'rule', startedAt, ...picture, maskVersion: 0, upload };
}

async function begin(
  store: ClipStore,
  pictures = 'Kpp',
  upload: StoredClip['upload'] = 'none',
): Promise<{ id: string; file: ClipFile }> {
  const id = ulid();
  await store.begin(clipOf(id, upload));
  const file = await ClipFile.create(store.partialPath(id), init.bytes);
  await file.append(draw(pictures, { init }).map(({ bytes }) => bytes));
  return { id, file };
}

async function keep(
  store: ClipStore,
  pictures?: string,
  upload: StoredClip['upload'] = 'none',
): Promise<FinishedClip> {
  const { id, file } = await begin(store, pictures, upload);
  const { durationMs } = file;
  await file.finish();
  return store.finish(id, { codec: 'avc1.64001f', width: 1280, height: 720 }, durationMs);
}

const names = async (folder: string): Promise<string[]> => (await readdir(folder)).sort();

describe('ClipStore', () => {
  test('keeps a clip with its digest, over a restart', async () => {
    const folder = await temporaryFolder();
    const first = await openStore(folder);
    const clip = await keep(first);
    const file = await readFile(join(folder, `${clip.id}.mp4`));
    expect(clip.figures).toEqual({
      durationMs: 120,
      bytes: file.length,
      sha256: createHash('sha256').update(file).digest('hex'),
    });
    expect(await names(folder)).toEqual([`${clip.id}.json`, `${clip.id}.mp4`]);
    await first.close();
    const second = await openStore(folder);
    expect(second.find(clip.id)).toEqual(clip);
    expect([second.bytes, second.stored]).toEqual([file.length, 1]);
    expect(Buffer.from(await second.read(clip.id, 4, 4)).toString()).toBe('ftyp');
    expect(await second.read(clip.id, file.length - 3, 100)).toHaveLength(3);
  });

  test('makes room for the next one: those that the server has go first, then the oldest', async () => {
    const folder = await temporaryFolder();
    const store = await openStore(folder, 250 * KIB);
    const long = `K${'p'.repeat(200)}`;
    const clips: FinishedClip[] = [];
    for (let n = 0; n < 3; n += 1) clips.push(await keep(store, long));
    const size = clips[0]!.figures.bytes;
    expect(3 * size + MAX_CLIP_BYTES).toBeLessThan(250 * KIB);
    await store.update(clips[1]!.id, { upload: 'done' });
    while (store.counters.dropped < 2) clips.push(await keep(store, long));
    expect(store.find(clips[1]!.id)).toBeUndefined();
    expect(store.find(clips[0]!.id)).toBeUndefined();
    expect(store.find(clips[2]!.id)).toBeDefined();
    expect(store.bytes).toBeLessThanOrEqual(250 * KIB);
    expect(await names(folder)).toHaveLength(2 * store.stored);
  });

  /** A large disk on which there is only the folder, and so much room for it. */
  function diskFor(folder: string, bytes: number): ClipStoreOptions['roomOf'] {
    return async () => {
      const sizes = await Promise.all((await readdir(folder)).map((name) => stat(join(folder, name))));
      const used = sizes.reduce((sum, { size }) => sum + size, 0);
      return { totalBytes: 100 * LEAST_FREE_BYTES, freeBytes: LEAST_FREE_BYTES + bytes - used };
    };
  }
  const large = `K${'p'.repeat(200)}`;

  test('keeps its clips where others have filled the disk, until the spool needs the last of it', async () => {
    const folder = await temporaryFolder();
    let bytes = 300 * KIB;
    const store = await openStore(folder, 1024 * KIB, () => diskFor(folder, bytes)!(folder));
    const kept = [await keep(store), await keep(store)];
    bytes = -LEAST_FREE_BYTES / 2;
    await store.tend();
    await expect(store.begin(clipOf(ulid()))).rejects.toMatchObject({ code: 'CLIP_FAILED' });
    expect(store.all).toEqual(kept);
    bytes = -LEAST_FREE_BYTES + 1 * KIB;
    await store.tend();
    expect(store.all).toEqual([]);
  });

  test('leaves the disk its least free space, long before the quota: the one being uploaded goes last', async () => {
    const folder = await temporaryFolder();
    let bytes = 300 * KIB;
    const store = await openStore(folder, 1024 * KIB, () => diskFor(folder, bytes)!(folder));
    const uploading = await keep(store, large, 'wanted');
    store.uploads(uploading.id);
    const waiting = await keep(store, large, 'wanted');
    const ofNobody = await keep(store, large);
    expect(store.counters.dropped).toBe(0);
    const left = (): string[] => store.all.map(({ id }) => id);
    const size = ofNobody.figures.bytes;
    // Somebody else takes the room.
    for (const kept of [[uploading.id, waiting.id], [uploading.id], []]) {
      bytes = (kept.length + 0.5) * size + 1 * KIB;
      await store.tend();
      expect(left()).toEqual(kept);
    }
    expect([store.counters.dropped, await names(folder)]).toEqual([3, []]);
    await expect(store.begin(clipOf(ulid()))).rejects.toMatchObject({
      code: 'CLIP_FAILED',
      message: expect.stringContaining('no room') as string,
    });
    bytes = 300 * KIB;
    expect((await keep(store)).figures.durationMs).toBe(120);
  });

  test('makes room on the disk for the next clip by the oldest, and counts what is being recorded as all that it may have', async () => {
    const folder = await temporaryFolder();
    const store = await openStore(folder, 1024 * KIB, diskFor(folder, 2.5 * MAX_CLIP_BYTES));
    const oldest = await keep(store, large);
    const next = await keep(store, large);
    const { id, file } = await begin(store);
    await expect(store.begin(clipOf(ulid()))).resolves.toBeUndefined();
    expect([store.find(oldest.id), store.find(next.id)?.id, store.find(id)?.id]).toEqual([
      undefined,
      next.id,
      id,
    ]);
    await expect(store.begin(clipOf(ulid()))).rejects.toMatchObject({ code: 'CLIP_FAILED' });
    expect([store.find(next.id)?.id, store.find(id)?.id]).toEqual([next.id, id]);
    await file.abandon();
  });

  test('refuses what finds no room beside what is being recorded', async () => {
    const store = await openStore(await temporaryFolder(), 250 * KIB);
    const first = await begin(store);
    const second = await begin(store);
    await expect(store.begin(clipOf(ulid()))).rejects.toMatchObject({ code: 'CLIP_FAILED', retryable: true });
    for (const { file } of [first, second]) await file.abandon();
    await store.discard(first.id);
    await store.begin(clipOf(ulid()));
  });

  test('has no more clips than it may, however small', async () => {
    const folder = await temporaryFolder();
    const figures = { durationMs: 1, bytes: 1, sha256: '0'.repeat(64) };
    const ids = Array.from({ length: MAX_CLIPS }, (_, n) => ulid(1_800_000_000_000 + n));
    for (const id of ids) {
      const note: StoredClip = {
        ...clipOf(id),
        isMaskedSince: false,
        uploadedBytes: 0,
        uploadedAt: null,
        figures,
      };
      await writeFile(join(folder, `${id}.json`), JSON.stringify(note));
      await writeFile(join(folder, `${id}.mp4`), 'x');
    }
    const store = await openStore(folder);
    expect(store.stored).toBe(MAX_CLIPS);
    await keep(store);
    expect([store.stored, store.find(ids[0]!), store.counters.dropped]).toEqual([MAX_CLIPS, undefined, 1]);
  });

  test('finishes what a kill cut off in the middle, up to its last whole picture', async () => {
    const folder = await temporaryFolder();
    const killed = await openStore(folder);
    const { id } = await begin(killed, 'KppKpp', 'wanted');
    const path = killed.partialPath(id);
    await truncate(path, (await readFile(path)).length - 7);
    const store = await openStore(folder);
    expect(store.find(id)).toMatchObject({
      camera: 'front',
      codec: 'avc1.64001f',
      width: 1280,
      upload: 'wanted',
    });
    expect(store.nextToUpload?.id).toBe(id);
    expect(store.counters).toMatchObject({ repaired: 1, failed: 0 });
    expect(readClip(await readFile(join(folder, `${id}.mp4`))).samples).toHaveLength(5);
  });

  test('finishes what was killed between its last write and its name', async () => {
    const folder = await temporaryFolder();
    const killed = await openStore(folder);
    const clip = await keep(killed);
    await rename(join(folder, `${clip.id}.mp4`), killed.partialPath(clip.id));
    const store = await openStore(folder);
    expect(store.find(clip.id)).toEqual(clip);
    expect(await names(folder)).toEqual([`${clip.id}.json`, `${clip.id}.mp4`]);
  });

  test.each([
    ['its head', 40],
    ['where the head ends', 4],
    ['the description of its video', 200],
  ])('loses the one clip whose file is damaged in %s, and keeps all others', async (_, at) => {
    const folder = await temporaryFolder();
    const killed = await openStore(folder);
    const before = await keep(killed);
    const damaged = await begin(killed, 'KppKpp');
    const after = await keep(killed);
    const path = killed.partialPath(damaged.id);
    const bytes = await readFile(path);
    const init = bytes.indexOf('moov') - 4;
    bytes.fill(0xff, init + 8 + at, bytes.indexOf('moof') - 4);
    await writeFile(path, bytes);
    const lines: unknown[] = [];
    const logger = silentLogger.child({});
    logger.warn = (fields: unknown) => void lines.push(fields);
    const store = await ClipStore.open({
      folder,
      quotaBytes: 1024 * KIB,
      maxClipBytes: MAX_CLIP_BYTES,
      logger,
    });
    onTestFinished(() => store.close());
    expect(store.all.map(({ id }) => id)).toEqual([before.id, after.id]);
    expect(store.counters).toMatchObject({ failed: 1, repaired: 0 });
    expect(lines).toContainEqual(expect.objectContaining({ clip: damaged.id, isRepaired: false }));
    expect((await keep(store)).figures.durationMs).toBe(120);
  });

  test('on a disk that takes nothing knows what there is, and finishes what was cut off when it takes something', async () => {
    const folder = await temporaryFolder();
    const killed = await openStore(folder);
    const cut = await begin(killed, 'KppKpp');
    const whole = await keep(killed);
    // What it would be written to is no file.
    await mkdir(join(folder, `${cut.id}.json.new`));
    const store = await openStore(folder);
    expect(store.all.map(({ id, figures }) => [id, figures !== null])).toEqual([
      [cut.id, false],
      [whole.id, true],
    ]);
    await rmdir(join(folder, `${cut.id}.json.new`));
    await store.tend();
    expect([store.stored, store.counters.repaired]).toEqual([2, 1]);
    expect(readClip(await readFile(join(folder, `${cut.id}.mp4`))).samples).toHaveLength(6);
  });

  test('leaves alone what is recorded while the folder is opened', async () => {
    const folder = await temporaryFolder();
    const stranger = join(folder, `${ulid()}.mp4.partial`);
    await writeFile(stranger, 'x');
    const hidden = `${folder}.hidden`;
    await rename(folder, hidden);
    await writeFile(folder, 'no folder');
    const store = await openStore(folder);
    await rm(folder);
    await rename(hidden, folder);
    const id = ulid();
    const begun = store.begin(clipOf(id));
    await writeFile(store.partialPath(id), 'pictures');
    await begun;
    expect(await names(folder)).toEqual([`${id}.json`, `${id}.mp4.partial`]);
  });

  test.each([31, 23, 12, 0])('survives bit %i of a count of samples', async (bit) => {
    const folder = await temporaryFolder();
    const killed = await openStore(folder);
    const { id } = await begin(killed, 'KppKpp');
    const path = killed.partialPath(id);
    const bytes = await readFile(path);
    const count = bytes.lastIndexOf('trun') + 8;
    bytes.writeUInt32BE((bytes.readUInt32BE(count) ^ (1 << bit)) >>> 0, count);
    await writeFile(path, bytes);
    const store = await openStore(folder);
    const { samples } = readClip(await readFile(join(folder, `${id}.mp4`)));
    expect(samples).toHaveLength(5);
    expect(store.counters).toMatchObject({ failed: 0, repaired: 1 });
  });

  test('removes what belongs to nothing, and what has not one whole picture', async () => {
    const folder = await temporaryFolder();
    const killed = await openStore(folder);
    const { id } = await begin(killed);
    await truncate(killed.partialPath(id), 100);
    await killed.begin(clipOf(ulid()));
    for (const name of [`${ulid()}.mp4`, `${ulid()}.mp4.partial`, 'x.json.new', `${ulid()}.json`])
      await writeFile(join(folder, name), 'half');
    const store = await openStore(folder);
    expect(await names(folder)).toEqual([]);
    expect([store.stored, store.bytes, store.counters.failed]).toEqual([0, 0, 3]);
  });

  test('remembers how far an upload came', async () => {
    const folder = await temporaryFolder();
    const first = await openStore(folder);
    const clip = await keep(first, 'K', 'wanted');
    const progress = { uploadedBytes: 42, uploadedAt: '2026-03-01T10:00:00.000Z' };
    await first.update(clip.id, progress);
    await first.close();
    expect((await openStore(folder)).nextToUpload).toMatchObject(progress);
  });

  test('opens on a disk that takes nothing, refuses, and records once it does', async () => {
    const folder = join(await temporaryFolder(), 'clips');
    await writeFile(folder, 'in the way');
    const store = await openStore(folder);
    await expect(store.begin(clipOf(ulid()))).rejects.toMatchObject({ code: 'CLIP_FAILED' });
    await rename(folder, `${folder}.old`);
    await mkdir(folder);
    expect((await keep(store)).figures.durationMs).toBe(120);
  });
});
