import { describe, expect, it } from 'vitest';
import { BoundedQueue, type FullPolicy } from '../../src/runtime/bounded-queue.ts';
import { seededRandom } from '../random.ts';

const queueOf = (policy: FullPolicy, maxItems = 3, maxBytes = 100): BoundedQueue<string> =>
  new BoundedQueue({ maxItems, maxBytes, policy, bytesOf: (text) => text.length });

const drain = <T>(queue: BoundedQueue<T>): T[] => {
  const items: T[] = [];
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) items.push(item);
  return items;
};

describe('BoundedQueue', () => {
  it('gives items back in the order in which they came, and counts their bytes', () => {
    const queue = queueOf('reject');
    expect([queue.push('a'), queue.push('bb')]).toEqual([true, true]);
    expect([queue.length, queue.bytes]).toEqual([2, 3]);
    expect(drain(queue)).toEqual(['a', 'bb']);
    expect([queue.length, queue.bytes, queue.itemsDropped, queue.shift()]).toEqual([0, 0, 0, undefined]);
  });

  it('that rejects turns the newest away at either bound', () => {
    const queue = queueOf('reject', 2, 10);
    expect([queue.push('a'), queue.push('b'), queue.push('c')]).toEqual([true, true, false]);
    const narrow = queueOf('reject', 9, 10);
    expect([narrow.push('x'.repeat(6)), narrow.push('y'.repeat(5)), narrow.push('z'.repeat(4))]).toEqual([
      true,
      false,
      true,
    ]);
    expect([queue.itemsDropped, narrow.itemsDropped]).toEqual([1, 1]);
  });

  it('that drops the oldest makes as much room as the newest needs', () => {
    const queue = queueOf('drop-oldest', 9, 10);
    for (const text of ['aaa', 'bbb', 'ccc']) queue.push(text);
    expect(queue.push('d'.repeat(7))).toBe(true);
    expect([queue.itemsDropped, queue.bytes]).toEqual([2, 10]);
    expect(drain(queue)).toEqual(['ccc', 'ddddddd']);
  });

  it.each(['reject', 'drop-oldest'] as const)(
    'with policy %s turns away what alone is above its bytes, and keeps the rest',
    (policy) => {
      const queue = queueOf(policy);
      queue.push('a');
      expect(queue.push('x'.repeat(101))).toBe(false);
      expect([queue.itemsDropped, drain(queue)]).toEqual([1, ['a']]);
    },
  );

  it('counts an item by the bytes that it came with, even when it shrinks or grows inside', () => {
    const queue = new BoundedQueue<{ bytes: number }>({
      maxItems: 9,
      maxBytes: 10,
      policy: 'drop-oldest',
      bytesOf: ({ bytes }) => bytes,
    });
    const item = { bytes: 10 };
    queue.push(item);
    item.bytes = 0;
    expect(queue.push({ bytes: 10 })).toBe(true);
    expect([queue.length, queue.bytes]).toEqual([1, 10]);
  });

  it('that could hold nothing, or items of no size, is a programming mistake', () => {
    expect(() => queueOf('drop-oldest', 0)).toThrow(TypeError);
    expect(() => queueOf('reject', 1, -1)).toThrow(TypeError);
    expect(() => queueOf('reject', Number.NaN)).toThrow(TypeError);
    const queue = new BoundedQueue<number>({
      maxItems: 1,
      maxBytes: 1,
      policy: 'drop-oldest',
      bytesOf: () => Number.NaN,
    });
    expect(() => queue.push(1)).toThrow(TypeError);
  });

  it('is empty and usable after it was cleared', () => {
    const queue = queueOf('reject');
    queue.push('a');
    queue.clear();
    expect([queue.length, queue.bytes, queue.push('b'), queue.shift()]).toEqual([0, 0, true, 'b']);
  });

  it.each(['reject', 'drop-oldest'] as const)(
    'with policy %s does what a plain list would, over thousands of steps',
    (policy) => {
      const random = seededRandom(9);
      const queue = queueOf(policy, 200, 5_000);
      let model: string[] = [];
      let dropped = 0;
      const bytes = (): number => model.reduce((sum, text) => sum + text.length, 0);
      for (let step = 0; step < 4_000; step += 1) {
        // Fills for a while, then empties, so that both bounds and the compaction are met.
        if (random.int(100) < (step % 1_000 < 600 ? 70 : 25)) {
          const text = `${step}`.padEnd(random.int(80), '.');
          const isFull = (): boolean => model.length + 1 > 200 || bytes() + text.length > 5_000;
          if (policy === 'reject' && isFull()) dropped += 1;
          else {
            for (; isFull(); dropped += 1) model = model.slice(1);
            model.push(text);
          }
          queue.push(text);
        } else {
          expect(queue.shift()).toBe(model.shift());
        }
        expect([queue.length, queue.bytes, queue.itemsDropped]).toEqual([model.length, bytes(), dropped]);
      }
      expect(dropped).toBeGreaterThan(10);
    },
  );
});
