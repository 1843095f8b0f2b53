// Snapshots that were acknowledged but not filed yet: one file an envelope, named after it. Owns its folder.

import { mkdir, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isId, isUlid } from '@sitecast/shared/protocol/ids';
import { PARTIAL_SUFFIX, replaceDurably, syncDirectory, toDiskError } from './durable-file.ts';

/** Files kept in `rejected/` for a person to look at. */
export const STAGING_REJECTED_MAX = 100;

/** Who sent which snapshot; the name of the staged file says it, so that nothing else must survive a crash. */
export interface StagedName {
  id: string;
  site: string;
  agent: string;
}

// Ids hold no dot, so a dot separates them.
export function formatStagedName({ id, site, agent }: StagedName): string {
  return `${id}.${site}.${agent}`;
}

export function parseStagedName(name: string): StagedName | undefined {
  const [id = '', site = '', agent = '', ...rest] = name.split('.');
  return rest.length === 0 && isUlid(id) && isId(site) && isId(agent) ? { id, site, agent } : undefined;
}

export interface StagedFile {
  bytes: Buffer;
  /** When it became durable, by the clock of this machine. */
  stagedAt: Date;
}

export class Staging {
  readonly #dir: string;
  readonly #rejectedDir: string;
  #filesRejected = 0;

  /** Makes the folder, and removes what a crash left half written: nobody was told that it is safe. */
  static async open(dir: string): Promise<Staging> {
    const staging = new Staging(dir);
    await mkdir(staging.#rejectedDir, { recursive: true, mode: 0o750 });
    const partials = (await readdir(dir)).filter((name) => name.endsWith(PARTIAL_SUFFIX));
    await Promise.all(partials.map((name) => rm(join(dir, name), { force: true })));
    return staging;
  }

  private constructor(dir: string) {
    this.#dir = dir;
    this.#rejectedDir = join(dir, 'rejected');
  }

  /** Since the start. */
  get filesRejected(): number {
    return this.#filesRejected;
  }

  /** Durable once it resolves. @throws {AppError} STORE_UNAVAILABLE (retryable). */
  put(name: string, bytes: Uint8Array): Promise<void> {
    return replaceDurably(join(this.#dir, name), bytes);
  }

  /** Names, oldest id first. */
  async list(): Promise<string[]> {
    const names = await readdir(this.#dir);
    return names.filter((name) => parseStagedName(name) !== undefined).sort();
  }

  /** @returns undefined when it is gone: somebody was faster. @throws {AppError} STORE_UNAVAILABLE (retryable). */
  async read(name: string): Promise<StagedFile | undefined> {
    const path = join(this.#dir, name);
    try {
      const [bytes, { mtime }] = await Promise.all([readFile(path), stat(path)]);
      return { bytes, stagedAt: mtime };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw toDiskError(error, `reading the staged ${name}`);
    }
  }

  /** After it was filed. A removal that a power cut undoes is harmless: filing again changes nothing. */
  async remove(name: string): Promise<void> {
    await unlink(join(this.#dir, name)).catch(ignoreMissing);
  }

  /** Moves a file that can never be filed out of the way. Bound: STAGING_REJECTED_MAX, `drop-oldest`. */
  async reject(name: string): Promise<void> {
    await rename(join(this.#dir, name), join(this.#rejectedDir, name)).catch(ignoreMissing);
    this.#filesRejected += 1;
    const kept = (await readdir(this.#rejectedDir)).sort();
    const surplus = kept.slice(0, Math.max(0, kept.length - STAGING_REJECTED_MAX));
    await Promise.all(surplus.map((old) => rm(join(this.#rejectedDir, old), { force: true })));
    await syncDirectory(this.#dir);
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw toDiskError(error, 'tidying the staging folder');
}
