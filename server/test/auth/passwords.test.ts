import { describe, expect, it } from 'vitest';
import { MAX_HASHES_AT_ONCE, MAX_HASHES_WAITING, Passwords } from '../../src/auth/passwords.ts';

describe('Passwords', () => {
  it('hashes with argon2id and recognises the password again', async () => {
    const passwords = new Passwords();
    const stored = await passwords.hash('correct horse battery');
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await passwords.matches('correct horse battery', stored)).toBe(true);
    expect(await passwords.matches('correct horse batterx', stored)).toBe(false);
  });

  it('hashes the same password differently each time', async () => {
    const passwords = new Passwords();
    expect(await passwords.hash('correct horse battery')).not.toBe(
      await passwords.hash('correct horse battery'),
    );
  });

  it('works as long for a user who does not exist, and refuses', async () => {
    expect(await new Passwords().matches('nobody', undefined)).toBe(false);
  });

  it.each(['short', 'x'.repeat(201)])('refuses a new password of a bad length', async (password) => {
    await expect(new Passwords().hash(password)).rejects.toMatchObject({ code: 'PASSWORD_WEAK' });
  });

  it('lets few wait, refuses the others at once, and goes on afterwards', async () => {
    const passwords = new Passwords();
    const room = MAX_HASHES_AT_ONCE + MAX_HASHES_WAITING;
    const attempts = Array.from({ length: room + 5 }, () => passwords.matches('guess', undefined));
    const settled = await Promise.allSettled(attempts);
    expect(settled.filter(({ status }) => status === 'rejected')).toHaveLength(5);
    expect(passwords.counters).toEqual({ hashesHeldUp: MAX_HASHES_WAITING, hashesRefused: 5 });
    expect(await passwords.matches('guess', undefined)).toBe(false);
  });
});
