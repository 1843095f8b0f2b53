import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  errorBody,
  httpStatusOf,
  isServerErrorCode,
  SERVER_ERROR_CODES,
  serverSentencesOf,
} from '../src/errors.ts';

describe('error codes', () => {
  it('are those of the table in README.md, each with its HTTP status', () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    const listed = [...readme.matchAll(/^\| `([A-Z_]+)`\s*\| (\d{3})\s*\|/gm)].map(([, code, status]) => [
      code,
      Number(status),
    ]);
    expect(Object.fromEntries(listed)).toEqual(
      Object.fromEntries(SERVER_ERROR_CODES.map((code) => [code, httpStatusOf(code)])),
    );
  });

  it('each have a sentence in English and one in Korean', () => {
    for (const code of SERVER_ERROR_CODES) {
      const { message, messageKo } = serverSentencesOf(code);
      expect(message).toMatch(/^[A-Z].*\.$/);
      expect(messageKo).toMatch(/[가-힣].*\.$/);
    }
  });

  it('are told apart from other text', () => {
    expect(isServerErrorCode('STREAM_LIMIT')).toBe(true);
    expect(isServerErrorCode('LOGIN_FAILED')).toBe(true);
    expect(isServerErrorCode('toString')).toBe(false);
  });

  it('make a body with nothing but what was given', () => {
    expect(errorBody('NOT_FOUND', { reason: 'no camera x' })).toEqual({
      error: {
        code: 'NOT_FOUND',
        message: 'It does not exist.',
        messageKo: '존재하지 않습니다.',
        detail: { reason: 'no camera x' },
      },
    });
  });
});
