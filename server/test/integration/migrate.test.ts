import { describe, expect, it } from 'vitest';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '../../src/postgres/migrate.ts';
import { testLogger, useTestPostgres } from '../support/postgres.ts';

describe('migrations', () => {
  const postgres = useTestPostgres();

  it('are applied once, and a second run finds nothing to do', async () => {
    await using db = await postgres.createDatabase();
    expect(await migrate({ url: db.url, logger: testLogger })).toEqual([]);
    const rows = await db.database.query('select version from schema_migrations order by version');
    expect(rows.length).toBeGreaterThanOrEqual(2);
  });

  it('leave no table, column or function of ours without a comment', async () => {
    await using db = await postgres.createDatabase();
    const bare = await db.database.query(
      `select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and c.relname <> 'schema_migrations'
         and (col_description(c.oid, a.attnum) is null or obj_description(c.oid, 'pg_class') is null)`,
    );
    expect(bare).toEqual([]);
  });

  it('run one after the other when two servers start at once', async () => {
    await using db = await postgres.createDatabase();
    await using files = await migrationFiles({
      '0001-one.sql': 'create table one (id int); select pg_sleep(0.3)',
    });
    await db.database.query('drop table schema_migrations');
    const run = (): Promise<string[]> => migrate({ url: db.url, logger: testLogger, directory: files.dir });
    const applied = await Promise.all([run(), run()]);
    expect(applied.flat()).toEqual(['0001-one.sql']);
  });

  it('refuse a file that was changed after it had been applied', async () => {
    await using db = await postgres.createDatabase();
    await db.database.query('drop table schema_migrations');
    await using files = await migrationFiles({ '0001-one.sql': 'create table one (id int)' });
    await migrate({ url: db.url, logger: testLogger, directory: files.dir });
    await writeFile(join(files.dir, '0001-one.sql'), 'create table one (id bigint)');
    await expect(migrate({ url: db.url, logger: testLogger, directory: files.dir })).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringContaining('0001-one.sql was changed'),
    });
  });

  it('leave nothing of a file whose SQL fails, and refuse a database that is newer', async () => {
    await using db = await postgres.createDatabase();
    await using files = await migrationFiles({ '0001-broken.sql': 'create table one (id int); select 1/0' });
    const options = { url: db.url, logger: testLogger, directory: files.dir };
    await expect(migrate(options)).rejects.toMatchObject({ code: 'MIGRATION_FAILED' });
    await db.database.query('drop table schema_migrations');
    await expect(migrate(options)).rejects.toMatchObject({
      message: expect.stringContaining('division by zero'),
    });
    expect(await db.database.query(`select to_regclass('one') as name`)).toEqual([{ name: null }]);
  });
});

async function migrationFiles(files: Record<string, string>): Promise<AsyncDisposable & { dir: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'sitecast-migrations-'));
  for (const [name, sql] of Object.entries(files)) await writeFile(join(dir, name), sql);
  return { dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
}
