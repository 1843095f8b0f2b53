// Reports: asked for, waited for, fetched, removed. Rows are the truth; jobs of the queue only say that there is work, and a sweep
// adds those that are missing. Owns the worker and the timer of the sweep; borrows the queue.

import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { Logger } from '@sitecast/shared/node/logger';
import { ulid } from 'ulid';
import type { Page } from '../ingest/page.ts';
import type { StoredFile } from '../media-store/media-store.ts';
import type { Database } from '../postgres/pool.ts';
import type { JobQueue } from '../queues/job-queue.ts';
import { expectPeriod, type ReadingRange } from '../telemetry/reading-rows.ts';
import type { ReportFiles } from './report-files.ts';
import { ReportStore, type ReportQuery, type StoredReport } from './report-store.ts';
import { ReportWorker } from './report-worker.ts';

/** Reports that are queued; the next one is refused (`reject`). */
export const REPORTS_WAITING_MAX = 20;
/** Finished ones, of all sites (`drop-oldest`). */
export const REPORTS_KEPT_MAX = 20;
/** Of one file (`reject`): more than two million readings. */
export const REPORT_MAX_BYTES = 128 * 1024 * 1024;
const SWEEP_MS = 60_000;
const RETRY_AFTER_MS = 30_000;

export interface ReportJob {
  id: string;
}

/** With how far it is: rows and bytes of one that is running are those so far. */
export type Report = StoredReport & { progress: number };

export interface ReportsOptions {
  database: Database;
  queue: Pick<JobQueue<ReportJob>, 'add' | 'process'>;
  files: ReportFiles;
  logger: Logger;
  clock?: Clock;
  /** For tests. */
  maxKept?: number;
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

  /** Finishes what the process before left, and begins to work. @throws {AppError} STORE_UNAVAILABLE (retryable). */
  async start(): Promise<void> {
    const { files, queue } = this.#options;
    await files.sweep(await this.#store.withFiles());
    queue.process(1, ({ id }) => this.#make(id));
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

  /** Durable once it resolves. @throws {AppError} BAD_REQUEST; PERIOD_TOO_LONG; QUEUE_FULL or STORE_UNAVAILABLE, both retryable. */
  async create({ site, from, to }: Pick<ReadingRange, 'site' | 'from' | 'to'>): Promise<Report> {
    expectPeriod({ from, to });
    const { clock, queue, maxWaiting } = this.#options;
    const id = ulid();
    const createdAt = new Date(clock.nowMs());
    if (!(await this.#store.insert({ id, site, kind: 'csv', from, to, createdAt }, maxWaiting))) {
      this.#counters.refused += 1;
      throw new AppError('QUEUE_FULL', `${maxWaiting} reports wait already`, {
        retryable: true,
        detail: { limit: maxWaiting, active: maxWaiting, retryAfterMs: RETRY_AFTER_MS },
      });
    }
    this.#counters.created += 1;
    // The sweep finds it, should the queue not take it now.
    await queue.add(id, { id }).catch((error: unknown) => this.#notQueued(error));
    return this.get(id);
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
    const { state } = await this.#store.get(id);
    if (state !== 'done') throw new AppError('REPORT_NOT_DONE', `report ${id} is ${state}`);
    return this.#options.files.open(id);
  }

  /** Also ends one that is running. The row first: a file without one is removed at the next start. */
  async remove(id: string): Promise<void> {
    if (!(await this.#store.remove(id))) return;
    this.#counters.removed += 1;
    this.#worker.cancel(id);
    await this.#options.files.remove(id);
  }

  async #make(id: string): Promise<void> {
    const making = this.#worker.make(id);
    this.#making = making;
    await making;
    await this.#dropSurplus();
  }

  async #dropSurplus(): Promise<void> {
    for (const id of await this.#store.removeSurplus(this.#options.maxKept)) {
      this.#counters.dropped += 1;
      await this.#options.files.remove(id);
    }
  }

  /** Adding a job that is there already changes nothing. */
  async #sweep(): Promise<void> {
    try {
      for (const id of await this.#store.unfinished()) await this.#options.queue.add(id, { id });
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
