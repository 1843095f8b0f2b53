// A real PostgreSQL for a test file, each test a copy of a migrated database: the server that files share, or one of their own.

import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, inject } from 'vitest';
import { cloneDatabase, databaseUrl, dropDatabase } from '../../src/postgres/databases.ts';
import { openPool, type Database } from '../../src/postgres/pool.ts';
import type { EmbeddedDatabase } from '../../src/standalone/embedded-postgres.ts';
import { openCopy, TEMPLATE, testLogger } from './run-postgres.ts';

export { testLogger };

export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  readonly database: Database;
}

export interface TestPostgres {
  /** A database of its own, migrated. `await using` closes its pool and drops it. */
  createDatabase(): Promise<TestDatabase>;
}

/** The server of the run, for this file (or `describe`). */
export function useTestPostgres(): TestPostgres {
  let url: string | undefined;
  beforeAll(async () => {
    url = await ask('/server');
  });
  return { createDatabase: () => createTestDatabase(whileTestsRun(url)) };
}

export interface OwnPostgres extends TestPostgres {
  readonly server: EmbeddedDatabase;
}

/** A server of its own for this file (or `describe`), for tests that stop, kill or restart it. */
export function useOwnPostgres(): OwnPostgres {
  let server: EmbeddedDatabase | undefined;
  let dir: string | undefined;
  beforeAll(async () => {
    const prepared = await preparedCluster();
    dir = join(dirname(prepared), `own-${randomBytes(6).toString('hex')}`);
    server = await openCopy(prepared, dir);
  });
  afterAll(async () => {
    await server?.close();
    if (dir !== undefined) await rm(dir, { recursive: true, force: true });
  });
  return {
    get server() {
      return whileTestsRun(server);
    },
    createDatabase: () => createTestDatabase(whileTestsRun(server).url),
  };
}

/** A folder to copy. */
export const preparedCluster = (): Promise<string> => ask('/cluster');

async function ask(path: string): Promise<string> {
  const answer = await fetch(inject('postgresOfTheRun') + path);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`no PostgreSQL for the tests: ${text}`);
  return text;
}

function whileTestsRun<T>(thing: T | undefined): T {
  if (thing === undefined) throw new TypeError('the test PostgreSQL runs only while tests run');
  return thing;
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
