// Init segment and newest GOP of one stream: what a new viewer starts from, and the queue of all viewers that are behind.
//
// Viewers hold no queue of their own, only the ordinal of the frame that they got last. One that falls behind goes on from
// here while its GOP is the newest, and jumps to the keyframe of the next one after that. So the memory of a stream does
// not grow with its viewers. Bound: GOP_CACHE_BYTES and frames, policy drop-to-keyframe, LIMITS.md.

import type { FrameHeader } from '@sitecast/shared/protocol/frame-header';

export interface CachedFrame {
  /** +1 for each frame of the stream that can be shown, over epochs; never wraps. */
  ordinal: number;
  header: FrameHeader;
  /** As `ws-frame.ts` built it. */
  wire: Buffer;
}

export interface GopCacheOptions {
  maxBytes: number;
  maxFrames: number;
}

export class GopCache {
  readonly #options: GopCacheOptions;
  #init: CachedFrame | undefined;
  #gop: CachedFrame[] = [];
  #newest: CachedFrame | undefined;
  #gopBytes = 0;

  constructor(options: GopCacheOptions) {
    this.#options = options;
  }

  /** All that is held: the GOP, the init segment, and a newest frame that is in neither. */
  get bytes(): number {
    const newest = this.#newest;
    const isApart = newest !== undefined && newest !== this.#init && newest !== this.#gop.at(-1);
    return this.#gopBytes + (this.#init?.wire.length ?? 0) + (isApart ? newest.wire.length : 0);
  }

  get init(): CachedFrame | undefined {
    return this.#init;
  }

  /** A frame of the stream, as `addPicture`: ordinals are consecutive. */
  addInit(frame: CachedFrame): void {
    this.#init = frame;
    this.#newest = frame;
    this.#clearGop();
  }

  /** @returns false when this frame made its GOP too large to keep: from now on only viewers that keep up get it. */
  addPicture(frame: CachedFrame): boolean {
    this.#newest = frame;
    if (frame.header.isKeyframe) this.#clearGop();
    else if (this.#gop.length === 0) return true;
    this.#gop.push(frame);
    this.#gopBytes += frame.wire.length;
    if (this.bytes <= this.#options.maxBytes && this.#gop.length <= this.#options.maxFrames) return true;
    this.#clearGop();
    return false;
  }

  /**
   * What a viewer gets after the frame `ordinal` (-1: after nothing): the frame that follows, or the newest place where a
   * decoder can start when that one is gone.
   */
  after(ordinal: number): CachedFrame | undefined {
    if (this.#init && this.#init.ordinal > ordinal) return this.#init;
    if (this.#newest?.ordinal === ordinal + 1) return this.#newest;
    const [keyframe] = this.#gop;
    if (!keyframe) return undefined;
    return keyframe.ordinal > ordinal ? keyframe : this.#gop[ordinal + 1 - keyframe.ordinal];
  }

  /** Forgets all but the count: nothing can be started from it until the next init segment. */
  clear(): void {
    this.#init = undefined;
    this.#newest = undefined;
    this.#clearGop();
  }

  #clearGop(): void {
    this.#gop = [];
    this.#gopBytes = 0;
  }
}
