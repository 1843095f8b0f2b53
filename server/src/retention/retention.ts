// Deletes what is older than it may be, and the oldest where there is too much of it. Runs in the background, never in the way of
// what comes in. Owns a timer; borrows the rest. README.md, "What is kept".

import { messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { Logger } from '@sitecast/shared/node/logger';
import type { DiskReading } from '../guard/disk-watch.ts';
import type { ClockDoubt, ClockTrust } from './clock-trust.ts';
import { forecast, type StorageReport } from './forecast.ts';
import type { Garbage, PendingGarbage } from './garbage.ts';
import { nextKind, shortfallOf, surplusOf, type ByteBounds } from './marks.ts';
import { MEDIA_KINDS, type FileKind, type MediaKind } from './media-kinds.ts';
import type { MediaRemoval, Removal, RemovedItem } from './media-removal.ts';
import { EXPIRING_ROWS, type ExpiringRows, type RowExpiry } from './row-expiry.ts';
import type { StorageFigures } from './storage-figures.ts';
import type { Turns } from './turns.ts';

const DAY_MS = 86_400_000;
const PASS_INTERVAL_MS = 60_000;
/** They free no disk, and not every table has an index of their ages. */
const ROWS_INTERVAL_MS = 3_600_000;
/** For room on the disk nothing younger goes: what fills it then is something else, and the newest pictures are what people need. */
const KEPT_ON_A_FULL_DISK_MS = DAY_MS;
/** A clip that somebody had sent for stays at least so long, however old it is. */
const CLIPS_STAY_MS = DAY_MS;
/** Kinds take turns by so much of their time, rather than item by item. */
const KIND_TURN_MS = 3_600_000;

export interface RetentionOptions {
  media: MediaRemoval;
  rows: RowExpiry;
  garbage: Garbage;
  figures: StorageFigures;
  turns: Turns;
  /** Nothing is deleted by age while the clock is doubted. */
  clockTrust: Pick<ClockTrust, 'isBelieved' | 'doubt' | 'counters'>;
  readDisk: () => Promise<DiskReading>;
  /** Days; 0 is for ever. */
  maxAgeDays: Readonly<Record<FileKind | ExpiringRows, number>>;
  bounds: ByteBounds & { reportsMaxBytes: number };
  onRemoved?: (kind: MediaKind, items: readonly RemovedItem[]) => void;
  logger: Logger;
  clock?: Clock;
}

/** As of the end of the last pass. */
export type KeptReport = StorageReport & {
  garbage: Pick<PendingGarbage, 'items' | 'bytes'>;
  clockDoubt: ClockDoubt | null;
};

type OldestKinds = Record<MediaKind, Date | undefined>;

export class Retention {
  readonly #options: RetentionOptions;
  readonly #clock: Clock;
  readonly #counters = {
    itemsRemovedByAge: 0,
    itemsRemovedByBytes: 0,
    itemsRemovedByDisk: 0,
    itemsRemovedByPerson: 0,
    rowsExpired: 0,
    bytesRemoved: 0,
    passes: 0,
    passesFailed: 0,
  };
  #rowsDueMs = Number.NEGATIVE_INFINITY;
  #report: KeptReport | undefined;
  #removing: Promise<unknown> = Promise.resolve();
  #passing: Promise<void> | undefined;
  #timer: Timer | undefined;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get counters(): Readonly<Record<string, number>> {
    const { garbage, turns, clockTrust } = this.#options;
    return { ...this.#counters, ...garbage.counters, ...turns.counters, ...clockTrust.counters };
  }

  /** undefined before the first pass. */
  get report(): KeptReport | undefined {
    return this.#report;
  }

  /** Begins in the background, first of all with what an earlier run left. */
  start(): void {
    void this.pass();
  }

  /** For the guard. Only a disk that is nearly full is still relieved. Idempotent. */
  pause(isPaused: boolean): void {
    this.#options.turns.pause(isPaused);
  }

  /** Idempotent. The batch at hand gets done. */
  async close(): Promise<void> {
    this.#options.turns.close();
    this.#timer?.cancel();
    await this.#passing;
    await this.#removing;
  }

  /**
   * What a person asks for, both phases. @returns whether it was there.
   * @throws {AppError} STORE_UNAVAILABLE (retryable): its row may be gone, and its files go later.
   */
  async removeOne(kind: MediaKind, id: string): Promise<boolean> {
    const { media, garbage, onRemoved } = this.#options;
    const removed = await media.removeOne(kind, id, 'person');
    if (!removed) return false;
    this.#counters.itemsRemovedByPerson += 1;
    this.#counters.bytesRemoved += removed.bytes;
    onRemoved?.(kind, [removed]);
    await garbage.collect();
    return true;
  }

  /**
   * Deletes as many of the oldest clips as it takes for another one of `bytes`.
   * @returns false when it would not fit into CLIPS_MAX_BYTES even alone.
   * @throws {AppError} STORE_UNAVAILABLE (retryable).
   */
  async makeRoomForClip(bytes: number): Promise<boolean> {
    const { clipsMaxBytes } = this.#options.bounds;
    while (bytes <= clipsMaxBytes) {
      const { clips } = await this.#options.figures.stored();
      const surplus = clips.bytes + bytes - clipsMaxBytes;
      if (surplus <= 0) return true;
      if ((await this.#remove({ kind: 'clips', reason: 'bytes', bytes: surplus })) === 0) return false;
    }
    return false;
  }

  /** Everything once, in turns. Never rejects; concurrent calls share one pass. */
  pass(): Promise<void> {
    this.#passing ??= this.#pass().finally(() => {
      this.#passing = undefined;
      if (!this.#options.turns.isClosed)
        this.#timer = this.#clock.after(PASS_INTERVAL_MS, () => void this.pass());
    });
    return this.#passing;
  }

  async #pass(): Promise<void> {
    this.#timer?.cancel();
    try {
      await this.#passAll();
      this.#counters.passes += 1;
    } catch (error) {
      this.#counters.passesFailed += 1;
      this.#options.logger.warn({ reason: messageOf(error) }, 'retention goes on at its next pass');
    }
  }

  async #passAll(): Promise<void> {
    const { garbage, turns, clockTrust } = this.#options;
    await turns.work(() => garbage.collect());
    if (await clockTrust.isBelieved()) {
      for (const kind of MEDIA_KINDS) await this.#expireMedia(kind);
      await this.#expireAllRows();
    }
    await this.#keepClipsBelowTheirBound();
    await this.#keepMediaBelowItsBound();
    await this.#keepRoomOnTheDisk();
    if (!turns.isClosed) await this.#lookAhead();
  }

  async #lookAhead(): Promise<void> {
    const { figures, garbage, bounds, maxAgeDays, clockTrust } = this.#options;
    const now = new Date(this.#clock.nowMs());
    const disk = await this.#options.readDisk();
    await figures.noteDisk(disk, now);
    await figures.fold(now);
    const sources = {
      ...{ stored: await figures.stored(), flow: await figures.flow(now), disk, bounds, maxAgeDays },
      diskBytesPerDay: await figures.diskBytesPerDay(now),
    };
    const { items, bytes } = await garbage.pending();
    this.#report = { ...forecast(sources), garbage: { items, bytes }, clockDoubt: clockTrust.doubt };
  }

  async #expireMedia(kind: MediaKind): Promise<void> {
    const before = this.#tooOld(kind);
    if (!before) return;
    const stay = kind === 'clips' ? this.#ago(CLIPS_STAY_MS) : undefined;
    await this.#options.turns.work(() => this.#remove({ kind, reason: 'age', before, receivedBefore: stay }));
  }

  async #expireAllRows(): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#rowsDueMs) return;
    for (const rows of EXPIRING_ROWS) await this.#expireRows(rows);
    this.#rowsDueMs = nowMs + ROWS_INTERVAL_MS;
  }

  async #expireRows(rows: ExpiringRows): Promise<void> {
    const before = this.#tooOld(rows);
    if (!before) return;
    await this.#options.turns.work(async () => {
      const expired = await this.#options.rows.removeOldest(rows, before);
      this.#counters.rowsExpired += expired;
      return expired;
    });
  }

  async #keepClipsBelowTheirBound(): Promise<void> {
    const { figures, bounds, turns } = this.#options;
    const { clips } = await figures.stored();
    let bytes = surplusOf(clips.bytes, bounds.clipsMaxBytes);
    await turns.work(async () => {
      if (bytes <= 0) return 0;
      return this.#remove({ kind: 'clips', reason: 'bytes', bytes }, (freed) => (bytes -= freed));
    });
  }

  async #keepMediaBelowItsBound(): Promise<void> {
    const { figures, bounds } = this.#options;
    if (bounds.mediaMaxBytes === 0) return;
    const { snapshots, clips } = await figures.stored();
    const bytes = surplusOf(snapshots.bytes + clips.bytes, bounds.mediaMaxBytes);
    await this.#free(bytes, 'bytes', bounds.mediaMaxBytes);
  }

  async #keepRoomOnTheDisk(): Promise<void> {
    const shortfall = shortfallOf(await this.#options.readDisk());
    if (shortfall > 0) this.#options.logger.warn({ shortfall }, 'the disk is nearly full: the oldest go');
    await this.#free(shortfall, 'disk');
  }

  async #free(wanted: number, reason: 'bytes' | 'disk', maxBytes?: number): Promise<void> {
    const receivedBefore = reason === 'disk' ? this.#ago(KEPT_ON_A_FULL_DISK_MS) : undefined;
    let bytes = wanted;
    await this.#options.turns.work(async () => {
      if (bytes <= 0) return 0;
      const oldest = await this.#oldest(receivedBefore);
      const kind = nextKind(oldest, await this.#options.figures.stored(), maxBytes);
      if (!kind) return 0;
      const before = turnEnd(oldest);
      return this.#remove({ kind, reason, bytes, before, receivedBefore }, (freed) => (bytes -= freed));
    });
  }

  async #oldest(receivedBefore: Date | undefined): Promise<OldestKinds> {
    const { media } = this.#options;
    return {
      snapshots: await media.oldest('snapshots', receivedBefore),
      clips: await media.oldest('clips', receivedBefore),
    };
  }

  /** Both phases, one caller after the other: they would pass by each other's rows and find none. */
  #remove(removal: Removal, onFreed: (bytes: number) => void = () => undefined): Promise<number> {
    const removed = this.#removing.then(() => this.#removeNow(removal, onFreed));
    this.#removing = removed.catch(() => undefined);
    return removed;
  }

  async #removeNow(removal: Removal, onFreed: (bytes: number) => void): Promise<number> {
    const { media, garbage, onRemoved, logger } = this.#options;
    const { kind, reason } = removal;
    const items = await media.removeOldest(removal);
    if (items.length === 0) return 0;
    const bytes = items.reduce((sum, item) => sum + item.bytes, 0);
    this.#count(reason, items.length, bytes);
    onFreed(bytes);
    onRemoved?.(kind, items);
    logger.debug({ kind, reason, items: items.length, bytes }, 'deleted by retention');
    await garbage.collect();
    return items.length;
  }

  #count(reason: Removal['reason'], items: number, bytes: number): void {
    this.#counters.bytesRemoved += bytes;
    if (reason === 'age') this.#counters.itemsRemovedByAge += items;
    if (reason === 'bytes') this.#counters.itemsRemovedByBytes += items;
    if (reason === 'disk') this.#counters.itemsRemovedByDisk += items;
  }

  #tooOld(what: MediaKind | ExpiringRows): Date | undefined {
    const days = this.#options.maxAgeDays[what];
    return days === 0 ? undefined : this.#ago(days * DAY_MS);
  }

  #ago(ms: number): Date {
    return new Date(this.#clock.nowMs() - ms);
  }
}

/** A little beyond the oldest of the other kind. */
function turnEnd(oldest: OldestKinds): Date | undefined {
  const times = MEDIA_KINDS.flatMap((kind) => (oldest[kind] ? [oldest[kind].getTime()] : []));
  return times.length < 2 ? undefined : new Date(Math.max(...times) + KIND_TURN_MS);
}
