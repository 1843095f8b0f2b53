// Shows JPEG stills in an <img>, one decode at a time. Owns two object URLs at most; borrows the element.

import type { Frame } from '@sitecast/shared/protocol/frame-header';
import type { PlaybackMark } from './playback-marks.ts';

export class StillsSink {
  readonly #image: HTMLImageElement;
  #shown: { url: string; mark: PlaybackMark } | undefined;
  #loading: { url: string; mark: PlaybackMark } | undefined;
  /** Only the newest still that waits is kept. */
  #next: Frame | undefined;

  constructor(image: HTMLImageElement) {
    this.#image = image;
    image.addEventListener('load', this.#loaded);
    image.addEventListener('error', this.#failed);
  }

  show(frame: Frame): void {
    if (this.#loading !== undefined) {
      this.#next = frame;
      return;
    }
    const { header, payload } = frame;
    const url = URL.createObjectURL(new Blob([payload as Uint8Array<ArrayBuffer>], { type: 'image/jpeg' }));
    const mark = { endS: 0, capturedAtMs: header.capturedAtUs / 1000, sequence: header.sequence };
    this.#loading = { url, mark };
    this.#image.src = url;
  }

  shown(): PlaybackMark | undefined {
    return this.#shown?.mark;
  }

  close(): void {
    this.#image.removeEventListener('load', this.#loaded);
    this.#image.removeEventListener('error', this.#failed);
    this.#image.removeAttribute('src');
    for (const still of [this.#shown, this.#loading]) if (still !== undefined) URL.revokeObjectURL(still.url);
    this.#shown = undefined;
    this.#loading = undefined;
    this.#next = undefined;
  }

  readonly #loaded = (): void => {
    if (this.#shown !== undefined) URL.revokeObjectURL(this.#shown.url);
    this.#shown = this.#loading;
    this.#continue();
  };

  readonly #failed = (): void => {
    if (this.#loading !== undefined) URL.revokeObjectURL(this.#loading.url);
    this.#continue();
  };

  #continue(): void {
    const next = this.#next;
    this.#loading = undefined;
    this.#next = undefined;
    if (next !== undefined) this.show(next);
  }
}
