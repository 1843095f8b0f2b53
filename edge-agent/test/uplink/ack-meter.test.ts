import { beforeEach, describe, expect, test } from 'vitest';
import { AckMeter } from '../../src/uplink/ack-meter.ts';
import { ManualClock } from '../support.ts';

let clock: ManualClock;
let meter: AckMeter;

beforeEach(() => {
  clock = new ManualClock();
  meter = new AckMeter(clock);
});

/** `bytes` each 200 ms, acknowledged after `roundTripMs`. */
function flow(seconds: number, bytes: number, roundTripMs: number): void {
  for (let ack = 0; ack < 5 * seconds; ack += 1) {
    clock.advance(200);
    meter.acked(bytes, roundTripMs);
  }
}

describe('AckMeter', () => {
  test('knows nothing before the first acknowledgement', () => {
    expect([meter.bytesPerSecond, meter.roundTripMs, meter.baseRoundTripMs]).toEqual([
      0,
      undefined,
      undefined,
    ]);
  });

  test('tells the bytes of the last second, and nothing once nothing comes', () => {
    flow(3, 25_000, 40);
    clock.advance(200);
    expect(meter.bytesPerSecond).toBeGreaterThan(95_000);
    expect(meter.bytesPerSecond).toBeLessThan(130_000);
    clock.advance(1_000);
    expect(meter.bytesPerSecond).toBeLessThan(30_000);
    clock.advance(1_000);
    expect(meter.bytesPerSecond).toBe(0);
  });

  test('takes the shortest round trip of a second: a large message takes longer on the same line', () => {
    meter.acked(60_000, 900);
    meter.acked(100, 35);
    clock.advance(1_000);
    expect(meter.roundTripMs).toBe(35);
    clock.advance(5_000);
    expect(meter.roundTripMs).toBe(35);
  });

  test('remembers what an empty line takes, through minutes of a full one, and forgets it at last', () => {
    flow(30, 1_000, 40);
    flow(5 * 60, 1_000, 1_500);
    expect(meter.baseRoundTripMs).toBe(40);
    flow(12 * 60, 1_000, 600);
    expect(meter.baseRoundTripMs).toBe(600);
  });
});
