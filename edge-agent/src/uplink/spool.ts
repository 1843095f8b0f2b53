// The outbox on disk: what must not be lost waits here until the server has acknowledged it.
//
// Each lane is a log of its own with a cap of its own, so that no kind of message can take the room of another. `put`
// resolves when the message is durable; messages that are put at the same time share one fsync.

import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { BoundedQueue } from '@sitecast/shared/runtime/bounded-queue';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import { KIB, MIB } from '@sitecast/shared/protocol/limits';
import type { AgentHealth } from '@sitecast/shared/protocol/status';
import { parseTopic } from '@sitecast/shared/protocol/topics';
import type { Logger } from '@sitecast/shared/node/logger';
import type { AgentErrorCode } from '../errors.ts';
import { Listeners } from '@sitecast/shared/runtime/listeners';
import { QuietLog } from '../health/quiet-log.ts';
import { readClocks } from './clock-reading.ts';
import { DiskState, isDiskTrouble } from './disk-state.ts';
import type { Gap, Loss } from './gap.ts';
import { LANES, MAX_PAYLOAD_BYTES, type Lane, type LaneLimits } from './lanes.ts';
import type { SpoolPart } from './spool-cursors.ts';
import { SpoolLog, type SpoolMessage } from './spool-log.ts';
import { RECORD_HEADER_BYTES } from './spool-record.ts';

/** Messages put and not yet written. Policy: reject. */
export const UNWRITTEN_MAX_MESSAGES = 4_096;
export const UNWRITTEN_MAX_BYTES = 4 * MIB;
/** Written and synced at once; with the largest message on top of it less than the smallest lane. */
const WRITE_MAX_BYTES = 512 * KIB;
const SEGMENT_MIN_BYTES = 64 * KIB;
const SEGMENT_MAX_BYTES = 8 * MIB;
const SEGMENTS_PER_LANE = 16;
const OPEN_AGAIN_AFTER_MS = 5_000;

export interface SpoolOptions {
  folder: string;
  lanes: LaneLimits;
  logger: Logger;
  clock?: Clock;
}

export interface PutOptions {
  /** Whoever has the message gives it again when it is refused: then nothing is lost. */
  isRetried?: boolean;
}

interface Unwritten {
  isRetried: boolean;
  lane: Lane;
  topic: string;
  payload: Uint8Array;
  resolve: () => void;
  reject: (error: AppError<AgentErrorCode>) => void;
}

type Logs = Record<Lane, SpoolLog>;

