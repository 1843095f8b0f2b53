import { beforeEach, describe, expect, test } from 'vitest';
import { BUDGET_DWELL_MS, DataBudget } from '../../src/uplink/data-budget.ts';
import { ManualClock } from '../support.ts';

const GB = 1_000_000_000;
let clock: ManualClock;
let budget: DataBudget;

beforeEach(() => {
  clock = new ManualClock();
  budget = new DataBudget({ budgetBytes: 10 * GB, clock });
});

function stageAt(usedGb: number, forecastGb: number): string {
  budget.look({ usedBytes: usedGb * GB, forecastBytes: forecastGb * GB });
  return budget.stage;
}

describe('DataBudget', () => {
  test('lets everything go while the month will not use it up', () => {
    expect(stageAt(2, 9.9)).toBe('all');
    expect(stageAt(8.9, 9.9)).toBe('all');
  });

  test('does not believe a forecast at the beginning of a month', () => {
    expect(stageAt(0.5, 80)).toBe('all');
    expect(stageAt(2.6, 80)).toBe('low');
  });

  test('goes to low, to stills and to events before the volume is used up, whatever the forecast says', () => {
    const stages = [8.9, 9, 9.4, 9.5, 9.7, 9.8, 10.5].map((used) => stageAt(used, 9.9));
    expect(stages).toEqual(['all', 'low', 'low', 'stills', 'stills', 'events', 'events']);
  });

  test('goes to stills earlier when `low` is still too much', () => {
    expect(stageAt(5, 12)).toBe('low');
    expect(stageAt(7.5, 12)).toBe('stills');
  });

  test('comes back when the forecast is well below the budget, and has been for an hour', () => {
    expect(stageAt(5, 12)).toBe('low');
    expect(stageAt(5, 9.5)).toBe('low');
    clock.advance(2 * BUDGET_DWELL_MS);
    expect(stageAt(5, 9.5)).toBe('low');
    expect(stageAt(5, 8.9)).toBe('low');
    clock.advance(BUDGET_DWELL_MS - 1);
    expect(stageAt(5.1, 8.9)).toBe('low');
    clock.advance(1);
    expect(stageAt(5.1, 8.9)).toBe('all');
  });

  test('does not come back because of one good forecast', () => {
    stageAt(5, 12);
    stageAt(5, 8);
    clock.advance(BUDGET_DWELL_MS / 2);
    stageAt(5, 12);
    clock.advance(BUDGET_DWELL_MS / 2);
    expect(stageAt(5, 8)).toBe('low');
  });

  test('begins anew with a new month, at once', () => {
    expect(stageAt(9.9, 9.9)).toBe('events');
    expect(stageAt(0.001, 11)).toBe('all');
  });

  test('says whether the stage is another one', () => {
    expect(budget.look({ usedBytes: 0, forecastBytes: 0 })).toBe(false);
    expect(budget.look({ usedBytes: 9 * GB, forecastBytes: 0 })).toBe(true);
    expect(budget.look({ usedBytes: 9 * GB, forecastBytes: 0 })).toBe(false);
  });
});
