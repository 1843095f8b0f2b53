import { describe, expect, it } from 'vitest';
import { ulid } from 'ulid';
import { formatAddress, isId, isUlid, METRIC_PATTERN, parseAddress } from '../../src/protocol/ids.ts';
import { appErrorOf } from '../app-error-of.ts';

describe('ids', () => {
  it.each(['a', '0', 'front', 'front-door', 'a-', 'x'.repeat(63)])('accepts %j', (id) => {
    expect(isId(id)).toBe(true);
  });

  it.each(['', '-a', 'A', 'a_b', 'a b', 'a/b', 'a+', '#', '..', 'a\n', 'a\0', 'ä', '카메라', 'x'.repeat(64)])(
    'refuses %j',
    (id) => {
      expect(isId(id)).toBe(false);
    },
  );
});

describe('ULIDs', () => {
  it('accepts what the ulid package makes, up to the last ms that fits 48 bits', () => {
    expect(isUlid(ulid())).toBe(true);
    expect(isUlid(ulid(2 ** 48 - 1))).toBe(true);
    expect(isUlid('7ZZZZZZZZZZZZZZZZZZZZZZZZZ')).toBe(true);
  });

  it.each([
    ['above 48 bits of time', '8ZZZZZZZZZZZZZZZZZZZZZZZZZ'],
    ['lower case', '01arz3ndektsv4rrffq69g5fav'],
    ['a letter that Crockford leaves out', '01ARZ3NDEKTSV4RRFFQ69G5FAI'],
    ['too short', '01ARZ3NDEKTSV4RRFFQ69G5FA'],
    ['too long', '01ARZ3NDEKTSV4RRFFQ69G5FAVV'],
    ['a line feed behind it', '01ARZ3NDEKTSV4RRFFQ69G5FAV\n'],
  ])('refuses %s', (_why, text) => {
    expect(isUlid(text)).toBe(false);
  });
});

describe('metrics', () => {
  it.each(['temperature', 'pm2.5', '_x', '3phase', 'a:b-c', 'constructor', 'x'.repeat(63)])(
    'accepts %j',
    (name) => {
      expect(METRIC_PATTERN.test(name)).toBe(true);
    },
  );

  it.each(['', '.a', '-a', 'a b', 'a/b', '온도', '__proto__', 'x'.repeat(64)])('refuses %j', (name) => {
    expect(METRIC_PATTERN.test(name)).toBe(false);
  });
});

describe('addresses', () => {
  it('come back as they were', () => {
    expect(parseAddress(formatAddress({ site: 'seoul-1', id: 'front' }))).toEqual({
      site: 'seoul-1',
      id: 'front',
    });
  });

  it.each(['', 'a', 'a/', '/a', 'a/b/c', 'a/b/', 'A/b', 'a/..', '+/#', 'a//b', `a/${'x'.repeat(100_000)}`])(
    'of the form %.40j are refused',
    (text) => {
      const error = appErrorOf(() => parseAddress(text));
      expect(error.code).toBe('ID_INVALID');
      expect(error.message.length).toBeLessThan(300);
    },
  );
});
