import { describe, expect, it, onTestFinished } from 'vitest';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDurably, replaceDurably } from '../../src/media-store/durable-file.ts';
import { MediaStore } from '../../src/media-store/media-store.ts';
import {
  formatStagedName,
  parseStagedName,
  Staging,
  STAGING_REJECTED_MAX,
} from '../../src/media-store/staging.ts';
import { makeSnapshot } from '../support/snapshots.ts';

async function temporaryDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'sitecast-media-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

describe('MediaStore', () => {
  it('files both pictures under site and date, and gives them back byte by byte', async () => {
    const store = await MediaStore.open(await temporaryDir());
    const made = makeSnapshot({ capturedAt: '2026-02-03T23:59:59.999Z' });
    const paths = await store.put('home', made);
    expect(paths).toEqual({
      path: `home/2026-02-03/${made.header.id}.jpg`,
      thumbnailPath: `home/2026-02-03/${made.header.id}.thumbnail.jpg`,
    });
    const file = await store.open(paths.path);
    expect(file.bytes).toBe(made.snapshot.length);
    expect(await buffer(file.stream)).toEqual(made.snapshot);
  });

  it('changes nothing when the same is filed again, and refuses another picture under the same id', async () => {
    const dir = await temporaryDir();
    const store = await MediaStore.open(dir);
    const made = makeSnapshot();
    const { path } = await store.put('home', made);
    const before = await stat(join(dir, path));
    await store.put('home', made);
    expect((await stat(join(dir, path))).ino).toBe(before.ino);
    const other = makeSnapshot({ id: made.header.id, capturedAt: made.header.capturedAt });
    await expect(store.put('home', other)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await readFile(join(dir, path))).toEqual(made.snapshot);
  });

  it('makes a folder again that somebody removed, at the next try', async () => {
    const dir = await temporaryDir();
    const store = await MediaStore.open(dir);
    await store.put('home', makeSnapshot());
    await rm(join(dir, 'home'), { recursive: true });
    const made = makeSnapshot();
    await expect(store.put('home', made)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      retryable: true,
    });
    const { path } = await store.put('home', made);
    expect(await readFile(join(dir, path))).toEqual(made.snapshot);
  });

  it('forgets the oldest folder above its bound, counts it, and files into it all the same', async () => {
    const store = await MediaStore.open(await temporaryDir(), 2);
    const fileOn = (day: number): Promise<unknown> =>
      store.put('home', makeSnapshot({ capturedAt: `2026-02-0${day}T12:00:00.000Z` }));
    for (const day of [1, 2, 2, 1]) await fileOn(day);
    expect(store.counters).toEqual({ foldersForgotten: 0 });
    for (const day of [3, 1]) await fileOn(day);
    expect(store.counters).toEqual({ foldersForgotten: 2 });
  });

  it('files a picture without a thumbnail once, under both names', async () => {
    const store = await MediaStore.open(await temporaryDir());
    const { header, snapshot } = makeSnapshot();
    const { thumbnail: _none, ...rest } = header;
    const paths = await store.put('home', { header: rest, snapshot, thumbnail: Buffer.alloc(0) });
    expect(paths.thumbnailPath).toBe(paths.path);
  });

  it('leaves nothing but the pictures in the folder', async () => {
    const dir = await temporaryDir();
    const store = await MediaStore.open(dir);
    const made = makeSnapshot({ capturedAt: '2026-02-03T00:00:00.000Z' });
    await store.put('home', made);
    await store.put('home', made);
    const { id } = made.header;
    expect((await readdir(join(dir, 'home/2026-02-03'))).sort()).toEqual([
      `${id}.jpg`,
      `${id}.thumbnail.jpg`,
    ]);
  });

  it('opens nothing outside of itself', async () => {
    const store = await MediaStore.open(await temporaryDir());
    await expect(store.open('../../etc/passwd')).rejects.toThrow(TypeError);
    await expect(store.open('/etc/passwd')).rejects.toThrow(TypeError);
    await expect(store.open(`home/2026-02-03/${'0'.repeat(26)}.jpg`)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});

describe('durable files', () => {
  it('replace or create, and say which', async () => {
    const path = join(await temporaryDir(), 'a');
    expect(await createDurably(path, Buffer.from('one'))).toBe(true);
    expect(await createDurably(path, Buffer.from('two'))).toBe(false);
    await replaceDurably(path, Buffer.from('three'));
    expect(await readFile(path, 'utf8')).toBe('three');
  });

  it('say that the disk refused, and leave nothing half written', async () => {
    const dir = await temporaryDir();
    const writing = replaceDurably(join(dir, 'missing', 'a'), Buffer.from('x'));
    await expect(writing).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    expect(await readdir(dir)).toEqual([]);
  });
});

describe('Staging', () => {
  const id = makeSnapshot().header.id;

  it('names files after who sent what, and reads only such names', () => {
    const name = formatStagedName({ id, site: 'home', agent: 'gate-1' });
    expect(parseStagedName(name)).toEqual({ id, site: 'home', agent: 'gate-1' });
    for (const bad of ['rejected', `${id}.home`, `${id}.home.gate.1`, `${id}.Home.gate`, `x.home.gate`]) {
      expect(parseStagedName(bad)).toBeUndefined();
    }
  });

  it('lists what is staged, oldest first, and forgets what was removed', async () => {
    const staging = await Staging.open(await temporaryDir());
    const names = [1, 2, 3]
      .map(() => formatStagedName({ id: makeSnapshot().header.id, site: 'home', agent: 'g' }))
      .sort();
    for (const name of [...names].reverse()) await staging.put(name, Buffer.from('x'));
    expect(await staging.list()).toEqual(names);
    await staging.remove(names[0]!);
    await staging.remove(names[0]!);
    expect(await staging.list()).toEqual(names.slice(1));
    expect(await staging.read(names[0]!)).toBeUndefined();
  });

  it('keeps a bounded number of the files that were set aside', async () => {
    const dir = await temporaryDir();
    const staging = await Staging.open(dir);
    for (let n = 0; n < STAGING_REJECTED_MAX; n += 1) {
      await writeFile(join(dir, 'rejected', `0${String(n).padStart(25, '0')}.home.g`), '');
    }
    const name = formatStagedName({ id, site: 'home', agent: 'g' });
    await staging.put(name, Buffer.from('x'));
    await staging.reject(name);
    const kept = await readdir(join(dir, 'rejected'));
    expect(kept).toHaveLength(STAGING_REJECTED_MAX);
    expect(kept).toContain(name);
    expect(staging.filesRejected).toBe(1);
  });
});
