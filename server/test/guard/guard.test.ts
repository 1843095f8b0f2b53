import { createLogger } from '@sitecast/shared/node/logger';
import { describe, expect, it } from 'vitest';
import { Guard, GUARD_CHANGES_MAX, type Resource, type SheddingChange } from '../../src/guard/guard.ts';
import { ManualClock } from '../support/manual-clock.ts';

const THRESHOLDS = { elevated: 0.7, high: 0.8, critical: 0.9 };

function createGuard() {
  const clock = new ManualClock();
  const values = { memory: 0, queue: 0, database: 0 };
  const done: string[] = [];
  const shedding: SheddingChange[] = [];
  const step = (name: string, from: 'elevated' | 'high' | 'critical', relieves: Resource[]) => ({
    name,
    from,
    relieves,
    begin: () => void done.push(`+${name}`),
    end: () => void done.push(`-${name}`),
  });
  const guard = new Guard({
    signals: [
      { name: 'memory', resource: 'process', read: () => values.memory, thresholds: THRESHOLDS },
      {
        name: 'queue',
        resource: 'images',
        read: () => values.queue,
        thresholds: { elevated: 0.7, high: 0.8 },
      },
      { name: 'pool', resource: 'database', read: () => values.database, thresholds: THRESHOLDS },
    ],
    steps: [
      step('first', 'elevated', ['process']),
      step('second', 'high', ['process']),
      step('third', 'high', ['process', 'images']),
      step('last', 'critical', ['process']),
    ],
    onShedding: (change) => shedding.push(change),
    logger: createLogger({ name: 'test', level: 'silent' }),
    clock,
  });
  /** Looks once a second, as the timer does. */
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(1_000);
      await guard.look();
    }
  };
  return { clock, values, done, shedding, guard, pass };
}

describe('the guard', () => {
  it('sheds in the order of its list, and takes back in the reverse one', async () => {
    const { values, done, guard, pass } = createGuard();
    values.memory = 0.95;
    await pass(1);
    expect(done).toEqual(['+first', '+second', '+third', '+last']);
    expect(guard.read()).toMatchObject({
      level: 'critical',
      causes: ['memory'],
      shedding: ['first', 'second', 'third', 'last'],
    });
    done.length = 0;
    values.memory = 0;
    await pass(10);
    expect(done).toEqual(['-last', '-third', '-second', '-first']);
    expect(guard.read()).toMatchObject({ level: 'normal', causes: [], shedding: [] });
  });

  it('does no more than the level asks for, and each step once', async () => {
    const { values, done, pass } = createGuard();
    values.memory = 0.75;
    await pass(3);
    expect(done).toEqual(['+first']);
    values.memory = 0.85;
    await pass(3);
    expect(done).toEqual(['+first', '+second', '+third']);
  });

  it('is at the level of its worst signal, and names those that are there', async () => {
    const { values, guard, pass } = createGuard();
    Object.assign(values, { memory: 0.85, queue: 0.99 });
    await pass(1);
    expect(guard.read()).toMatchObject({ level: 'high', causes: ['memory', 'queue'] });
    values.memory = 0.1;
    await pass(1);
    expect(guard.read()).toMatchObject({
      level: 'high',
      causes: ['queue'],
      signals: { memory: { value: 0.1, level: 'normal' }, queue: { value: 0.99, level: 'high' } },
    });
  });

  it('sheds only what gives back the resource that runs short', async () => {
    const { values, done, shedding, guard, pass } = createGuard();
    values.queue = 0.99;
    values.database = 0.99;
    await pass(1);
    expect(guard.read()).toMatchObject({ level: 'critical', causes: ['pool'], shedding: ['third'] });
    values.memory = 0.75;
    await pass(1);
    expect(done).toEqual(['+third', '+first']);
    values.queue = 0;
    await pass(7);
    expect(guard.read()).toMatchObject({ level: 'critical', shedding: ['first'] });
    expect(shedding).toEqual([
      { step: 'third', inForce: true, causes: ['queue'] },
      { step: 'first', inForce: true, causes: ['memory'] },
      { step: 'third', inForce: false, causes: [] },
    ]);
  });

  it('rises at once, and falls only after five calm seconds', async () => {
    const { values, guard, pass } = createGuard();
    values.memory = 0.75;
    await pass(1);
    expect(guard.read().level).toBe('elevated');
    values.memory = 0.2;
    await pass(4);
    values.memory = 0.75;
    await pass(1);
    values.memory = 0.2;
    await pass(5);
    expect(guard.read().level).toBe('elevated');
    await pass(1);
    expect(guard.read().level).toBe('normal');
  });

  it('tells each change once, and remembers the newest ones', async () => {
    const { values, guard, pass } = createGuard();
    for (let round = 0; round < GUARD_CHANGES_MAX; round += 1) {
      values.memory = 0.75;
      await pass(1);
      values.memory = 0;
      await pass(7);
    }
    expect(guard.read().changes).toHaveLength(GUARD_CHANGES_MAX);
    expect(guard.read().changes.slice(0, 2)).toMatchObject([
      { level: 'normal', causes: [], shedding: [] },
      { level: 'elevated', causes: ['memory'], shedding: ['first'] },
    ]);
    expect(guard.counters).toEqual({
      levelChanges: 2 * GUARD_CHANGES_MAX,
      sheddingBegun: GUARD_CHANGES_MAX,
      changesForgotten: GUARD_CHANGES_MAX,
    });
  });

  it('looks by itself once a second until it is closed', async () => {
    const clock = new ManualClock();
    let looks = 0;
    const guard = new Guard({
      signals: [{ name: 'memory', resource: 'process', read: () => (looks += 1), thresholds: THRESHOLDS }],
      steps: [],
      logger: createLogger({ name: 'test', level: 'silent' }),
      clock,
    });
    guard.start();
    const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    for (let second = 0; second < 3; second += 1) {
      clock.advance(1_000);
      await settle();
    }
    expect(looks).toBe(3);
    guard.close();
    clock.advance(5_000);
    await settle();
    expect(looks).toBe(3);
  });
});
