import { describe, expect, it } from 'vitest';
import { DeviceShare, type Reader } from '../../src/node/device-share.ts';
import { TokenBucket } from '../../src/runtime/token-bucket.ts';
import { ManualClock } from '../manual-clock.ts';

/** Messages at 100 a second, bytes at a MB a second. */
function shareOf(clock: ManualClock): DeviceShare {
  const bucket = (perSecond: number): TokenBucket =>
    new TokenBucket({ perSecond, burst: 4 * perSecond, maxDebt: 2 * perSecond, clock });
  const rate = { messages: bucket(100), bytes: bucket(1_000_000) };
  return new DeviceShare({ maxHeldBytes: 1_000, rate, worthlessCost: 10, clock });
}

/** Reads `packets` at once for as long as it may when it is woken, and waits again. */
function flooding(share: DeviceShare, packets: number): Reader & { reads: number } {
  const reader = {
    reads: 0,
    wake: () => {
      while (!share.boundOf(reader)) {
        reader.reads += 1;
        share.spend(packets, 0);
      }
      share.wait(reader);
    },
  };
  return reader;
}

/** Each timer at its time. */
function pass(clock: ManualClock, ms: number): void {
  for (let passed = 0; passed < ms; passed += 10) clock.advance(10);
}

describe('DeviceShare', () => {
  it('lets nothing begin while the device holds all that it may, and wakes who waits when there is room', () => {
    const clock = new ManualClock();
    const share = shareOf(clock);
    let woken = 0;
    const reader: Reader = { wake: () => (woken += 1) };
    share.hold(600);
    expect(share.boundOf(reader)).toBeUndefined();
    share.hold(600);
    expect(share.boundOf(reader)).toBe('share');
    share.wait(reader);
    pass(clock, 10_000);
    expect(woken).toBe(0);
    share.hold(-600);
    clock.advance(0);
    expect(woken).toBe(1);
  });

  it('lets a burst through, and then as many messages a second as the rate says', () => {
    const clock = new ManualClock();
    const share = shareOf(clock);
    const reader = flooding(share, 10);
    reader.wake();
    expect(reader.reads).toBe(40);
    pass(clock, 10_000);
    expect(reader.reads).toBeGreaterThanOrEqual(130);
    expect(reader.reads).toBeLessThanOrEqual(141);
  });

  it('counts bytes as well', () => {
    const share = shareOf(new ManualClock());
    share.spend(1, 4_000_001);
    expect(share.boundOf({ wake: () => undefined })).toBe('rate');
  });

  it('lets a worthless message cost ten, and nobody wait longer than the debt that is allowed', () => {
    const clock = new ManualClock();
    const share = shareOf(clock);
    let woken = 0;
    const reader: Reader = { wake: () => (woken += 1) };
    for (let i = 0; i < 40; i += 1) {
      share.spend(1, 0);
      share.spendOnWorthless();
    }
    expect(share.boundOf(reader)).toBe('rate');
    for (let i = 0; i < 1_000; i += 1) share.spendOnWorthless();
    share.wait(reader);
    pass(clock, 2_000);
    expect(woken).toBe(0);
    pass(clock, 400);
    expect(woken).toBe(1);
  });

  it('wakes in turn: a quiet connection does not starve behind those that flood', () => {
    const clock = new ManualClock();
    const share = shareOf(clock);
    const floods = [1, 2, 3, 4, 5].map(() => flooding(share, 64));
    for (let i = 0; i < 20; i += 1) for (const flood of floods) flood.wake();
    let woken = 0;
    const quiet: Reader = { wake: () => (woken += 1) };
    expect(share.boundOf(quiet)).toBe('rate');
    share.wait(quiet);
    pass(clock, 5_000);
    expect(woken).toBe(1);
    const reads = floods.map((flood) => flood.reads);
    pass(clock, 20_000);
    floods.forEach((flood, i) => expect(flood.reads).toBeGreaterThan(reads[i] as number));
  });

  it('waits for nothing any more when the last who waited has gone, and is unused once it is whole again', () => {
    const clock = new ManualClock();
    const share = shareOf(clock);
    let woken = 0;
    const reader: Reader = { wake: () => (woken += 1) };
    share.spend(500, 0);
    share.wait(reader);
    share.forget(reader);
    expect(share.isUnused).toBe(false);
    pass(clock, 5_000);
    expect(woken).toBe(0);
    expect(share.isUnused).toBe(true);
  });
});
