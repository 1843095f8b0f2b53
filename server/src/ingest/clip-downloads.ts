// Clips that are being read by browsers: each is a file that is read as it is sent, and there are only so many.

import type { Readable } from 'node:stream';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { ByteRange, ClipFiles } from '../media-store/clip-files.ts';

/** Policy: reject. */
export const CLIP_DOWNLOADS_MAX = 8;
/** What a stream of a file holds: the part being read, and the one being sent. */
export const CLIP_DOWNLOAD_BYTES = 128 * 1024;
const RETRY_AFTER_MS = 5_000;

/** Borrows the files. */
export class ClipDownloads {
  readonly counters = { downloadsRefused: 0 };
  readonly #files: Pick<ClipFiles, 'open'>;
  #active = 0;

  constructor(files: Pick<ClipFiles, 'open'>) {
    this.#files = files;
  }

  get active(): number {
    return this.#active;
  }

  /** Its place is free when the stream is closed. @throws {AppError} QUEUE_FULL (retryable), and as `ClipFiles.open`. */
  async open(id: string, range: ByteRange): Promise<Readable> {
    if (this.#active >= CLIP_DOWNLOADS_MAX) {
      this.counters.downloadsRefused += 1;
      const detail = { retryAfterMs: RETRY_AFTER_MS };
      throw new AppError('QUEUE_FULL', `${this.#active} clips are being read`, { retryable: true, detail });
    }
    this.#active += 1;
    try {
      const stream = await this.#files.open(id, range);
      return stream.once('close', () => (this.#active -= 1));
    } catch (error) {
      this.#active -= 1;
      throw error;
    }
  }
}
