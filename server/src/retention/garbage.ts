// The second phase of a deletion: files whose rows are gone are unlinked, and then forgotten. Borrows everything.

import type { ClipFiles } from '../media-store/clip-files.ts';
import type { MediaStore } from '../media-store/media-store.ts';
import type { Database } from '../postgres/pool.ts';
import type { MediaKind } from './media-kinds.ts';

/** Files of one transaction: few enough to be unlinked long before PostgreSQL ends one that rests. */
export const GARBAGE_BATCH = 200;

export interface GarbageOptions {
  database: Database;
  mediaStore: Pick<MediaStore, 'remove'>;
  clipFiles: Pick<ClipFiles, 'remove'>;
}

export interface PendingGarbage {
  items: number;
  bytes: number;
  oldestSeconds: number;
}

interface Item {
  id: number;
  kind: MediaKind;
  paths: string[];
}

export class Garbage {
  readonly counters = { filesUnlinked: 0 };
  readonly #options: GarbageOptions;
  #collecting: Promise<unknown> = Promise.resolve();

  constructor(options: GarbageOptions) {
    this.#options = options;
  }

  /**
   * Unlinks and forgets the oldest, one batch at a time. They stay locked meanwhile: had two collectors the same item, the slower one
   * could unlink a file that was filed again after the faster one had forgotten it.
   * @returns how many items there were; 0 when none is left that nobody else works on.
   * @throws {AppError} STORE_UNAVAILABLE (retryable): of the database or the disk. What was unlinked is unlinked again later.
   */
  collect(): Promise<number> {
    const collected = this.#collecting.then(() => this.#collect());
    this.#collecting = collected.catch(() => undefined);
    return collected;
  }

  async pending(): Promise<PendingGarbage> {
    const [row] = await this.#options.database.query<PendingGarbage>(
      `select count(*) as items, coalesce(sum(bytes), 0)::int8 as bytes,
         coalesce(extract(epoch from now() - min(removed_at)), 0)::int as "oldestSeconds" from garbage`,
    );
    return row ?? { items: 0, bytes: 0, oldestSeconds: 0 };
  }

  async #collect(): Promise<number> {
    return this.#options.database.transaction(async (client) => {
      const items = await client.query<Item>(
        'select id, kind, paths from garbage order by id limit $1 for update skip locked',
        [GARBAGE_BATCH],
      );
      if (items.length === 0) return 0;
      await this.#unlink(items);
      await client.query('delete from garbage where id = any($1)', [items.map(({ id }) => id)]);
      return items.length;
    });
  }

  async #unlink(items: readonly Item[]): Promise<void> {
    const { mediaStore, clipFiles } = this.#options;
    for (const [kind, store] of [['snapshots', mediaStore] as const, ['clips', clipFiles] as const]) {
      const paths = items.filter((item) => item.kind === kind).flatMap((item) => item.paths);
      if (paths.length === 0) continue;
      this.counters.filesUnlinked += await store.remove(paths);
    }
  }
}
