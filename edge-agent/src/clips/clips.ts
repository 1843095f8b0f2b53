// Clips of all cameras: begun by a rule or a command, told as events, kept in the store. Owns what is being recorded, and the uploads.

import { ulid } from 'ulid';
import type { ClipReason } from '@sitecast/shared/protocol/clip-chunk';
import type { CameraEvent } from '@sitecast/shared/protocol/events';
import { MIB } from '@sitecast/shared/protocol/limits';
import type { AgentHealth } from '@sitecast/shared/protocol/status';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import { isMaskedAsNow } from '../camera/privacy-masks.ts';
import type { QuietLog } from '../health/quiet-log.ts';
import { ClipRecorder, type ClipEnd, type RecordedClip } from './clip-recorder.ts';
import type { ClipCamera, ClipSource } from './clip-source.ts';
import type { ClipSettings } from './clip-settings.ts';
import type { ClipStore } from './clip-store.ts';
import { isFinished, type FinishedClip, type StoredClip } from './stored-clip.ts';
import type { ClipUploader } from './clip-uploader.ts';

/** Of all cameras. Policy: reject. Bounds in edge-agent/README.md. */
export const MAX_RECORDINGS = 4;
/** How often others may find that clips have left them no room on the disk. */
const LOOK_AT_DISK_MS = 30_000;

export interface ClipsOptions {
  settings: ClipSettings;
  /** By id; asked each time. */
  cameras: { get(id: string): ClipCamera | undefined };
  /** @throws {AppError} CAMERA_OFFLINE, ENCODER_LIMIT */
  openSource: (camera: ClipCamera) => ClipSource;
  store: ClipStore;
  /** Owned from here on. */
  uploads: Pick<ClipUploader, 'start' | 'wake' | 'withhold' | 'close' | 'counters'>;
  /** Resolves when the event is durable. */
  tell: (camera: string, event: CameraEvent) => Promise<void>;
  log: QuietLog;
  clock?: Clock;
}

export interface ClipRequest {
  reason: ClipReason;
  /** Undefined: as the settings say. */
  upload?: ClipSettings['upload'] | undefined;
}

interface Recording {
  id: string;
  camera: string;
  recorder: ClipRecorder;
  isUploaded: boolean;
  /** Of the camera as it is recorded. */
  maskVersion: number;
  /** Resolves when it is noted on the disk, and so is its event. */
  begun: Promise<void>;
  done: Promise<void>;
}

const WORDS: Record<ClipEnd, string> = {
  complete: '',
  full: ', cut at its largest size',
  changed: ', cut where the camera started anew',
  silent: ', cut because no picture came any more',
  'disk-slow': ', cut because the disk was too slow',
  failed: ', cut because the rest could not be written',
  reconfigured: ', cut because its camera got other settings',
  stopped: ', cut because the agent stopped',
};

/** Bound: MAX_RECORDINGS, of a camera one that has not ended. */
export class Clips {
  readonly #options: ClipsOptions;
  readonly #clock: Clock;
  readonly #recordings = new Set<Recording>();
  readonly #counters = { recorded: 0, refused: 0, failed: 0 };
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: ClipsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  start(): void {
    this.#withholdUnmasked();
    this.#options.uploads.start();
    this.#lookAtDisk();
  }

