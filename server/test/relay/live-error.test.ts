import { describe, expect, it } from 'vitest';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { liveErrorOf } from '../../src/relay/live-error.ts';

describe('liveErrorOf', () => {
  it('tells a person in both languages, with the figures of the limit', () => {
    const error = new AppError('STREAM_LIMIT', '5 of 5', {
      detail: { limit: 5, active: 5, retryAfterMs: 5_000, x: 1 },
    });
    expect(liveErrorOf(error)).toEqual({
      message: {
        type: 'error',
        code: 'STREAM_LIMIT',
        message: 'The maximum number of live streams is in use. Please try again shortly.',
        messageKo: '최대 동시 스트림 수를 초과했습니다. 잠시 후 다시 시도해주세요.',
        limit: 5,
        active: 5,
        retryAfterMs: 5_000,
      },
      closeCode: 1013,
    });
  });

  it('keeps the text of what nobody expected to itself', () => {
    for (const error of [
      new Error('password=1234'),
      new AppError('SOMETHING_OF_AN_AGENT', 'password=1234'),
    ]) {
      const answer = liveErrorOf(error);
      expect(answer.message.code).toBe('INTERNAL');
      expect(JSON.stringify(answer)).not.toContain('1234');
    }
  });
});
