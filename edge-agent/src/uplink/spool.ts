// The outbox on disk: what must not be lost waits here until the server has acknowledged it.
//
// Three classes, each a log of its own. `put` resolves when the message is durable; messages that are put at the same time
// share one fsync. The byte cap is for all: over it the oldest segment of the least important class goes first.

import { join } from 'node:path';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { BoundedQueue } from '@sitecast/shared/runtime/bounded-queue';
import {
  MAX_JSON_MESSAGE_BYTES,
  MAX_SNAPSHOT_ENVELOPE_BYTES,
  MAX_TELEMETRY_PAYLOAD_BYTES,
  MIB,
} from '@sitecast/shared/protocol/limits';
import type { AgentHealth } from '@sitecast/shared/protocol/status';
import { parseTopic } from '@sitecast/shared/protocol/topics';
import type { Logger } from '@sitecast/shared/node/logger';
import type { AgentErrorCode } from '../errors.ts';
import { Listeners } from '@sitecast/shared/runtime/listeners';
import { QuietLog } from '../health/quiet-log.ts';
import { SpoolLog, type SpoolMessage } from './spool-log.ts';
import { RECORD_HEADER_BYTES } from './spool-record.ts';

/** Most important first: sent in this order, dropped in the opposite one. */
export const SPOOL_CLASSES = ['events', 'readings', 'snapshots'] as const;
export type SpoolClass = (typeof SPOOL_CLASSES)[number];

/** Messages put and not yet written. Policy: reject. */
export const UNWRITTEN_MAX_MESSAGES = 4_096;
export const UNWRITTEN_MAX_BYTES = 4 * MIB;
/** Written and synced at once. */
const WRITE_MAX_BYTES = 1 * MIB;
const SEGMENT_MIN_BYTES = MIB / 2;
const SEGMENT_MAX_BYTES = 8 * MIB;

const MAX_PAYLOAD_BYTES: Record<SpoolClass, number> = {
  events: MAX_JSON_MESSAGE_BYTES,
  readings: MAX_TELEMETRY_PAYLOAD_BYTES,
  snapshots: MAX_SNAPSHOT_ENVELOPE_BYTES,
};

export interface SpoolOptions {
  folder: string;
  maxBytes: number;
  logger: Logger;
}

interface Unwritten {
  spoolClass: SpoolClass;
  topic: string;
  payload: Uint8Array;
  resolve: () => void;
  reject: (error: AppError<AgentErrorCode>) => void;
}

