// A PostgreSQL server of our own, from npm, for `npm start` and for tests: real, small, on 127.0.0.1 only.
// Owns the server process and the folder `<dataDir>/postgres` (see `preparePostgresHome` for root).

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { AppError, isAppError } from '@sitecast/shared/runtime/app-error';
import type { Logger } from '@sitecast/shared/node/logger';
import { ensureDatabase } from '../postgres/databases.ts';
import { choosePostgresAccount, preparePostgresHome, type PostgresAccount } from './postgres-account.ts';
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.ts';
import { endForgottenPostmaster, Postmaster } from './postgres-process.ts';

const USER = 'sitecast';
const DATABASE = 'sitecast';
const LEFTOVERS_TIMEOUT_MS = 10_000;

/** Small in memory (about 60 MB with ten connections), full in durability. */
const SETTINGS: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '60',
  shared_buffers: '32MB',
  work_mem: '4MB',
  maintenance_work_mem: '32MB',
  max_wal_size: '256MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_worker_processes: '2',
  max_parallel_workers_per_gather: '0',
  max_parallel_maintenance_workers: '0',
  autovacuum_max_workers: '2',
  // The default of PostgreSQL 18 starts three processes for it.
  io_method: 'sync',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // A statement may carry what nobody should read in a log.
  log_min_error_statement: 'panic',
};

export interface EmbeddedDatabaseOptions {
  /** Kept over restarts; made when missing. */
  dataDir: string;
  /** 0 chooses a free one. */
  port: number;
  logger: Logger;
  /** On top of ours; tests that need no durability switch `fsync` off. */
  settings?: Record<string, string>;
  /** Aborted while it opens: `open` then rejects with SHUTTING_DOWN as soon as it can. */
  signal?: AbortSignal;
}

interface Home {
  pgData: string;
  password: string;
  binaries: PostgresBinaries;
  account: PostgresAccount | undefined;
  port: number;
}

export class EmbeddedDatabase {
  /** With the password: never log it. */
  readonly url: string;
  readonly #home: Home;
  readonly #options: EmbeddedDatabaseOptions;
  readonly #exitListeners = new Set<() => void>();
  #postmaster: Postmaster;
  #restarting: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Makes the cluster when there is none, ends a server that an earlier run left behind, starts, and waits until it answers.
   * @throws {AppError} POSTGRES_FAILED with PostgreSQL's own last words.
   */
  static async open(options: EmbeddedDatabaseOptions): Promise<EmbeddedDatabase> {
    const account = choosePostgresAccount();
    const dir = preparePostgresHome(options.dataDir, account);
    const home: Home = {
      account,
      binaries: await findPostgresBinaries(account),
      pgData: join(dir, 'data'),
      password: keepPassword(dir, account),
      port: options.port || (await freePort()),
    };
    await endForgottenPostmaster(home.pgData);
    if (!existsSync(join(home.pgData, 'PG_VERSION'))) await createCluster(dir, home, options.signal);
    throwIfAborted(options.signal);
    const embedded = new EmbeddedDatabase(options, home, await startPostmaster(home, options));
    try {
      await ensureDatabase(urlOf(home, 'postgres'), DATABASE);
      return embedded;
    } catch (error) {
      await embedded.close();
      throw error;
    }
  }

  private constructor(options: EmbeddedDatabaseOptions, home: Home, postmaster: Postmaster) {
    this.url = urlOf(home, DATABASE);
    this.#options = options;
    this.#home = home;
    this.#postmaster = postmaster;
    this.#watch();
  }

  /** Of the postmaster. */
  get pid(): number {
    return this.#postmaster.pid;
  }

  get isRunning(): boolean {
    return this.#postmaster.isRunning;
  }

  /** Calls `listener` each time the server ends without having been asked to. @returns the unsubscribe. */
  onExit(listener: () => void): () => void {
    this.#exitListeners.add(listener);
    return () => this.#exitListeners.delete(listener);
  }

