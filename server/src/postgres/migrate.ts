// Brings the schema up to date: the numbered files of `server/migrations`, each once, in order, in its own transaction.

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Logger } from '@sitecast/shared/node/logger';
import { withClient } from './databases.ts';

const MIGRATIONS_DIR = fileURLToPath(new URL('../../migrations', import.meta.url));
const FILE_NAME = /^(\d{4})-[a-z0-9-]+\.sql$/;
/** Any fixed number: only one migrator at a time may work on a database. */
const LOCK_KEY = 0x5343_4d47;

export interface MigrateOptions {
  url: string;
  logger: Logger;
  /** For tests. */
  directory?: string;
}

interface Migration {
  version: number;
  name: string;
  sql: string;
  checksum: string;
}

/**
 * Waits for another migrator on the same database.
 * @returns the names of the files that were applied now.
 * @throws {AppError} MIGRATION_FAILED when a file was changed after it had been applied, when the database is newer than
 * this program, or when a file's SQL fails (nothing of that file stays).
 */
export async function migrate({
  url,
  logger,
  directory = MIGRATIONS_DIR,
}: MigrateOptions): Promise<string[]> {
  const migrations = await readMigrations(directory);
  return withClient(url, async (client) => {
    await client.query('select pg_advisory_lock($1)', [LOCK_KEY]);
    await client.query(
      `create table if not exists schema_migrations (
         version int primary key, name text not null, checksum text not null, applied_at timestamptz not null default now())`,
    );
    const due = await findDue(client, migrations);
    for (const migration of due) {
      await apply(client, migration);
      logger.info({ migration: migration.name }, 'migration applied');
    }
    return due.map(({ name }) => name);
  });
}

/**
 * Changes nothing.
 * @returns the names of the files that `migrate` would apply. @throws {AppError} as `migrate`.
 */
export async function dueMigrations({ url }: Pick<MigrateOptions, 'url'>): Promise<string[]> {
  const migrations = await readMigrations(MIGRATIONS_DIR);
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ exists: boolean }>(
      `select to_regclass('schema_migrations') is not null as exists`,
    );
    const due = rows[0]?.exists ? await findDue(client, migrations) : migrations;
    return due.map(({ name }) => name);
  });
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => FILE_NAME.test(name)).sort();
  const migrations = await Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(directory, name), 'utf8');
      return {
        version: Number(name.slice(0, 4)),
        name,
        sql,
        checksum: createHash('sha256').update(sql).digest('hex'),
      };
    }),
  );
  const twin = migrations.find(({ version }, index) => version === migrations[index - 1]?.version);
  if (twin) throw failed(`the files of ${directory} must have numbers of their own; ${twin.name} does not`);
  return migrations;
}

async function findDue(client: pg.Client, migrations: Migration[]): Promise<Migration[]> {
  const { rows } = await client.query<{ version: number; name: string; checksum: string }>(
    'select version, name, checksum from schema_migrations order by version',
  );
  for (const applied of rows) {
    const known = migrations.find(({ version }) => version === applied.version);
    if (!known)
      throw failed(
        `the database has ${applied.name}, which this version of Sitecast does not know; it is newer`,
      );
    if (known.checksum !== applied.checksum) {
      throw failed(
        `${known.name} was changed after it had been applied; make a new file for a change instead`,
      );
    }
  }
  const applied = new Set(rows.map(({ version }) => version));
  // A number may be missing: what was made side by side is applied in the order in which it arrives.
  return migrations.filter(({ version }) => !applied.has(version));
}

async function apply(client: pg.Client, { version, name, sql, checksum }: Migration): Promise<void> {
  await client.query('begin');
  try {
    await client.query(sql);
    await client.query('insert into schema_migrations (version, name, checksum) values ($1, $2, $3)', [
      version,
      name,
      checksum,
    ]);
    await client.query('commit');
  } catch (cause) {
    await client.query('rollback').catch(() => undefined);
    throw failed(`${name} failed: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

const failed = (message: string, cause?: unknown): AppError =>
  new AppError('MIGRATION_FAILED', message, { cause });
