// The clips on the gateway: a folder with an MP4 and a small JSON file for each, within a quota.
//
//   ID.json          what is known of a clip; there from its begin to its end
//   ID.mp4.partial   being recorded, or left unfinished by a kill: finished at the next start
//   ID.mp4           the clip

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@sitecast/shared/node/logger';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { replaceStateFile } from '../state-file.ts';
import { ClipFile } from './clip-file.ts';
import { clipFailed } from './clip-recorder.ts';
import { diskRoom, leastFreeBytes, type DiskRoom } from './disk-room.ts';
import { isFinished, storedClip, type FinishedClip, type StoredClip } from './stored-clip.ts';

/** Policy: drop-oldest. Bounds in edge-agent/README.md. */
export const MAX_CLIPS = 1_000;
/** Of what is kept free: below it, the spool gets what clips can give. */
const SPOOL_NEEDS_SHARE = 0.25;

export interface ClipStoreOptions {
  folder: string;
  quotaBytes: number;
  /** What one that is recorded may come to. */
  maxClipBytes: number;
  logger: Logger;
  /** Of the disk; tests put their own in its place. */
  roomOf?: (folder: string) => Promise<DiskRoom>;
}

/** Owns its folder. */
export class ClipStore {
  readonly counters = { dropped: 0, repaired: 0, failed: 0 };
  readonly #options: ClipStoreOptions;
  /** By id, oldest first. Bound: MAX_CLIPS. */
  readonly #clips = new Map<string, StoredClip>();
  /** Whose files may be there before their notes. Bound: MAX_RECORDINGS. */
  readonly #beginning = new Set<string>();
  /** Being uploaded now: the last to go. */
  #uploading: string | undefined;
  #isOpen = false;
  /** Changes of files, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: ClipStoreOptions) {
    this.#options = options;
  }

  /** A disk that takes nothing is no failure: no clip is recorded then, and it is tried again with each. */
  static async open(options: ClipStoreOptions): Promise<ClipStore> {
    const store = new ClipStore(options);
    await store.#open().catch((error: unknown) => {
      options.logger.warn({ reason: messageOf(error) }, 'the folder of clips cannot be used');
    });
    return store;
  }

  /** What is recorded counts with all that it may have. */
  get bytes(): number {
    return this.#list.reduce((sum, clip) => sum + this.#bytesOf(clip), 0);
  }

  get stored(): number {
    return this.#list.filter(isFinished).length;
  }

  /** Oldest first; the array is the caller's. */
  get all(): StoredClip[] {
    return this.#list;
  }

  /** Those that shall be uploaded. */
  get wanted(): StoredClip[] {
    return this.#list.filter(({ upload }) => upload === 'wanted');
  }

  find(id: string): StoredClip | undefined {
    return this.#clips.get(id);
  }

  /** The oldest finished one that shall be uploaded. */
  get nextToUpload(): FinishedClip | undefined {
    return this.wanted.find(isFinished);
  }

  /** The upload of this one is under way; undefined: of none. */
  uploads(id: string | undefined): void {
    this.#uploading = id;
  }

  /**
   * Opens the folder where that was not possible before, and gives back to the disk what others need of it, as far as there are
   * clips that may go. Never rejects.
   */
  async tend(): Promise<void> {
    await this.#inTurn(async () => {
      if (!this.#isOpen) await this.#open();
      await this.#keepDiskFree(0);
    }).catch((error: unknown) => {
      this.#options.logger.warn({ reason: messageOf(error) }, 'the folder of clips cannot be tended');
    });
  }

  /** Where it grows. */
  partialPath(id: string): string {
    return `${this.#path(id)}.partial`;
  }

  /**
   * Makes room for it, and notes it durably, so that what a kill leaves of it is found.
   * @throws {AppError} CLIP_FAILED when the disk refuses, or when there is no room but for what is being recorded.
   */
  async begin(
    clip: Omit<StoredClip, 'isMaskedSince' | 'figures' | 'uploadedBytes' | 'uploadedAt'>,
  ): Promise<void> {
    this.#beginning.add(clip.id);
    await this.#inTurn(async () => {
      if (!this.#isOpen) await this.#open();
      await this.#makeRoom();
      const anew = { isMaskedSince: false, uploadedBytes: 0, uploadedAt: null, figures: null };
      const noted: StoredClip = { ...clip, ...anew };
      await this.#note(noted);
      this.#clips.set(clip.id, noted);
    })
      .catch((error: unknown) => {
        throw error instanceof AppError ? error : clipFailed(messageOf(error), error);
      })
      .finally(() => this.#beginning.delete(clip.id));
  }

  /**
   * Of a file that is whole and durable under its temporary name.
   * @throws {AppError} CLIP_FAILED when the disk refuses: nothing is kept of it then.
   */
  async finish(id: string, changes: Partial<StoredClip>, durationMs: number): Promise<FinishedClip> {
    return this.#inTurn(() => this.#finish(id, changes, durationMs)).catch(async (error: unknown) => {
      await this.discard(id);
      throw clipFailed(messageOf(error), error);
    });
  }

  /** Of a clip that could not be recorded. */
  discard(id: string): Promise<void> {
    return this.#inTurn(() => this.#remove(id));
  }

  /** Changes what is known of it, at once; what the disk refuses is true until the next start. */
  async update(id: string, changes: Partial<StoredClip>): Promise<void> {
    const clip = this.#clips.get(id);
    if (clip) this.#clips.set(id, { ...clip, ...changes });
    await this.#inTurn(async () => {
      const changed = this.#clips.get(id);
      if (changed) await this.#note(changed);
    }).catch((error: unknown) => {
      this.#options.logger.warn({ clip: id, reason: messageOf(error) }, 'the state of a clip was not noted');
    });
  }

  /** @returns fewer bytes where the file has fewer. Rejects when it is gone. */
  async read(id: string, offset: number, bytes: number): Promise<Uint8Array> {
    const file = await open(this.#path(id), 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  /** Resolves when nothing is being written any more. */
  async close(): Promise<void> {
    await this.#turn.catch(() => {});
  }

  get #list(): StoredClip[] {
    return [...this.#clips.values()];
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  #bytesOf({ figures: known }: StoredClip): number {
    return known?.bytes ?? this.#options.maxClipBytes;
  }

  #path(id: string): string {
    return join(this.#options.folder, `${id}.mp4`);
  }

  #notePath(id: string): string {
    return join(this.#options.folder, `${id}.json`);
  }

  /** For one more, within the quota and on the disk. */
  async #makeRoom(): Promise<void> {
    const { quotaBytes, maxClipBytes } = this.#options;
    while (this.bytes + maxClipBytes > quotaBytes || this.#clips.size >= MAX_CLIPS) {
      if (!(await this.#dropOne()))
        throw clipFailed(`${this.#clips.size} clips are being recorded, for which the quota is kept`);
    }
    if (!(await this.#keepDiskFree(maxClipBytes)))
      throw clipFailed('the disk has no room for it beside what it should keep free');
  }

  /**
   * Where others have filled the disk, clips go only when that gives the room, or when the spool needs the last of it.
   * @returns whether so much, and what is kept free, is there.
   */
  async #keepDiskFree(neededBytes: number): Promise<boolean> {
    const { folder, maxClipBytes, roomOf = diskRoom, logger } = this.#options;
    for (;;) {
      const { totalBytes, freeBytes } = await roomOf(folder);
      const finished = this.#list.filter(isFinished);
      const recording = this.#list.length - finished.length;
      const leastBytes = leastFreeBytes(totalBytes);
      const missing = leastBytes + recording * maxClipBytes + neededBytes - freeBytes;
      if (missing <= 0) return true;
      const canHelp = finished.reduce((sum, { figures }) => sum + figures.bytes, 0) >= missing;
      const isNeeded = neededBytes === 0 && freeBytes < leastBytes * SPOOL_NEEDS_SHARE;
      if ((!canHelp && !isNeeded) || !(await this.#dropOne())) return false;
      logger.warn(
        { freeBytes, dropped: this.counters.dropped },
        'a clip was removed: the disk is nearly full',
      );
    }
  }

  /**
   * Of the finished: those that the server has go first, then the oldest that nobody asked for, then the oldest that waits for its
   * upload, and at last the one that is being uploaded. What is recorded stays.
   * @returns false when there is none.
   */
  async #dropOne(): Promise<boolean> {
    const finished = this.#list.filter(isFinished);
    const victim =
      finished.find(({ upload }) => upload === 'done') ??
      finished.find(({ upload }) => upload !== 'wanted') ??
      finished.find(({ id }) => id !== this.#uploading) ??
      finished[0];
    if (!victim) return false;
    await this.#remove(victim.id);
    this.counters.dropped += 1;
    return true;
  }

  async #finish(id: string, changes: Partial<StoredClip>, durationMs: number): Promise<FinishedClip> {
    const clip = this.#clips.get(id);
    if (!clip) throw new TypeError(`clip ${id} was never begun`);
    const measured = { durationMs, ...(await digestOf(this.partialPath(id))) };
    const finished: FinishedClip = { ...clip, ...changes, figures: measured };
    // The note first: a file under its own name is one that is known.
    await this.#note(finished);
    await rename(this.partialPath(id), this.#path(id));
    await this.#sync();
    this.#clips.set(id, finished);
    return finished;
  }

  async #remove(id: string): Promise<void> {
    this.#clips.delete(id);
    for (const path of [this.partialPath(id), this.#path(id), this.#notePath(id)])
      await unlink(path).catch((error: unknown) => this.#tellUnlessMissing(error));
  }

  #tellUnlessMissing(error: unknown): void {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    this.#options.logger.warn({ reason: messageOf(error) }, 'a file of a clip could not be removed');
  }

  /** Durable once it resolves. */
  async #note(clip: StoredClip): Promise<void> {
    await replaceStateFile(this.#notePath(clip.id), clip);
    await this.#sync();
  }

  async #sync(): Promise<void> {
    const folder = await open(this.#options.folder, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  /** Finds what earlier runs left: finishes what was cut off, and removes what belongs to nothing. */
  async #open(): Promise<void> {
    const { folder } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const names = new Set(await readdir(folder));
    for (const name of [...names].filter((each) => each.endsWith('.json')).sort()) {
      const clip = await this.#readNote(name);
      if (clip === undefined) this.#tellUnreadable(name);
      else if (!this.#clips.has(clip.id)) this.#clips.set(clip.id, clip);
    }
    // All are known by now, whatever the disk says of one that has to be written.
    for (const clip of this.#list) await this.#recover(clip, names);
    await this.#removeStrangers(names);
    this.#isOpen = true;
  }

  async #readNote(name: string): Promise<StoredClip | undefined> {
    try {
      const text = await readFile(join(this.#options.folder, name), 'utf8');
      const { data } = storedClip.safeParse(JSON.parse(text));
      return data && `${data.id}.json` === name ? data : undefined;
    } catch (error) {
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  #tellUnreadable(name: string): void {
    this.counters.failed += 1;
    this.#options.logger.warn({ name }, 'a clip is removed, because its note cannot be read');
  }

  async #recover(clip: StoredClip, names: Set<string>): Promise<void> {
    const { id } = clip;
    const [isThere, isPartial] = [names.has(`${id}.mp4`), names.has(`${id}.mp4.partial`)];
    if (isFinished(clip) && isThere) return;
    if (isFinished(clip) && isPartial) return rename(this.partialPath(id), this.#path(id));
    const isRepaired = !isFinished(clip) && isPartial && (await this.#repairIfPossible(clip));
    this.counters[isRepaired ? 'repaired' : 'failed'] += 1;
    this.#options.logger.warn({ clip: id, camera: clip.camera, isRepaired }, 'a clip was left unfinished');
    if (!isRepaired) await this.#remove(id);
  }

  /** One that is damaged must not keep the others from being used. Rejects when the disk takes nothing. */
  async #repairIfPossible(clip: StoredClip): Promise<boolean> {
    for (;;) {
      try {
        return await this.#repair(clip);
      } catch (error) {
        if (isFull(error) && (await this.#dropOne())) continue;
        if (!isDamage(error)) throw error;
        const { id, camera } = clip;
        this.#options.logger.warn(
          { clip: id, camera, reason: messageOf(error) },
          'a clip cannot be repaired',
        );
        return false;
      }
    }
  }

  async #repair({ id }: StoredClip): Promise<boolean> {
    const file = await ClipFile.reopen(this.partialPath(id));
    if (!file) return false;
    const {
      durationMs,
      picture: { codec, width, height },
    } = file;
    await file.finish();
    await this.#finish(id, { codec, width, height }, durationMs);
    return true;
  }

  async #removeStrangers(names: Set<string>): Promise<void> {
    for (const name of names) {
      const id = name.split('.')[0] ?? '';
      if ((this.#clips.has(id) && !name.endsWith('.new')) || this.#beginning.has(id)) continue;
      await unlink(join(this.#options.folder, name)).catch((error: unknown) =>
        this.#tellUnlessMissing(error),
      );
    }
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
const isFull = (error: unknown): boolean => codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT';

/** Of this clip alone: what stands in its file is none, or cannot be read. */
function isDamage(error: unknown): boolean {
  return error instanceof AppError || error instanceof RangeError || codeOf(error) === 'EIO';
}

async function digestOf(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}
