// The two homes of a queue, Redis and PostgreSQL, behind the few calls that we use.

import type { EventEmitter } from 'node:events';
import { createPostgresBackend, Queue, Worker, type JobsOptions, type PostgresPoolConfig } from 'bullmq';
import type { JobSchedulerJson, JobSchedulerTemplateOptions, Processor, WorkerOptions } from 'bullmq';

const SCHEMA = 'bullmq';
const CONNECT_TIMEOUT_MS = 3_000;
const STATEMENT_TIMEOUT_MS = 5_000;
/** Connections of the producer; the consumer has as many as jobs at once, and two more. */
const PRODUCER_CONNECTIONS = 2;

export interface Producer {
  waitUntilReady(): Promise<unknown>;
  add(name: string, payload: unknown, options: JobsOptions): Promise<unknown>;
  upsertJobScheduler(
    id: string,
    repeat: { pattern: string; tz: string },
    template: { name: string; data: object; opts: JobSchedulerTemplateOptions },
  ): Promise<unknown>;
  removeJobScheduler(id: string): Promise<boolean>;
  getJobSchedulers(start: number, end: number): Promise<JobSchedulerJson[]>;
  getJobCounts(...states: ('wait' | 'delayed' | 'prioritized' | 'active')[]): Promise<Record<string, number>>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  close(): Promise<void>;
  disconnect(): Promise<void>;
}

export interface Consumer {
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'failed', listener: (job: unknown, error: Error) => void): unknown;
  on(event: 'completed', listener: (job: { data: unknown }) => void): unknown;
  on(event: 'stalled', listener: (jobId: string) => void): unknown;
  /** Jobs at once; a change holds from the next job on. */
  concurrency: number;
  waitUntilReady(): Promise<unknown>;
  /** Resolves when it was closed. */
  run(): Promise<void>;
  pause(doNotWaitActive?: boolean): Promise<void>;
  close(force?: boolean): Promise<void>;
}

type WorkerSettings = Omit<WorkerOptions, 'connection' | 'concurrency' | 'autorun'>;

export interface QueueBackend {
  openProducer(name: string): Producer;
  /** Does nothing until `run`. */
  openConsumer(name: string, processor: Processor, concurrency: number, settings: WorkerSettings): Consumer;
}

export function redisBackend(url: string): QueueBackend {
  return {
    openProducer: (name) =>
      new Queue(name, {
        // A producer must fail fast once Redis is away; a consumer must wait for it.
        connection: {
          url,
          enableOfflineQueue: false,
          maxRetriesPerRequest: 1,
          connectTimeout: CONNECT_TIMEOUT_MS,
        },
      }),
    openConsumer: (name, processor, concurrency, settings) =>
      new Worker(name, processor, {
        ...settings,
        autorun: false,
        concurrency,
        connection: { url, maxRetriesPerRequest: null },
      }),
  };
}

export function postgresBackend(url: string): QueueBackend {
  const connection = (max: number): PostgresPoolConfig => ({
    connectionString: url,
    schema: SCHEMA,
    migrate: true,
    max,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: 2 * STATEMENT_TIMEOUT_MS,
    // BullMQ listens to no error of the connection on which it migrates: a PostgreSQL that dies then would end this
    // process too. Its statements reject all the same, and the pool drops the connection.
    onConnect: (client: EventEmitter) => void client.on('error', () => undefined),
  });
  return {
    openProducer: (name) =>
      new Queue(name, { connection: connection(PRODUCER_CONNECTIONS) }, createPostgresBackend),
    openConsumer: (name, processor, concurrency, settings) =>
      new Worker(
        name,
        processor,
        { ...settings, autorun: false, concurrency, connection: connection(concurrency + 2) },
        createPostgresBackend,
      ),
  };
}
