import { describe, expect, it } from 'vitest';
import { CAPTURE_TIMES_MAX, CaptureTimes } from '../../../src/camera/encoder/capture-times.ts';

describe('CaptureTimes', () => {
  it('tells when the picture was captured that comes out, whatever the timelines start with', () => {
    const times = new CaptureTimes();
    for (let n = 0; n < 5; n += 1) times.note({ decodeTimeS: 900 + n / 25, capturedAtUs: 1_000 + n });
    // 12,800 ticks a second, rounded.
    expect(times.capturedAtUs(0)).toBe(1_000);
    expect(times.capturedAtUs(513 / 12_800)).toBe(1_001);
    expect(times.capturedAtUs(4 / 25 - 0.001)).toBe(1_004);
  });

  it('forgets what came out, and the oldest of what never does', () => {
    const times = new CaptureTimes();
    expect(times.capturedAtUs(0)).toBeUndefined();
    for (let n = 0; n < CAPTURE_TIMES_MAX + 10; n += 1) times.note({ decodeTimeS: n, capturedAtUs: n });
    expect(times.capturedAtUs(0)).toBe(10);
    expect(times.capturedAtUs(500)).toBe(500);
    expect(times.capturedAtUs(20)).toBe(500);
  });
});
