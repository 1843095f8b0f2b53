import { AppError } from '@sitecast/shared/runtime/app-error';
import { createLogger } from '@sitecast/shared/node/logger';
import { describe, expect, it } from 'vitest';
import { SHEDDING_EVENTS_MAX, SheddingEvents } from '../../src/guard/shedding-events.ts';
import type { OwnEvent } from '../../src/ingest/event-store.ts';
import { ManualClock } from '../support/manual-clock.ts';

function create() {
  const clock = new ManualClock();
  const store = { isAway: false, rows: new Map<string, OwnEvent>(), ended: [] as string[] };
  const shedding = new SheddingEvents({
    events: {
      storeOwn: async (event) => {
        if (store.isAway) throw new AppError('STORE_UNAVAILABLE', 'away', { retryable: true });
        store.rows.set(event.id, event);
      },
      endOwn: async (kind) => void store.ended.push(kind),
    },
    logger: createLogger({ name: 'test', level: 'silent' }),
    clock,
  });
  const begin = (step: string): void => shedding.follow({ step, inForce: true, causes: ['memory'] });
  const end = (step: string): void => shedding.follow({ step, inForce: false, causes: [] });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const rows = (): OwnEvent[] => [...store.rows.values()];
  return { clock, store, shedding, begin, end, settle, rows };
}

describe('events of shedding', () => {
  it('begin with their reason and end under the same id', async () => {
    const { clock, begin, end, settle, rows } = create();
    begin('viewers-wait');
    await settle();
    const begun = new Date(clock.nowMs());
    expect(rows()).toMatchObject([
      { kind: 'shedding', at: begun, until: null, detail: 'viewers-wait, because of memory' },
    ]);
    clock.advance(60_000);
    end('viewers-wait');
    await settle();
    expect(rows()).toMatchObject([{ at: begun, until: new Date(begun.getTime() + 60_000) }]);
  });

  it('wait for a database that is away, the last state of each', async () => {
    const { clock, store, begin, end, settle, rows } = create();
    store.isAway = true;
    begin('viewers-wait');
    begin('main-to-low');
    end('main-to-low');
    await settle();
    store.isAway = false;
    clock.advance(5_000);
    await settle();
    expect(rows().map(({ detail, until }) => [detail.split(',')[0], until !== null])).toEqual([
      ['viewers-wait', false],
      ['main-to-low', true],
    ]);
  });

  it('that wait are bounded: the oldest go, and are counted', async () => {
    const { clock, store, shedding, begin, end, settle, rows } = create();
    store.isAway = true;
    for (let round = 0; round < SHEDDING_EVENTS_MAX + 3; round += 1) {
      begin('viewers-wait');
      end('viewers-wait');
    }
    await settle();
    store.isAway = false;
    clock.advance(5_000);
    await settle();
    expect(rows()).toHaveLength(SHEDDING_EVENTS_MAX);
    expect(shedding.counters).toEqual({ eventsDropped: 3 });
  });

  it('are ended with the server, and those of one that was killed at the next start', async () => {
    const { store, shedding, begin, rows } = create();
    await shedding.start();
    expect(store.ended).toEqual(['shedding']);
    begin('viewers-wait');
    await shedding.close();
    expect(rows()[0]?.until).not.toBeNull();
  });
});
