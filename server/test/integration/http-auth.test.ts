import { readFile, stat } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { ensureFirstAdmin, firstLoginPath } from '../../src/auth/first-login.ts';
import { Passwords } from '../../src/auth/passwords.ts';
import { MAX_SESSIONS_PER_USER } from '../../src/auth/sessions.ts';
import { Users } from '../../src/auth/users.ts';
import { openHttpHarness, PASSWORD } from '../support/http-harness.ts';
import { testLogger, useTestPostgres } from '../support/postgres.ts';

const postgres = useTestPostgres();

describe('the first start', () => {
  it('makes an administrator once, whose password is in a private file and nowhere else', async () => {
    await using harness = await openHttpHarness(postgres);
    const users = new Users({ database: harness.database, passwords: new Passwords() });
    const first = { users, dataDir: harness.dataDir, logger: testLogger };
    await ensureFirstAdmin(first);
    const path = firstLoginPath(harness.dataDir);
    const login = JSON.parse(await readFile(path, 'utf8')) as { username: string; password: string };
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(login).toEqual({ username: 'admin', password: expect.stringMatching(/^[\w-]{20}$/) as string });

    await ensureFirstAdmin(first);
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(login);
    const answer = await harness.request(null, { method: 'POST', url: '/api/v1/auth/login', payload: login });
    expect(answer.json()).toMatchObject({ username: 'admin', role: 'admin', sites: null });
    expect(await users.count()).toBe(1);
  });

  it('loses that file when the administrator chooses a password', async () => {
    await using harness = await openHttpHarness(postgres);
    const users = new Users({ database: harness.database, passwords: new Passwords() });
    await ensureFirstAdmin({ users, dataDir: harness.dataDir, logger: testLogger });
    const login = JSON.parse(await readFile(firstLoginPath(harness.dataDir), 'utf8')) as { password: string };
    const { headers } = await harness.request(null, {
      method: 'POST',
      url: '/api/v1/auth/login',
      payload: login,
    });
    const changed = await harness.request(String(headers['set-cookie']).split(';')[0] ?? '', {
      method: 'POST',
      url: '/api/v1/auth/password',
      payload: { current: login.password, next: PASSWORD },
    });
    expect(changed.statusCode).toBe(204);
    await expect(stat(firstLoginPath(harness.dataDir))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('login', () => {
  it('gives a signed, HttpOnly, SameSite cookie that works until logout', async () => {
    await using harness = await openHttpHarness(postgres);
    await harness.services.users.create({
      username: 'kim',
      password: PASSWORD,
      role: 'viewer',
      sites: ['yard'],
    });
    const login = await harness.request(null, {
      method: 'POST',
      url: '/api/v1/auth/login',
      payload: { username: 'Kim', password: PASSWORD },
    });
    const setCookie = String(login.headers['set-cookie']);
    expect(setCookie).toMatch(/^sitecast_session=[^;]+; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Lax$/);
    const cookie = setCookie.split(';')[0] ?? '';
    const me = await harness.request(cookie, { url: '/api/v1/auth/me' });
    expect(me.json()).toMatchObject({ username: 'kim', role: 'viewer', sites: ['yard'] });
    expect(me.headers['cache-control']).toBe('no-store');

    await harness.request(cookie, { method: 'POST', url: '/api/v1/auth/logout' });
    expect((await harness.request(cookie, { url: '/api/v1/auth/me' })).statusCode).toBe(401);
  });

  it('makes the cookie Secure when the page is reached by https', async () => {
    await using harness = await openHttpHarness(postgres, {
      services: { publicUrl: new URL('https://sitecast.example.com') },
    });
    await harness.services.users.create({ username: 'kim', password: PASSWORD, role: 'viewer', sites: null });
    const login = await harness.request(null, {
      method: 'POST',
      url: '/api/v1/auth/login',
      headers: { origin: 'https://sitecast.example.com' },
      payload: { username: 'kim', password: PASSWORD },
    });
    expect(String(login.headers['set-cookie'])).toContain('; Secure');
  });

  it('says the same of a wrong password and of an unknown user, in both languages', async () => {
    await using harness = await openHttpHarness(postgres);
    await harness.services.users.create({ username: 'kim', password: PASSWORD, role: 'viewer', sites: null });
    const [wrong, unknown] = await Promise.all(
      ['kim', 'nobody'].map((username) =>
        harness.request(null, {
          method: 'POST',
          url: '/api/v1/auth/login',
          payload: { username, password: 'guess' },
        }),
      ),
    );
    expect(wrong?.statusCode).toBe(401);
    expect(wrong?.json()).toEqual(unknown?.json());
    expect(wrong?.json()).toMatchObject({
      error: { code: 'LOGIN_FAILED', messageKo: '사용자 이름 또는 비밀번호가 올바르지 않습니다.' },
    });
    expect(wrong?.headers['set-cookie']).toBeUndefined();
  });

  it('is refused with 429 and Retry-After after ten failures', async () => {
    await using harness = await openHttpHarness(postgres);
    const attempt = (username: string) =>
      harness.request(null, {
        method: 'POST',
        url: '/api/v1/auth/login',
        payload: { username, password: 'guess' },
      });
    for (let index = 0; index < 10; index += 1) expect((await attempt(`user-${index}`)).statusCode).toBe(401);
    const refused = await attempt('user-11');
    expect(refused.statusCode).toBe(429);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(200);
    expect(refused.json()).toMatchObject({ error: { code: 'RATE_LIMITED' } });
  });

  it.each([
    ['an unsigned cookie', 'sitecast_session=abc'],
    ['a cookie with a wrong signature', 'sitecast_session=abc.c2lnbmF0dXJl'],
  ])('is not replaced by %s', async (_what, cookie) => {
    await using harness = await openHttpHarness(postgres);
    const answer = await harness.request(cookie, { url: '/api/v1/auth/me' });
    expect(answer.statusCode).toBe(401);
    expect(answer.json()).toMatchObject({
      error: { code: 'UNAUTHORIZED', messageKo: '로그인이 필요합니다.' },
    });
  });

  it('ends the oldest session of a user who has too many', async () => {
    await using harness = await openHttpHarness(postgres);
    const { sessions, users } = harness.services;
    const { userId } = await users.create({
      username: 'kim',
      password: PASSWORD,
      role: 'viewer',
      sites: null,
    });
    const secrets: string[] = [];
    for (let index = 0; index <= MAX_SESSIONS_PER_USER; index += 1)
      secrets.push(await sessions.begin(userId));
    const alive = await Promise.all(secrets.map((secret) => sessions.authenticate(secret)));
    expect(alive.map(Boolean)).toEqual([false, ...Array.from({ length: MAX_SESSIONS_PER_USER }, () => true)]);
    expect(sessions.counters).toEqual({ sessionsEnded: 1, loginsForgotten: 0 });
  });
});

describe('a change of password', () => {
  it('needs the current one, ends other sessions, and keeps this one', async () => {
    await using harness = await openHttpHarness(postgres);
    const { users, sessions } = harness.services;
    const { userId } = await users.create({
      username: 'kim',
      password: PASSWORD,
      role: 'viewer',
      sites: null,
    });
    const other = await sessions.begin(userId);
    const login = await harness.request(null, {
      method: 'POST',
      url: '/api/v1/auth/login',
      payload: { username: 'kim', password: PASSWORD },
    });
    const cookie = String(login.headers['set-cookie']).split(';')[0] ?? '';
    const change = (current: string, next: string) =>
      harness.request(cookie, { method: 'POST', url: '/api/v1/auth/password', payload: { current, next } });

    expect((await change('wrong', 'another password')).json()).toMatchObject({
      error: { code: 'LOGIN_FAILED' },
    });
    expect((await change(PASSWORD, 'short')).json()).toMatchObject({ error: { code: 'PASSWORD_WEAK' } });
    expect((await change(PASSWORD, 'another password')).statusCode).toBe(204);
    expect(await sessions.authenticate(other)).toBeUndefined();
    expect((await harness.request(cookie, { url: '/api/v1/auth/me' })).statusCode).toBe(200);
    await expect(users.login('kim', PASSWORD)).rejects.toMatchObject({ code: 'LOGIN_FAILED' });
  });
});

describe('tokens', () => {
  it('act as their user, are shown once, and stop when revoked', async () => {
    await using harness = await openHttpHarness(postgres);
    const cookie = await harness.login('operator', ['yard']);
    const made = await harness.request(cookie, {
      method: 'POST',
      url: '/api/v1/tokens',
      payload: { name: 'export' },
    });
    expect(made.statusCode).toBe(201);
    const { id, token } = made.json<{ id: string; token: string }>();
    expect(token).toMatch(/^sct_[\w-]{43}$/);

    const headers = { authorization: `Bearer ${token}` };
    const me = await harness.request(null, { url: '/api/v1/auth/me', headers });
    expect(me.json()).toMatchObject({ role: 'operator', sites: ['yard'] });
    const list = await harness.request(cookie, { url: '/api/v1/tokens' });
    expect(list.json()).toMatchObject({ items: [{ id, name: 'export' }] });
    expect(list.body).not.toContain(token);

    expect(
      (await harness.request(cookie, { method: 'DELETE', url: `/api/v1/tokens/${id}` })).statusCode,
    ).toBe(204);
    expect((await harness.request(null, { url: '/api/v1/auth/me', headers })).statusCode).toBe(401);
  });

  it('do not work after they expire', async () => {
    await using harness = await openHttpHarness(postgres);
    const { users, tokens } = harness.services;
    const { userId } = await users.create({
      username: 'kim',
      password: PASSWORD,
      role: 'viewer',
      sites: null,
    });
    const { secret } = await tokens.create(userId, { name: 'old', expiresAt: new Date(Date.now() - 1000) });
    expect(await tokens.authenticate(secret)).toBeUndefined();
  });

  it('of another user cannot be revoked', async () => {
    await using harness = await openHttpHarness(postgres);
    const made = await harness.request(await harness.login('viewer'), {
      method: 'POST',
      url: '/api/v1/tokens',
      payload: { name: 'mine' },
    });
    const { id } = made.json<{ id: string }>();
    const answer = await harness.request(await harness.login('admin'), {
      method: 'DELETE',
      url: `/api/v1/tokens/${id}`,
    });
    expect(answer.statusCode).toBe(404);
  });
});
