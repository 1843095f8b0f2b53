// PostgreSQL for all test files of a run, made when the first of them asks: unit tests never do. Called by vitest in the
// process that has the run, which owns the servers' folder and the one server that most files share.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createLogger } from '@sitecast/shared/node/logger';
import type { TestProject } from 'vitest/node';
import { databaseUrl, ensureDatabase } from '../../src/postgres/databases.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { EmbeddedDatabase } from '../../src/standalone/embedded-postgres.ts';

export const TEMPLATE = 'template_migrated';
/** Of the pools of all files that run at once. */
const MAX_CONNECTIONS = '200';

export const testLogger = createLogger({ name: 'test', level: process.env.TEST_LOG_LEVEL ?? 'silent' });

declare module 'vitest' {
  interface ProvidedContext {
    /** Answers `/cluster` with a folder to copy, and `/server` with the URL of the shared server. */
    postgresOfTheRun: string;
  }
}

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'sitecast-test-pg-'));
  // Root's server runs as another account, which has to get in here.
  await chmod(dir, 0o755);
  let cluster: Promise<string> | undefined;
  let shared: Promise<EmbeddedDatabase> | undefined;
  const askCluster = (): Promise<string> => (cluster ??= prepareCluster(join(dir, 'prepared')));
  const askShared = (): Promise<EmbeddedDatabase> =>
    (shared ??= askCluster().then((prepared) => openCopy(prepared, join(dir, 'shared'))));
  const desk = await openDesk({ '/cluster': askCluster, '/server': async () => (await askShared()).url });
  provide('postgresOfTheRun', `http://127.0.0.1:${(desk.address() as AddressInfo).port}`);
  return async () => {
    desk.close();
    desk.closeAllConnections();
    await cluster?.catch(() => undefined);
    await shared?.then((server) => server.close()).catch(() => undefined);
    await rm(dir, { recursive: true, force: true });
  };
}

async function openDesk(answers: Record<string, () => Promise<string>>): Promise<Server> {
  const desk = createServer((request, response) => {
    const answer = answers[request.url ?? ''];
    if (!answer) return void response.writeHead(404).end();
    void answer().then(
      (text) => response.end(text),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await once(desk.listen(0, '127.0.0.1'), 'listening');
  return desk;
}

async function prepareCluster(dir: string): Promise<string> {
  await mkdir(dir, { mode: 0o755 });
  await using server = await open(dir);
  await ensureDatabase(server.url, TEMPLATE);
  await migrate({ url: databaseUrl(server.url, TEMPLATE), logger: testLogger });
  return dir;
}

/** A server on a copy of the prepared cluster, since initdb costs a file more than most of its tests. */
export async function openCopy(prepared: string, dir: string): Promise<EmbeddedDatabase> {
  await copyCluster(prepared, dir);
  return open(dir);
}

/** -a: the files belong to the account that the server runs as. */
export async function copyCluster(prepared: string, dir: string): Promise<void> {
  await promisify(execFile)('cp', ['-a', `${prepared}/.`, dir]);
}

// Durability against a power cut is not what these tests measure; a killed server loses nothing either way.
function open(dataDir: string): Promise<EmbeddedDatabase> {
  const settings = { fsync: 'off', max_connections: MAX_CONNECTIONS };
  return EmbeddedDatabase.open({ dataDir, port: 0, logger: testLogger, settings });
}
