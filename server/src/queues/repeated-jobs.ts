// Jobs that a queue gives itself at times of the calendar: BullMQ's job schedulers, on Redis and on PostgreSQL alike. Borrows the
// queue; each of them is one job that waits there, beside those that are added.

import { AppError } from '@sitecast/shared/runtime/app-error';
import type { JobQueue } from './job-queue.ts';

/** Of one queue (`reject`). */
export const REPEATED_JOBS_MAX = 500;
const READING = 'reading the job schedulers';

export interface Repetition {
  /** Of cron: minute, hour, day of the month, month, weekday; seconds may stand before. */
  pattern: string;
  /** IANA name. */
  timeZone: string;
}

export class RepeatedJobs<Payload extends object> {
  readonly #queue: Pick<JobQueue<Payload>, 'call'>;

  constructor(queue: Pick<JobQueue<Payload>, 'call'>) {
    this.#queue = queue;
  }

  /**
   * Begins, or goes on by other times. One that missed its time is not made up for.
   * @throws {AppError} STORE_UNAVAILABLE (retryable), as every call.
   */
  async set(id: string, { pattern, timeZone }: Repetition, payload: Payload): Promise<void> {
    const template = {
      name: 'repeated',
      data: payload,
      opts: { removeOnComplete: true, removeOnFail: true },
    };
    await this.#queue.call(`setting the job scheduler ${id}`, (producer) =>
      producer.upsertJobScheduler(id, { pattern, tz: timeZone }, template),
    );
  }

  /** Idempotent. */
  async remove(id: string): Promise<void> {
    await this.#queue.call(`removing the job scheduler ${id}`, (producer) => producer.removeJobScheduler(id));
  }

  /** @throws {AppError} LIMIT_REACHED when there are more than {@link REPEATED_JOBS_MAX}. */
  async list(): Promise<Map<string, Repetition>> {
    const found = await this.#queue.call(READING, (producer) =>
      producer.getJobSchedulers(0, REPEATED_JOBS_MAX),
    );
    if (found.length > REPEATED_JOBS_MAX)
      throw new AppError('LIMIT_REACHED', `there are more than ${REPEATED_JOBS_MAX} job schedulers`);
    return new Map(found.map(({ key, pattern = '', tz: timeZone = 'UTC' }) => [key, { pattern, timeZone }]));
  }
}
