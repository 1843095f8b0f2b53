import { describe, expect, it, onTestFinished } from 'vitest';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { openPool, POOL_WAITING_MAX, type Database } from '../../src/postgres/pool.ts';
import { testLogger, useTestPostgres } from '../support/postgres.ts';

describe('the PostgreSQL pool', () => {
  const postgres = useTestPostgres();

  function open(url: string, options: { max?: number; statementTimeoutMs?: number } = {}): Database {
    const database = openPool({ url, logger: testLogger, min: 0, ...options });
    onTestFinished(() => database.close());
    return database;
  }

  it('cancels a statement that runs for too long, on the server too', async () => {
    await using db = await postgres.createDatabase();
    const database = open(db.url, { statementTimeoutMs: 1_000 });
    await expect(database.query('select pg_sleep(30)')).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      retryable: true,
      detail: { sqlState: '57014' },
    });
    const running = await db.database.query(
      `select from pg_stat_activity where query = 'select pg_sleep(30)'`,
    );
    expect(running).toEqual([]);
    const inTransaction = database.transaction((client) => client.query('select pg_sleep(30)'));
    await expect(inTransaction).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const cursor = await database.openCursor('select pg_sleep(30)', [], { maxRestMs: 1_000 });
    await expect(cursor.read(1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await cursor.close();
    expect(database.counters).toMatchObject({ statementsTimedOut: 3 });
  });

  it('refuses the caller after the last one that may wait', async () => {
    await using db = await postgres.createDatabase();
    const database = open(db.url, { max: 2 });
    const holders = [1, 2].map(() => database.query('select pg_sleep(1)'));
    const waiting = Array.from({ length: POOL_WAITING_MAX }, () => database.query('select 1'));
    await expect(database.query('select 1')).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      retryable: true,
    });
    await Promise.all([...holders, ...waiting]);
    expect(database.stats()).toMatchObject({ max: 2, waiting: 0 });
    expect(database.counters).toMatchObject({ callersHeldUp: POOL_WAITING_MAX, callersRefused: 1 });
  });

  it('counts a caller as held up only when no connection is left for it', async () => {
    await using db = await postgres.createDatabase();
    const database = open(db.url, { max: 2 });
    const ask = (): Promise<unknown> => database.query('select 1');
    await Promise.all([ask(), ask()]);
    await Promise.all([ask(), ask()]);
    expect(database.counters.callersHeldUp).toBe(0);
    await Promise.all([ask(), ask(), ask()]);
    expect(database.counters.callersHeldUp).toBe(1);
  });

  it('rolls back when the work of a transaction rejects, and gives the connection back', async () => {
    await using db = await postgres.createDatabase();
    const database = open(db.url, { max: 1 });
    const work = database.transaction(async (client) => {
      await client.query(`insert into sites (id, name) values ('home', 'Home')`);
      throw new RangeError('changed its mind');
    });
    await expect(work).rejects.toThrow('changed its mind');
    expect(await database.query('select id from sites')).toEqual([]);
  });

  it('does not call a transaction committed that PostgreSQL rolled back', async () => {
    await using db = await postgres.createDatabase();
    const work = db.database.transaction(async (client) => {
      await client.query('select 1/0').catch(() => undefined);
    });
    await expect(work).rejects.toThrow('went on after one of its statements had failed');
  });

  it.each([
    ['a number out of range', `select 300::int2 * 300::int2`, 'BAD_REQUEST'],
    ['a site id that is none', `insert into sites (id, name) values ('Not An Id', 'x')`, 'BAD_REQUEST'],
    ['a device of an unknown site', `insert into agents (site, id) values ('nowhere', 'a')`, 'BAD_REQUEST'],
  ])('says that %s is the fault of the value', async (_, sql, code) => {
    await using db = await postgres.createDatabase();
    await expect(db.database.query(sql)).rejects.toMatchObject({ code, retryable: false });
  });

  it('says that a NUL in a text is the fault of the value', async () => {
    await using db = await postgres.createDatabase();
    const query = db.database.query('select $1::text', ['a\0b']);
    await expect(query).rejects.toMatchObject({ code: 'BAD_REQUEST', detail: { sqlState: '22021' } });
  });

  it('tells a unique violation as CONFLICT, and a mistake in our SQL as it is', async () => {
    await using db = await postgres.createDatabase();
    const insert = (): Promise<unknown> =>
      db.database.query(`insert into sites (id, name) values ('home', 'Home')`);
    await insert();
    await expect(insert()).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(db.database.query('select nonsense')).rejects.toMatchObject({ code: '42703' });
  });

  it('reads counts as numbers and times as dates, to the millisecond', async () => {
    await using db = await postgres.createDatabase();
    const at = new Date('2026-02-03T04:05:06.789Z');
    expect(await db.database.query('select count(*) as n, $1::timestamptz as at from sites', [at])).toEqual([
      { n: 0, at },
    ]);
  });

  it('survives that the server ends its connections, and works on', async () => {
    await using db = await postgres.createDatabase();
    const database = open(db.url);
    await database.query('select 1');
    const running = database.query('select pg_sleep(20)');
    const outcome = expect(running).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await db.database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    );
    await outcome;
    expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('gives up on a server that accepts the connection and then stays silent', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    onTestFinished(() => void silent.close());
    const { port } = silent.address() as AddressInfo;
    const database = open(`postgres://a:b@127.0.0.1:${port}/c`);
    await expect(database.query('select 1')).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      retryable: true,
    });
  });

  it('is refused at once after it was closed', async () => {
    await using db = await postgres.createDatabase();
    const database = open(db.url);
    await database.close();
    await expect(database.query('select 1')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});
