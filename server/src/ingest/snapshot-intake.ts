// Snapshots on their way in: checked, staged durably, acknowledged, and only then queued to be filed.
// Owns the sweep timer; borrows the staging folder and the queue.

import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { Logger } from '@sitecast/shared/node/logger';
import { MAX_SNAPSHOT_ENVELOPE_BYTES } from '@sitecast/shared/protocol/limits';
import type { SnapshotHeader } from '@sitecast/shared/protocol/snapshot-envelope';
import type { AgentAddress } from '@sitecast/shared/protocol/topics';
import { formatStagedName, type Staging } from '../media-store/staging.ts';
import type { JobQueue } from '../queues/job-queue.ts';
import { expectBelievable } from './captured-at.ts';
import { SlotGate } from './slot-gate.ts';
import { readSnapshotEnvelope, type SnapshotWorker } from './snapshot-worker.ts';

/** Envelopes held in memory while the backlog is full; each is below MAX_SNAPSHOT_ENVELOPE_BYTES. */
export const SNAPSHOTS_WAITING_MAX = 64;
const SWEEP_INTERVAL_MS = 60_000;
const SWEEP_AFTER_TROUBLE_MS = 5_000;
/** The queue gives a job up after seven seconds of failures; one that it still has is not queued twice. */
const SWEEP_AFTER_FAILURE_MS = 10_000;

export interface SnapshotJob {
  staged: string;
}

interface Staged {
  /** Of the picture; undefined for a file of an earlier run, until somebody asks. */
  sha256: string | undefined;
  /** Resolves when the file is. */
  durable: Promise<void>;
  isDurable: boolean;
}

export interface SnapshotIntakeOptions {
  staging: Staging;
  queue: Pick<JobQueue<SnapshotJob>, 'add' | 'process'>;
  worker: SnapshotWorker;
  /** Snapshots worked on at once. */
  concurrency: number;
  /** Staged and not filed yet; above it `accept` waits before it stages (`block`). */
  maxStaged: number;
  maxWaiting?: number;
  logger: Logger;
  clock?: Clock;
}

export class SnapshotIntake {
  readonly #options: SnapshotIntakeOptions;
  readonly #clock: Clock;
  readonly #gate: SlotGate;
  /** By name. Bound: the slots of the gate. */
  readonly #staged = new Map<string, Staged>();
  readonly counters = { snapshotsAccepted: 0, snapshotsRepeated: 0, snapshotsRefused: 0 };
  #digesting: Promise<unknown> = Promise.resolve();
  #heldBytes = 0;
  #sweepTimer: Timer | undefined;
  #sweepDueMs = Number.POSITIVE_INFINITY;
  #sweeping: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: SnapshotIntakeOptions) {
    const { maxStaged, maxWaiting = SNAPSHOTS_WAITING_MAX, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#gate = new SlotGate({ slots: maxStaged, maxWaiting });
  }

  get stats(): Record<'staged' | 'maxStaged' | 'waiting' | 'heldUp' | 'waitingRefused', number> {
    const { taken: staged, waiting, heldUp, refused: waitingRefused } = this.#gate;
    return { staged, maxStaged: this.#options.maxStaged, waiting, heldUp, waitingRefused };
  }

  /** Of the staged file that is read again; whoever brings an envelope counts that one. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Whether a snapshot that comes now is staged without waiting. */
  get hasRoom(): boolean {
    return this.#gate.hasRoom;
  }

  /** Begins to file, first of all what an earlier run left staged. */
  async start(): Promise<void> {
    const { queue, concurrency } = this.#options;
    // Its slot and its name are kept until the job is gone: the queue would take another one of this name for the same.
    queue.process(
      concurrency,
      ({ staged }) => this.#file(staged),
      ({ staged }) => this.#forget(staged),
    );
    await this.sweep();
  }

  /**
   * Resolves when the snapshot is durable, which may take as long as the backlog is full, unless the sender will not wait.
   * @param from the topic that it came by, or what stands for one.
   * @throws {AppError} not retryable when the envelope is bad, or CONFLICT when another picture is staged under its id; QUEUE_FULL, STORE_UNAVAILABLE or SHUTTING_DOWN (retryable).
   */
  async accept(
    from: AgentAddress & { camera: string },
    envelope: Uint8Array,
    { mayWait = true }: { mayWait?: boolean } = {},
  ): Promise<void> {
    const header = this.#check(from.camera, envelope);
    const name = formatStagedName({ ...from, id: header.id });
    const known = this.#staged.get(name);
    if (known) return this.#repeat(name, known, header);
    if (mayWait) await this.#gate.enter();
    else this.#gate.enterNow();
    // Another delivery of the same snapshot may have been let in while this one waited.
    const staging = this.#staged.get(name);
    if (!staging) return this.#stage(name, header.sha256, envelope);
    this.#gate.leave();
    return this.#repeat(name, staging, header);
  }

  /** Queues every staged file; those that are queued already stay so. Concurrent calls share one sweep. */
  sweep(): Promise<void> {
    this.#sweeping ??= this.#sweep().finally(() => (this.#sweeping = undefined));
    return this.#sweeping;
  }

  /** Idempotent. Those who wait get SHUTTING_DOWN; what is being staged gets done. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#sweepTimer?.cancel();
    this.#gate.close();
    await Promise.allSettled([...this.#staged.values()].map(({ durable }) => durable));
    await this.#sweeping;
  }

  #check(camera: string, bytes: Uint8Array): SnapshotHeader {
    try {
      const { header } = readSnapshotEnvelope(bytes);
      if (header.camera !== camera) {
        throw new AppError(
          'FRAME_MALFORMED',
          `a snapshot of ${header.camera} came on the topic of ${camera}`,
          { detail: { id: header.id } },
        );
      }
      expectBelievable(header.capturedAt, { what: 'capturedAt', id: header.id, nowMs: this.#clock.nowMs() });
      return header;
    } catch (error) {
      this.counters.snapshotsRefused += 1;
      throw error;
    }
  }

  async #repeat(name: string, staged: Staged, header: SnapshotHeader): Promise<void> {
    this.counters.snapshotsRepeated += 1;
    await staged.durable;
    const sha256 = staged.sha256 ?? (await this.#digestOf(name, staged));
    if (sha256 === undefined || sha256 === header.sha256) return;
    throw new AppError('CONFLICT', `another snapshot has the id ${header.id}`, { detail: { id: header.id } });
  }

  /**
   * One file at a time: it may be far larger than the message that repeats its id, of which many may come at once.
   * @returns undefined when it was filed meanwhile.
   */
  #digestOf(name: string, staged: Staged): Promise<string | undefined> {
    const digest = this.#digesting.then(() => staged.sha256 ?? this.#readDigest(name, staged));
    this.#digesting = digest.catch(() => undefined);
    return digest;
  }

