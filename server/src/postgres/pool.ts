// The server's connections to PostgreSQL: few, with a time-out on everything that can wait. Limits: LIMITS.md.

import pg from 'pg';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Logger } from '@sitecast/shared/node/logger';
import { openCursor, type Cursor, type CursorOptions } from './cursor.ts';
import { toStoreError } from './errors.ts';
import { runStatement } from './statement.ts';

/** Callers that may wait for a connection; the next one is refused (`reject`). */
export const POOL_WAITING_MAX = 50;
const CONNECT_TIMEOUT_MS = 3_000;
const LOCK_TIMEOUT_MS = 2_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000;
const IDLE_CONNECTION_MS = 30_000;
/** The server cancels a statement first; this is for a server that no longer answers. */
const SILENCE_GRACE_MS = 1_000;
/** SQLSTATE of a statement that reached its time-out; nobody here cancels any by hand. */
const QUERY_CANCELED = '57014';
const INT8_OID: number = pg.types.builtins.INT8;

export interface PoolOptions {
  url: string;
  logger: Logger;
  min?: number;
  max?: number;
  statementTimeoutMs?: number;
}

export interface Queryable {
  /**
   * @param name prepares the statement once a connection; for statements that run all the time.
   * @throws {AppError} BAD_REQUEST, CONFLICT, or STORE_UNAVAILABLE (retryable).
   */
  query<Row extends object = Record<string, unknown>>(
    sql: string,
    values?: unknown[],
    name?: string,
  ): Promise<Row[]>;
}

export interface PoolStats {
  max: number;
  total: number;
  idle: number;
  waiting: number;
  waitingMax: number;
}

/** Since the start. */
export interface PoolCounters {
  /** Waited, because every connection was taken. */
  callersHeldUp: number;
  /** Turned away, because POOL_WAITING_MAX were waiting. */
  callersRefused: number;
  /** Cancelled by PostgreSQL, because they ran longer than a statement may. */
  statementsTimedOut: number;
}

export interface Database extends Queryable {
  /** Runs `work` on one connection; commits when it resolves, rolls back when it rejects. Throws as `query`, and what `work` throws. */
  transaction<T>(work: (client: Queryable) => Promise<T>): Promise<T>;
  /**
   * Reads a large result in batches. Takes one connection until the cursor is closed, so whoever opens cursors bounds how many.
   * Throws as `query`.
   */
  openCursor<Row extends object>(
    sql: string,
    values: unknown[],
    options: CursorOptions,
  ): Promise<Cursor<Row>>;
  stats(): PoolStats;
  readonly counters: Readonly<PoolCounters>;
  close(): Promise<void>;
}

/** Connects lazily: a database that is down is told by the first query, not here. */
export function openPool(options: PoolOptions): Database {
  return new PgDatabase(options);
}

class PgDatabase implements Database {
  readonly #pool: pg.Pool;
  readonly #max: number;
  readonly counters: PoolCounters = { callersHeldUp: 0, callersRefused: 0, statementsTimedOut: 0 };
  #closing: Promise<void> | undefined;

  constructor({ url, logger, min = 2, max = 10, statementTimeoutMs = 5_000 }: PoolOptions) {
    this.#max = max;
    this.#pool = new pg.Pool({
      connectionString: url,
      application_name: 'sitecast',
      min,
      max,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      idleTimeoutMillis: IDLE_CONNECTION_MS,
      statement_timeout: statementTimeoutMs,
      lock_timeout: LOCK_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
      query_timeout: statementTimeoutMs + SILENCE_GRACE_MS,
      keepAlive: true,
      types: { getTypeParser },
    });
    // Without a listener an idle connection that the server ends would end this process too.
    this.#pool.on('error', (error) =>
      logger.warn({ reason: error.message }, 'an idle PostgreSQL connection was lost'),
    );
  }

  async query<Row extends object>(sql: string, values?: unknown[], name?: string): Promise<Row[]> {
    this.#admit();
    const client = await this.#connect();
    return this.#run(client, (connected) => runStatement<Row>(connected, sql, values, name));
  }

  async transaction<T>(work: (client: Queryable) => Promise<T>): Promise<T> {
    this.#admit();
    const client = await this.#connect();
    return this.#run(client, async (connected) => {
      await runStatement(connected, 'begin');
      try {
        const result = await work({
          query: (sql, values, name) => runStatement(connected, sql, values, name),
        });
        await commit(connected);
        return result;
      } catch (error) {
        await runStatement(connected, 'rollback').catch(() => undefined);
        throw error;
      }
    });
  }

  async openCursor<Row extends object>(
    sql: string,
    values: unknown[],
    options: CursorOptions,
  ): Promise<Cursor<Row>> {
    this.#admit();
    const onError = (error: unknown): void => this.#count(error);
    return openCursor<Row>(await this.#connect(), sql, values, { ...options, onError });
  }

  stats(): PoolStats {
    const { totalCount: total, idleCount: idle, waitingCount: waiting } = this.#pool;
    return { max: this.#max, total, idle, waiting, waitingMax: POOL_WAITING_MAX };
  }

  close(): Promise<void> {
    this.#closing ??= this.#pool.end();
    return this.#closing;
  }

  #admit(): void {
    if (this.#closing)
      throw new AppError('SHUTTING_DOWN', 'the PostgreSQL pool is closing', { retryable: true });
    const { waitingCount, idleCount, totalCount } = this.#pool;
    if (waitingCount < POOL_WAITING_MAX) {
      // Idle ones go to those who wait already.
      if (totalCount >= this.#max && idleCount <= waitingCount) this.counters.callersHeldUp += 1;
      return;
    }
    this.counters.callersRefused += 1;
    throw new AppError(
      'STORE_UNAVAILABLE',
      `${POOL_WAITING_MAX} callers wait for a PostgreSQL connection already`,
      {
        retryable: true,
      },
    );
  }

  async #connect(): Promise<pg.PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw toStoreError(error, 'connecting');
    }
  }

  /** Gives the connection back, or away for good when it can no longer be trusted. */
  async #run<T>(client: pg.PoolClient, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    let broken: Error | undefined;
    const onError = (error: Error): void => {
      broken = error;
    };
    client.on('error', onError);
    try {
      return await work(client);
    } catch (error) {
      this.#count(error);
      // A statement that the driver gave up on may still run there.
      if (error instanceof AppError && error.code === 'STORE_UNAVAILABLE') broken = error;
      throw error;
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }

  #count(error: unknown): void {
    if (error instanceof AppError && error.detail.sqlState === QUERY_CANCELED)
      this.counters.statementsTimedOut += 1;
  }
}

/** COMMIT of a transaction in which a statement failed answers ROLLBACK, without an error. */
async function commit(client: pg.PoolClient): Promise<void> {
  const { command } = await client.query('commit').catch((error: unknown) => {
    throw toStoreError(error, 'committing');
  });
  if (command !== 'COMMIT')
    throw new TypeError('a transaction went on after one of its statements had failed');
}

/** int8 as a number: ours are counts and ids, far below 2^53. */
const getTypeParser = ((oid: number, format?: 'text' | 'binary'): unknown =>
  oid === INT8_OID && format !== 'binary'
    ? Number
    : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser;
