import { beforeEach, describe, expect, test } from 'vitest';
import {
  FlowWindow,
  WINDOW_MAX_BYTES,
  WINDOW_MAX_FRAMES,
  WINDOW_MIN_BYTES,
  WINDOW_START_BYTES,
} from '../../src/live/flow-window.ts';
import { ManualClock } from '../support.ts';

let clock: ManualClock;
let window: FlowWindow;

beforeEach(() => {
  clock = new ManualClock();
  window = new FlowWindow(clock);
});

/** Sends while open, and acknowledges `bytesPerSecond`, every 200 ms. */
function run(bytesPerSecond: number, seconds: number, frameBytes = 10_000): void {
  let sequence = 0;
  let acked = -1;
  for (let step = 0; step < seconds * 5; step += 1) {
    while (window.isOpen) window.sent(sequence++, frameBytes);
    clock.advance(200);
    acked = Math.min(sequence - 1, acked + Math.round(bytesPerSecond / 5 / frameBytes));
    if (acked >= 0) window.acked(acked);
  }
}

describe('FlowWindow', () => {
  test('lets one frame of any size go while it is open, and closes behind it', () => {
    expect(window.isOpen).toBe(true);
    window.sent(0, 900_000);
    expect(window.isOpen).toBe(false);
    window.acked(0);
    expect(window.isOpen).toBe(true);
    expect(window.unackedBytes).toBe(0);
  });

  test('an acknowledgement covers everything before it, and one of another epoch nothing', () => {
    for (const sequence of [7, 8, 0, 1, 2]) window.sent(sequence, 100);
    window.acked(99);
    expect(window.unackedBytes).toBe(500);
    window.acked(1);
    expect(window.unackedBytes).toBe(100);
    window.acked(8);
    expect(window.unackedBytes).toBe(100);
  });

  test('tells what each acknowledgement shows: bytes, and the round trip of the newest frame', () => {
    const shown: [number, number][] = [];
    const told = new FlowWindow(clock, (bytes, roundTripMs) => shown.push([bytes, roundTripMs]));
    told.sent(0, 100);
    clock.advance(40);
    told.sent(1, 200);
    clock.advance(60);
    expect(told.oldestAgeMs).toBe(100);
    told.acked(1);
    told.acked(1);
    expect(shown).toEqual([[300, 60]]);
    expect(told.oldestAgeMs).toBe(0);
  });

  test('becomes about one second of a faster uplink', () => {
    run(1_000_000, 20);
    expect(window.maxBytes).toBeGreaterThan(800_000);
    expect(window.maxBytes).toBeLessThan(1_300_000);
  });

  test('shrinks to about one second of a slower uplink', () => {
    run(1_000_000, 20);
    run(200_000, 30);
    expect(window.maxBytes).toBeGreaterThan(150_000);
    expect(window.maxBytes).toBeLessThan(300_000);
  });

  test.each([
    [10_000, WINDOW_MIN_BYTES],
    [50_000_000, WINDOW_MAX_BYTES],
  ])('stays within its bounds at %i bytes a second', (bytesPerSecond, bound) => {
    run(bytesPerSecond, 30, 1_000);
    expect(window.maxBytes).toBe(bound);
  });

  test('does not take a quiet scene for a slow uplink', () => {
    for (let sequence = 0; sequence < 100; sequence += 1) {
      window.sent(sequence, 2_000);
      clock.advance(200);
      window.acked(sequence);
    }
    expect(window.maxBytes).toBe(WINDOW_START_BYTES);
  });

  test('forgives a full window after five seconds without an acknowledgement, and starts small', () => {
    window.sent(0, WINDOW_START_BYTES);
    clock.advance(4_900);
    expect(window.forgiveStall()).toBe(false);
    clock.advance(200);
    expect(window.forgiveStall()).toBe(true);
    expect(window.isOpen).toBe(true);
    expect(window.maxBytes).toBe(WINDOW_MIN_BYTES);
  });

  test('is bounded in frames as well as in bytes', () => {
    for (let sequence = 0; sequence < WINDOW_MAX_FRAMES; sequence += 1) window.sent(sequence, 1);
    expect(window.isOpen).toBe(false);
  });
});
