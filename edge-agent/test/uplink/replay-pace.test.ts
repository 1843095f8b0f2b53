import { expect, test } from 'vitest';
import { ReplayPace } from '../../src/uplink/replay-pace.ts';
import { ManualClock } from '../support.ts';

const KIB = 1024;

/** An uplink of so many bytes a second that is used as soon as the pace lets it. @returns the share that was used. */
function replayFor(totalMs: number, pace: ReplayPace, clock: ManualClock, bytesPerSecond: number): number {
  let busyMs = 0;
  const startedMs = clock.monotonicMs();
  while (clock.monotonicMs() - startedMs < totalMs) {
    if (!pace.mayStart()) {
      clock.advance(5);
      continue;
    }
    pace.started(20 * KIB);
    const tookMs = (20 * KIB * 1_000) / bytesPerSecond;
    clock.advance(tookMs);
    busyMs += tookMs;
    pace.finished(20 * KIB, true);
  }
  return busyMs / (clock.monotonicMs() - startedMs);
}

test.each([10, 50, 100])('ReplayPace takes %i percent of a slow and of a fast uplink', (percent) => {
  for (const bytesPerSecond of [50_000, 2_000_000]) {
    const clock = new ManualClock();
    const pace = new ReplayPace({ share: percent / 100, clock });
    const share = replayFor(60_000, pace, clock, bytesPerSecond);
    expect(share).toBeGreaterThan((percent / 100) * 0.9);
    expect(share).toBeLessThan((percent / 100) * 1.1);
    // Measured while it was busy: resting does not make the uplink look slower.
    expect(pace.bytesPerSecond).toBeGreaterThan(bytesPerSecond * 0.9);
    expect(pace.bytesPerSecond).toBeLessThan(bytesPerSecond * 1.1);
  }
});

test('ReplayPace keeps no more on the way than a second of what the acks showed, and one message at least', () => {
  const clock = new ManualClock();
  const pace = new ReplayPace({ share: 0.5, clock });
  replayFor(30_000, pace, clock, 100_000);
  while (!pace.mayStart()) clock.advance(5);
  let messages = 0;
  for (; pace.mayStart(); messages += 1) pace.started(20 * KIB);
  expect(messages).toBe(5);
  for (; messages > 0; messages -= 1) pace.finished(20 * KIB, false);
  clock.advance(1_000);
  expect(pace.mayStart()).toBe(true);
  pace.started(300 * KIB);
  expect(pace.mayStart()).toBe(false);
});

test('ReplayPace ends a burst whose acks come slowly, rests, and goes on', () => {
  const clock = new ManualClock();
  const pace = new ReplayPace({ share: 0.5, clock });
  pace.started(100);
  clock.advance(500);
  expect(pace.mayStart()).toBe(false);
  pace.finished(100, true);
  expect(pace.restMs).toBe(500);
  clock.advance(499);
  expect(pace.mayStart()).toBe(false);
  clock.advance(1);
  expect(pace.mayStart()).toBe(true);
});
