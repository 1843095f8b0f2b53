import { describe, expect, it, onTestFinished } from 'vitest';
import { chmod, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPool, type Database } from '../../src/postgres/pool.ts';
import { EmbeddedDatabase } from '../../src/standalone/embedded-postgres.ts';
import { choosePostgresAccount, preparePostgresHome } from '../../src/standalone/postgres-account.ts';
import { preparedCluster, testLogger } from '../support/postgres.ts';
import { copyCluster } from '../support/run-postgres.ts';

describe('the embedded PostgreSQL', () => {
  it('keeps its data and its login over a stop and a start', async () => {
    const dataDir = await temporaryDir();
    const first = await open(dataDir);
    await query(first.url, 'create table kept (id int); insert into kept values (7)');
    await first.close();
    const second = await open(dataDir);
    expect(await query(second.url, 'select id from kept')).toEqual([{ id: 7 }]);
    expect(new URL(second.url).password).toBe(new URL(first.url).password);
  });

  it('listens on 127.0.0.1 only, asks for the password, and keeps it mode 0600', async () => {
    const dataDir = await dirWithCluster();
    const server = await open(dataDir);
    const [{ addresses, sockets }] = (await query(
      server.url,
      `select current_setting('listen_addresses') addresses, current_setting('unix_socket_directories') sockets`,
    )) as [{ addresses: string; sockets: string }];
    expect([addresses, sockets]).toEqual(['127.0.0.1', '']);
    const wrong = new URL(server.url);
    wrong.password = 'wrong';
    await expect(query(wrong.href, 'select 1')).rejects.toThrow(/password authentication failed|28P01/);
    const { mode } = await stat(join(dataDir, 'postgres/password'));
    expect(mode & 0o777).toBe(0o600);
  });

  it('takes over from a server that a killed run left behind', async () => {
    const dataDir = await dirWithCluster();
    const forgotten = await open(dataDir);
    const server = await open(dataDir);
    expect(server.pid).not.toBe(forgotten.pid);
    expect(forgotten.isRunning).toBe(false);
    expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('tells when it was killed, and comes back on the same port with what was committed', async () => {
    const server = await open(await dirWithCluster());
    await query(server.url, 'create table kept (id int); insert into kept values (7)');
    const died = new Promise<void>((resolve) => server.onExit(resolve));
    process.kill(server.pid, 'SIGKILL');
    await died;
    await server.restart();
    expect(await query(server.url, 'select id from kept')).toEqual([{ id: 7 }]);
  });

  it('leaves no process behind when it closes, and closing twice is harmless', async () => {
    const server = await open(await dirWithCluster());
    const { pid } = server;
    await Promise.all([server.close(), server.close()]);
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
    expect(() => server.restart()).toThrow(/closing/);
  });

  it('says what PostgreSQL said when it cannot start', async () => {
    const dataDir = await dirWithCluster();
    const opening = EmbeddedDatabase.open({
      dataDir,
      port: 0,
      logger: testLogger,
      settings: { shared_buffers: 'plenty' },
    });
    await expect(opening).rejects.toMatchObject({
      code: 'POSTGRES_FAILED',
      message: expect.stringContaining('shared_buffers'),
    });
  });

  it.skipIf(process.getuid?.() !== 0)(
    'runs for root whose own folder no other account may enter',
    async () => {
      const parent = await temporaryDir();
      const dataDir = join(parent, 'data');
      await mkdir(dataDir);
      await chmod(parent, 0o700);
      const home = preparePostgresHome(dataDir, choosePostgresAccount());
      expect(preparePostgresHome(dataDir, choosePostgresAccount())).toBe(home);
      onTestFinished(() => rm(home, { recursive: true, force: true }));
      const first = await open(dataDir);
      await query(first.url, 'create table kept (id int)');
      await first.close();
      const second = await open(dataDir);
      expect(await query(second.url, 'select * from kept')).toEqual([]);
      expect(home).toMatch(/^\/var\/lib\/sitecast\/data-[0-9a-f]{16}$/);
      expect(await readFile(join(home, 'data/PG_VERSION'), 'utf8')).toMatch(/^18/);
    },
  );
});

async function temporaryDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), `sitecast-test-pg-${process.pid}-`));
  await chmod(dir, 0o755);
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** For tests that are not about how a cluster is made. */
async function dirWithCluster(): Promise<string> {
  const dir = await temporaryDir();
  await copyCluster(await preparedCluster(), dir);
  return dir;
}

async function open(dataDir: string): Promise<EmbeddedDatabase> {
  const server = await EmbeddedDatabase.open({ dataDir, port: 0, logger: testLogger });
  onTestFinished(() => server.close());
  return server;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const database: Database = openPool({ url, logger: testLogger, min: 0 });
  try {
    return await database.query(sql);
  } finally {
    await database.close();
  }
}
