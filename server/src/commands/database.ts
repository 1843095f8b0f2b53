// For verbs that only need the database: a small pool around one piece of work.

import { readDatabaseConfig } from '../config.ts';
import { openPool, type Database } from '../postgres/pool.ts';
import type { CommandContext } from './context.ts';

export async function withDatabase<T>(
  { env, logger }: CommandContext,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const database = openPool({ ...readDatabaseConfig(env), logger });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}
