import { describe, expect, it } from 'vitest';
import { Coalesced } from '../../src/postgres/coalesced.ts';

function create({ maxWaiting = 1_000 } = {}) {
  const batches: number[][] = [];
  const gates: { open: () => void; fail: (error: Error) => void }[] = [];
  const coalesced = new Coalesced<number, string>(
    async (items) => {
      batches.push(items);
      await new Promise<void>((resolve, reject) => gates.push({ open: resolve, fail: reject }));
      return items.map((item) => `row ${item}`);
    },
    { maxWaiting },
  );
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { batches, gates, coalesced, settle };
}

describe('coalesced statements', () => {
  it('run one at a time, each with all that gathered meanwhile, and answer everybody', async () => {
    const { batches, gates, coalesced, settle } = create();
    const first = coalesced.ask(1);
    const others = [2, 3, 2].map((item) => coalesced.ask(item));
    await settle();
    expect(batches).toEqual([[1]]);
    gates[0]?.open();
    expect(await first).toBe('row 1');
    await settle();
    expect(batches).toEqual([[1], [2, 3, 2]]);
    gates[1]?.open();
    expect(await Promise.all(others)).toEqual(['row 2', 'row 3', 'row 2']);
  });

  it('that fail reject those who asked, and no others', async () => {
    const { gates, coalesced, settle } = create();
    const first = coalesced.ask(1);
    const second = coalesced.ask(2);
    await settle();
    gates[0]?.fail(new Error('away'));
    await expect(first).rejects.toThrow('away');
    await settle();
    gates[1]?.open();
    expect(await second).toBe('row 2');
    const third = coalesced.ask(3);
    await settle();
    gates[2]?.open();
    expect(await third).toBe('row 3');
  });

  it('take no more than their bound, and count who is refused', async () => {
    const { batches, gates, coalesced, settle } = create({ maxWaiting: 300 });
    const asked = Array.from({ length: 301 }, (_, item) => coalesced.ask(item));
    await expect(coalesced.ask(301)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    expect(coalesced.refused).toBe(1);
    for (let batch = 0; batch < 3; batch += 1) {
      gates[batch]?.open();
      await settle();
    }
    expect(batches.map(({ length }) => length)).toEqual([1, 200, 100]);
    expect(await Promise.all(asked)).toHaveLength(301);
  });
});
