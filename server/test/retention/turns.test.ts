import { describe, expect, it } from 'vitest';
import { Turns } from '../../src/retention/turns.ts';
import { ManualClock } from '../support/manual-clock.ts';

function createTurns() {
  const clock = new ManualClock();
  const state = { isBusy: false, isUrgent: false };
  const turns = new Turns({ isBusy: () => state.isBusy, isUrgent: async () => state.isUrgent, clock });
  let done = 0;
  const settle = async (): Promise<void> => {
    for (let n = 0; n < 20; n += 1) await Promise.resolve();
  };
  return {
    ...{ clock, state, turns },
    done: () => done,
    begin: (pieces: number, workMs = 0) =>
      turns.work(async () => {
        if (done === pieces) return 0;
        clock.advance(workMs);
        done += 1;
        return 1;
      }),
    pass: async (ms: number) => {
      await settle();
      clock.advance(ms);
      await settle();
    },
  };
}

describe('work in turns', () => {
  it('rests four times as long as a piece took, so that it takes a fifth of the time at most', async () => {
    const { begin, pass, done } = createTurns();
    const working = begin(2, 100);
    await pass(399);
    expect(done()).toBe(1);
    await pass(1);
    expect(done()).toBe(2);
    await pass(400);
    await working;
  });

  it('lets those who wait for the database go first, and goes on when they keep waiting', async () => {
    const { begin, pass, done, state, turns } = createTurns();
    state.isBusy = true;
    const working = begin(1);
    await pass(500);
    expect(done()).toBe(0);
    for (let n = 0; n < 20; n += 1) await pass(500);
    expect(done()).toBe(1);
    state.isBusy = false;
    await pass(500);
    await working;
    expect(turns.counters.yielded).toBeGreaterThanOrEqual(20);
  });

  it('does nothing while the guard has it paused, but what cannot wait', async () => {
    const { begin, pass, done, state, turns } = createTurns();
    turns.pause(true);
    const working = begin(2);
    for (let n = 0; n < 100; n += 1) await pass(500);
    expect(done()).toBe(0);
    state.isUrgent = true;
    await pass(500);
    expect(done()).toBe(1);
    state.isUrgent = false;
    await pass(500);
    expect(done()).toBe(1);
    turns.pause(false);
    await pass(500);
    await pass(500);
    await working;
    expect(done()).toBe(2);
  });

  it('ends with the piece at hand when it is closed', async () => {
    const { begin, pass, done, turns, clock } = createTurns();
    const working = begin(5);
    await pass(0);
    turns.close();
    await working;
    expect([done(), clock.pendingTimers]).toEqual([1, 0]);
  });
});
