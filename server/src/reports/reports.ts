// Reports: asked for, waited for, fetched, removed. Rows are the truth; jobs of the queue only say that there is work, and a sweep
// adds those that are missing. Owns the worker and the timer of the sweep; borrows the queue.

import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { Logger } from '@sitecast/shared/node/logger';
import { ulid } from 'ulid';
import type { Page } from '../ingest/page.ts';
import type { MediaStore, StoredFile } from '../media-store/media-store.ts';
import type { Database } from '../postgres/pool.ts';
import type { JobQueue } from '../queues/job-queue.ts';
import { expectPeriod } from '../telemetry/reading-rows.ts';
import type { ClockTrust } from '../retention/clock-trust.ts';
import { DAY_MS, expectTimeZone } from './local-time.ts';
import type { ReportFileName, ReportFiles } from './report-files.ts';
import type { ReportKind, ReportLanguage } from './report-kinds.ts';
import { inWholeMinutes, lastWhole, type PeriodRange, type ReportPeriod } from './report-period.ts';
import { ReportStore, type ReportQuery, type StoredReport } from './report-store.ts';
import { ReportWorker } from './report-worker.ts';

/** Reports that are queued; the next one is refused (`reject`). */
export const REPORTS_WAITING_MAX = 20;
/** Finished ones, of all sites (`drop-oldest`), as the two below. */
export const REPORTS_KEPT_MAX = 200;
const REPORTS_KEPT_DAYS = 400;
/** Of their files together. */
export const REPORTS_KEPT_BYTES = 2 * 1024 * 1024 * 1024;
/** Of one file (`reject`): more than two million readings. */
export const REPORT_MAX_BYTES = 128 * 1024 * 1024;
const SWEEP_MS = 60_000;
const RETRY_AFTER_MS = 30_000;

/** There is a report to make, or a schedule to look at. */
export type ReportJob = { id: string } | { schedule: string };

export interface NewReportOptions {
  site: string;
  kind: ReportKind;
  /** A period of the calendar, the last whole one, or times. */
  period?: ReportPeriod;
  range?: PeriodRange;
  /** Of the site, else UTC. */
  timeZone?: string;
  language?: ReportLanguage;
}

/** With how far it is: rows and bytes of one that is running are those so far. */
export type Report = StoredReport & { progress: number };

export interface ReportsOptions {
  database: Database;
  queue: Pick<JobQueue<ReportJob>, 'add' | 'process'>;
  files: ReportFiles;
  pictures: Pick<MediaStore, 'open'>;
  /** None is dropped by age while the clock is doubted. */
  clockTrust: Pick<ClockTrust, 'isBelieved'>;
  logger: Logger;
  clock?: Clock;
  /** For tests. */
  maxKept?: number;
  maxKeptBytes?: number;
  maxKeptDays?: number;
  maxWaiting?: number;
  maxBytes?: number;
}

