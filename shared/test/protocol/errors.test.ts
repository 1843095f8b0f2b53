import { describe, expect, it } from 'vitest';
import { sentencesOf, WIRE_ERRORS, type WireErrorCode } from '../../src/protocol/errors.ts';

const codes = Object.keys(WIRE_ERRORS) as WireErrorCode[];

describe('wire errors', () => {
  it.each(codes)('%s has a sentence in English and one in Korean', (code) => {
    const { message, messageKo } = sentencesOf(code);
    expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/);
    expect(message).toMatch(/^[A-Z][\x20-\x7e]+\.$/);
    expect(messageKo).toMatch(/^[^A-Za-z]*[\uac00-\ud7a3][^A-Za-z]*\.$/);
  });

  it('tell the person at the limit of streams what the operator of the old system is used to', () => {
    expect(sentencesOf('STREAM_LIMIT').messageKo).toBe(
      '최대 동시 스트림 수를 초과했습니다. 잠시 후 다시 시도해주세요.',
    );
  });

  it('say something different each', () => {
    expect(new Set(codes.map((code) => sentencesOf(code).message)).size).toBe(codes.length);
    expect(new Set(codes.map((code) => sentencesOf(code).messageKo)).size).toBe(codes.length);
  });
});
