// The monthly volume of a site: counted, judged, and told when it changes what is sent. Owns the ledger.

import { ulid } from 'ulid';
import type { AgentEvent } from '@sitecast/shared/protocol/events';
import type { AgentHealth } from '@sitecast/shared/protocol/status';
import type { Clock } from '@sitecast/shared/runtime/clock';
import type { Logger } from '@sitecast/shared/node/logger';
import type { QuietLog } from '../health/quiet-log.ts';
import { DataBudget, type BudgetStage } from './data-budget.ts';
import { TrafficLedger } from './traffic-ledger.ts';

const BYTES_PER_GIGABYTE = 1_000_000_000;

const WORDS: Record<BudgetStage, string> = {
  all: 'Everything is sent again.',
  low: 'Live pictures are `low` at most from now on.',
  stills: 'Live pictures are stills from now on.',
  events: 'Nothing but alarms, events and readings is sent from now on; snapshots wait.',
};

export interface UplinkBudgetOptions {
  gigabytesPerMonth: number;
  resetDay: number;
  /** Of the ledger. */
  path: string;
  /** What is sent changes. */
  tell: (event: AgentEvent) => void;
  logger: Logger;
  log: QuietLog;
  clock: Clock;
}

export class UplinkBudget {
  readonly #options: UplinkBudgetOptions;
  readonly #ledger: TrafficLedger;
  readonly #budget: DataBudget;
  readonly #budgetBytes: number;

  private constructor(options: UplinkBudgetOptions, ledger: TrafficLedger) {
    this.#options = options;
    this.#ledger = ledger;
    this.#budgetBytes = options.gigabytesPerMonth * BYTES_PER_GIGABYTE;
    this.#budget = new DataBudget({ budgetBytes: this.#budgetBytes, clock: options.clock });
  }

  static async open(options: UplinkBudgetOptions): Promise<UplinkBudget> {
    const budget = new UplinkBudget(options, await TrafficLedger.open(options));
    // What was so at the last stop is no news.
    budget.#budget.look(budget.#ledger);
    return budget;
  }

  get stage(): BudgetStage {
    return this.#budget.stage;
  }

  get health(): NonNullable<AgentHealth['uplink']['budget']> {
    const { fromMs, untilMs } = this.#ledger.period;
    return {
      budgetBytes: Math.round(this.#budgetBytes),
      usedBytes: this.#ledger.usedBytes,
      forecastBytes: this.#ledger.forecastBytes,
      stage: this.stage,
      from: new Date(fromMs).toISOString(),
      until: new Date(untilMs).toISOString(),
    };
  }

  /** So many bytes have gone over the line. @returns whether the stage is another one now. */
  count(bytes: number): boolean {
    this.#ledger.count(bytes);
    const isOther = this.#budget.look(this.#ledger);
    if (isOther) this.#tellStage();
    return isOther;
  }

  async close(): Promise<void> {
    await this.#ledger.close();
  }

  #tellStage(): void {
    const { usedBytes, forecastBytes } = this.#ledger;
    const { stage } = this;
    const at = new Date(this.#options.clock.nowMs()).toISOString();
    const figures = `${gigabytes(usedBytes)} of ${gigabytes(this.#budgetBytes)} GB of this month are used, ${gigabytes(forecastBytes)} GB are forecast.`;
    const detail = `${figures} ${WORDS[stage]}`;
    this.#options.logger.warn({ stage, usedBytes, forecastBytes }, 'the monthly volume changes what is sent');
    this.#options.tell({ id: ulid(), kind: 'data-budget', at, until: at, detail, gap: null });
  }
}

function gigabytes(bytes: number): string {
  return (bytes / BYTES_PER_GIGABYTE).toFixed(bytes < BYTES_PER_GIGABYTE ? 3 : 1);
}
