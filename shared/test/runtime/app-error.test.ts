import { describe, expect, it } from 'vitest';
import { AppError, isAppError, messageOf } from '../../src/runtime/app-error.ts';

describe('AppError', () => {
  it('keeps its code, cause and detail, and is not retryable unless said', () => {
    const cause = new Error('below');
    const error = new AppError('QUEUE_FULL', 'no room', { cause, detail: { waiting: 500 } });
    expect(error).toMatchObject({ name: 'AppError', code: 'QUEUE_FULL', retryable: false, cause });
    expect(error.detail).toEqual({ waiting: 500 });
    expect(new AppError('X', 'x', { retryable: true }).retryable).toBe(true);
    expect('cause' in new AppError('X', 'x')).toBe(false);
  });

  it('is told from other errors, and by its code', () => {
    const error: unknown = new AppError('NOT_FOUND', 'no');
    expect([isAppError(error), isAppError(error, 'NOT_FOUND'), isAppError(error, 'CONFLICT')]).toEqual([
      true,
      true,
      false,
    ]);
    expect([isAppError(new Error('x')), isAppError({ code: 'NOT_FOUND' }), isAppError(undefined)]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('has a message beside whatever else can be thrown', () => {
    expect([new Error('a'), 'b', 3, undefined, null].map(messageOf)).toEqual([
      'a',
      'b',
      '3',
      'undefined',
      'null',
    ]);
  });
});
