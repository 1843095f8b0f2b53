// Files that are either whole and on the disk, or not there: written beside, fsynced, then given their name.

import { randomBytes } from 'node:crypto';
import { link, open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '@sitecast/shared/runtime/app-error';

/** A temporary name, which a sweep of leftovers may remove. */
export const PARTIAL_SUFFIX = '.partial';

/**
 * Puts `bytes`, which may come bit by bit, at `path`, over what was there. Survives a power cut from the moment it resolves.
 * @throws {AppError} STORE_UNAVAILABLE (retryable) when the disk is full or fails.
 */
export function replaceDurably(path: string, bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  return writeThen(path, bytes, (partial) => rename(partial, path));
}

/**
 * Puts `bytes` at `path` unless there is a file already.
 * @returns false when there is; it was not touched.
 * @throws {AppError} as {@link replaceDurably}.
 */
export async function createDurably(path: string, bytes: Uint8Array): Promise<boolean> {
  let isCreated = true;
  await writeThen(path, bytes, async (partial) => {
    // link, unlike rename, never replaces.
    await link(partial, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      isCreated = false;
    });
    await unlink(partial);
  });
  return isCreated;
}

/**
 * Unlinks files, one after the other: the threads of the file system are for those who write. What is gone already is no trouble.
 * @returns how many there were. @throws {AppError} STORE_UNAVAILABLE (retryable): some may be gone.
 */
export async function removeDurably(paths: readonly string[]): Promise<number> {
  let removed = 0;
  for (const path of paths) if (await removeFile(path)) removed += 1;
  for (const folder of new Set(paths.map((path) => dirname(path)))) {
    await syncDirectory(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw toDiskError(error, `removing files of ${folder}`);
    });
  }
  return removed;
}

async function removeFile(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw toDiskError(error, `removing ${path}`);
  }
}

async function writeThen(
  path: string,
  bytes: Uint8Array | AsyncIterable<Uint8Array>,
  publish: (partial: string) => Promise<void>,
): Promise<void> {
  const partial = join(dirname(path), `${randomBytes(8).toString('hex')}${PARTIAL_SUFFIX}`);
  try {
    await writeSynced(partial, bytes);
    await publish(partial);
    await syncDirectory(dirname(path));
  } catch (error) {
    await unlink(partial).catch(() => undefined);
    throw toDiskError(error, `writing ${path}`);
  }
}

async function writeSynced(path: string, bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx', 0o640);
  try {
    if (bytes instanceof Uint8Array) await file.writeFile(bytes);
    else for await (const chunk of bytes) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes the names in `dir` durable: created, renamed and removed ones. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Disk trouble is worth another try: space is freed, mounts come back. */
export function toDiskError(error: unknown, doing: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined || error instanceof AppError) return error;
  return new AppError('STORE_UNAVAILABLE', `${doing} failed (${code})`, { cause: error, retryable: true });
}