  async #readDigest(name: string, staged: Staged): Promise<string | undefined> {
    this.#heldBytes = MAX_SNAPSHOT_ENVELOPE_BYTES;
    try {
      const file = await this.#options.staging.read(name);
      staged.sha256 = file && readSnapshotEnvelope(file.bytes).header.sha256;
      return staged.sha256;
    } finally {
      this.#heldBytes = 0;
    }
  }

  async #stage(name: string, sha256: string, envelope: Uint8Array): Promise<void> {
    const staged: Staged = { sha256, durable: this.#options.staging.put(name, envelope), isDurable: false };
    this.#staged.set(name, staged);
    try {
      await staged.durable;
    } catch (error) {
      this.#forget(name);
      throw error;
    }
    staged.isDurable = true;
    this.counters.snapshotsAccepted += 1;
    void this.#enqueue(name);
  }

  /** Never rejects: the file is safe where it is, and a sweep tries again. */
  async #enqueue(name: string): Promise<void> {
    try {
      await this.#options.queue.add(name, { staged: name });
    } catch (error) {
      this.#options.logger.debug(
        { name, reason: messageOf(error) },
        'a staged snapshot could not be queued yet',
      );
      this.#scheduleSweep(SWEEP_AFTER_TROUBLE_MS);
    }
  }

  async #file(name: string): Promise<void> {
    try {
      await this.#options.worker.file(name);
    } catch (error) {
      this.#scheduleSweep(SWEEP_AFTER_FAILURE_MS);
      throw error;
    }
  }

  #forget(name: string): void {
    if (this.#staged.delete(name)) this.#gate.leave();
  }

  async #sweep(): Promise<void> {
    this.#sweepTimer?.cancel();
    this.#sweepDueMs = Number.POSITIVE_INFINITY;
    try {
      const names = await this.#reconcile();
      for (const name of names) {
        if (this.#isClosed) return;
        await this.#options.queue.add(name, { staged: name });
      }
      this.#scheduleSweep(SWEEP_INTERVAL_MS);
    } catch (error) {
      this.#options.logger.warn({ reason: messageOf(error) }, 'staged snapshots could not all be queued yet');
      this.#scheduleSweep(SWEEP_AFTER_TROUBLE_MS);
    }
  }

  /** The folder is the truth: what an earlier run left takes a slot, even above the bound; what is gone gives it back. */
  async #reconcile(): Promise<string[]> {
    const durable = [...this.#staged].flatMap(([name, { isDurable }]) => (isDurable ? [name] : []));
    const names = await this.#options.staging.list();
    const found = new Set(names);
    for (const name of durable) if (!found.has(name)) this.#forget(name);
    for (const name of names) {
      if (this.#staged.has(name)) continue;
      this.#staged.set(name, { sha256: undefined, durable: Promise.resolve(), isDurable: true });
      this.#gate.take();
    }
    return names;
  }

  /** The sooner of this and what is scheduled already. */
  #scheduleSweep(delayMs: number): void {
    const dueMs = this.#clock.monotonicMs() + delayMs;
    if (this.#isClosed || dueMs >= this.#sweepDueMs) return;
    this.#sweepTimer?.cancel();
    this.#sweepDueMs = dueMs;
    this.#sweepTimer = this.#clock.after(delayMs, () => {
      // Said here as well as by a sweep that begins: one that is under way already only begins its end.
      this.#sweepDueMs = Number.POSITIVE_INFINITY;
      void this.sweep();
    });
  }
}
