// Snapshots and clips as they are once stored: a row each, and their files.

import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { ulid } from 'ulid';
import { ClipStore } from '../../src/ingest/clip-store.ts';
import { SnapshotStore } from '../../src/ingest/snapshot-store.ts';
import { ClipFiles } from '../../src/media-store/clip-files.ts';
import { MediaStore } from '../../src/media-store/media-store.ts';
import type { Database } from '../../src/postgres/pool.ts';
import { makeClip } from './clips.ts';
import type { TestPostgres } from './postgres.ts';
import { makeSnapshot } from './snapshots.ts';

const DAY_MS = 86_400_000;
const OF_MEDIA = /^[0-9A-Z]{26}\.(thumbnail\.)?(jpg|mp4)$/;

export interface MediaHouse {
  database: Database;
  url: string;
  dataDir: string;
  mediaStore: MediaStore;
  clipFiles: ClipFiles;
  snapshots: SnapshotStore;
  clips: ClipStore;
  /** @returns its id. */
  storeSnapshot(daysAgo: number, bytes?: number): Promise<string>;
  storeClip(daysAgo: number, bytes?: number, receivedDaysAgo?: number): Promise<string>;
  ids(table: 'snapshots' | 'clips' | 'events' | 'garbage'): Promise<string[]>;
  /** Names below the data folder, without folders. */
  files(): Promise<string[]>;
  /** What has a row and no file, or a file and neither row nor garbage. */
  faults(): Promise<{ dangling: string[]; orphans: string[] }>;
}

/** A database and a data folder until the end of the test. */
export async function openMediaHouse(postgres: TestPostgres): Promise<MediaHouse> {
  const db = await postgres.createDatabase();
  onTestFinished(() => db[Symbol.asyncDispose]());
  const { database, url } = db;
  await database.query(`insert into sites (id, name) values ('home', 'Home')`);
  const dataDir = await mkdtemp(join(tmpdir(), 'sitecast-media-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const mediaStore = await MediaStore.open(join(dataDir, 'media'));
  const clipFiles = await ClipFiles.open(join(dataDir, 'clips/files'));
  const snapshots = new SnapshotStore(database);
  const clips = new ClipStore(database);
  const ids: MediaHouse['ids'] = async (table) => {
    const column = table === 'garbage' ? 'item' : 'id';
    const rows = await database.query<{ id: string }>(`select ${column} as id from ${table} order by 1`);
    return rows.map(({ id }) => id);
  };
  const files = async (): Promise<string[]> => {
    const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map(({ name }) => name)
      .sort();
  };
  return {
    ...{ database, url, dataDir, mediaStore, clipFiles, snapshots, clips, ids, files },
    async storeSnapshot(daysAgo, bytes = 300) {
      const at = new Date(Date.now() - daysAgo * DAY_MS);
      const made = makeSnapshot({ id: ulid(at.getTime()), capturedAt: at.toISOString() }, bytes);
      const paths = await mediaStore.put('home', made);
      await snapshots.insert({
        site: 'home',
        agent: 'gateway',
        receivedAt: at,
        header: made.header,
        ...paths,
      });
      return made.header.id;
    },
    async storeClip(daysAgo, bytes = 300, receivedDaysAgo = daysAgo) {
      const at = new Date(Date.now() - daysAgo * DAY_MS);
      const { header, content } = makeClip({ id: ulid(at.getTime()), startedAt: at.toISOString() }, bytes);
      await mkdir(join(dataDir, 'clips/files'), { recursive: true });
      await writeFile(join(dataDir, 'clips/files', `${header.id}.mp4`), content);
      const received = new Date(Date.now() - receivedDaysAgo * DAY_MS);
      await clips.insert({ site: 'home', agent: 'gateway' }, header, received);
      return header.id;
    },
    async faults() {
      const [names, pictures, videos, garbage] = await Promise.all([
        files(),
        ids('snapshots'),
        ids('clips'),
        ids('garbage'),
      ]);
      const expected = [
        ...pictures.flatMap((id) => [`${id}.jpg`, `${id}.thumbnail.jpg`]),
        ...videos.map((id) => `${id}.mp4`),
      ];
      const waiting = new Set(garbage);
      return {
        dangling: expected.filter((name) => !names.includes(name)),
        orphans: names.filter(
          (name) => OF_MEDIA.test(name) && !expected.includes(name) && !waiting.has(name.slice(0, 26)),
        ),
      };
    },
  };
}
