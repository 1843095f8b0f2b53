import { describe, expect, it } from 'vitest';
import { sentencesOfAlert } from '../../src/alerts/sentences.ts';

describe('the sentence of an alert about missing data', () => {
  it('counts whole minutes', () => {
    const told = { subject: 'tank', reason: null, unit: null, label: null };
    const condition = { kind: 'missing', sensor: 'tank', metric: null } as const;
    expect(sentencesOfAlert({ ...told, condition, value: 1.011 })).toEqual({
      message: 'tank has sent nothing for 1 min.',
      messageKo: 'tank: 1분 동안 측정값이 없습니다.',
    });
  });
});
