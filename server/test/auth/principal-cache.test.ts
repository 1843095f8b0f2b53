import { expect, it } from 'vitest';
import type { Principal } from '../../src/auth/principal.ts';
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

const KIM: Principal = { userId: 'kim', username: 'kim', role: 'viewer', sites: null };

/** A store that answers when the test says so. */
function slowStore() {
  const cache = new PrincipalCache(new ManualClock());
  const asked: { resolve: (principal: Principal | undefined) => void; reject: (error: Error) => void }[] = [];
  const load = (): Promise<Principal | undefined> =>
    new Promise((resolve, reject) => void asked.push({ resolve, reject }));
  const get = (key = 'a'): Promise<Principal | undefined> => cache.get(key, load);
  return { cache, asked, get };
}

it('logins of one credential that come at once cost one query, and those of another one more', async () => {
  const { asked, get } = slowStore();
  const logins = [...Array.from({ length: 101 }, () => get('a')), get('b')];
  expect(asked).toHaveLength(2);
  for (const { resolve } of asked) resolve(KIM);
  expect(await Promise.all(logins)).toEqual(logins.map(() => KIM));
  expect(await get('a')).toBe(KIM);
  expect(asked).toHaveLength(2);
});

it('a login that could not be loaded fails for those who share it, and is tried again for the next', async () => {
  const { asked, get } = slowStore();
  const logins = [get(), get()];
  asked[0]?.reject(new Error('no answer'));
  expect(await Promise.allSettled(logins)).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }]);
  const next = get();
  asked[1]?.resolve(undefined);
  expect(await next).toBeUndefined();
  void get();
  expect(asked).toHaveLength(3);
});

it.each([
  ['of the credential', (cache: PrincipalCache) => cache.forget('a')],
  ['of the user', (cache: PrincipalCache) => cache.forgetUser('kim')],
])(
  'what was revoked %s while it was being loaded is not kept, and not shared with who comes after',
  async (_of, revoke) => {
    const { cache, asked, get } = slowStore();
    const before = get();
    revoke(cache);
    const after = get();
    expect(asked).toHaveLength(2);
    asked[0]?.resolve(KIM);
    expect(await before).toBe(KIM);
    asked[1]?.resolve(undefined);
    expect(await after).toBeUndefined();
    void get();
    expect(asked).toHaveLength(3);
  },
);
