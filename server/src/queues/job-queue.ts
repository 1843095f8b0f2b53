// A bounded queue of small jobs on BullMQ: on Redis, or without one on PostgreSQL. Jobs carry references, never pictures.
// A job may run twice, so handlers are idempotent. Owns its connections.

import { setTimeout as delay } from 'node:timers/promises';
import type { JobsOptions } from 'bullmq';
import { AppError, isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import type { Logger } from '@sitecast/shared/node/logger';
import { postgresBackend, redisBackend, type Consumer, type Producer, type QueueBackend } from './backend.ts';
import { forgetFutureMarks } from './future-marks.ts';
import { refuseEviction } from './redis-policy.ts';

const QUEUE_MAX_WAITING = 500;
export const MAX_JOB_BYTES = 8 * 1024;
/** Callers of `add` at once: they are served one after the other, so that the bound holds exactly. */
export const QUEUE_ADDS_PENDING_MAX = 200;
/** Calls that a store which hangs may still owe an answer; what its client holds of them is gone only with the answer. */
export const QUEUE_CALLS_UNANSWERED_MAX = 4;

const COUNTING = 'counting jobs';
const CALL_TIMEOUT_MS = 3_000;
const OPEN_TIMEOUT_MS = 15_000;
const DRAIN_TIMEOUT_MS = 8_000;
const DISCONNECT_TIMEOUT_MS = 2_000;
/** The job of a worker that died is given to another after about this long. */
const LOCK_MS = 15_000;
const MAX_STALLED = 3;
const ATTEMPTS = 4;
const FIRST_RETRY_MS = 1_000;
/** Between tries to reach a store that is away. */
const RETRY_MS = 2_000;
const ERROR_LOG_INTERVAL_MS = 10_000;

export interface QueueOptionsOf {
  name: string;
  /** Redis when given, PostgreSQL (schema `bullmq`) otherwise. */
  redisUrl?: string;
  databaseUrl: string;
  /** Jobs waiting or delayed; above it `add` rejects (`reject`). */
  maxWaiting?: number;
  logger: Logger;
}

export interface QueueCounts {
  waiting: number;
  active: number;
}

export interface QueueCounters {
  jobsAdded: number;
  jobsRefused: number;
  jobsTooLarge: number;
  /** Not even asked for, because the store still owed answers. */
  callsRefused: number;
  /** Came while as many were worked on as may be, and waited for one of them. */
  jobsHeldUp: number;
  jobsDone: number;
  /** Attempts that rejected; each job has {@link ATTEMPTS}. */
  attemptsFailed: number;
  jobsStalled: number;
}

/**
 * @throws {AppError} CONFIG_INVALID when Redis may evict jobs; STORE_UNAVAILABLE (retryable) when the store does not answer.
 */
export async function openQueue<Payload extends object>(options: QueueOptionsOf): Promise<JobQueue<Payload>> {
  const { redisUrl, databaseUrl, name, logger } = options;
  if (redisUrl !== undefined) await refuseEviction(redisUrl);
  const backend = redisUrl === undefined ? postgresBackend(databaseUrl) : redisBackend(redisUrl);
  const producer = backend.openProducer(name);
  const logError = throttledErrorLog(logger, name);
  producer.on('error', logError);
  try {
    await within(OPEN_TIMEOUT_MS, `opening the queue ${name}`, producer.waitUntilReady());
    if (redisUrl === undefined) await forgetFutureMarks(databaseUrl, name, Date.now());
  } catch (error) {
    await producer.disconnect().catch(() => undefined);
    throw error;
  }
  return new JobQueue<Payload>({ ...options, backend, producer, logError });
}

interface Parts extends QueueOptionsOf {
  backend: QueueBackend;
  producer: Producer;
  logError: (error: Error) => void;
}

export class JobQueue<Payload extends object> {
  readonly name: string;
  readonly maxWaiting: number;
  readonly counters: QueueCounters = {
    jobsAdded: 0,
    jobsRefused: 0,
    jobsTooLarge: 0,
    callsRefused: 0,
    jobsHeldUp: 0,
    jobsDone: 0,
    attemptsFailed: 0,
    jobsStalled: 0,
  };
  readonly #parts: Parts;
  readonly #running = new Set<Promise<void>>();
  /** By the clock that jobs are stamped with. */
  #lastFullAtMs = Number.NEGATIVE_INFINITY;
  #starting: Promise<void> | undefined;
  #concurrency = 1;
  #consumer: Consumer | undefined;
  #adding: Promise<unknown> = Promise.resolve();
  #addsPending = 0;
  #callsUnanswered = 0;
  /** Never below the truth while this process is the only producer: jobs that finish only lower it. */
  #waitingAtMost = Number.POSITIVE_INFINITY;
  #counting: Promise<QueueCounts> | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.name = parts.name;
    this.maxWaiting = parts.maxWaiting ?? QUEUE_MAX_WAITING;
  }

  /**
   * Adds a job; one with the same id that is not done yet stays the only one.
   * @param id without a colon.
   * @throws {AppError} PAYLOAD_TOO_LARGE; QUEUE_FULL or STORE_UNAVAILABLE, both retryable.
   */
  async add(id: string, payload: Payload): Promise<void> {
    this.#expectOpen();
    this.#expectSmall(id, payload);
    if (this.#addsPending >= QUEUE_ADDS_PENDING_MAX) throw this.#full();
    this.#addsPending += 1;
    const turn = this.#adding.then(() => this.#addInTurn(id, payload));
    this.#adding = turn.catch(() => undefined);
    try {
      await turn;
    } finally {
      this.#addsPending -= 1;
    }
  }

  /**
   * Starts working on jobs, `concurrency` at once. A handler that rejects is tried again, 1, 2 and 4 s later. Once a queue.
   * @param onDone the job is gone from the queue, a little after its handler resolved: only now another one may have its id.
   */
  process(
    concurrency: number,
    handler: (payload: Payload) => Promise<void>,
    onDone: (payload: Payload) => void = () => undefined,
  ): void {
    this.#expectOpen();
    if (this.#starting) throw new TypeError(`the queue ${this.name} is processed already`);
    this.#concurrency = concurrency;
    this.#starting = this.#startConsumer(handler, onDone);
  }

  /** Jobs at once, from the next one on. */
  set concurrency(jobs: number) {
    this.#concurrency = jobs;
    if (this.#consumer) this.#consumer.concurrency = jobs;
  }

  /**
   * Asks the store once at a time, however many want to know: one that hangs would hold what each of them asked.
   * @throws {AppError} STORE_UNAVAILABLE (retryable).
   */
  counts(): Promise<QueueCounts> {
    this.#counting ??= this.#count().finally(() => (this.#counting = undefined));
    return within(CALL_TIMEOUT_MS, COUNTING, this.#counting);
  }

  /**
   * For calls beside those above, within their deadline.
   * @throws {AppError} STORE_UNAVAILABLE (retryable).
   */
  call<T>(doing: string, call: (producer: Producer) => Promise<T>): Promise<T> {
    this.#expectOpen();
    return within(
      CALL_TIMEOUT_MS,
      doing,
      this.#ask(doing, () => call(this.#parts.producer)),
    );
  }

  async #count(): Promise<QueueCounts> {
    const { producer } = this.#parts;
    const states = this.#ask(COUNTING, () =>
      producer.getJobCounts('wait', 'delayed', 'prioritized', 'active'),
    );
    const { wait = 0, delayed = 0, prioritized = 0, active = 0 } = await states;
    return { waiting: wait + delayed + prioritized, active };
  }

  /** Every call of the store, so that one which hangs is not asked more and more. */
  async #ask<T>(doing: string, call: () => Promise<T>): Promise<T> {
    if (this.#callsUnanswered >= QUEUE_CALLS_UNANSWERED_MAX) {
      this.counters.callsRefused += 1;
      throw unavailable(doing, new Error(`${this.#callsUnanswered} calls are not answered yet`));
    }
    this.#callsUnanswered += 1;
    try {
      return await call();
    } finally {
      this.#callsUnanswered -= 1;
    }
  }

  /** Idempotent. Takes no new job, gives the running ones 8 s, then leaves them to be done again after the next start. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  // Not run before it is ready: BullMQ 6.7 keeps the promise of a first connection to PostgreSQL that failed, and its main
  // loop then spins on that without ever giving the event loop back.
  async #startConsumer(
    handler: (payload: Payload) => Promise<void>,
    onDone: (payload: Payload) => void,
  ): Promise<void> {
    const { backend, logError } = this.#parts;
    while (!this.#closing) {
      const consumer = backend.openConsumer(
        this.name,
        (job) => {
          // One that is tried again has waited for its time.
          if (job.attemptsMade === 0 && job.timestamp < this.#lastFullAtMs) this.counters.jobsHeldUp += 1;
          return this.#track(handler(job.data as Payload));
        },
        this.#concurrency,
        {
          lockDuration: LOCK_MS,
          stalledInterval: LOCK_MS,
          maxStalledCount: MAX_STALLED,
          runRetryDelay: RETRY_MS,
        },
      );
      this.#watch(consumer);
      consumer.on('completed', (job) => onDone(job.data as Payload));
      try {
        await within(OPEN_TIMEOUT_MS, `opening the worker of ${this.name}`, consumer.waitUntilReady());
        consumer.concurrency = this.#concurrency;
        this.#consumer = consumer;
        void consumer.run().catch(logError);
        return;
      } catch {
        await settledWithin(DISCONNECT_TIMEOUT_MS, consumer.close(true));
        await delay(RETRY_MS);
      }
    }
  }

  #watch(consumer: Consumer): void {
    const { logger, logError } = this.#parts;
    consumer.on('error', logError);
    consumer.on('stalled', () => (this.counters.jobsStalled += 1));
    consumer.on('failed', (_job, error) => {
      this.counters.attemptsFailed += 1;
      const code = isAppError(error) ? error.code : undefined;
      logger.warn({ queue: this.name, code, reason: error.message }, 'job failed');
    });
  }

  async #addInTurn(id: string, payload: Payload): Promise<void> {
    this.#expectOpen();
    if (this.#waitingAtMost >= this.maxWaiting) {
      const { waiting } = await within(CALL_TIMEOUT_MS, COUNTING, this.#count());
      this.#waitingAtMost = waiting;
    }
    if (this.#waitingAtMost >= this.maxWaiting) throw this.#full();
    const doing = `adding a job to ${this.name}`;
    const options: JobsOptions = {
      jobId: id,
      attempts: ATTEMPTS,
      backoff: { type: 'exponential', delay: FIRST_RETRY_MS },
      // A kept job would swallow a later one with its id.
      removeOnComplete: true,
      removeOnFail: true,
    };
    const adding = this.#ask(doing, () => this.#parts.producer.add('job', payload, options));
    this.#waitingAtMost += 1;
    await within(CALL_TIMEOUT_MS, doing, adding);
    this.counters.jobsAdded += 1;
  }

  async #track(work: Promise<void>): Promise<void> {
    this.#running.add(work);
    try {
      await work;
      this.counters.jobsDone += 1;
    } finally {
      if (this.#running.size >= this.#concurrency) this.#lastFullAtMs = Date.now();
      this.#running.delete(work);
    }
  }

  // A store that is away answers none of these calls, so each has its deadline; the process ends after it all the same.
  async #close(): Promise<void> {
    await settledWithin(DISCONNECT_TIMEOUT_MS, this.#starting);
    await settledWithin(DISCONNECT_TIMEOUT_MS, this.#consumer?.pause(true));
    await settledWithin(DRAIN_TIMEOUT_MS, Promise.allSettled(this.#running));
    // Not forced when nothing runs, so that the last job is marked done; `close(true)` after `close()` would do nothing.
    const closing = Promise.allSettled([
      this.#consumer?.close(this.#running.size > 0) ?? Promise.resolve(),
      this.#parts.producer.close(),
    ]);
    await settledWithin(DISCONNECT_TIMEOUT_MS, closing);
    await settledWithin(DISCONNECT_TIMEOUT_MS, this.#parts.producer.disconnect());
  }

  #full(): AppError {
    this.counters.jobsRefused += 1;
    return new AppError('QUEUE_FULL', `${this.maxWaiting} jobs wait in ${this.name} already`, {
      retryable: true,
    });
  }

  #expectSmall(id: string, payload: Payload): void {
    const bytes = Buffer.byteLength(JSON.stringify(payload));
    if (bytes <= MAX_JOB_BYTES) return;
    this.counters.jobsTooLarge += 1;
    throw new AppError('PAYLOAD_TOO_LARGE', `job ${id} of ${this.name} has ${bytes} bytes`, {
      detail: { limit: MAX_JOB_BYTES },
    });
  }

  #expectOpen(): void {
    if (this.#closing)
      throw new AppError('SHUTTING_DOWN', `the queue ${this.name} is closing`, { retryable: true });
  }
}

/** The store of the queue may be away for long: without a deadline of our own a call could wait for ever. */
async function within<T>(timeoutMs: number, doing: string, call: Promise<T>): Promise<T> {
  const deadline = new AbortController();
  const expiry = delay(timeoutMs, undefined, { signal: deadline.signal }).then(() => {
    throw new Error(`no answer within ${timeoutMs} ms`);
  });
  expiry.catch(() => undefined);
  try {
    return await Promise.race([call, expiry]);
  } catch (cause) {
    throw isAppError(cause) ? cause : unavailable(doing, cause);
  } finally {
    deadline.abort();
  }
}

function unavailable(doing: string, cause: unknown): AppError {
  return new AppError('STORE_UNAVAILABLE', `${doing} failed: ${messageOf(cause)}`, {
    cause,
    retryable: true,
  });
}

async function settledWithin(timeoutMs: number, work: Promise<unknown> | undefined): Promise<void> {
  const waiting = new AbortController();
  const expiry = delay(timeoutMs, undefined, { signal: waiting.signal }).catch(() => undefined);
  await Promise.race([work?.catch(() => undefined), expiry]);
  waiting.abort();
}

/** A worker without its store fails many times a second. */
function throttledErrorLog(logger: Logger, queue: string): (error: Error) => void {
  let lastMs = Number.NEGATIVE_INFINITY;
  let errorsSuppressed = 0;
  return (error) => {
    const nowMs = performance.now();
    if (nowMs - lastMs < ERROR_LOG_INTERVAL_MS) {
      errorsSuppressed += 1;
      return;
    }
    logger.warn({ queue, reason: error.message, errorsSuppressed }, 'the queue has trouble with its store');
    lastMs = nowMs;
    errorsSuppressed = 0;
  };
}
