// Which pictures a monthly volume still allows: `low`, then stills, then none, before it is used up. Pure.
//
// Alarms, events, readings and what the agent says of itself always go. What is used can only grow within a month; the forecast goes up
// and down, so what began for its sake ends only when it is well below the budget, and not within an hour.

import type { Clock } from '@sitecast/shared/runtime/clock';

/** From all to nothing but events. */
const BUDGET_STAGES = ['all', 'low', 'stills', 'events'] as const;
export type BudgetStage = (typeof BUDGET_STAGES)[number];

/** Shares of the budget that are used when a stage begins: in any case, and when the forecast is above the budget. */
const BEGINS_AT: Record<Exclude<BudgetStage, 'all'>, { anyway: number; forecast: number }> = {
  low: { anyway: 0.9, forecast: 0.25 },
  stills: { anyway: 0.95, forecast: 0.75 },
  events: { anyway: 0.98, forecast: 0.98 },
};
/** Of the budget, below which a forecast is well again. */
const WELL_SHARE = 0.9;
export const BUDGET_DWELL_MS = 60 * 60_000;

export interface DataBudgetOptions {
  budgetBytes: number;
  clock: Clock;
}

export class DataBudget {
  readonly #options: DataBudgetOptions;
  #stage: BudgetStage = 'all';
  #isForecastAbove = false;
  #usedBytes = 0;
  #betterSinceMs: number | undefined;

  constructor(options: DataBudgetOptions) {
    this.#options = options;
  }

  get stage(): BudgetStage {
    return this.#stage;
  }

  /** @returns whether the stage is another one now. */
  look({ usedBytes, forecastBytes }: { usedBytes: number; forecastBytes: number }): boolean {
    const { budgetBytes } = this.#options;
    const isNewMonth = usedBytes < this.#usedBytes;
    this.#usedBytes = usedBytes;
    if (forecastBytes > budgetBytes) this.#isForecastAbove = true;
    else if (forecastBytes < WELL_SHARE * budgetBytes || isNewMonth) this.#isForecastAbove = false;
    const before = this.#stage;
    this.#enter(this.#stageOf(usedBytes / budgetBytes), isNewMonth);
    return this.#stage !== before;
  }

  #stageOf(usedShare: number): BudgetStage {
    const hasBegun = (stage: keyof typeof BEGINS_AT): boolean => {
      const { anyway, forecast } = BEGINS_AT[stage];
      return usedShare >= anyway || (this.#isForecastAbove && usedShare >= forecast);
    };
    if (hasBegun('events')) return 'events';
    if (hasBegun('stills')) return 'stills';
    return hasBegun('low') ? 'low' : 'all';
  }

  #enter(wanted: BudgetStage, isNewMonth: boolean): void {
    const isBetter = BUDGET_STAGES.indexOf(wanted) < BUDGET_STAGES.indexOf(this.#stage);
    const nowMs = this.#options.clock.monotonicMs();
    this.#betterSinceMs = isBetter ? (this.#betterSinceMs ?? nowMs) : undefined;
    if (isBetter && !isNewMonth && nowMs - (this.#betterSinceMs ?? nowMs) < BUDGET_DWELL_MS) return;
    this.#stage = wanted;
    this.#betterSinceMs = undefined;
  }
}
