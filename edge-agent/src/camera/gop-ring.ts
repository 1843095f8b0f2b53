// The newest GOPs of one camera in memory, bounded in bytes, so that a new viewer starts at once from a keyframe.

import type { Fragment } from './fragment.ts';

/** Policy: drop the oldest GOP as a whole; a newest GOP that is too large by itself keeps its start. Bounds in edge-agent/README.md. */
export const GOP_RING_MAX_BYTES = 16 * 1024 * 1024;

export interface GopRingCounters {
  /** Dropped from the old end, as whole GOPs. */
  gopsDropped: number;
  /** Not taken in: before the first keyframe, or beyond the bound within one GOP. */
  fragmentsRefused: number;
}

interface Gop {
  fragments: Fragment[];
  bytes: number;
}

export class GopRing {
  readonly #maxBytes: number;
  #gops: Gop[] = [];
  #bytes = 0;
  #isNewestComplete = true;
  readonly counters: GopRingCounters = { gopsDropped: 0, fragmentsRefused: 0 };

  constructor({ maxBytes = GOP_RING_MAX_BYTES }: { maxBytes?: number } = {}) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False while the newest GOP is longer than the ring: what follows its held start cannot be decoded after it. */
  get isNewestGopComplete(): boolean {
    return this.#isNewestComplete;
  }

  push(fragment: Fragment): void {
    if (fragment.isKeyframe) this.#gops.push(this.#startGop());
    const newest = this.#gops.at(-1);
    if (!newest || !this.#isNewestComplete || !this.#makeRoom(newest, fragment.bytes.length)) {
      this.#isNewestComplete = newest === undefined;
      this.counters.fragmentsRefused += 1;
      return;
    }
    newest.fragments.push(fragment);
    newest.bytes += fragment.bytes.length;
    this.#bytes += fragment.bytes.length;
  }

  /** The newest keyframe and what followed it, oldest first; empty before the first keyframe. The array is the caller's. */
  fromLastKeyframe(): Fragment[] {
    return [...(this.#gops.at(-1)?.fragments ?? [])];
  }

  /** Forgets everything: fragments of an ended capture cannot be joined to those of the next one. */
  clear(): void {
    this.#gops = [];
    this.#bytes = 0;
    this.#isNewestComplete = true;
  }

  #startGop(): Gop {
    this.#isNewestComplete = true;
    return { fragments: [], bytes: 0 };
  }

  /** @returns false when `newest` itself would go above the bound. */
  #makeRoom(newest: Gop, bytes: number): boolean {
    if (newest.bytes + bytes > this.#maxBytes) return false;
    while (this.#bytes + bytes > this.#maxBytes) {
      const oldest = this.#gops.shift();
      this.#bytes -= oldest?.bytes ?? 0;
      this.counters.gopsDropped += 1;
    }
    return true;
  }
}
