// A real PostgreSQL for a test file: one embedded server, the schema migrated once, each test a copy of it. The cluster itself
// is made once a run and copied, since initdb costs a file more than most of its tests.

import { randomBytes } from 'node:crypto';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createLogger } from '@sitecast/shared/node/logger';
import { afterAll, beforeAll } from 'vitest';
import { cloneDatabase, databaseUrl, dropDatabase, ensureDatabase } from '../../src/postgres/databases.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { openPool, type Database } from '../../src/postgres/pool.ts';
import { EmbeddedDatabase } from '../../src/standalone/embedded-postgres.ts';
import { DIR_PREFIX, preparedDirOf } from './prepared-cluster.ts';
import { waitFor } from './wait-for.ts';

const TEMPLATE = 'template_migrated';
/** Test files run in children of the process that has the run. */
const PREPARED_DIR = preparedDirOf(process.ppid);

export const testLogger = createLogger({ name: 'test', level: process.env.TEST_LOG_LEVEL ?? 'silent' });

export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  readonly database: Database;
}

export interface TestPostgres {
  /** The server itself, for tests that stop, kill or restart it. */
  readonly server: EmbeddedDatabase;
  /** A database of its own, migrated. `await using` closes its pool and drops it. */
  createDatabase(): Promise<TestDatabase>;
}

/** Starts a server before the tests of this file (or `describe`) and ends it after them. */
export function useTestPostgres(): TestPostgres {
  let running: RunningServer | undefined;
  beforeAll(async () => {
    running = await startServer();
  }, 120_000);
  afterAll(() => running?.stop(), 60_000);
  const server = (): EmbeddedDatabase => {
    if (!running) throw new TypeError('the test PostgreSQL runs only while tests run');
    return running.server;
  };
  return {
    get server() {
      return server();
    },
    createDatabase: () => createTestDatabase(server().url),
  };
}

interface RunningServer {
  server: EmbeddedDatabase;
  stop(): Promise<void>;
}

async function startServer(): Promise<RunningServer> {
  await endServersOfDeadRuns();
  const dataDir = await mkdtemp(join(tmpdir(), `${DIR_PREFIX}${process.pid}-`));
  // Root's server runs as another account, which has to get in here.
  await chmod(dataDir, 0o755);
  const stop = async (): Promise<void> => {
    await server?.close();
    await rm(dataDir, { recursive: true, force: true });
  };
  let server: EmbeddedDatabase | undefined;
  try {
    // -a: the files belong to the account that the server runs as.
    await promisify(execFile)('cp', ['-a', `${await preparedCluster()}/.`, dataDir]);
    server = await open(dataDir);
    return { server, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The first file that asks makes it; the others, in their own processes, wait for it. */
async function preparedCluster(): Promise<string> {
  const isMaker = await mkdir(`${PREPARED_DIR}.lock`).then(
    () => true,
    () => false,
  );
  if (isMaker) await prepareCluster();
  else await waitFor('the prepared cluster', () => existsSync(PREPARED_DIR), 90_000);
  return PREPARED_DIR;
}

async function prepareCluster(): Promise<void> {
  const dir = `${PREPARED_DIR}.making`;
  await mkdir(dir, { mode: 0o755 });
  const server = await open(dir);
  await ensureDatabase(server.url, TEMPLATE);
  await migrate({ url: databaseUrl(server.url, TEMPLATE), logger: testLogger });
  await server.close();
  await rename(dir, PREPARED_DIR);
}

// Durability against a power cut is not what these tests measure; a killed server loses nothing either way.
function open(dataDir: string): Promise<EmbeddedDatabase> {
  return EmbeddedDatabase.open({ dataDir, port: 0, logger: testLogger, settings: { fsync: 'off' } });
}

async function createTestDatabase(serverUrl: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await cloneDatabase(serverUrl, name, TEMPLATE);
  const url = databaseUrl(serverUrl, name);
  const database = openPool({ url, logger: testLogger, min: 0 });
  return {
    url,
    database,
    async [Symbol.asyncDispose]() {
      await database.close();
      await dropDatabase(serverUrl, name);
    },
  };
}

/** A test run that was killed leaves its server behind; opening and closing its folder ends it. */
async function endServersOfDeadRuns(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = Number(new RegExp(`^${DIR_PREFIX}(\\d+)-`).exec(name)?.[1]);
    if (!Number.isInteger(pid) || isAlive(pid)) continue;
    const dataDir = join(tmpdir(), name);
    if (existsSync(join(dataDir, 'data')))
      await open(dataDir)
        .then((left) => left.close())
        .catch(() => undefined);
    await rm(dataDir, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
