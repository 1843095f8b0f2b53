import { describe, expect, it } from 'vitest';
import { forecast, type ForecastSources } from '../../src/retention/forecast.ts';

const GIB = 1024 ** 3;

function sources(given: Partial<ForecastSources> = {}): ForecastSources {
  return {
    stored: {
      snapshots: { items: 10, bytes: 4 * GIB },
      clips: { items: 2, bytes: 2 * GIB },
      reports: { items: 3, bytes: GIB },
    },
    flow: {
      snapshots: { addedBytes: GIB, removedBytes: 0 },
      clips: { addedBytes: 0.5 * GIB, removedBytes: 0 },
      reports: { addedBytes: 0.1 * GIB, removedBytes: 0 },
    },
    diskBytesPerDay: 2 * GIB,
    disk: { freeBytes: 11 * GIB, minFreeBytes: GIB },
    bounds: { mediaMaxBytes: 20 * GIB, clipsMaxBytes: 10 * GIB, reportsMaxBytes: 2 * GIB },
    maxAgeDays: { snapshots: 0, clips: 0, reports: 400 },
    ...given,
  };
}

describe('the forecast', () => {
  it('says in how many days each bound is met, from what comes in', () => {
    const { media, clips, disk, kinds } = forecast(sources());
    expect(media).toEqual({ bytes: 6 * GIB, maxBytes: 20 * GIB, fullInDays: 13 / 1.5 });
    expect([clips.fullInDays, disk]).toEqual([15, { bytesPerDay: 2 * GIB, fullInDays: 5 }]);
    expect(kinds.clips).toEqual({
      ...{ items: 2, bytes: 2 * GIB, maxBytes: 10 * GIB, maxAgeDays: null, bytesPerDay: 0.5 * GIB },
    });
    // Beside the bound of all media: reports keep themselves below their own.
    expect(kinds.reports).toEqual({
      ...{ items: 3, bytes: GIB, maxBytes: 2 * GIB, maxAgeDays: 400, bytesPerDay: 0.1 * GIB },
    });
  });

  it('says never where age deletes before the bound is met', () => {
    const { media, clips } = forecast(sources({ maxAgeDays: { snapshots: 10, clips: 10, reports: 0 } }));
    expect([media.fullInDays, clips.fullInDays]).toEqual([null, null]);
    const longer = forecast(sources({ maxAgeDays: { snapshots: 30, clips: 10, reports: 0 } }));
    expect([longer.media.fullInDays, longer.clips.fullInDays]).toEqual([13 / 1.5, null]);
  });

  it('says 0 where the oldest go already', () => {
    const stored = {
      ...sources().stored,
      ...{ snapshots: { items: 1, bytes: 17 * GIB }, clips: { items: 1, bytes: 1.5 * GIB } },
    };
    expect(forecast(sources({ stored })).media.fullInDays).toBe(0);
    expect(forecast(sources({ disk: { freeBytes: 0, minFreeBytes: GIB } })).disk.fullInDays).toBe(0);
  });

  it('foresees nothing before a day was seen, nor where the disk empties', () => {
    const young = forecast(
      sources({
        flow: { snapshots: undefined, clips: undefined, reports: undefined },
        diskBytesPerDay: undefined,
      }),
    );
    expect([young.media.fullInDays, young.disk]).toEqual([null, { bytesPerDay: null, fullInDays: null }]);
    expect(young.kinds.snapshots.bytesPerDay).toBeNull();
    expect(forecast(sources({ diskBytesPerDay: -5 })).disk).toEqual({ bytesPerDay: -5, fullInDays: null });
  });

  it('has no bound of all media where only the disk bounds them', () => {
    const { media } = forecast(
      sources({ bounds: { mediaMaxBytes: 0, clipsMaxBytes: GIB, reportsMaxBytes: GIB } }),
    );
    expect(media).toMatchObject({ maxBytes: null, fullInDays: null });
  });
});