  /** Starts the server again on the same port after it ended, or stops and starts it. Concurrent calls share one restart. */
  restart(): Promise<void> {
    if (this.#closing) throw new AppError('SHUTTING_DOWN', 'the embedded PostgreSQL is closing');
    this.#restarting ??= this.#startAgain().finally(() => (this.#restarting = undefined));
    return this.#restarting;
  }

  /** Idempotent. Resolves when no process of the server is left. */
  close(): Promise<void> {
    this.#closing ??= this.#stop();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #startAgain(): Promise<void> {
    const previous = this.#postmaster;
    await previous.stop();
    this.#postmaster = await startPostmaster(this.#home, this.#options);
    this.#watch();
  }

  async #stop(): Promise<void> {
    await this.#restarting?.catch(() => undefined);
    await this.#postmaster.stop();
  }

  #watch(): void {
    const watched = this.#postmaster;
    void watched.exited.then(() => {
      if (this.#closing || this.#restarting) return;
      this.#options.logger.warn({ pid: watched.pid }, 'embedded PostgreSQL ended by itself');
      for (const listener of this.#exitListeners) listener();
    });
  }
}

/** After a SIGKILL of the postmaster its children need a moment to notice; until then a new one is refused. */
async function startPostmaster(
  home: Home,
  { logger, settings }: EmbeddedDatabaseOptions,
): Promise<Postmaster> {
  const deadline = Date.now() + LEFTOVERS_TIMEOUT_MS;
  for (;;) {
    const postmaster = new Postmaster({
      binary: home.binaries.postgres,
      pgData: home.pgData,
      account: home.account,
      settings: { ...SETTINGS, ...settings, port: String(home.port) },
      onLogLine: (line) => logger.debug({ line }, 'postgres'),
    });
    try {
      await postmaster.waitUntilReady();
      return postmaster;
    } catch (error) {
      await postmaster.stop();
      if (!hasLeftovers(error) || Date.now() > deadline) throw error;
      await delay(200);
    }
  }
}

function hasLeftovers(error: unknown): boolean {
  return (
    isAppError(error) &&
    /shared memory block .* is still in use|lock file .* already exists/s.test(error.message)
  );
}

/** Into a folder beside the final one, so that a start which is killed here leaves nothing half made. */
async function createCluster(
  dir: string,
  { binaries, pgData, account }: Home,
  signal: AbortSignal | undefined,
): Promise<void> {
  const partial = `${pgData}.partial`;
  await rm(partial, { recursive: true, force: true });
  const args = [
    `--pgdata=${partial}`,
    `--username=${USER}`,
    `--pwfile=${passwordPath(dir)}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // Sorts alike on every machine, whatever locales it has.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
  ];
  try {
    await promisify(execFile)(binaries.initdb, args, {
      ...account,
      cwd: dir,
      env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (cause) {
    throwIfAborted(signal);
    const { stderr = '', message } = cause as Error & { stderr?: string };
    const why = stderr.trim().slice(-2_000) || message;
    throw new AppError('POSTGRES_FAILED', `initdb could not make a database cluster in ${partial}: ${why}`, {
      cause,
    });
  }
  await rename(partial, pgData);
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new AppError('SHUTTING_DOWN', 'stopped while starting');
}

const passwordPath = (dir: string): string => join(dir, 'password');

function keepPassword(dir: string, account: PostgresAccount | undefined): string {
  const path = passwordPath(dir);
  if (!existsSync(path)) {
    // Appears when it is whole: a start that is killed here must not stop the next one.
    const draft = `${path}.partial`;
    writeFileSync(draft, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
    if (account) chownSync(draft, account.uid, account.gid);
    renameSync(draft, path);
  }
  return readFileSync(path, 'utf8').trim();
}

function urlOf({ password, port }: Home, database: string): string {
  return `postgres://${USER}:${password}@127.0.0.1:${port}/${database}`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
