// Whole databases: made for the embedded server and for tests. Each call owns its one connection.

import pg from 'pg';
import { toStoreError } from './errors.ts';

const CONNECT_TIMEOUT_MS = 10_000;

/** Creates `name` when it is missing. @param url of another database of the same server, `postgres` for one. */
export async function ensureDatabase(url: string, name: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`);
  });
}

/** Copies `template`, which nobody may be connected to, file by file: measured at half the time of a copy through the log. */
export async function cloneDatabase(url: string, name: string, template: string): Promise<void> {
  await withClient(url, async (client) => {
    const [to, from] = [client.escapeIdentifier(name), client.escapeIdentifier(template)];
    await client.query(`create database ${to} template ${from} strategy file_copy`);
  });
}

/** Ends its connections and removes it. */
export async function dropDatabase(url: string, name: string): Promise<void> {
  await withClient(url, (client) =>
    client.query(`drop database if exists ${client.escapeIdentifier(name)} with (force)`),
  );
}

/** `url` with another database name. */
export function databaseUrl(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

/** One connection without the pool's time-outs. Errors as {@link toStoreError} says. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    throw toStoreError(error, 'connecting');
  } finally {
    await client.end().catch(() => undefined);
  }
}
