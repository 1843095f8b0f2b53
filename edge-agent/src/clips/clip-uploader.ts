// Uploads clips, one after the other, in chunks through the spool: a few are in its lane at a time, so that a clip never takes the
// place of another. What was acknowledged is noted, so that an upload goes on where it was after an outage or a restart.

import { decodeClipChunk, clipChunkLength, type ClipChunk } from '@sitecast/shared/protocol/clip-chunk';
import { CLIP_UPLOAD_IDLE_MS } from '@sitecast/shared/protocol/limits';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { QuietLog } from '../health/quiet-log.ts';
import type { Lane } from '../uplink/lanes.ts';
import type { ClipStore } from './clip-store.ts';
import type { FinishedClip } from './stored-clip.ts';

/** In the lane at a time. Policy: block. Bounds in edge-agent/README.md. */
export const MAX_CHUNKS_IN_LANE = 8;
/** How often it is looked at whether the lane lost something, and tried again what the disk refused. */
const LOOK_AGAIN_MS = 10_000;
/** After so long without an acknowledgement the server has forgotten the upload, or is about to: it begins anew. */
const BEGIN_ANEW_AFTER_MS = CLIP_UPLOAD_IDLE_MS / 2;
/** Progress is written each so many chunks: what is sent again after a kill is no more. */
const NOTE_EVERY_CHUNKS = 16;

export interface ClipUploaderOptions {
  store: Pick<ClipStore, 'find' | 'nextToUpload' | 'uploads' | 'read' | 'update'>;
  spool: {
    onAck(listener: (acked: { lane: Lane; payload: Uint8Array }) => void): () => void;
    pendingMessages(lane: Lane): number;
    forget(lane: Lane): void;
  };
  /** Resolves when the chunk is in the spool. */
  put: (chunk: ClipChunk) => Promise<void>;
  log: QuietLog;
  clock?: Clock;
}

interface Upload {
  clip: FinishedClip;
  /** Of the next chunk to be put. */
  nextOffset: number;
  /** Put, and not acknowledged; at most MAX_CHUNKS_IN_LANE. */
  outstanding: Set<number>;
  /** Monotonic. */
  ackedAtMs: number;
  unnoted: number;
}

/** Borrows store and spool; owns its timer. */
export class ClipUploader {
  readonly counters = { uploaded: 0, uploadsRefused: 0 };
  readonly #options: ClipUploaderOptions;
  readonly #clock: Clock;
  #upload: Upload | undefined;
  #timer: Timer | undefined;
  #unsubscribe: (() => void) | undefined;
  #pumping: Promise<void> | undefined;
  #isPumpDue = false;
  #isClosed = false;

