import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ClipFile } from '../../src/clips/clip-file.ts';
import { ClipStore, MAX_CLIPS, type FinishedClip, type StoredClip } from '../../src/clips/clip-store.ts';
import { silentLogger, temporaryFolder } from '../support.ts';
import { draw, newInit, readClip } from './drawn-clip.ts';

const KIB = 1024;
const init = newInit();
const MAX_CLIP_BYTES = 100 * KIB;

async function openStore(folder: string, quotaBytes = 1024 * KIB): Promise<ClipStore> {
  const store = await ClipStore.open({
    folder,
    quotaBytes,
    maxClipBytes: MAX_CLIP_BYTES,
    logger: silentLogger,
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
    expect([store.stored, store.bytes, store.counters.failed]).toEqual([0, 0, 2]);
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
