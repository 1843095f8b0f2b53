// A result too large to be held, read in batches from a cursor of PostgreSQL. Owns one connection of the pool until `close`.

import type pg from 'pg';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { runStatement } from './statement.ts';

const NAME = 'batches';

export interface Cursor<Row extends object> {
  /**
   * Not again before it settled.
   * @returns at most `maxRows`; none at the end.
   * @throws {AppError} STORE_UNAVAILABLE (retryable), also when one batch takes longer than a statement may.
   */
  read(maxRows: number): Promise<Row[]>;
  /** Idempotent. Waits for a batch that is being read, which the time-out of statements bounds; then the connection is free. */
  close(): Promise<void>;
}

export interface CursorOptions {
  /** How long the reader may rest between two batches, ms; PostgreSQL ends the connection of one that rests longer. */
  maxRestMs: number;
}

/**
 * Sees the database as it is now, however long the reading takes, and cannot change it.
 * @param client given back by the cursor, also when opening it fails.
 * @param onError told of each statement that failed, which the reader is told of as well.
 */
export async function openCursor<Row extends object>(
  client: pg.PoolClient,
  sql: string,
  values: unknown[],
  { maxRestMs, onError }: CursorOptions & { onError: (error: unknown) => void },
): Promise<Cursor<Row>> {
  const cursor = new PgCursor<Row>(client, onError);
  try {
    await runStatement(client, 'begin read only');
    await runStatement(
      client,
      `set local idle_in_transaction_session_timeout = ${Math.max(1, Math.ceil(maxRestMs))}`,
    );
    // Along an index where there is one: a sort would read everything before the first batch, and into PostgreSQL's memory.
    await runStatement(client, 'set local enable_sort = off');
    await runStatement(client, `declare ${NAME} no scroll cursor for ${sql}`, values);
    return cursor;
  } catch (error) {
    cursor.failed(error);
    await cursor.close();
    throw error;
  }
}

class PgCursor<Row extends object> implements Cursor<Row> {
  readonly #client: pg.PoolClient;
  readonly #tell: (error: unknown) => void;
  /** Why the connection is given away for good instead of back. */
  #broken: Error | undefined;
  #reading: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;
  readonly #onError = (error: Error): void => this.failed(error);

  constructor(client: pg.PoolClient, onError: (error: unknown) => void) {
    this.#client = client;
    this.#tell = onError;
    client.on('error', this.#onError);
  }

  async read(maxRows: number): Promise<Row[]> {
    if (this.#closing) throw new TypeError('a cursor was read after it had been closed');
    const reading = runStatement<Row>(this.#client, `fetch forward ${Math.trunc(maxRows)} from ${NAME}`);
    this.#reading = reading.catch((error: unknown) => this.failed(error));
    return reading;
  }

  failed(error: unknown): void {
    this.#tell(error);
    // A statement that the driver gave up on may still run there.
    if (error instanceof AppError && error.code !== 'STORE_UNAVAILABLE') return;
    this.#broken ??= error instanceof Error ? error : new Error(String(error));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#reading;
    if (!this.#broken) await runStatement(this.#client, 'rollback').catch((error) => this.failed(error));
    this.#client.off('error', this.#onError);
    this.#client.release(this.#broken);
  }
}