  constructor(options: ClipUploaderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  start(): void {
    this.#unsubscribe = this.#options.spool.onAck(({ lane, payload }) => {
      if (lane === 'clips') this.#acked(payload);
    });
    this.#schedule();
    this.wake();
  }

  /** There may be something to upload. */
  wake(): void {
    this.#isPumpDue = true;
    if (this.#isClosed || this.#pumping) return;
    this.#pumping = this.#pump();
  }

  /** The server does not take this clip; it stays on the gateway, and is sent again when somebody asks. */
  refused(id: string, code: string): void {
    const { store, log } = this.#options;
    const clip = store.find(id);
    if (!clip || clip.upload === 'none' || clip.upload === 'refused') return;
    this.counters.uploadsRefused += 1;
    log.warn('CLIP_UPLOAD', { clip: id, code }, 'the server does not take a clip');
    if (this.#upload?.clip.id === id) this.#end({ upload: 'refused' });
    // Its last chunk was acknowledged before the word came.
    else void store.update(id, { upload: 'refused' });
  }

  /** It must not leave the gateway any more: what of it is in the lane is forgotten. What else was there is put again. */
  withhold(id: string): void {
    const { store, spool } = this.#options;
    if (this.#upload?.clip.id === id) this.#end({ upload: 'none' });
    else void store.update(id, { upload: 'none' });
    // A chunk may be on its way into the lane just now.
    void Promise.resolve(this.#pumping).then(() => spool.forget('clips'));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#unsubscribe?.();
    await this.#pumping;
    if (this.#upload) await this.#note(this.#upload);
  }

  #schedule(): void {
    this.#timer = this.#clock.after(LOOK_AGAIN_MS, () => {
      this.#schedule();
      this.#putLostAgain();
      this.wake();
    });
  }

  /** Never rejects: what fails is tried again by the timer. */
  async #pump(): Promise<void> {
    try {
      while (this.#isPumpDue && !this.#isClosed) {
        this.#isPumpDue = false;
        await this.#putChunks();
      }
    } catch (error) {
      const clip = this.#upload?.clip.id;
      this.#options.log.warn(
        'CLIP_UPLOAD',
        { clip, reason: messageOf(error) },
        'a clip cannot be uploaded now',
      );
    } finally {
      // In the same turn as the last look, or a wake-up in between would be lost.
      this.#pumping = undefined;
    }
  }

  async #putChunks(): Promise<void> {
    const upload = (this.#upload ??= this.#next());
    if (!upload) return;
    while (this.#upload === upload && hasMore(upload) && !this.#isClosed) {
      const offset = upload.nextOffset;
      const bytes = await this.#read(upload, offset);
      if (!bytes || this.#upload !== upload) return;
      upload.outstanding.add(offset);
      upload.nextOffset = offset + bytes.length;
      await this.#put({ header: headerOf(upload.clip, offset), bytes }, upload);
    }
  }

  #next(): Upload | undefined {
    const { store, spool } = this.#options;
    // Chunks of an earlier run go first: what they are of is known when they are gone.
    if (spool.pendingMessages('clips') > 0) return undefined;
    const clip = store.nextToUpload;
    if (!clip) return undefined;
    store.uploads(clip.id);
    const idleMs = this.#clock.nowMs() - Date.parse(clip.uploadedAt ?? clip.startedAt);
    const nextOffset = idleMs < BEGIN_ANEW_AFTER_MS ? clip.uploadedBytes : 0;
    return { clip, nextOffset, outstanding: new Set(), ackedAtMs: this.#clock.monotonicMs(), unnoted: 0 };
  }

  /** @returns undefined when the clip is gone. */
  async #read({ clip }: Upload, offset: number): Promise<Uint8Array | undefined> {
    const length = clipChunkLength({ offset, total: clip.figures.bytes });
    const bytes = await this.#options.store.read(clip.id, offset, length).catch(() => new Uint8Array());
    if (bytes.length === length) return bytes;
    this.#options.log.warn('CLIP_UPLOAD', { clip: clip.id }, 'a clip is gone that was being uploaded');
    this.#end({ upload: 'none' });
    return undefined;
  }

  async #put(chunk: ClipChunk, upload: Upload): Promise<void> {
    const { offset } = chunk.header;
    try {
      await this.#options.put(chunk);
    } catch (error) {
      upload.outstanding.delete(offset);
      upload.nextOffset = Math.min(upload.nextOffset, offset);
      throw error;
    }
  }

  #acked(payload: Uint8Array): void {
    const { id, offset } = decodeClipChunk(payload).header;
    const upload = this.#upload;
    if (upload?.clip.id === id && upload.outstanding.delete(offset)) this.#advance(upload);
    this.wake();
  }

  #advance(upload: Upload): void {
    const nowMs = this.#clock.monotonicMs();
    const isForgotten = nowMs - upload.ackedAtMs > BEGIN_ANEW_AFTER_MS;
    upload.ackedAtMs = nowMs;
    if (isForgotten) upload.nextOffset = 0;
    upload.unnoted += 1;
    if (!isForgotten && ackedBytes(upload) >= upload.clip.figures.bytes) {
      this.counters.uploaded += 1;
      return this.#end({ upload: 'done' });
    }
    if (upload.unnoted >= NOTE_EVERY_CHUNKS) void this.#note(upload);
  }

  async #note(upload: Upload): Promise<void> {
    upload.unnoted = 0;
    const uploadedAt = new Date(this.#clock.nowMs()).toISOString();
    await this.#options.store.update(upload.clip.id, { uploadedBytes: ackedBytes(upload), uploadedAt });
  }

  #end({ upload }: Pick<FinishedClip, 'upload'>): void {
    const ended = this.#upload;
    this.#upload = undefined;
    this.#options.store.uploads(undefined);
    if (!ended) return;
    const uploadedAt = new Date(this.#clock.nowMs()).toISOString();
    const changes = { upload, uploadedBytes: ackedBytes(ended), uploadedAt };
    // The next one is looked for when this one is no longer the next.
    void this.#options.store.update(ended.clip.id, changes).then(() => this.wake());
  }

  /** What is neither acknowledged nor in the lane any more was lost there: damaged, or dropped to make room on a full disk. */
  #putLostAgain(): void {
    const upload = this.#upload;
    if (!upload || this.#pumping || upload.outstanding.size === 0) return;
    if (this.#options.spool.pendingMessages('clips') > 0) return;
    upload.nextOffset = ackedBytes(upload);
    upload.outstanding.clear();
  }
}

function hasMore({ clip, nextOffset, outstanding }: Upload): boolean {
  return nextOffset < clip.figures.bytes && outstanding.size < MAX_CHUNKS_IN_LANE;
}

/** All before it. */
function ackedBytes({ nextOffset, outstanding }: Upload): number {
  return Math.min(nextOffset, ...outstanding);
}

function headerOf(clip: FinishedClip, offset: number): ClipChunk['header'] {
  const { id, camera, reason, startedAt, codec, width, height, maskVersion, figures } = clip;
  const { durationMs, bytes: total, sha256 } = figures;
  const what = { id, camera, offset, total, sha256, startedAt, durationMs, reason };
  return { ...what, type: 'video/mp4', codec, width, height, maskVersion };
}
