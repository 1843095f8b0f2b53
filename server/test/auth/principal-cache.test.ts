import { expect, it } from 'vitest';
import { MAX_CACHED_PRINCIPALS, PrincipalCache } from '../../src/auth/principal-cache.ts';
import { ManualClock } from '../support/manual-clock.ts';

it('a cache of logins forgets the oldest above its bound, counts it, and asks for it again', async () => {
  const cache = new PrincipalCache(new ManualClock());
  let asked = 0;
  const get = (key: number): Promise<unknown> =>
    cache.get(String(key), async () => {
      asked += 1;
      return { userId: String(key), username: 'kim', role: 'viewer', sites: null };
    });
  for (let key = 0; key < MAX_CACHED_PRINCIPALS; key += 1) await get(key);
  await get(0);
  expect([asked, cache.counters.loginsForgotten]).toEqual([MAX_CACHED_PRINCIPALS, 0]);
  await get(MAX_CACHED_PRINCIPALS);
  await get(0);
  expect([asked, cache.counters.loginsForgotten]).toEqual([MAX_CACHED_PRINCIPALS + 2, 2]);
});
