// Where pictures are kept: `<site>/<UTC date>/<ulid>.jpg` with its thumbnail beside it. One that came without a thumbnail is
// its own, so both paths may be the same. Owns its folder.

import { mkdir, open, readFile, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { SnapshotEnvelope } from '@sitecast/shared/protocol/snapshot-envelope';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { createDurably, removeDurably, syncDirectory, toDiskError } from './durable-file.ts';

const PATH = /^[a-z0-9][a-z0-9-]{0,62}\/\d{4}-\d{2}-\d{2}\/[0-9A-Z]{26}(\.thumbnail)?\.(jpg|webp)$/;
const EXTENSIONS = { 'image/jpeg': 'jpg', 'image/webp': 'webp' } as const;
/** Folders known to be durable, `drop-oldest`: a miss costs two fsyncs. */
export const KNOWN_FOLDERS_MAX = 1_000;

export interface StoredPaths {
  path: string;
  thumbnailPath: string;
}

export interface StoredFile {
  bytes: number;
  /** Reads the file; destroying it closes the file. */
  stream: Readable;
}

export class MediaStore {
  readonly #dir: string;
  readonly #knownFoldersMax: number;
  readonly #knownFolders = new Set<string>();
  readonly counters = { foldersForgotten: 0 };

  static async open(dir: string, knownFoldersMax = KNOWN_FOLDERS_MAX): Promise<MediaStore> {
    await mkdir(dir, { recursive: true, mode: 0o750 });
    return new MediaStore(dir, knownFoldersMax);
  }

  private constructor(dir: string, knownFoldersMax: number) {
    this.#dir = dir;
    this.#knownFoldersMax = knownFoldersMax;
  }

  /**
   * Files the pictures of a snapshot; durable once it resolves. Filing the same again changes nothing.
   * @throws {AppError} CONFLICT when another picture has this id; STORE_UNAVAILABLE (retryable) when the disk refuses.
   */
  async put(site: string, { header, snapshot, thumbnail }: SnapshotEnvelope): Promise<StoredPaths> {
    const base = `${site}/${new Date(header.capturedAt).toISOString().slice(0, 10)}/${header.id}`;
    const path = `${base}.${EXTENSIONS[header.type]}`;
    const thumbnailPath = header.thumbnail ? `${base}.thumbnail.${EXTENSIONS[header.thumbnail.type]}` : path;
    const folder = dirname(path);
    await this.#ensureFolder(folder);
    try {
      await this.#create(path, snapshot);
      if (thumbnailPath !== path) await this.#create(thumbnailPath, thumbnail);
    } catch (error) {
      // Somebody may have removed it: the next try makes it again.
      this.#knownFolders.delete(folder);
      throw error;
    }
    return { path, thumbnailPath };
  }

  /** @throws {AppError} NOT_FOUND; STORE_UNAVAILABLE (retryable). */
  async open(path: string): Promise<StoredFile> {
    const file = await open(this.#resolve(path), 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') throw new AppError('NOT_FOUND', `${path} is not in the media store`);
      throw toDiskError(error, `opening ${path}`);
    });
    try {
      const { size } = await file.stat();
      return { bytes: size, stream: file.createReadStream() };
    } catch (error) {
      await file.close();
      throw toDiskError(error, `opening ${path}`);
    }
  }

  /**
   * Durable once it resolves. What is gone already is no trouble; a day's folder goes with its last picture.
   * @returns how many files there were. @throws {AppError} STORE_UNAVAILABLE (retryable): some may be gone.
   */
  async remove(paths: readonly string[]): Promise<number> {
    const files = paths.map((path) => this.#resolve(path));
    const removed = await removeDurably(files);
    for (const folder of new Set(paths.map((path) => dirname(path)))) await this.#removeIfEmpty(folder);
    return removed;
  }

  async #removeIfEmpty(folder: string): Promise<void> {
    // Somebody who files a picture right now finds it missing, and makes it again at the next try.
    this.#knownFolders.delete(folder);
    await rmdir(join(this.#dir, folder)).catch(() => undefined);
  }

  async #create(path: string, picture: Uint8Array): Promise<void> {
    if (await createDurably(this.#resolve(path), picture)) return;
    const existing = await readFile(this.#resolve(path));
    if (existing.equals(picture)) return;
    throw new AppError('CONFLICT', `${path} holds another picture already`);
  }

  /** A new folder is durable only when its name in the parent is. */
  async #ensureFolder(folder: string): Promise<void> {
    if (this.#knownFolders.has(folder)) return;
    const path = join(this.#dir, folder);
    try {
      await mkdir(path, { recursive: true, mode: 0o750 });
      await syncDirectory(dirname(path));
      await syncDirectory(this.#dir);
    } catch (error) {
      throw toDiskError(error, `making the folder ${folder}`);
    }
    const [oldest] = this.#knownFolders;
    if (oldest !== undefined && this.#knownFolders.size >= this.#knownFoldersMax) {
      this.#knownFolders.delete(oldest);
      this.counters.foldersForgotten += 1;
    }
    this.#knownFolders.add(folder);
  }

  #resolve(path: string): string {
    if (!PATH.test(path))
      throw new TypeError(`not a path of the media store: ${JSON.stringify(path.slice(0, 200))}`);
    return join(this.#dir, path);
  }
}
