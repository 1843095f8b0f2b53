import { describe, expect, it } from 'vitest';
import { CpuUsage } from '../../src/guard/cpu-usage.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** A process that uses `cores`, on a machine whose host takes `stolen` of its time. */
async function run(
  minutes: number,
  { cores, stolen, baselineCores = 0.4 }: { cores: number; stolen: number; baselineCores?: number },
) {
  const clock = new ManualClock();
  const startedMs = clock.monotonicMs();
  const elapsedMs = (): number => clock.monotonicMs() - startedMs;
  const cpu = new CpuUsage({
    baselineCores,
    clock,
    processMs: () => elapsedMs() * cores,
    machineTime: async () => ({ total: elapsedMs(), stolen: elapsedMs() * stolen }),
  });
  for (let second = 0; second <= minutes * 60; second += 1) {
    await cpu.sample();
    clock.advance(1_000);
  }
  return cpu.read();
}

describe('use of the processor', () => {
  it('is told over five minutes, and warned about above the baseline', async () => {
    expect(await run(6, { cores: 0.5, stolen: 0 })).toMatchObject({
      sustainedCores: expect.closeTo(0.5, 5) as number,
      warning: 'above-baseline',
    });
    expect((await run(6, { cores: 0.3, stolen: 0 })).warning).toBeNull();
  });

  it('is not warned about before it is sustained, nor without a baseline', async () => {
    expect((await run(3, { cores: 2, stolen: 0.5 })).warning).toBeNull();
    expect((await run(6, { cores: 2, stolen: 0, baselineCores: 0 })).warning).toBeNull();
  });

  it('tells what the host takes away', async () => {
    expect(await run(6, { cores: 0.1, stolen: 0.2 })).toMatchObject({
      stolen: expect.closeTo(0.2, 5) as number,
      warning: 'stolen',
    });
  });

  it('is read from the kernel', async () => {
    const clock = new ManualClock();
    const cpu = new CpuUsage({ baselineCores: 0.4, clock });
    await cpu.sample();
    let sum = 0;
    const until = performance.now() + 30;
    while (performance.now() < until) sum += Math.sqrt(sum + 1);
    clock.advance(5_000);
    await cpu.sample();
    expect(cpu.read().sustainedCores).toBeGreaterThan(0);
  });
});
