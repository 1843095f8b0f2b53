// Files of whole clips, named after their ids. Owns its folder.

import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { isUlid } from '@sitecast/shared/protocol/ids';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { removeDurably, replaceDurably, toDiskError } from './durable-file.ts';

const SUFFIX = '.mp4';
/** What is looked up in the database at once. */
const SWEEP_AT_ONCE = 500;

/** Both ends included, as HTTP counts them. */
export interface ByteRange {
  from: number;
  to: number;
}

export class ClipFiles {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async open(dir: string): Promise<ClipFiles> {
    await mkdir(dir, { recursive: true, mode: 0o750 });
    return new ClipFiles(dir);
  }

  /** Removes what a crash left: half written files, and those that have no row. @param known which of these ids have one. */
  async sweep(known: (ids: string[]) => Promise<ReadonlySet<string>>): Promise<void> {
    const names = await readdir(this.#dir);
    for (let at = 0; at < names.length; at += SWEEP_AT_ONCE) {
      const some = names.slice(at, at + SWEEP_AT_ONCE);
      const kept = await known(some.map(idOf).filter(isUlid));
      for (const name of some)
        if (!name.endsWith(SUFFIX) || !kept.has(idOf(name))) await rm(join(this.#dir, name), { force: true });
    }
  }

  /**
   * Durable once it resolves; nothing stays when the bytes are not those of the digest.
   * @throws {AppError} FRAME_MALFORMED for another digest; STORE_UNAVAILABLE (retryable).
   */
  async write(id: string, chunks: AsyncIterable<Uint8Array>, sha256: string): Promise<void> {
    async function* checked(): AsyncGenerator<Uint8Array> {
      const hash = createHash('sha256');
      for await (const chunk of chunks) {
        hash.update(chunk);
        yield chunk;
      }
      if (hash.digest('hex') === sha256) return;
      throw new AppError('FRAME_MALFORMED', `clip ${id} does not have the digest of its header`, {
        detail: { id },
      });
    }
    await replaceDurably(this.#path(id), checked());
  }

  /** Destroying the stream closes the file. @throws {AppError} NOT_FOUND; STORE_UNAVAILABLE (retryable). */
  async open(id: string, { from, to }: ByteRange): Promise<Readable> {
    const file = await open(this.#path(id), 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') throw new AppError('NOT_FOUND', `clip ${id} has no file`);
      throw toDiskError(error, `opening clip ${id}`);
    });
    return file.createReadStream({ start: from, end: to });
  }

  /**
   * Durable once it resolves; what is gone already is no trouble. One that is being read is read to its end.
   * @returns how many there were. @throws {AppError} STORE_UNAVAILABLE (retryable): some may be gone.
   */
  remove(ids: readonly string[]): Promise<number> {
    return removeDurably(ids.map((id) => this.#path(id)));
  }

  #path(id: string): string {
    if (!isUlid(id)) throw new TypeError(`not the id of a clip: ${JSON.stringify(id.slice(0, 100))}`);
    return join(this.#dir, id + SUFFIX);
  }
}

function idOf(name: string): string {
  return name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : name;
}
