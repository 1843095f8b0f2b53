import { describe, expect, it } from 'vitest';
import { Readiness, type ReadinessOptions } from '../../src/guard/readiness.ts';
import { ManualClock } from '../support/manual-clock.ts';

const DISK = { totalBytes: 100, freeBytes: 50, minFreeBytes: 10, isWritable: true };
const PRESSURE = { causes: [], shedding: [], signals: {}, changes: [] };
const away = (): Promise<never> => Promise.reject(new Error('away'));

function readiness(options: Partial<ReadinessOptions> = {}): Readiness {
  return new Readiness({
    database: { query: async () => [] },
    queue: { counts: async () => ({ waiting: 0, active: 0 }) },
    broker: { isListening: true },
    disk: { read: async () => DISK },
    guard: { read: () => ({ ...PRESSURE, level: 'high' }) },
    clock: new ManualClock(),
    ...options,
  });
}

const READY = { database: true, queue: true, broker: true, disk: true, pressure: true };

describe('readiness', () => {
  it('holds while everything works, even under high pressure', async () => {
    expect(await readiness().check()).toEqual(READY);
  });

  it.each<[keyof typeof READY, string, Partial<ReadinessOptions>]>([
    ['database', 'does not answer', { database: { query: away } }],
    ['queue', 'has lost its store', { queue: { counts: away } }],
    ['broker', 'does not listen', { broker: { isListening: false } }],
    ['disk', 'is nearly full', { disk: { read: async () => ({ ...DISK, freeBytes: 9 }) } }],
    ['disk', 'cannot be written', { disk: { read: async () => ({ ...DISK, isWritable: false }) } }],
    ['pressure', 'is critical', { guard: { read: () => ({ ...PRESSURE, level: 'critical' }) } }],
  ])('fails by %s alone when it %s', async (name, _what, options) => {
    expect(await readiness(options).check()).toEqual({ ...READY, [name]: false });
  });

  it('asks the parts once a second, however many probes come', async () => {
    const clock = new ManualClock();
    let asked = 0;
    const checked = readiness({ clock, database: { query: async () => ((asked += 1), []) } });
    await Promise.all([checked.check(), checked.check()]);
    clock.advance(999);
    await checked.check();
    expect(asked).toBe(1);
    clock.advance(1);
    await checked.check();
    expect(asked).toBe(2);
  });
});
