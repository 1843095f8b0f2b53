import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { totalmem, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findMemoryLimit } from '../../src/guard/memory-limit.ts';
import { nextLevel, Pressure, type PressureLevel } from '../../src/guard/pressure.ts';
import { ManualClock } from '../support/manual-clock.ts';

describe('pressure', () => {
  it.each([
    [0.69, 'normal'],
    [0.7, 'elevated'],
    [0.8, 'high'],
    [0.9, 'critical'],
    [1.2, 'critical'],
  ])('at %f of the limit is %s', (fraction, level) => {
    expect(nextLevel('normal', fraction)).toBe(level);
  });

  it.each<[PressureLevel, number, PressureLevel]>([
    ['elevated', 0.66, 'elevated'],
    ['elevated', 0.64, 'normal'],
    ['critical', 0.86, 'critical'],
    ['critical', 0.84, 'high'],
    ['critical', 0.1, 'normal'],
  ])('coming from %s, %f of the limit is %s', (current, fraction, level) => {
    expect(nextLevel(current, fraction)).toBe(level);
  });

  it('follows the resident bytes of the process by itself', () => {
    const clock = new ManualClock();
    let rssBytes = 10;
    const pressure = new Pressure({ limitBytes: 100, clock, rssBytes: () => rssBytes });
    pressure.start();
    rssBytes = 95;
    clock.advance(1_000);
    rssBytes = 86;
    expect(pressure.read()).toMatchObject({ level: 'critical', rssBytes: 86, limitBytes: 100 });
    pressure.close();
  });
});

describe('the memory limit', () => {
  it('is the configured one when there is one', async () => {
    expect(await findMemoryLimit(123, [])).toEqual({ bytes: 123, source: 'MEMORY_LIMIT_BYTES' });
  });

  it.each([
    ['cgroup v2', '1610612736\n', { bytes: 1_610_612_736, source: 'container' }],
    ['cgroup v2 without a limit', 'max\n', { bytes: totalmem(), source: 'machine' }],
    ['cgroup v1 without a limit', '9223372036854771712\n', { bytes: totalmem(), source: 'machine' }],
  ])('is read from %s', async (_name, content, expected) => {
    const folder = await mkdtemp(join(tmpdir(), 'sitecast-limit-'));
    try {
      await writeFile(join(folder, 'memory'), content);
      expect(await findMemoryLimit(undefined, [join(folder, 'missing'), join(folder, 'memory')])).toEqual(
        expected,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
