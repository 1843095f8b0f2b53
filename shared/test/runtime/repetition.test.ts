import { expect, test } from 'vitest';
import { Repetition } from '../../src/runtime/repetition.ts';
import { ManualClock } from '../manual-clock.ts';

test('Repetition tells of the third time within a minute, and counts anew from there', () => {
  const clock = new ManualClock();
  const repetition = new Repetition({ times: 3, withinMs: 60_000, clock });
  const after = (ms: number): boolean => {
    clock.advance(ms);
    return repetition.happened();
  };
  expect([after(0), after(1_000), after(1_000), after(1_000), after(1_000), after(1_000)]).toEqual([
    ...[false, false, true],
    ...[false, false, true],
  ]);
  expect([after(30_000), after(30_000), after(30_000), after(30_000)]).toEqual([false, false, false, false]);
});
