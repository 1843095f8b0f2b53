// The newest GOPs of one camera in memory, bounded in bytes: a new viewer starts at once from a keyframe, and a clip some seconds ago.

import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import type { Fragment } from './fragment.ts';

/** Policy: drop the oldest GOP as a whole; a newest GOP that is too large by itself keeps its start. Bounds in edge-agent/README.md. */
export const GOP_RING_MAX_BYTES = 16 * 1024 * 1024;

export interface GopRingOptions {
  maxBytes?: number;
  /** How far back `fromBefore` may reach; with 0 there is the newest GOP only. */
  keepMs?: number;
  clock?: Clock;
}

export interface GopRingCounters {
  /** Dropped from the old end to stay within the bytes, as whole GOPs. */
  gopsDropped: number;
  /** Not taken in: before the first keyframe, or beyond the bound within one GOP. */
  fragmentsRefused: number;
}

interface Gop {
  fragments: Fragment[];
  bytes: number;
  /** Monotonic: the clock of a camera may jump. */
  startedAtMs: number;
}

export class GopRing {
  #maxBytes: number;
  readonly #keepMs: number;
  readonly #clock: Clock;
  #gops: Gop[] = [];
  #bytes = 0;
  #isNewestComplete = true;
  readonly counters: GopRingCounters = { gopsDropped: 0, fragmentsRefused: 0 };

  constructor({ maxBytes = GOP_RING_MAX_BYTES, keepMs = 0, clock = systemClock }: GopRingOptions = {}) {
    this.#maxBytes = maxBytes;
    this.#keepMs = keepMs;
    this.#clock = clock;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False while the newest GOP is longer than the ring: what follows its held start cannot be decoded after it. */
  get isNewestGopComplete(): boolean {
    return this.#isNewestComplete;
  }

  /** What is too much now goes at once: the oldest GOPs, then the end of the newest. */
  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    while (this.#bytes > maxBytes && this.#gops.length > 1) {
      this.#dropOldest();
      this.counters.gopsDropped += 1;
    }
    while (this.#bytes > maxBytes) this.#dropNewestFragment();
  }

  push(fragment: Fragment): void {
    if (fragment.isKeyframe) this.#startGop();
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

  /** All since the newest keyframe that came at least so long ago, or since the oldest that is held. The array is the caller's. */
  fromBefore(agoMs: number): Fragment[] {
    const sinceMs = this.#clock.monotonicMs() - agoMs;
    const first = this.#gops.findLastIndex(({ startedAtMs }) => startedAtMs <= sinceMs);
    return this.#gops.slice(Math.max(0, first)).flatMap(({ fragments }) => fragments);
  }

  /** Forgets everything: fragments of an ended capture cannot be joined to those of the next one. */
  clear(): void {
    this.#gops = [];
    this.#bytes = 0;
    this.#isNewestComplete = true;
  }

  #startGop(): void {
    this.#isNewestComplete = true;
    this.#gops.push({ fragments: [], bytes: 0, startedAtMs: this.#clock.monotonicMs() });
    // The second covers what has to be kept: nobody will ask for the first.
    const sinceMs = this.#clock.monotonicMs() - this.#keepMs;
    while (this.#gops[1] && this.#gops[1].startedAtMs <= sinceMs) this.#dropOldest();
  }

  /** @returns false when `newest` itself would go above the bound. */
  #makeRoom(newest: Gop, bytes: number): boolean {
    if (newest.bytes + bytes > this.#maxBytes) return false;
    while (this.#bytes + bytes > this.#maxBytes) {
      this.#dropOldest();
      this.counters.gopsDropped += 1;
    }
    return true;
  }

  #dropNewestFragment(): void {
    const newest = this.#gops.at(-1);
    const bytes = newest?.fragments.pop()?.bytes.length ?? 0;
    if (newest) newest.bytes -= bytes;
    this.#bytes -= bytes;
    this.#isNewestComplete = false;
    this.counters.fragmentsRefused += 1;
  }

  #dropOldest(): void {
    this.#bytes -= this.#gops.shift()?.bytes ?? 0;
  }
}
