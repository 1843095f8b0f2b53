// Chunks of clips that are being uploaded: a folder a clip, named after it and its sender, with a file a chunk, as it came. Owns its
// folder; knows nothing of what is in a chunk.

import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PARTIAL_SUFFIX, replaceDurably, syncDirectory, toDiskError } from './durable-file.ts';
import { parseStagedName } from './staging.ts';

const CHUNK_NAME = /^\d{1,5}$/;

export interface FoundParts {
  /** `formatStagedName` */
  name: string;
  indexes: number[];
  /** When the newest came. */
  changedAtMs: number;
}

export class ClipParts {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async open(dir: string): Promise<ClipParts> {
    await mkdir(dir, { recursive: true, mode: 0o750 });
    return new ClipParts(dir);
  }

  /** Durable once it resolves. @throws {AppError} STORE_UNAVAILABLE (retryable). */
  async begin(name: string): Promise<void> {
    try {
      await mkdir(join(this.#dir, name), { recursive: true, mode: 0o750 });
      await syncDirectory(this.#dir);
    } catch (error) {
      throw toDiskError(error, `making the folder of clip ${name}`);
    }
  }

  /** Durable once it resolves. @throws {AppError} STORE_UNAVAILABLE (retryable). */
  put(name: string, index: number, chunk: Uint8Array): Promise<void> {
    return replaceDurably(this.#path(name, index), chunk);
  }

  /** @throws {AppError} STORE_UNAVAILABLE (retryable). */
  async read(name: string, index: number): Promise<Buffer> {
    return readFile(this.#path(name, index)).catch((error: unknown) => {
      throw toDiskError(error, `reading chunk ${index} of clip ${name}`);
    });
  }

  /** What earlier runs left, without what a crash left half written: nobody was told that it is safe. */
  async list(): Promise<FoundParts[]> {
    const names = (await readdir(this.#dir)).sort();
    const found: FoundParts[] = [];
    for (const name of names) {
      if (parseStagedName(name)) found.push(await this.#look(name));
      else await rm(join(this.#dir, name), { recursive: true, force: true });
    }
    return found;
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.#dir, name), { recursive: true, force: true });
  }

  async #look(name: string): Promise<FoundParts> {
    const folder = join(this.#dir, name);
    const files = await readdir(folder);
    for (const file of files.filter((each) => each.endsWith(PARTIAL_SUFFIX)))
      await rm(join(folder, file), { force: true });
    const { mtimeMs: changedAtMs } = await stat(folder);
    return { name, changedAtMs, indexes: files.filter((file) => CHUNK_NAME.test(file)).map(Number) };
  }

  #path(name: string, index: number): string {
    return join(this.#dir, name, String(index));
  }
}
