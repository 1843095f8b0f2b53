import { afterEach, describe, expect, it, vi } from 'vitest';
import { sleep, systemClock } from '../../src/runtime/clock.ts';
import { ManualClock } from '../manual-clock.ts';
import { PATIENCE_MS } from '../patience.ts';

const isSettled = async (promise: Promise<void>): Promise<boolean> => {
  let settled = false;
  void promise.then(() => (settled = true));
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
};

describe('sleep', () => {
  it('ends when its time is over, not before', async () => {
    const clock = new ManualClock();
    const slept = sleep(clock, 100);
    clock.advance(99);
    expect(await isSettled(slept)).toBe(false);
    clock.advance(1);
    expect(await isSettled(slept)).toBe(true);
  });

  it('ends at once when its signal aborts, and leaves no timer behind', async () => {
    const clock = new ManualClock();
    const abort = new AbortController();
    const slept = sleep(clock, 60_000, abort.signal);
    expect([await isSettled(slept), clock.pending]).toEqual([false, 1]);
    abort.abort();
    expect([await isSettled(slept), clock.pending]).toEqual([true, 0]);
  });

  it('does not begin when its signal has aborted before', async () => {
    const clock = new ManualClock();
    const slept = sleep(clock, 60_000, AbortSignal.abort());
    expect([await isSettled(slept), clock.pending]).toEqual([true, 0]);
  });

  it('takes its listener off the signal, so that a long-lived signal gathers none', async () => {
    const clock = new ManualClock();
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    const slept = sleep(clock, 10, signal);
    clock.advance(10);
    await slept;
    expect(added).toHaveBeenCalledTimes(1);
    expect(removed).toHaveBeenCalledWith('abort', added.mock.calls[0]?.[1]);
  });
});

describe('the system clock', () => {
  afterEach(() => vi.useRealTimers());

  it('runs a callback once, and never after it was cancelled', async () => {
    let ran = 0;
    systemClock.after(1, () => (ran += 1));
    systemClock.after(1, () => (ran += 100)).cancel();
    await vi.waitFor(() => expect(ran).toBe(1), PATIENCE_MS);
  });

  it('lets a month pass before a timer of a month, which setTimeout alone would fire at once', async () => {
    let ran = 0;
    const timer = systemClock.after(31 * 24 * 60 * 60 * 1_000, () => (ran += 1));
    await new Promise((resolve) => setTimeout(resolve, 30));
    timer.cancel();
    timer.cancel();
    expect(ran).toBe(0);
  });

  it('does not go back', () => {
    const before = systemClock.monotonicMs();
    expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(before);
    const nowMs = Date.now();
    expect(systemClock.nowMs()).toBeGreaterThanOrEqual(nowMs);
    expect(systemClock.nowMs()).toBeLessThanOrEqual(Date.now());
  });
});
