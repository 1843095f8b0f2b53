// Numbers of the runs of one camera's capture and encoders. They share them, because they follow each other on one live topic.

/** Seconds since 1970, so that a restarted agent differs too; never the same twice, however quick the restarts. */
export class Epochs {
  #last = 0;

  /** @returns uint32 */
  next(nowMs: number): number {
    this.#last = Math.max(this.#last + 1, Math.floor(nowMs / 1000)) >>> 0;
    return this.#last;
  }
}
