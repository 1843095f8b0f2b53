import { describe, expect, it } from 'vitest';
import { parseJsonPath, selectNodes } from '../../../src/protocol/mapping/json-path.ts';
import { appErrorOf } from '../../app-error-of.ts';

// The examples of RFC 9535, as far as they use what is known here.
const store = {
  store: {
    book: [
      { category: 'reference', price: 8.95 },
      { category: 'fiction', price: 12.99 },
      { category: 'fiction', isbn: '0-553-21311-3', price: 8.99 },
    ],
    bicycle: { color: 'red', price: 399 },
  },
};
const odd = { o: { 'j j': { 'k.k': 3 } }, "'": { '@': 2 }, 한: 4, list: ['a', 'b'] };

const select = (path: string, value: unknown, maxNodes = 100): unknown[] =>
  selectNodes(parseJsonPath(path), value, maxNodes).map((node) => node.value);

describe('a JSON path', () => {
  it.each([
    ['$.store.book[*].price', store, [8.95, 12.99, 8.99]],
    ['$.store.bicycle.price', store, [399]],
    ['$.store.*.price', store, [399]],
    ['$.store.book[2].price', store, [8.99]],
    ['$.store.book[-1].price', store, [8.99]],
    ['$.store.book[3].price', store, []],
    [`$.o['j j']['k.k']`, odd, [3]],
    ['$.o["j j"]["k.k"]', odd, [3]],
    [`$["'"]["@"]`, odd, [2]],
    [`$['\\'']['@']`, odd, [2]],
    ['$.한', odd, [4]],
    ['$.list[ 1 ]', odd, ['b']],
    ['$.list.length', odd, []],
    ['$.list["0"]', odd, []],
    ['$.o[0]', odd, []],
    ['$.toString', odd, []],
    ['$', 5, [5]],
    ['$.a', 5, []],
    ['$.*', null, []],
  ])('%s', (path, value, expected) => {
    expect(select(path, value)).toEqual(expected);
  });

  it('names what each wildcard stood for, and stops at its bound', () => {
    const nodes = selectNodes(parseJsonPath('$.store.book[*].*'), store, 4);
    expect(nodes.map(({ found }) => found.join('.'))).toEqual([
      '0.category',
      '0.price',
      '1.category',
      '1.price',
    ]);
  });

  it.each([
    ['', 'starts with $'],
    ['store', 'starts with $'],
    ['$..price', 'at character 2'],
    ['$.store[?@.price<10]', 'at character 8'],
    ['$[0:2]', 'at character 2'],
    ['$[0,1]', 'at character 2'],
    ['$[01]', 'at character 2'],
    ['$[-0]', 'at character 2'],
    ["$['a]", 'at character 2'],
    ['$.a b', 'at character 4'],
    [`$${'.a'.repeat(17)}`, '16 segments'],
    [`$.${'a'.repeat(300)}`, '256 characters'],
  ])('is refused as %s', (text, why) => {
    const error = appErrorOf(() => parseJsonPath(text));
    expect(error).toMatchObject({ code: 'BAD_REQUEST' });
    expect(error.message).toContain(why);
  });
});
