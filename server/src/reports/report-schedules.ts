// Reports that are made again and again. Rows are the truth, and say up to when it is done; job schedulers of BullMQ say when to
// look, and a sweep looks as well, so that neither a full queue nor a server that was away makes one be missed. Owns the timer of
// the sweep; borrows the rest.

import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { Logger } from '@sitecast/shared/node/logger';
import { ulid } from 'ulid';
import type { Page } from '../ingest/page.ts';
import type { Database } from '../postgres/pool.ts';
import type { RepeatedJobs, Repetition } from '../queues/repeated-jobs.ts';
import { expectTimeZone } from './local-time.ts';
import type { ReportKind, ReportLanguage } from './report-kinds.ts';
import { lastDue, nextDue, type ReportPeriod } from './report-period.ts';
import type { ReportQuery } from './report-store.ts';
import type { ReportJob, Reports } from './reports.ts';
import { ScheduleStore, type StoredSchedule } from './schedule-store.ts';

const SWEEP_MS = 60_000;
/** In cron, by the hour of the place: each day, each Monday, each first of a month. */
const DAYS: Record<ReportPeriod, string> = { daily: '* * *', weekly: '* * 1', monthly: '1 * *' };

export interface NewSchedule {
  site: string;
  kind: ReportKind;
  period: ReportPeriod;
  language: ReportLanguage;
  /** Of the site, else UTC, when left out. */
  timeZone?: string;
  /** 0 to 23. */
  hour: number;
}

/** With when the next report is made. */
export type Schedule = StoredSchedule & { nextAt: Date };

export interface ReportSchedulesOptions {
  database: Database;
  repeats: RepeatedJobs<ReportJob>;
  reports: Pick<Reports, 'createScheduled' | 'timeZoneOf'>;
  logger: Logger;
  clock?: Clock;
}

export class ReportSchedules {
  readonly #options: Required<ReportSchedulesOptions>;
  readonly #store: ScheduleStore;
  readonly counters = { schedulesMade: 0, schedulesPostponed: 0 };
  #timer: Timer | undefined;
  #making: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: ReportSchedulesOptions) {
    this.#options = { clock: systemClock, ...options };
    this.#store = new ScheduleStore(options.database);
  }

  /** Makes what was missed meanwhile, and keeps the job schedulers in step with the rows from now on. */
  async start(): Promise<void> {
    await this.#sweep();
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#making;
  }

  /**
   * Durable once it resolves. The first report is of the period that ends next.
   * @throws {AppError} NOT_FOUND for a site that does not exist; BAD_REQUEST; LIMIT_REACHED; STORE_UNAVAILABLE (retryable).
   */
  async create(asked: NewSchedule): Promise<Schedule> {
    const nowMs = this.#options.clock.nowMs();
    const ofSite = await this.#options.reports.timeZoneOf(asked.site);
    const timeZone = expectTimeZone(asked.timeZone ?? ofSite);
    const { to: doneUntil } = lastDue(asked.period, timeZone, asked.hour, nowMs);
    const schedule = { ...asked, id: ulid(), timeZone, createdAt: new Date(nowMs), doneUntil };
    await this.#store.insert(schedule);
    await this.#set(schedule).catch((error: unknown) => this.#postponed(error));
    return this.#withNext(schedule);
  }

  /** @throws {AppError} NOT_FOUND */
  async get(id: string): Promise<Schedule> {
    const found = await this.#store.get(id);
    if (!found) throw new AppError('NOT_FOUND', `report schedule ${id} does not exist`);
    return this.#withNext(found);
  }

  /** Newest first. @throws {AppError} BAD_REQUEST for a cursor of another list. */
  async list(query: ReportQuery): Promise<Page<Schedule>> {
    const page = await this.#store.list(query);
    return { ...page, items: page.items.map((schedule) => this.#withNext(schedule)) };
  }

  /** Its reports stay. A job scheduler that cannot be removed now goes with the next sweep. */
  async remove(id: string): Promise<void> {
    await this.#store.remove(id);
    await this.#options.repeats.remove(id).catch((error: unknown) => this.#postponed(error));
  }

  /** Asks for every report that is due and was not asked for. One after the other: two that look at once would see the same. */
  makeDue(): Promise<void> {
    this.#making = this.#making.then(() => this.#makeDue()).catch((error: unknown) => this.#postponed(error));
    return this.#making;
  }

  async #makeDue(): Promise<void> {
    const { clock, reports } = this.#options;
    for (const { id, doneUntil, hour, ...asked } of await this.#store.all()) {
      const range = lastDue(asked.period, asked.timeZone, hour, clock.nowMs());
      if (this.#isClosed || range.to <= doneUntil) continue;
      if (await reports.createScheduled({ ...asked, range, schedule: id })) this.counters.schedulesMade += 1;
    }
  }

  async #sweep(): Promise<void> {
    await this.makeDue();
    await this.#follow().catch((error: unknown) => this.#postponed(error));
    if (!this.#isClosed) this.#timer = this.#options.clock.after(SWEEP_MS, () => void this.#sweep());
  }

  /** One that is right already is left alone: setting it again would drop the job that is due. */
  async #follow(): Promise<void> {
    const { repeats } = this.#options;
    const [schedules, known] = [await this.#store.all(), await repeats.list()];
    for (const schedule of schedules) {
      const has = known.get(schedule.id);
      known.delete(schedule.id);
      const wanted = repetitionOf(schedule);
      if (has?.pattern !== wanted.pattern || has.timeZone !== wanted.timeZone) await this.#set(schedule);
    }
    for (const id of known.keys()) await repeats.remove(id);
  }

  #set(schedule: StoredSchedule): Promise<void> {
    return this.#options.repeats.set(schedule.id, repetitionOf(schedule), { schedule: schedule.id });
  }

  #withNext(schedule: StoredSchedule): Schedule {
    const { period, timeZone, hour } = schedule;
    return { ...schedule, nextAt: nextDue(period, timeZone, hour, this.#options.clock.nowMs()) };
  }

  #postponed(error: unknown): void {
    this.counters.schedulesPostponed += 1;
    this.#options.logger.warn({ reason: messageOf(error) }, 'a report schedule waits for the next sweep');
  }
}

function repetitionOf({ period, hour, timeZone }: StoredSchedule): Repetition {
  return { pattern: `0 ${hour} ${DAYS[period]}`, timeZone };
}