/** Owns three logs and the one writer. */
export class Spool {
  readonly #options: SpoolOptions;
  readonly #logs: Record<SpoolClass, SpoolLog>;
  readonly #onPut: Listeners<SpoolClass>;
  readonly #lossLog: QuietLog;
  readonly #unwritten = new BoundedQueue<Unwritten>({
    maxItems: UNWRITTEN_MAX_MESSAGES,
    maxBytes: UNWRITTEN_MAX_BYTES,
    policy: 'reject',
    bytesOf: recordBytesOf,
  });
  #writing: Promise<void> | undefined;
  #isClosed = false;
  #messagesRefused = 0;

  private constructor(options: SpoolOptions, logs: Record<SpoolClass, SpoolLog>) {
    this.#options = options;
    this.#logs = logs;
    this.#lossLog = new QuietLog(options.logger);
    this.#onPut = new Listeners((error) =>
      options.logger.error({ err: error }, 'a listener of the spool failed'),
    );
  }

  static async open(options: SpoolOptions): Promise<Spool> {
    const { folder, maxBytes, logger } = options;
    const segmentBytes = Math.min(SEGMENT_MAX_BYTES, Math.max(SEGMENT_MIN_BYTES, maxBytes / 32));
    const onError = (error: unknown): void =>
      logger.warn({ err: error }, 'the spool had a problem with its files');
    const openLog = (name: SpoolClass): Promise<SpoolLog> =>
      SpoolLog.open({ folder: join(folder, name), segmentBytes, onError });
    const logs = {
      events: await openLog('events'),
      readings: await openLog('readings'),
      snapshots: await openLog('snapshots'),
    };
    return new Spool(options, logs);
  }

  /**
   * Resolves when the message survives a power cut.
   * @param payload must not change until then.
   * @throws {AppError} PAYLOAD_TOO_LARGE; QUEUE_FULL when the disk is slower than the callers; SPOOL_FULL when only more
   * important messages could make room, or when the disk refuses; SHUTTING_DOWN.
   */
  put(spoolClass: SpoolClass, topic: string, payload: Uint8Array): Promise<void> {
    if (!parseTopic(topic)) throw new TypeError(`${topic} is not a topic of the protocol`);
    return new Promise((resolve, reject) => {
      const refusal = this.#refusalOf({ spoolClass, topic, payload, resolve, reject });
      if (refusal) return reject(refusal);
      this.#writing ??= this.#writeAll();
    });
  }

  /** Called when messages of a class became durable. */
  onPut(listener: (spoolClass: SpoolClass) => void): () => void {
    return this.#onPut.add(listener);
  }

  next(spoolClass: SpoolClass): Promise<SpoolMessage | undefined> {
    return this.#logs[spoolClass].next();
  }

  ack(spoolClass: SpoolClass, message: SpoolMessage): void {
    this.#logs[spoolClass].ack(message);
  }

  rewind(): void {
    for (const log of this.#allLogs()) log.rewind();
  }

  stats(): AgentHealth['spool'] {
    const sum = (numberOf: (log: SpoolLog) => number): number =>
      this.#allLogs().reduce((total, log) => total + numberOf(log), 0);
    return {
      bytes: sum((log) => log.pendingBytes),
      maxBytes: this.#options.maxBytes,
      messages: sum((log) => log.pendingMessages),
      messagesDropped: this.#messagesRefused + sum((log) => log.counters.messagesDropped),
      corruptTails: sum((log) => log.counters.corruptTails),
    };
  }

  /** Writes what was put, then closes the files. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#writing;
    await Promise.all(this.#allLogs().map((log) => log.close()));
  }

  #refusalOf(message: Unwritten): AppError<AgentErrorCode> | undefined {
    const { spoolClass, topic, payload } = message;
    const maxBytes = MAX_PAYLOAD_BYTES[spoolClass];
    if (this.#isClosed) return new AppError('SHUTTING_DOWN', 'the spool is closed');
    if (payload.length > maxBytes) {
      return new AppError('PAYLOAD_TOO_LARGE', `${payload.length} bytes to ${topic} are above ${maxBytes}`);
    }
    if (this.#unwritten.push(message)) return undefined;
    this.#messagesRefused += 1;
    return new AppError('QUEUE_FULL', 'the disk is slower than what is put into the spool', {
      retryable: true,
    });
  }

  async #writeAll(): Promise<void> {
    // Whatever else is put in this turn of the event loop shares the first fsync.
    await Promise.resolve();
    while (this.#unwritten.length > 0) {
      const batch = this.#takeBatch().filter((message) => this.#makeRoomOrReject(message));
      const isWritten = await Promise.all(
        SPOOL_CLASSES.map((name) =>
          this.#write(
            name,
            batch.filter((m) => m.spoolClass === name),
          ),
        ),
      );
      // A full disk, below our own cap: make room for the next ones. Only now, when no segment is being appended to.
      for (const [index, name] of SPOOL_CLASSES.entries()) if (!isWritten[index]) this.#evictFor(name);
    }
    // In the same turn as the last look at the queue, or a put in between would wait for the next one.
    this.#writing = undefined;
  }

  #takeBatch(): Unwritten[] {
    const batch: Unwritten[] = [];
    let bytes = 0;
    while (this.#unwritten.length > 0 && bytes < WRITE_MAX_BYTES) {
      const message = this.#unwritten.shift() as Unwritten;
      batch.push(message);
      bytes += recordBytesOf(message);
    }
    return batch;
  }

  /** @returns false when the disk refused them. */
  async #write(spoolClass: SpoolClass, messages: Unwritten[]): Promise<boolean> {
    if (messages.length === 0) return true;
    try {
      await this.#logs[spoolClass].append(messages);
    } catch (cause) {
      for (const { reject } of messages) reject(this.#full('the disk refused to take a message', cause));
      return false;
    }
    for (const { resolve } of messages) resolve();
    this.#onPut.emit(spoolClass);
    return true;
  }

  #makeRoomOrReject(message: Unwritten): boolean {
    // One batch of slack: what the batch takes is not on the disk yet.
    const limit = this.#options.maxBytes - WRITE_MAX_BYTES - MAX_SNAPSHOT_ENVELOPE_BYTES;
    while (this.#allLogs().reduce((sum, log) => sum + log.fileBytes, 0) + recordBytesOf(message) > limit) {
      if (this.#evictFor(message.spoolClass)) continue;
      message.reject(this.#full(`the spool is full of what is more important than ${message.spoolClass}`));
      return false;
    }
    return true;
  }

  /** Drops the oldest segment of the least important class, but of none more important than `spoolClass`. */
  #evictFor(spoolClass: SpoolClass): boolean {
    const expendable = SPOOL_CLASSES.slice(SPOOL_CLASSES.indexOf(spoolClass)).reverse();
    const victim = expendable.find((name) => this.#logs[name].dropOldest());
    if (victim) this.#logLoss();
    return victim !== undefined;
  }

  #full(message: string, cause?: unknown): AppError<AgentErrorCode> {
    this.#messagesRefused += 1;
    this.#logLoss();
    return new AppError('SPOOL_FULL', message, { cause, retryable: true });
  }

  #logLoss(): void {
    this.#lossLog.warn('SPOOL_FULL', { spool: this.stats() }, 'the spool is full: messages are dropped');
  }

  #allLogs(): SpoolLog[] {
    return SPOOL_CLASSES.map((name) => this.#logs[name]);
  }
}

function recordBytesOf({ topic, payload }: { topic: string; payload: Uint8Array }): number {
  return RECORD_HEADER_BYTES + topic.length + payload.length;
}
