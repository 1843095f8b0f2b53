// Streams in pieces, so that millions of files and rows are walked in the memory of a few hundred.

import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Queryable } from '../postgres/pool.ts';

const SCAN_BATCH = 500;
const ENTRIES_READ_AT_ONCE = 256;

/** Paths of all files below `dir`, relative to it, as they come. A folder that is gone meanwhile has none. */
export async function* filesBelow(dir: string, below = ''): AsyncGenerator<string> {
  const folder = await opendir(join(dir, below), { bufferSize: ENTRIES_READ_AT_ONCE }).catch(ignoreMissing);
  if (!folder) return;
  for await (const entry of folder) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) yield* filesBelow(dir, path);
    else yield path;
  }
}

export async function* inBatches<T>(items: AsyncIterable<T>, size = SCAN_BATCH): AsyncGenerator<T[]> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** In the order of the key, a statement a batch: rows that come or go meanwhile disturb nothing. */
export async function* rowsInBatches<Row extends { id: string }>(
  database: Queryable,
  { table, columns, condition = 'true' }: { table: string; columns: string; condition?: string | undefined },
): AsyncGenerator<Row[]> {
  let after = '';
  for (;;) {
    const rows = await database.query<Row>(
      `select id, ${columns} from ${table} where id > $1 and ${condition} order by id limit $2`,
      [after, SCAN_BATCH],
    );
    if (rows.length > 0) yield rows;
    if (rows.length < SCAN_BATCH) return;
    after = rows.at(-1)?.id ?? after;
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}
