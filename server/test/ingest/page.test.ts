import { describe, expect, it } from 'vitest';
import { Conditions, parseCursor, toPage } from '../../src/ingest/page.ts';

describe('pages', () => {
  const items = [
    '01J00000000000000000000003',
    '01J00000000000000000000002',
    '01J00000000000000000000001',
  ].map((id, n) => ({
    id,
    at: new Date(1_760_000_000_123 - n),
  }));

  it('end with a cursor that names their last item', () => {
    const page = toPage(items, 2, (item) => item);
    expect(page.items).toEqual(items.slice(0, 2));
    expect(parseCursor(page.nextCursor ?? '')).toEqual(items[1]);
  });

  it('have no cursor when nothing follows', () => {
    expect(toPage(items, 3, (item) => item).nextCursor).toBeNull();
    expect(toPage([], 3, () => ({ at: new Date(0), id: '' })).nextCursor).toBeNull();
  });

  it.each([
    '',
    'x',
    Buffer.from('1').toString('base64url'),
    Buffer.from(`1e9 ${'0'.repeat(26)}`).toString('base64url'),
  ])('refuse the cursor %j', (cursor) => {
    expect(() => parseCursor(cursor)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
  });
});

describe('Conditions', () => {
  it('keep placeholders and values in step, and leave out what was not asked for', () => {
    const conditions = new Conditions().add('a = ?', 1).add('b = ?', undefined).add('(c, d) < (?, ?)', 2, 3);
    expect(conditions.where).toBe('where a = $1 and (c, d) < ($2, $3)');
    expect(conditions.value(4)).toBe('$4');
    expect(conditions.values).toEqual([1, 2, 3, 4]);
    expect(new Conditions().where).toBe('');
  });
});