export class Reports {
  readonly #options: Required<ReportsOptions>;
  readonly #store: ReportStore;
  readonly #worker: ReportWorker;
  readonly #counters = { created: 0, refused: 0, removed: 0, dropped: 0 };
  #timer: Timer | undefined;
  #making: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(options: ReportsOptions) {
    this.#options = {
      clock: systemClock,
      maxKept: REPORTS_KEPT_MAX,
      maxKeptBytes: REPORTS_KEPT_BYTES,
      maxKeptDays: REPORTS_KEPT_DAYS,
      maxWaiting: REPORTS_WAITING_MAX,
      maxBytes: REPORT_MAX_BYTES,
      ...options,
    };
    this.#store = new ReportStore(options.database);
    this.#worker = new ReportWorker({ ...this.#options, store: this.#store });
  }

  get counters(): Readonly<Record<string, number>> {
    return { ...this.#counters, ...this.#worker.counters };
  }

  get isRunning(): boolean {
    return this.#worker.current !== undefined;
  }

  get isPaused(): boolean {
    return this.#worker.isPaused;
  }

  /**
   * Finishes what the process before left, and begins to work.
   * @param lookAtSchedules what jobs of schedules ask for.
   * @throws {AppError} STORE_UNAVAILABLE (retryable).
   */
  async start(lookAtSchedules: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const { files, queue } = this.#options;
    await files.sweep(await this.#store.withFiles());
    queue.process(1, (job) => ('id' in job ? this.#make(job.id) : lookAtSchedules()));
    await this.#sweep();
  }

  /**
   * For a guard under pressure: begins no report, and gives back the memory and the connection of the one at hand, which begins
   * anew after {@link resume}. Reports may still be asked for. Idempotent.
   */
  pause(): void {
    this.#worker.pause();
  }

  resume(): void {
    this.#worker.resume();
  }

  /** Idempotent. The one at hand goes back into the queue. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#worker.close();
    await this.#making.catch(() => undefined);
  }

  /**
   * Durable once it resolves.
   * @throws {AppError} BAD_REQUEST; NOT_FOUND for a site that does not exist; PERIOD_TOO_LONG; QUEUE_FULL or STORE_UNAVAILABLE,
   * both retryable.
   */
  async create(asked: NewReportOptions): Promise<Report> {
    const id = ulid();
    await this.#insert(id, asked, null);
    return this.get(id);
  }

  /**
   * For a schedule, which asks for each period once.
   * @returns whether it was asked for now. Throws as {@link create}.
   */
  createScheduled({ schedule, ...asked }: NewReportOptions & { schedule: string }): Promise<boolean> {
    return this.#insert(ulid(), asked, schedule);
  }

  /** Of the site, or UTC. @throws {AppError} NOT_FOUND for a site that does not exist. */
  async timeZoneOf(site: string): Promise<string> {
    const found = await this.#store.site(site);
    if (!found) throw new AppError('NOT_FOUND', `site ${site} does not exist`);
    return found.timeZone ?? 'UTC';
  }

  async #insert(id: string, asked: NewReportOptions, schedule: string | null): Promise<boolean> {
    const { clock, queue, maxWaiting } = this.#options;
    const createdAt = new Date(clock.nowMs());
    const report = { ...(await this.#describe(asked)), id, createdAt, schedule };
    const outcome = await this.#store.insert(report, maxWaiting);
    if (outcome === 'full') throw this.#full();
    if (outcome === 'known') return false;
    this.#counters.created += 1;
    // The sweep finds it, should the queue not take it now.
    await queue.add(id, { id }).catch((error: unknown) => this.#notQueued(error));
    return true;
  }

  #full(): AppError {
    const { maxWaiting } = this.#options;
    this.#counters.refused += 1;
    return new AppError('QUEUE_FULL', `${maxWaiting} reports wait already`, {
      retryable: true,
      detail: { limit: maxWaiting, active: maxWaiting, retryAfterMs: RETRY_AFTER_MS },
    });
  }

  /** What is not said is what the site has. */
  async #describe({ site, kind, period, range, timeZone, language = 'en' }: NewReportOptions) {
    const ofSite = await this.timeZoneOf(site);
    const zone = expectTimeZone(timeZone ?? ofSite);
    const given = range ?? (period && lastWhole(period, zone, this.#options.clock.nowMs()));
    if (!given) throw new AppError('BAD_REQUEST', 'a report needs a period, or from and to');
    const { from, to } = kind === 'csv' ? given : inWholeMinutes(given);
    expectPeriod({ from, to });
    return { site, kind, language, timeZone: zone, period: period ?? null, from, to };
  }

  /** @throws {AppError} NOT_FOUND */
  async get(id: string): Promise<Report> {
    return this.#withProgress(await this.#store.get(id));
  }

  /** Newest first. @throws {AppError} BAD_REQUEST for a cursor of another list. */
  async list(query: ReportQuery): Promise<Page<Report>> {
    const page = await this.#store.list(query);
    return { ...page, items: page.items.map((report) => this.#withProgress(report)) };
  }

  /** @throws {AppError} NOT_FOUND; REPORT_NOT_DONE. */
  async open(id: string): Promise<StoredFile> {
    const { state, kind } = await this.#store.get(id);
    if (state !== 'done') throw new AppError('REPORT_NOT_DONE', `report ${id} is ${state}`);
    return this.#options.files.open({ id, kind });
  }

  /** Also ends one that is running. The row first: a file without one is removed at the next start. */
  async remove(id: string): Promise<void> {
    const removed = await this.#store.remove(id);
    if (!removed) return;
    this.#counters.removed += 1;
    this.#worker.cancel(id);
    await this.#options.files.remove(removed);
  }

  async #make(id: string): Promise<void> {
    const making = this.#worker.make(id);
    this.#making = making;
    await making;
    await this.#dropSurplus();
  }

  async #dropSurplus(): Promise<void> {
    const { maxKept, maxKeptBytes: maxBytes, maxKeptDays, clock, clockTrust, files } = this.#options;
    const before = new Date((await clockTrust.isBelieved()) ? clock.nowMs() - maxKeptDays * DAY_MS : 0);
    const dropped: ReportFileName[] = await this.#store.removeSurplus({ maxKept, maxBytes, before });
    for (const report of dropped) {
      this.#counters.dropped += 1;
      await files.remove(report);
    }
  }

  /** Adding a job that is there already changes nothing. */
  async #sweep(): Promise<void> {
    try {
      for (const id of await this.#store.unfinished()) await this.#options.queue.add(id, { id });
      await this.#dropSurplus();
    } catch (error) {
      this.#notQueued(error);
    }
    if (!this.#isClosed) this.#timer = this.#options.clock.after(SWEEP_MS, () => void this.#sweep());
  }

  #notQueued(error: unknown): void {
    this.#options.logger.warn({ reason: messageOf(error) }, 'a report waits for the next sweep');
  }

  #withProgress(report: StoredReport): Report {
    if (report.state === 'done') return { ...report, progress: 1 };
    const { current } = this.#worker;
    if (current?.id !== report.id || report.state !== 'running') return { ...report, progress: 0 };
    return { ...report, rows: current.rows, progress: current.progress };
  }
}