/** Owns the logs and the one writer. */
export class Spool {
  readonly #options: SpoolOptions;
  readonly #clock: Clock;
  readonly #disk: DiskState;
  /** Undefined for as long as the disk did not let them be opened. */
  #logs: Logs | undefined;
  /** What was refused until then. */
  readonly #lostUnopened = new Map<Lane, Loss>();
  #triedToOpenAtMs = -Infinity;
  readonly #onPut: Listeners<Lane>;
  readonly #onAck: Listeners<{ lane: Lane; payload: Uint8Array }>;
  readonly #lossLog: QuietLog;
  readonly #unwritten = new BoundedQueue<Unwritten>({
    maxItems: UNWRITTEN_MAX_MESSAGES,
    maxBytes: UNWRITTEN_MAX_BYTES,
    policy: 'reject',
    bytesOf: recordBytesOf,
  });
  #writing: Promise<void> | undefined;
  #isClosed = false;

  private constructor(options: SpoolOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#disk = new DiskState(options.logger, this.#clock);
    this.#lossLog = new QuietLog(options.logger);
    const onError = (error: unknown): void =>
      options.logger.error({ err: error }, 'a listener of the spool failed');
    this.#onPut = new Listeners(onError);
    this.#onAck = new Listeners(onError);
  }

  /** A disk that takes nothing is no failure: all is refused and counted, and the disk is tried again. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const spool = new Spool(options);
    await spool.#openLogs();
    return spool;
  }

  /**
   * Resolves when the message survives a power cut.
   * @param payload must not change until then.
   * @throws {AppError} PAYLOAD_TOO_LARGE; QUEUE_FULL when the disk is slower than the callers; SPOOL_FULL when the lane is
   * full and drops nothing, or when the disk refuses; SHUTTING_DOWN.
   */
  put(lane: Lane, topic: string, payload: Uint8Array, { isRetried = false }: PutOptions = {}): Promise<void> {
    if (!parseTopic(topic)) throw new TypeError(`${topic} is not a topic of the protocol`);
    return new Promise((resolve, reject) => {
      const refusal = this.#refusalOf({ lane, topic, payload, isRetried, resolve, reject });
      if (refusal) return reject(refusal);
      this.#writing ??= this.#writeAll();
    });
  }

  /** Wall clock of the newest message; undefined when there is none. */
  get spooledAtMs(): number | undefined {
    const times = this.#allLogs().flatMap(({ spooledAtMs = [] }) => spooledAtMs);
    return times.length === 0 ? undefined : Math.max(...times);
  }

  /** Called when messages of a lane became durable. */
  onPut(listener: (lane: Lane) => void): () => void {
    return this.#onPut.add(listener);
  }

  next(lane: Lane, part: SpoolPart): Promise<SpoolMessage | undefined> {
    return this.#logs?.[lane].next(part) ?? Promise.resolve(undefined);
  }

  ack(lane: Lane, message: SpoolMessage): void {
    this.#logs?.[lane].ack(message);
    this.#onAck.emit({ lane, payload: message.payload });
  }

  /** It must not leave the gateway any more: a loss, which is told. Of pieces of clips their uploader keeps the account. */
  withhold(lane: Lane, message: SpoolMessage): void {
    if (lane === 'clips') this.#logs?.[lane].ack(message);
    else this.#logs?.[lane].withhold(message);
  }

  /** Called when a message was acknowledged; twice for one that was sent twice. */
  onAck(listener: (acked: { lane: Lane; payload: Uint8Array }) => void): () => void {
    return this.#onAck.add(listener);
  }

  /** What is in this lane is not to be sent any more, and no loss. */
  forget(lane: Lane): void {
    this.#logs?.[lane].forget();
  }

  /** Of one lane, neither acknowledged nor lost. */
  pendingMessages(lane: Lane): number {
    return this.#logs?.[lane].pendingMessages ?? 0;
  }

  /** What this lane lost since the last one was told; it grows no more, and comes again until `gapTold`. */
  gapToTell(lane: Lane): Promise<Gap | undefined> {
    return this.#logs?.[lane].gapToTell() ?? Promise.resolve(undefined);
  }

  async gapTold(lane: Lane): Promise<void> {
    await this.#logs?.[lane].gapTold();
  }

  /** A new connection: all that is here is backlog. */
  rewind(): void {
    for (const log of this.#allLogs()) log.rewind();
  }

  /** Gives what is un-acked once more. */
  readAgain(): void {
    for (const log of this.#allLogs()) log.readAgain();
  }

  stats(): Omit<AgentHealth['spool'], 'replayBytesPerSecond'> {
    const sum = (numberOf: (log: SpoolLog) => number): number =>
      this.#allLogs().reduce((total, log) => total + numberOf(log), 0);
    return {
      bytes: sum((log) => log.pendingBytes),
      maxBytes: LANES.reduce((total, lane) => total + this.#options.lanes[lane].maxBytes, 0),
      messages: sum((log) => log.pendingMessages),
      messagesDropped: LANES.reduce((total, lane) => total + this.#messagesDropped(lane), 0),
      corruptTails: sum((log) => log.counters.corruptTails),
      disk: this.#disk.disk,
      lanes: LANES.map((lane) => ({
        lane,
        bytes: this.#logs?.[lane].pendingBytes ?? 0,
        maxBytes: this.#options.lanes[lane].maxBytes,
        messages: this.#logs?.[lane].pendingMessages ?? 0,
        messagesDropped: this.#messagesDropped(lane),
      })),
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
    const { lane, topic, payload } = message;
    const maxBytes = MAX_PAYLOAD_BYTES[lane];
    if (this.#isClosed) return new AppError('SHUTTING_DOWN', 'the spool is closed');
    if (payload.length > maxBytes) {
      return new AppError('PAYLOAD_TOO_LARGE', `${payload.length} bytes to ${topic} are above ${maxBytes}`);
    }
    if (this.#unwritten.push(message)) return undefined;
    this.#countRefused(message);
    return new AppError('QUEUE_FULL', 'the disk is slower than what is put into the spool', {
      retryable: true,
    });
  }

  async #writeAll(): Promise<void> {
    // Whatever else is put in this turn of the event loop shares the first fsync.
    await Promise.resolve();
    while (this.#unwritten.length > 0) {
      const batch = this.#takeBatch();
      const logs = this.#logs ?? (await this.#openAgain());
      if (!logs) {
        for (const message of batch) this.#refuse(message, 'the disk takes nothing');
        continue;
      }
      const failed = await Promise.all(
        LANES.map((lane) =>
          this.#write(
            lane,
            logs[lane],
            batch.filter((m) => m.lane === lane),
          ),
        ),
      );
      // A full disk, below our own caps: make room for the next ones. Only now, when no segment is being appended to.
      for (const [index, lane] of LANES.entries())
        if (failed[index] === 'ENOSPC') await this.#evictFor(lane, logs);
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

  /** @returns the code of the failure when the disk refused them. */
  async #write(lane: Lane, log: SpoolLog, messages: Unwritten[]): Promise<string | undefined> {
    const admitted = await this.#admit(lane, log, messages);
    if (admitted.length === 0) return undefined;
    try {
      await log.append(admitted);
    } catch (cause) {
      this.#disk.failed(cause);
      for (const message of admitted) this.#refuse(message, 'the disk refused to take a message', cause);
      return (cause as NodeJS.ErrnoException).code ?? 'UNKNOWN';
    }
    this.#disk.worked();
    for (const { resolve } of admitted) resolve();
    this.#onPut.emit(lane);
    return undefined;
  }

  /** Makes room as the lane's policy says, and rejects what finds none. */
  async #admit(lane: Lane, log: SpoolLog, messages: Unwritten[]): Promise<Unwritten[]> {
    const { maxBytes } = this.#options.lanes[lane];
    const admitted: Unwritten[] = [];
    let bytes = 0;
    for (const message of messages) {
      bytes += recordBytesOf(message);
      if (await this.#makeRoom(lane, log, maxBytes - bytes)) {
        admitted.push(message);
        continue;
      }
      bytes -= recordBytesOf(message);
      this.#refuse(message, `lane ${lane} of the spool is full: ${maxBytes} bytes`);
    }
    return admitted;
  }

  /** @returns whether the files of the lane have at most `maxBytes`. */
  async #makeRoom(lane: Lane, log: SpoolLog, maxBytes: number): Promise<boolean> {
    while (log.fileBytes > maxBytes) {
      if (this.#options.lanes[lane].whenFull === 'reject-new' || !(await log.dropOldest())) return false;
      this.#logLoss();
    }
    return true;
  }

  /** Drops the oldest segment of the least important lane that may, but of none more important than `lane`. */
  async #evictFor(lane: Lane, logs: Logs): Promise<void> {
    for (const victim of LANES.slice(LANES.indexOf(lane)).reverse()) {
      if (this.#options.lanes[victim].whenFull === 'reject-new') continue;
      if (await logs[victim].dropOldest()) return this.#logLoss();
    }
  }

  #refuse(message: Unwritten, why: string, cause?: unknown): void {
    this.#countRefused(message);
    this.#logLoss();
    message.reject(new AppError('SPOOL_FULL', why, { cause, retryable: true }));
  }

  #countRefused({ lane, isRetried }: Unwritten): void {
    if (isRetried) return;
    const atMs = this.#clock.nowMs();
    const loss: Loss = { count: 1, fromMs: atMs, toMs: atMs, reason: 'refused' };
    if (this.#logs) return this.#logs[lane].lost(loss);
    const before = this.#lostUnopened.get(lane);
    this.#lostUnopened.set(lane, before ? { ...before, count: before.count + 1, toMs: atMs } : loss);
  }

  async #openAgain(): Promise<Logs | undefined> {
    if (this.#clock.monotonicMs() - this.#triedToOpenAtMs < OPEN_AGAIN_AFTER_MS) return undefined;
    await this.#openLogs().catch((error: unknown) => this.#disk.failed(error));
    for (const [lane, loss] of this.#lostUnopened) this.#logs?.[lane].lost(loss);
    if (this.#logs) this.#lostUnopened.clear();
    for (const lane of LANES) if (this.#logs) this.#onPut.emit(lane);
    return this.#logs;
  }

  async #openLogs(): Promise<void> {
    this.#triedToOpenAtMs = this.#clock.monotonicMs();
    try {
      this.#logs = await openLogs(this.#options);
      this.#disk.worked();
    } catch (error) {
      if (!isDiskTrouble(error)) throw error;
      this.#disk.failed(error);
    }
  }

  #messagesDropped(lane: Lane): number {
    const counted = this.#logs?.[lane].counters.messagesDropped ?? 0;
    return counted + (this.#lostUnopened.get(lane)?.count ?? 0);
  }

  #logLoss(): void {
    this.#lossLog.warn('SPOOL_FULL', { spool: this.stats() }, 'the spool is full: messages are dropped');
  }

  #allLogs(): SpoolLog[] {
    const logs = this.#logs;
    return logs ? LANES.map((lane) => logs[lane]) : [];
  }
}

/** @throws the error of the file system; nothing is open then. */
async function openLogs({ folder, lanes, logger, clock = systemClock }: SpoolOptions): Promise<Logs> {
  await renameOlder(folder);
  const opened: SpoolLog[] = [];
  const onError = (error: unknown): void =>
    logger.warn({ err: error }, 'the spool had a problem with its files');
  const openLog = async (lane: Lane): Promise<SpoolLog> => {
    const share = lanes[lane].maxBytes / SEGMENTS_PER_LANE;
    const segmentBytes = Math.min(SEGMENT_MAX_BYTES, Math.max(SEGMENT_MIN_BYTES, share));
    const log = await SpoolLog.open({
      folder: join(folder, lane),
      segmentBytes,
      clocks: () => readClocks(clock),
      onError,
    });
    opened.push(log);
    return log;
  };
  try {
    return {
      alarms: await openLog('alarms'),
      events: await openLog('events'),
      telemetry: await openLog('telemetry'),
      snapshots: await openLog('snapshots'),
      clips: await openLog('clips'),
    };
  } catch (error) {
    for (const log of opened) await log.close();
    throw error;
  }
}

/** What an older agent called `readings`. */
async function renameOlder(folder: string): Promise<void> {
  try {
    await rename(join(folder, 'readings'), join(folder, 'telemetry'));
  } catch {
    // There is none, or it was done: a folder that is not empty is never replaced.
  }
}

function recordBytesOf({ topic, payload }: { topic: string; payload: Uint8Array }): number {
  return RECORD_HEADER_BYTES + topic.length + payload.length;
}
