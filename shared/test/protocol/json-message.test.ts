import * as z from 'zod';
import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeJson, isoTime, parseJson } from '../../src/protocol/json-message.ts';
import { MAX_JSON_MESSAGE_BYTES } from '../../src/protocol/limits.ts';
import { appErrorOf, codeOrPass } from '../app-error-of.ts';
import { seededRandom } from '../random.ts';

const schema = z.object({ name: z.string().max(5), nested: z.object({ list: z.array(z.int()) }).optional() });

describe('JSON message', () => {
  it('comes back as it went in, Korean and all', () => {
    expect(decodeMessage(schema, encodeJson({ name: '현관', nested: { list: [1] } }))).toEqual({
      name: '현관',
      nested: { list: [1] },
    });
  });

  it('loses the keys that nobody knows', () => {
    expect(decodeMessage(schema, encodeJson({ name: 'a', colour: 'red' }))).toEqual({ name: 'a' });
  });

  it('that breaks the schema names the key', () => {
    const error = appErrorOf(() =>
      decodeMessage(schema, encodeJson({ name: 'a', nested: { list: [1, 'x'] } })),
    );
    expect(error.code).toBe('FRAME_MALFORMED');
    expect(error.message).toMatch(/^nested\.list\.1: /);
  });

  it('that is of another type altogether says so', () => {
    expect(appErrorOf(() => decodeMessage(schema, encodeJson(7))).message).toMatch(/^message: /);
  });

  it.each([
    ['nothing', []],
    ['half a character', [0x22, 0xec, 0x98, 0x22]],
    ['an overlong zero', [0x22, 0xc0, 0x80, 0x22]],
    ['a surrogate in UTF-8', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['a bare word', [...Buffer.from('undefined')]],
    ['two values', [...Buffer.from('1 2')]],
  ])('of %s is malformed', (_what, bytes) => {
    expect(appErrorOf(() => parseJson(Uint8Array.from(bytes))).code).toBe('FRAME_MALFORMED');
  });

  it('of the largest size passes, and of one byte more is too large before it is parsed', () => {
    const largest = Buffer.from(`{"name":"a"}`.padEnd(MAX_JSON_MESSAGE_BYTES));
    expect(decodeMessage(schema, largest)).toEqual({ name: 'a' });
    const above = Buffer.alloc(MAX_JSON_MESSAGE_BYTES + 1, '{');
    expect(appErrorOf(() => decodeMessage(schema, above)).code).toBe('PAYLOAD_TOO_LARGE');
  });

  it('nested as deep as its size allows does not exhaust the stack', () => {
    const deep = Buffer.from('['.repeat(30_000) + ']'.repeat(30_000));
    expect(appErrorOf(() => decodeMessage(schema, deep)).code).toBe('FRAME_MALFORMED');
    const within = Buffer.concat([Buffer.from('{"name":'), deep, Buffer.from('}')]);
    expect(appErrorOf(() => decodeMessage(schema, within)).code).toBe('FRAME_MALFORMED');
  });

  it('of random bytes only ever throws a known AppError', () => {
    const random = seededRandom(5);
    for (let round = 0; round < 5_000; round += 1) {
      const bytes = random.bytes(random.int(40));
      codeOrPass(() => decodeMessage(schema, bytes), ['FRAME_MALFORMED']);
    }
  });
});

describe('ISO times', () => {
  it.each([
    '2026-03-01T09:00:00Z',
    '2026-03-01T09:00:00.123Z',
    '2026-03-01T18:00:00+09:00',
    '2024-02-29T00:00:00Z',
  ])('takes %s, and Date reads the same', (text) => {
    expect(isoTime.safeParse(text).success).toBe(true);
    expect(Number.isNaN(Date.parse(text))).toBe(false);
  });

  it.each([
    '2026-03-01',
    '2026-03-01T09:00:00',
    '2026-02-29T00:00:00Z',
    '2026-03-01T24:00:00Z',
    '0',
    'now',
    '',
  ])('refuses %j', (text) => {
    expect(isoTime.safeParse(text).success).toBe(false);
  });

  it('takes what toISOString writes', () => {
    const random = seededRandom(6);
    for (let round = 0; round < 500; round += 1) {
      const text = new Date(random.int(4e12)).toISOString();
      expect([text, isoTime.safeParse(text).success]).toEqual([text, true]);
    }
  });
});
