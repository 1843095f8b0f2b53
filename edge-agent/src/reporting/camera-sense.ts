// Turns what the pictures of one camera tell into events, each with a snapshot of how it began.

import { ulid } from 'ulid';
import type { CameraEvent } from '@sitecast/shared/protocol/events';
import type { SnapshotReason } from '@sitecast/shared/protocol/snapshot-envelope';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import type { KeyframePicture } from '../camera/fragment.ts';
import type { Luma } from '../camera/luma.ts';
import type { QuietLog } from '../health/quiet-log.ts';
import type { PictureSense, SenseChange, SenseKind } from '../imaging/picture-sense.ts';
import { endMsOf, type Moment } from './event-end.ts';

/** Cameras whose every picture is a keyframe are looked at no more often. */
const MIN_INTERVAL_MS = 450;
/** Something that flickers must not fill the spool with pictures. */
const MIN_SNAPSHOT_INTERVAL_MS = 10_000;

export interface CameraSenseOptions {
  camera: {
    readonly id: string;
    onPicture(listener: (picture: KeyframePicture) => void): () => void;
    onReport(listener: (report: CameraReport) => void): () => void;
  };
  /** Is told the monotonic time of each picture: what goes on ends by itself also after the clock was set back. */
  sense: Pick<PictureSense, 'look' | 'end'>;
  /** @returns the id of a snapshot of now, once it is durable. */
  takeSnapshot: (reason: SnapshotReason) => Promise<string>;
  /** Resolves when the event is durable. */
  tell: (camera: string, event: CameraEvent) => Promise<void>;
  log: QuietLog;
  clock?: Clock;
}

interface OpenEvent {
  event: CameraEvent;
  began: Moment;
}

/** Borrows the camera; owns its subscriptions. One picture at a time; those that come meanwhile are left out and counted. */
export class CameraSense {
  readonly counters = { picturesLooked: 0, picturesSkipped: 0 };
  readonly #options: CameraSenseOptions;
  readonly #clock: Clock;
  readonly #open = new Map<SenseKind, OpenEvent>();
  #unsubscribe: (() => void)[] = [];
  #isBusy = false;
  #turn: Promise<void> = Promise.resolve();
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #lastPicture: Moment | undefined;
  #snapshotAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: CameraSenseOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get cameraId(): string {
    return this.#options.camera.id;
  }

  /** What goes on at the moment. */
  get conditions(): SenseKind[] {
    return [...this.#open.keys()];
  }

  start(): void {
    const { camera } = this.#options;
    this.#unsubscribe = [
      camera.onPicture((picture) => this.#offer(picture)),
      camera.onReport(({ state }) => {
        if (state !== 'live') this.#inTurn(() => this.#end());
      }),
    ];
  }

  /** Resolves when what goes on has been told to be over. Idempotent. */
  async close(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    this.#inTurn(() => this.#end());
    await this.#turn;
  }

  #offer(picture: KeyframePicture): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#isBusy || nowMs - this.#lookedAtMs < MIN_INTERVAL_MS) {
      this.counters.picturesSkipped += 1;
      return;
    }
    this.#lookedAtMs = nowMs;
    this.#isBusy = true;
    const at = { wallMs: picture.capturedAtMs, monotonicMs: nowMs };
    this.#inTurn(() => this.#look(picture.luma, at).finally(() => (this.#isBusy = false)));
  }

  async #look(luma: Luma, at: Moment): Promise<void> {
    this.counters.picturesLooked += 1;
    this.#lastPicture = at;
    await this.#tellAll(this.#options.sense.look(luma, at.monotonicMs), at);
  }

  async #end(): Promise<void> {
    const last = this.#lastPicture;
    if (last) await this.#tellAll(this.#options.sense.end(last.monotonicMs), last);
  }

  /** @param now of the picture that the changes were seen in; they may have begun some pictures before. */
  async #tellAll(changes: SenseChange[], now: Moment): Promise<void> {
    for (const change of changes) {
      const { atMs: monotonicMs } = change;
      const agoMs = now.monotonicMs - monotonicMs;
      const at = { wallMs: Math.max(0, Math.round(now.wallMs - agoMs)), monotonicMs };
      const told = change.isOpen ? this.#begin(change.kind, at) : this.#finish(change.kind, at);
      // One that is refused must not keep the end of another back.
      await told.catch((error: unknown) => this.#warn(error, 'an event was not told'));
    }
  }

  async #begin(kind: SenseKind, began: Moment): Promise<void> {
    const snapshotId = await this.#snapshotOf(kind);
    const at = new Date(began.wallMs).toISOString();
    const event: CameraEvent = { id: ulid(began.wallMs), kind, at, until: null, detail: null, snapshotId };
    this.#open.set(kind, { event, began });
    await this.#options.tell(this.cameraId, event);
  }

  async #finish(kind: SenseKind, now: Moment): Promise<void> {
    const open = this.#open.get(kind);
    if (!open) return;
    this.#open.delete(kind);
    const until = new Date(endMsOf(open.began, now)).toISOString();
    await this.#options.tell(this.cameraId, { ...open.event, until });
  }

  async #snapshotOf(kind: SenseKind): Promise<string | null> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#snapshotAtMs < MIN_SNAPSHOT_INTERVAL_MS) return null;
    this.#snapshotAtMs = nowMs;
    try {
      return await this.#options.takeSnapshot(kind === 'motion' ? 'motion' : 'rule');
    } catch (error) {
      this.#warn(error, 'an event has no snapshot');
      return null;
    }
  }

  #inTurn(work: () => Promise<void>): void {
    this.#turn = this.#turn
      .then(work)
      .catch((error: unknown) => this.#warn(error, 'a picture was not looked at'));
  }

  #warn(error: unknown, message: string): void {
    this.#options.log.warn('SENSE', { camera: this.cameraId, reason: messageOf(error) }, message);
  }
}
