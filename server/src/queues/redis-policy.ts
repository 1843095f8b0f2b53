// A Redis that may evict keys loses jobs without an error: such a one is refused at start.

import { Redis } from 'ioredis';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';

const TIMEOUT_MS = 5_000;

/** @throws {AppError} CONFIG_INVALID when Redis evicts; STORE_UNAVAILABLE (retryable) when it does not answer. */
export async function refuseEviction(url: string): Promise<void> {
  const policy = await readEvictionPolicy(url);
  if (policy === 'noeviction') return;
  throw new AppError(
    'CONFIG_INVALID',
    `Redis evicts keys (maxmemory-policy ${policy}), which loses jobs; set maxmemory-policy to noeviction`,
  );
}

// INFO instead of CONFIG GET: managed services forbid CONFIG.
async function readEvictionPolicy(url: string): Promise<string> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: TIMEOUT_MS,
    commandTimeout: TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let reason = 'no answer';
  redis.on('error', (error) => (reason = messageOf(error)));
  try {
    await redis.connect();
    return /^maxmemory_policy:(\S+)/m.exec(await redis.info('memory'))?.[1] ?? 'unknown';
  } catch (cause) {
    throw new AppError('STORE_UNAVAILABLE', `Redis of REDIS_URL is not reachable (${reason})`, {
      cause,
      retryable: true,
    });
  } finally {
    redis.disconnect();
  }
}
