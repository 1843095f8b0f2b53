import { describe, expect, it } from 'vitest';
import {
  ALL_GUESSES,
  GUESSES,
  MAX_SESSIONS,
  PreviewLogin,
  SESSION_MS,
} from '../../src/preview/preview-login.ts';
import { ManualClock } from '../support.ts';
import { thrownBy } from '../camera/thrown.ts';

const PASSWORD = 'correct horse';
const clock = new ManualClock();
const newLogin = (): PreviewLogin => new PreviewLogin(PASSWORD, clock);

function guess(login: PreviewLogin, times: number, address = 'a'): (string | undefined)[] {
  return Array.from({ length: times }, () => thrownBy(() => login.logIn('wrong', address))?.code);
}

describe('PreviewLogin', () => {
  it('wants a password of ten characters, whatever they are', () => {
    for (const short of ['', 'ninechars', '비밀번호아홉글자다']) {
      expect(thrownBy(() => new PreviewLogin(short, clock))?.code).toBe('BAD_REQUEST');
    }
    expect(new PreviewLogin('비밀번호는열글자입니다', clock).logIn('비밀번호는열글자입니다', 'a')).toMatch(
      /^[\w-]{43}$/,
    );
  });

  it('lets in with the password alone, until the session ends', () => {
    const login = newLogin();
    const token = login.logIn(PASSWORD, 'a');
    const tokens = [token, undefined, '', 'x', `${token}x`];
    expect(tokens.map((each) => login.isLoggedIn(each))).toEqual([true, false, false, false, false]);
    clock.advance(SESSION_MS);
    expect(login.isLoggedIn(token)).toBe(false);
    const other = login.logIn(PASSWORD, 'a');
    login.logOut(other);
    expect(login.isLoggedIn(other)).toBe(false);
  });

  it('lets nobody guess for long, not even right, and lets in again later', () => {
    const login = newLogin();
    expect(guess(login, GUESSES.burst)).toEqual(Array(GUESSES.burst).fill('UNAUTHORIZED'));
    const refused = thrownBy(() => login.logIn(PASSWORD, 'a'));
    expect(refused).toMatchObject({ code: 'QUEUE_FULL', detail: { retryAfterMs: 30_000 } });
    expect(login.isLoggedIn(login.logIn(PASSWORD, 'b'))).toBe(true);
    clock.advance(30_000);
    expect(login.isLoggedIn(login.logIn(PASSWORD, 'a'))).toBe(true);
  });

  it('counts the guesses of many addresses together', () => {
    const login = newLogin();
    const codes = Array.from({ length: 1_000 }, (_, index) => guess(login, 1, `address ${index}`)[0]);
    expect(codes.filter((code) => code === 'UNAUTHORIZED')).toHaveLength(ALL_GUESSES.burst);
    expect(codes.at(-1)).toBe('QUEUE_FULL');
  });

  it('keeps so many sessions and no more', () => {
    const login = newLogin();
    const tokens = Array.from({ length: MAX_SESSIONS + 1 }, () => login.logIn(PASSWORD, 'a'));
    expect(tokens.map((token) => login.isLoggedIn(token)).filter((isIn) => !isIn)).toHaveLength(1);
    expect(login.isLoggedIn(tokens[0])).toBe(false);
  });
});
