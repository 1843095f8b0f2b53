import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isAppError } from '@sitecast/shared/runtime/app-error';
import { readConfig, SETTING_NAMES } from '../src/config.ts';

const DATABASE_URL = 'postgres://user:secret@127.0.0.1/sitecast';

describe('settings', () => {
  it('have the defaults of the design', () => {
    const config = readConfig({ DATABASE_URL });
    expect(config.http).toMatchObject({ host: '127.0.0.1', port: 8080, trustProxy: false });
    expect(config.mqtt).toEqual({
      host: '127.0.0.1',
      dataPort: 1883,
      mediaPort: 1884,
      messagesPerSecond: 500,
      bytesPerSecond: 4 * 1024 * 1024,
    });
    expect(config.live).toEqual({
      maxStreams: 5,
      maxStillsStreams: 20,
      maxViewers: 100,
      maxViewersPerStream: 50,
      maxViewersPerUser: 30,
      maxViewersPerAddress: 60,
    });
    expect(config.webSocket).toMatchObject({
      maxPayloadBytes: 1_000_000,
      pingIntervalMs: 25_000,
      pongTimeoutMs: 60_000,
    });
    expect(config.postgres).toMatchObject({ min: 2, max: 10, statementTimeoutMs: 5_000 });
    expect(config.images).toEqual({ concurrency: 2, queueMax: 500, maxUploads: 16 });
    expect(config.memoryLimitBytes).toBeUndefined();
  });

  it('count an empty variable as absent', () => {
    expect(readConfig({ DATABASE_URL, PORT: '', REDIS_URL: '' })).toMatchObject({ redisUrl: undefined });
  });

  it('report every problem at once, with its key, and no value that may hold a password', () => {
    const problem = problemOf({
      PORT: '99999',
      REDIS_URL: 'http://user:hunter2@redis',
      TRUST_PROXY: 'perhaps',
    });
    for (const key of ['DATABASE_URL', 'PORT', 'REDIS_URL', 'TRUST_PROXY'])
      expect(problem).toContain(`"${key}"`);
    expect(problem).not.toContain('hunter2');
  });

  it.each([
    [{ PG_POOL_MIN: '8', PG_POOL_MAX: '4' }, /8, above PG_POOL_MAX 4/],
    [{ MAX_VIEWERS: '10', MAX_VIEWERS_PER_STREAM: '50' }, /50, above MAX_VIEWERS 10/],
    [{ MAX_DEVICES: '10000' }, /10000, above the 512 data connections/],
    [{ WS_PING_INTERVAL_MS: '60000' }, /not above WS_PING_INTERVAL_MS 60000/],
    [{ PORT: '1883' }, /must differ, got 1883, 1883, 1884/],
  ])('refuse %j with both values', (env, message) => {
    expect(problemOf({ DATABASE_URL, ...env })).toMatch(message);
  });

  it('are all in .env.example, with the same defaults, and no other is', () => {
    const example = readFileSync(new URL('../.env.example', import.meta.url), 'utf8');
    const listed = [...example.matchAll(/^#([A-Z_]+)=(.*)$/gm)].map(([, key = '', value = '']) => [
      key,
      value,
    ]);
    expect(listed.map(([key]) => key).sort()).toEqual([...SETTING_NAMES].sort());
    expect(readConfig(Object.fromEntries(listed) as Record<string, string>)).toEqual(
      readConfig({ DATABASE_URL: Object.fromEntries(listed).DATABASE_URL }),
    );
  });

  it('let a stream have all viewers where there are fewer than its own default', () => {
    expect(readConfig({ DATABASE_URL, MAX_VIEWERS: '40' }).live.maxViewersPerStream).toBe(40);
  });
});

function problemOf(env: Record<string, string>): string {
  try {
    readConfig(env);
  } catch (error) {
    if (isAppError(error, 'CONFIG_INVALID')) return error.message;
    throw error;
  }
  throw new Error('these settings are valid');
}
