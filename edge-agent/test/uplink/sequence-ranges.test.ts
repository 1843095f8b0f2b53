import { expect, test } from 'vitest';
import { SequenceRanges } from '../../src/uplink/sequence-ranges.ts';

test('SequenceRanges holds what a set would hold, in as few ranges as there are', () => {
  const ranges = new SequenceRanges();
  const plain = new Set<number>();
  let seed = 7;
  const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let round = 0; round < 300; round += 1) {
    const from = 1 + random(200);
    const to = from + random(4) - 1;
    ranges.add(from, to);
    for (let number = from; number <= to; number += 1) plain.add(number);
    const missing = ranges.missing(1, 210);
    for (let number = 1; number <= 210; number += 1) {
      expect(ranges.has(number)).toBe(plain.has(number));
      expect(missing.some(([start, end]) => start <= number && number <= end)).toBe(!plain.has(number));
    }
    expect(ranges.size).toBe([...plain].filter((number) => !plain.has(number + 1)).length);
    expect(ranges.last).toBe(Math.max(0, ...plain));
  }
});
