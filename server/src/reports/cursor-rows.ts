// The rows of one large result, one after the other. The cursor, and so the connection, is given back when the loop ends.

import type { Database } from '../postgres/pool.ts';

/** Between two batches: as long as the file may make its reader wait. */
const MAX_REST_MS = 60_000;

/** @throws {AppError} STORE_UNAVAILABLE (retryable). */
export async function* cursorRows<Row extends object>(
  database: Pick<Database, 'openCursor'>,
  sql: string,
  values: unknown[],
  batchRows: number,
): AsyncGenerator<Row> {
  const cursor = await database.openCursor<Row>(sql, values, { maxRestMs: MAX_REST_MS });
  try {
    for (;;) {
      const rows = await cursor.read(batchRows);
      if (rows.length === 0) return;
      yield* rows;
    }
  } finally {
    await cursor.close();
  }
}
