// Makes one report at a time: what it says through cursors into a file, then the row says that it is done. What is cut short by a
// pause, a stop or a crash begins anew. Borrows the store, the files and the database; owns what is at hand.

import { isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import type { Logger } from '@sitecast/shared/node/logger';
import type { ReportFiles } from './report-files.ts';
import type { ReportStore, StoredReport } from './report-store.ts';
import { openReportStream, type ReportStream, type ReportStreamOptions } from './report-stream.ts';

/** Times that a report is begun before it has failed (`reject`). */
export const REPORT_ATTEMPTS_MAX = 3;

export interface ReportWorkerOptions extends ReportStreamOptions {
  store: ReportStore;
  files: ReportFiles;
  maxBytes: number;
  logger: Logger;
}

interface Running {
  id: string;
  /** With this one. */
  attempts: number;
  /** Set once its parts come. */
  stream?: ReportStream;
  /** Why it was told to end, when it was. */
  cut?: 'paused' | 'removed' | 'closed';
}

export class ReportWorker {
  readonly counters = { done: 0, failed: 0, putBack: 0, shortened: 0 };
  readonly #options: ReportWorkerOptions;
  #running: Running | undefined;
  #isClosed = false;
  #pause: { over: Promise<void>; end: () => void } | undefined;

  constructor(options: ReportWorkerOptions) {
    this.#options = options;
  }

  get isPaused(): boolean {
    return this.#pause !== undefined;
  }

  /** The one at hand, and how far it is. */
  get current(): { id: string; rows: number; progress: number } | undefined {
    if (!this.#running) return undefined;
    const { id, stream } = this.#running;
    return { id, rows: stream?.rows ?? 0, progress: stream?.progress ?? 0 };
  }

  /** Begins none, and gives up the one at hand, which begins anew after `resume`. Idempotent. */
  pause(): void {
    if (this.#pause) return;
    let end = (): void => undefined;
    const over = new Promise<void>((resolve) => (end = resolve));
    this.#pause = { over, end };
    this.#cut('paused');
  }

  resume(): void {
    this.#pause?.end();
    this.#pause = undefined;
  }

  /** Gives `id` up when it is at hand; its row is gone. */
  cancel(id: string): void {
    if (this.#running?.id === id) this.#cut('removed');
  }

  /** What is at hand goes back into the queue. */
  close(): void {
    this.#isClosed = true;
    this.#cut('closed');
    this.resume();
  }

  /** The handler of the queue. @throws {AppError} retryable ones only; the report stays queued then. */
  async make(id: string): Promise<void> {
    while (!this.#isClosed) {
      await this.#pause?.over;
      // A job may be given out twice.
      if (this.#isClosed || this.#running) return;
      if ((await this.#attempt({ id, attempts: 0 })) !== 'paused') return;
    }
  }

  async #attempt(running: Running): Promise<Running['cut']> {
    const { store } = this.#options;
    this.#running = running;
    try {
      const report = await store.begin(running.id);
      if (report) await this.#write(running, report);
    } catch (error) {
      await this.#failed(running, error);
    } finally {
      this.#running = undefined;
    }
    return running.cut;
  }

  async #write(running: Running, report: StoredReport): Promise<void> {
    const { store, files, maxBytes } = this.#options;
    const { id } = report;
    running.attempts = report.attempts;
    if (report.attempts > REPORT_ATTEMPTS_MAX) return this.#giveUp(id, 'INTERNAL', 'was begun too often');
    const { name } = (await store.site(report.site)) ?? { name: report.site };
    const stream = await openReportStream(this.#options, report, name);
    running.stream = stream;
    if (running.cut) stream.destroy();
    const bytes = await files.write(report, stream, maxBytes);
    if (stream.isShortened === true) this.counters.shortened += 1;
    if (await store.finish(id, { rows: stream.rows, bytes })) this.counters.done += 1;
    else await files.remove(report);
  }

  async #failed({ id, cut, attempts }: Running, error: unknown): Promise<void> {
    const { store } = this.#options;
    if (cut === 'removed') return;
    if (cut) {
      this.counters.putBack += 1;
      return store.putBack(id, false);
    }
    if (isAppError(error) && error.retryable && attempts < REPORT_ATTEMPTS_MAX) {
      await store.putBack(id, true);
      throw error;
    }
    await this.#giveUp(id, isAppError(error) ? error.code : 'INTERNAL', messageOf(error));
  }

  async #giveUp(id: string, code: string, reason: string): Promise<void> {
    await this.#options.store.fail(id, code);
    this.counters.failed += 1;
    this.#options.logger.warn({ report: id, code, reason }, 'report failed');
  }

  #cut(why: NonNullable<Running['cut']>): void {
    if (!this.#running) return;
    this.#running.cut ??= why;
    this.#running.stream?.destroy();
  }
}