  /** There are other cameras in the place of these: what is being recorded of them ends with what there is. */
  camerasChanged(ids: ReadonlySet<string>): void {
    for (const { camera, recorder } of this.#recordings) if (ids.has(camera)) recorder.stop('reconfigured');
    this.#withholdUnmasked();
  }

  /**
   * Begins a clip; where one of this camera is being recorded, that one goes on for its post-roll from now.
   * @returns its id, once it is noted on the disk, and so is its event: a kill after that leaves neither open.
   * @throws {AppError} NOT_FOUND, CAMERA_OFFLINE, ENCODER_LIMIT, QUEUE_FULL, CLIP_FAILED, SHUTTING_DOWN
   */
  async record(camera: string, request: ClipRequest): Promise<string> {
    const isUploaded = (request.upload ?? this.#options.settings.upload) === 'always';
    const running = [...this.#recordings].find((each) => each.camera === camera && !each.recorder.isEnded);
    if (running) {
      running.recorder.extend();
      running.isUploaded ||= isUploaded;
      await running.begun;
      return running.id;
    }
    try {
      const { id, begun } = this.#begin(camera, request.reason, isUploaded);
      await begun;
      return id;
    } catch (error) {
      this.#counters.refused += 1;
      throw error;
    }
  }

  /**
   * @returns how many bytes that will be.
   * @throws {AppError} NOT_FOUND, also while it is recorded; CLIP_MASKS when its camera has got other privacy masks since.
   */
  async requestUpload(id: string): Promise<{ bytes: number }> {
    const { store, uploads } = this.#options;
    const clip = store.find(id);
    if (!clip || !isFinished(clip)) throw new AppError('NOT_FOUND', `there is no finished clip ${id}`);
    if (!this.#mayLeave(clip)) {
      const message = `clip ${id} shows what the privacy masks of "${clip.camera}" hide now; it stays on the gateway`;
      throw new AppError('CLIP_MASKS', message);
    }
    // Asked for again, it is sent again: the server may have lost it.
    if (clip.upload !== 'wanted') await store.update(id, { upload: 'wanted', uploadedBytes: 0 });
    uploads.wake();
    return { bytes: clip.figures.bytes };
  }

  /** An event that an earlier run left open, ended: of a clip as long and as large as what was kept of it. */
  endOfLeft(event: CameraEvent): CameraEvent {
    const clip = event.clipId === undefined ? undefined : this.#options.store.find(event.clipId);
    if (event.kind !== 'clip') return event;
    if (!clip) return { ...event, detail: 'Nothing was kept: the agent was cut off' };
    // The disk takes nothing now; what there is of it is finished when it does.
    if (!isFinished(clip)) return { ...event, detail: 'Cut because the agent was cut off' };
    return {
      ...event,
      until: endOf(event.at, clip),
      detail: `${sizeOf(clip)}, cut because the agent was cut off`,
    };
  }

  health(): NonNullable<AgentHealth['clips']> {
    const { store, uploads, settings } = this.#options;
    const { dropped, repaired, failed } = store.counters;
    return {
      recording: this.#recordings.size,
      stored: store.stored,
      bytes: store.bytes,
      quotaBytes: settings.quotaBytes,
      waitingForUpload: store.wanted.length,
      ...this.#counters,
      ...uploads.counters,
      dropped,
      repaired,
      failed: this.#counters.failed + failed,
    };
  }

  /** Ends what is being recorded, with what there is. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    const running = [...this.#recordings];
    for (const { recorder } of running) recorder.stop();
    await Promise.all(running.map(({ done }) => done));
    await this.#options.uploads.close();
    await this.#options.store.close();
  }

  #lookAtDisk(): void {
    this.#timer = this.#clock.after(LOOK_AT_DISK_MS, () => this.#lookAtDisk());
    // A disk that was away may have brought back some.
    void this.#options.store.tend().then(() => this.#withholdUnmasked());
  }

  #withholdUnmasked(): void {
    const { store, uploads, log } = this.#options;
    for (const clip of store.all) {
      const isMaskedSince = !this.#mayLeave(clip);
      if (clip.isMaskedSince !== isMaskedSince) void store.update(clip.id, { isMaskedSince });
      if (!isMaskedSince || clip.upload !== 'wanted') continue;
      const { id, camera } = clip;
      log.warn('CLIP_MASKS', { clip: id, camera }, 'a clip is not uploaded: its masks are others');
      uploads.withhold(id);
    }
  }

  /** What was recorded before a camera got its masks may show what they hide, also when the camera is gone by now. */
  #mayLeave(clip: Pick<StoredClip, 'camera' | 'maskVersion' | 'isMaskedSince'>): boolean {
    const masks = this.#options.cameras.get(clip.camera)?.masks;
    if (!masks) return !clip.isMaskedSince;
    return isMaskedAsNow(masks, clip.maskVersion);
  }

  #begin(cameraId: string, reason: ClipReason, isUploaded: boolean): Recording {
    const { cameras, openSource, store, settings } = this.#options;
    const camera = cameras.get(cameraId);
    if (!camera) throw new AppError('NOT_FOUND', `there is no camera "${cameraId}"`);
    this.#expectRoom();
    const source = openSource(camera);
    const nowMs = this.#clock.nowMs();
    const id = ulid(nowMs);
    const startedAt = new Date(nowMs - source.preRollS * 1_000).toISOString();
    const { codec, width, height } = camera.report();
    const picture = { codec: codec ?? '', width: width ?? 0, height: height ?? 0 };
    const upload = isUploaded ? 'wanted' : 'none';
    const maskVersion = camera.masks.version;
    const event: CameraEvent = {
      ...{ id: ulid(nowMs), kind: 'clip', at: startedAt, until: null },
      ...{ detail: null, snapshotId: null, clipId: id },
    };
    const begun = store
      .begin({ id, camera: cameraId, reason, startedAt, ...picture, maskVersion, upload })
      .then(() => this.#withholdUnmasked())
      .then(() => this.#tell(cameraId, event));
    const recorder = new ClipRecorder({
      ...settings,
      path: store.partialPath(id),
      source,
      postRollS: settings.postRollSeconds,
      clock: this.#clock,
    });
    const recording: Recording = {
      id,
      camera: cameraId,
      recorder,
      isUploaded,
      maskVersion,
      begun,
      done: Promise.resolve(),
    };
    this.#recordings.add(recording);
    recording.done = this.#run(recording, event).finally(() => this.#recordings.delete(recording));
    return recording;
  }

  #expectRoom(): void {
    if (this.#isClosed) throw new AppError('SHUTTING_DOWN', 'the agent is stopping');
    if (this.#recordings.size < MAX_RECORDINGS) return;
    throw new AppError('QUEUE_FULL', `${MAX_RECORDINGS} clips are being recorded`, { retryable: true });
  }

  /** Never rejects: whoever asked hears of a begin that failed, the events of an end. */
  async #run(recording: Recording, event: CameraEvent): Promise<void> {
    const { id, camera, recorder, begun } = recording;
    // At once: what the camera sends meanwhile belongs to the clip.
    const recorded = recorder.record();
    recorded.catch(() => {});
    try {
      await begun;
    } catch {
      recorder.stop();
      await recorded.catch(() => {});
      await this.#options.store.discard(id);
      return;
    }
    await this.#tell(camera, await this.#keep(recording, recorded, event));
  }

  /** @returns the event with its end. */
  async #keep(
    recording: Recording,
    recorded: Promise<RecordedClip>,
    event: CameraEvent,
  ): Promise<CameraEvent> {
    const { store, uploads, log } = this.#options;
    const { id, camera, maskVersion } = recording;
    try {
      const { end, picture, durationMs, startedAtMs } = await recorded;
      const startedAt = new Date(startedAtMs).toISOString();
      // Somebody may have asked for it meanwhile.
      const isUploaded =
        recording.isUploaded && this.#mayLeave({ camera, maskVersion, isMaskedSince: false });
      const upload = isUploaded ? 'wanted' : 'none';
      const { codec, width, height } = picture;
      const clip = await store.finish(id, { startedAt, upload, codec, width, height }, durationMs);
      this.#counters.recorded += 1;
      if (isUploaded) uploads.wake();
      return { ...event, until: endOf(event.at, clip), detail: `${sizeOf(clip)}${WORDS[end]}` };
    } catch (error) {
      this.#counters.failed += 1;
      await store.discard(id);
      log.warn('CLIP', { camera, clip: id, reason: messageOf(error) }, 'a clip could not be kept');
      const until = new Date(Math.max(this.#clock.nowMs(), Date.parse(event.at))).toISOString();
      return { ...event, until, detail: `Nothing was kept: ${messageOf(error)}`.slice(0, 500) };
    }
  }

  async #tell(camera: string, event: CameraEvent): Promise<void> {
    await this.#options.tell(camera, event).catch((error: unknown) => {
      this.#options.log.warn('CLIP', { camera, reason: messageOf(error) }, 'an event of a clip was not told');
    });
  }
}

function endOf(at: string, { startedAt, figures }: FinishedClip): string {
  return new Date(Math.max(Date.parse(at), Date.parse(startedAt) + figures.durationMs)).toISOString();
}

function sizeOf({ figures: { durationMs, bytes } }: FinishedClip): string {
  return `${(durationMs / 1_000).toFixed(1)} s, ${(bytes / MIB).toFixed(1)} MiB`;
}
