import { describe, expect, onTestFinished, test } from 'vitest';
import type { AgentEvent } from '@sitecast/shared/protocol/events';
import { ClockWatch } from '../../src/health/clock-watch.ts';
import { readClocks, stepSince } from '../../src/uplink/clock-reading.ts';
import { silentLogger, WrongClock } from '../support.ts';

function watch(spooledAtMs?: (clock: WrongClock) => number): {
  clock: WrongClock;
  watch: ClockWatch;
  events: AgentEvent[];
} {
  const clock = new WrongClock();
  const events: AgentEvent[] = [];
  const watch = new ClockWatch({ onStep: (event) => events.push(event), logger: silentLogger, clock });
  onTestFinished(() => watch.close());
  watch.start(spooledAtMs?.(clock));
  return { clock, watch, events };
}

const iso = (ms: number): string => new Date(ms).toISOString();

describe('ClockWatch', () => {
  test('reckons how far the clock is ahead of the server, and in what doubt', () => {
    const { clock, watch: watched } = watch();
    const trueMs = clock.nowMs();
    clock.set(90_000);
    const at = iso(clock.nowMs());
    watched.asked(at);
    clock.advance(400);
    watched.answered(at, iso(trueMs + 200));
    expect(watched.health).toMatchObject({ skewMs: 90_000, roundTripMs: 400 });
  });

  test('takes no answer to another question, none twice, and none that took too long', () => {
    const { clock, watch: watched } = watch();
    watched.answered(iso(0), iso(0));
    const at = iso(clock.nowMs());
    watched.asked(at);
    watched.answered(iso(clock.nowMs() - 15_000), iso(0));
    clock.advance(30_000);
    watched.answered(at, iso(0));
    watched.answered(at, iso(0));
    expect(watched.health.skewMs).toBeNull();
  });

  test.each([
    [3_600_000, 'went forward by 3600.0 s'],
    [-86_400_000, 'went back by 86400.0 s'],
  ])('tells a step of %i ms once, and forgets what it measured before', (byMs, words) => {
    const { clock, watch: watched, events } = watch();
    clock.advance(60_000);
    expect(events).toEqual([]);
    clock.set(byMs);
    clock.advance(60_000);
    expect(events).toMatchObject([
      { kind: 'clock', gap: null, detail: expect.stringContaining(words) as string },
    ]);
    expect(watched.health).toMatchObject({ skewMs: null, steps: 1, lastStep: { byMs, at: events[0]!.at } });
  });

  test('says nothing of drift', () => {
    const { clock, events } = watch();
    for (let n = 0; n < 100; n += 1) {
      clock.set(20);
      clock.advance(5_000);
    }
    expect(events).toEqual([]);
  });

  test('sees that the clock is behind what an earlier run left on the disk', () => {
    expect(watch((clock) => clock.nowMs() + 7_200_000).events).toMatchObject([
      { detail: expect.stringContaining('went back by 7200.0 s') as string },
    ]);
    expect(watch((clock) => clock.nowMs() - 1_000).events).toEqual([]);
  });
});

test('a step shows between two readings of the same run, and none between runs', () => {
  const clock = new WrongClock();
  const before = readClocks(clock);
  clock.advance(10_000);
  expect(stepSince(before, clock)).toBe(0);
  clock.set(-5_000);
  expect(stepSince(before, clock)).toBe(-5_000);
  expect(stepSince({ ...before, run: before.run + 1 }, clock)).toBe(0);
  expect(stepSince(undefined, clock)).toBe(0);
});
