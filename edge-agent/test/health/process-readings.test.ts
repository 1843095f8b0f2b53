import { expect, it } from 'vitest';
import { ProcessReadings } from '../../src/health/process-readings.ts';
import { ManualClock } from '../support.ts';

it('a process shows the share of a core since the last reading, and its memory', () => {
  const clock = new ManualClock();
  const cpuMs: Record<number, number> = { 7: 5_000 };
  const usage = { cpuMsOf: (pid: number) => cpuMs[pid] ?? 0, rssBytesOf: (pid: number) => pid * 1_000 };
  const readings = new ProcessReadings({ clock, usage });
  const capture = { camera: 'front', profile: null, encoder: null, pid: 7 };
  const encoder = { camera: 'front', profile: 'low' as const, encoder: 'libx264', pid: 8 };
  clock.advance(10_000);
  expect(readings.read([capture])).toMatchObject([{ cpuPercent: 50 }]);
  cpuMs[7] = 5_250;
  cpuMs[8] = 12_000;
  clock.advance(10_000);
  expect(readings.read([capture, encoder])).toEqual([
    { camera: 'front', profile: null, encoder: null, cpuPercent: 2.5, rssBytes: 7_000 },
    { camera: 'front', profile: 'low', encoder: 'libx264', cpuPercent: 120, rssBytes: 8_000 },
  ]);
});

it('reads this process from /proc', () => {
  const [own] = new ProcessReadings().read([{ camera: 'a', profile: null, encoder: null, pid: process.pid }]);
  expect(own!.rssBytes).toBeGreaterThan(10_000_000);
  expect(own!.cpuPercent).toBeGreaterThan(0);
});
