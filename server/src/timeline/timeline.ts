// What happened at a site, in one answer: pictures, events, curves and outages, as much of each as the zoom has room for.
// Borrows the database and the queries of telemetry.
//
// One kind after the other, so that an answer takes one connection at a time. Each gets an equal share of what is left of the
// items, the small kinds first, so what one does not need goes to the next.

import { AppError } from '@sitecast/shared/runtime/app-error';
import { SlotGate } from '../ingest/slot-gate.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { SeriesPoints, TelemetryQueries } from '../telemetry/telemetry-query.ts';
import { readCurves } from './timeline-curves.ts';
import { readEvents, type EventCount, type TimelineEvent } from './timeline-events.ts';
import { readOutages, type TimelineOutage } from './timeline-outages.ts';
import { readPictures, type TimelinePicture } from './timeline-pictures.ts';
import type { Thinned, TimelineQuery } from './timeline-query.ts';

export const TIMELINE_ITEMS_MAX = 2_000;
/** Answers that are made at the same time, and those that wait for it. */
export const TIMELINES_AT_ONCE_MAX = 3;
export const TIMELINES_WAITING_MAX = 40;
/** A little more than three years. */
export const TIMELINE_MAX_DAYS = 1_100;
const DAY_MS = 86_400_000;

export interface Timeline {
  site: string;
  from: Date;
  to: Date;
  pictures: TimelinePicture[];
  events: TimelineEvent[];
  /** In place of the events, where they are too many for one each. */
  eventCounts: EventCount[];
  curves: SeriesPoints[];
  outages: TimelineOutage[];
  thinned: Thinned[];
}

export interface TimelinesOptions {
  database: Queryable;
  queries: Pick<TelemetryQueries, 'answer'>;
}

export class Timelines {
  readonly #options: TimelinesOptions;
  readonly #gate = new SlotGate({ slots: TIMELINES_AT_ONCE_MAX, maxWaiting: TIMELINES_WAITING_MAX });
  #thinned = 0;

  constructor(options: TimelinesOptions) {
    this.#options = options;
  }

  get counters(): Readonly<Record<string, number>> {
    const { heldUp, refused } = this.#gate;
    return { answersThinned: this.#thinned, answersHeldUp: heldUp, answersRefused: refused };
  }

  /**
   * @throws {AppError} BAD_REQUEST for a range that ends before it begins, PERIOD_TOO_LONG; QUEUE_FULL, STORE_UNAVAILABLE
   * (retryable).
   */
  async answer(query: TimelineQuery): Promise<Timeline> {
    expectRange(query);
    await this.#gate.enter();
    try {
      const timeline = await this.#read(query);
      if (timeline.thinned.length > 0) this.#thinned += 1;
      return timeline;
    } finally {
      this.#gate.leave();
    }
  }

  async #read(query: TimelineQuery): Promise<Timeline> {
    const { database, queries } = this.#options;
    const { site, from, to } = query;
    const budget = new Budget(TIMELINE_ITEMS_MAX, 4);
    const outages = await readOutages(database, query, budget.share);
    budget.spend(outages.items.length);
    const { counts, ...events } = await readEvents(database, query, budget.share);
    budget.spend(events.items.length + counts.length);
    const pictures = await readPictures(database, query, budget.share);
    budget.spend(pictures.items.length);
    const curves = await readCurves(database, queries, query, budget.share);
    return {
      site,
      from,
      to,
      pictures: pictures.items,
      events: events.items,
      eventCounts: counts,
      curves: curves.items,
      outages: outages.items,
      thinned: [pictures, events, curves, outages].flatMap(({ thinned }) => thinned),
    };
  }
}

/** So many items for so many kinds. */
class Budget {
  #left: number;
  #kinds: number;

  constructor(items: number, kinds: number) {
    this.#left = items;
    this.#kinds = kinds;
  }

  /** Of the next kind. */
  get share(): number {
    return Math.floor(this.#left / this.#kinds);
  }

  spend(items: number): void {
    this.#left -= items;
    this.#kinds -= 1;
  }
}

function expectRange({ from, to }: TimelineQuery): void {
  if (!(from < to)) throw new AppError('BAD_REQUEST', 'the range ends before it begins');
  if (to.getTime() - from.getTime() > TIMELINE_MAX_DAYS * DAY_MS)
    throw new AppError('PERIOD_TOO_LONG', `the range has more than ${TIMELINE_MAX_DAYS} days`);
}
