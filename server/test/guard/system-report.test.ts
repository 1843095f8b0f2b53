import { describe, expect, it } from 'vitest';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { knownCounts } from '../../src/guard/system-report.ts';

describe('the system report', () => {
  it('takes what a queue counts', async () => {
    expect(await knownCounts({ counts: async () => ({ waiting: 2, active: 1 }) })).toEqual({
      waiting: 2,
      active: 1,
    });
  });

  it('says of a queue whose store does not answer that it is not known, not that it is empty', async () => {
    const counts = (): Promise<never> => Promise.reject(new AppError('STORE_UNAVAILABLE', 'away'));
    expect(await knownCounts({ counts })).toEqual({ waiting: null, active: null });
  });
});
