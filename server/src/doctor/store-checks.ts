// PostgreSQL and Redis.

import { failed, ok, warning, type Finding } from '@sitecast/shared/node/check';
import { isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import type { ServerConfig } from '../config.ts';
import { dueMigrations } from '../postgres/migrate.ts';
import type { Database } from '../postgres/pool.ts';
import { CLOCK_JUMP_MS, HOLD_MS } from '../retention/clock-trust.ts';
import { refuseEviction } from '../queues/redis-policy.ts';

export async function checkDatabase(database: Database): Promise<Finding> {
  try {
    const [row] = await database.query<{ version: string; bytes: number }>(
      `select current_setting('server_version') as version, pg_database_size(current_database()) as bytes`,
    );
    return ok(`PostgreSQL ${row?.version}, ${Math.round((row?.bytes ?? 0) / 2 ** 20)} MiB of data`);
  } catch (error) {
    return failed(messageOf(error), 'start PostgreSQL, or correct DATABASE_URL');
  }
}

export async function checkMigrations({ url }: ServerConfig['postgres']): Promise<Finding> {
  try {
    const due = await dueMigrations({ url });
    if (due.length === 0) return ok('the database is up to date');
    return warning(
      `${due.length} to apply, the first is ${due[0]}`,
      'sitecast-server migrate, or start the server',
    );
  } catch (error) {
    const advice = isAppError(error, 'MIGRATION_FAILED')
      ? 'run the version of Sitecast that the database belongs to'
      : 'report this';
    return failed(messageOf(error), advice);
  }
}

/** A server that runs now and doubts the clock does not note the time either. */
export async function checkClock(database: Database, nowMs: number): Promise<Finding> {
  const [row] = await database.query<{ at: Date }>('select seen_at as at from server_clock');
  const now = new Date(nowMs).toISOString();
  if (!row || Math.abs(nowMs - row.at.getTime()) <= CLOCK_JUMP_MS) return ok(`it is ${now}`);
  return warning(
    `it is ${now}, and the server believed the clock last at ${row.at.toISOString()}: nothing is deleted by age`,
    `set the clock, if it is wrong; else the server believes it after ${HOLD_MS / 3_600_000} hours`,
  );
}

export async function checkRedis(url: string): Promise<Finding> {
  try {
    await refuseEviction(url);
    return ok('Redis answers and evicts nothing');
  } catch (error) {
    const advice = isAppError(error, 'CONFIG_INVALID')
      ? 'set maxmemory-policy to noeviction in redis.conf'
      : 'start Redis, or correct REDIS_URL';
    return failed(messageOf(error), advice);
  }
}
