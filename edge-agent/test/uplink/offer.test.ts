import { describe, expect, test } from 'vitest';
import { FULL_PACE } from '../../src/camera/encoder/pace.ts';
import type { BudgetStage } from '../../src/uplink/data-budget.ts';
import { FULL_OFFER, offerOf } from '../../src/uplink/offer.ts';
import { RUNGS } from '../../src/uplink/uplink-ladder.ts';

const [main, low, , slowLow] = RUNGS;
const stills = RUNGS.at(-1);

describe('offerOf', () => {
  test('is all that there is when nothing is in the way', () => {
    expect(offerOf(main!, 'all')).toEqual(FULL_OFFER);
    expect(FULL_OFFER).toMatchObject({
      profiles: ['main', 'low', 'mpeg1', 'stills'],
      pace: FULL_PACE,
      hasSnapshots: true,
      limitedBy: undefined,
    });
  });

  test.each<[typeof main, BudgetStage, string[], string]>([
    [low, 'all', ['low', 'mpeg1', 'stills'], 'uplink-slow'],
    [stills, 'all', ['stills'], 'uplink-slow'],
    [main, 'low', ['low', 'mpeg1', 'stills'], 'data-budget'],
    [stills, 'low', ['stills'], 'uplink-slow'],
    [low, 'stills', ['stills'], 'data-budget'],
    [main, 'events', [], 'data-budget'],
  ])(
    'is the less of what the line carries and the volume allows: %j, %s',
    (rung, stage, profiles, limitedBy) => {
      expect(offerOf(rung!, stage)).toMatchObject({ profiles, limitedBy });
    },
  );

  test('keeps the pace of the line whatever the volume says', () => {
    expect(offerOf(slowLow!, 'low').pace).toBe(slowLow!.pace);
  });

  test('makes stills seldom where they are what saves bytes', () => {
    expect(offerOf(stills!, 'all').stillsIntervalMs).toBeGreaterThan(4 * FULL_OFFER.stillsIntervalMs);
    expect(offerOf(low!, 'all').stillsIntervalMs).toBe(FULL_OFFER.stillsIntervalMs);
  });

  test('stops snapshots only where nothing but events is left', () => {
    const stages: BudgetStage[] = ['all', 'low', 'stills', 'events'];
    expect(stages.map((stage) => offerOf(main!, stage).hasSnapshots)).toEqual([true, true, true, false]);
  });
});
