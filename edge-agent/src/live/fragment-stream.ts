// A leased video stream: init segment, the newest GOP that there is, then live; when the uplink is too slow, whole GOPs less.

import { FrameKind } from '@sitecast/shared/protocol/frame-header';
import { MIB } from '@sitecast/shared/protocol/limits';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import type { Fragment, FragmentSource, InitSegment } from '../camera/fragment.ts';
import type { FrameSender } from './frame-sender.ts';
import type { LiveStream } from './live-source.ts';

/** Fragments that wait for the window; mostly the ring holds them, too. Policy: drop-to-keyframe. */
export const WAITING_MAX_BYTES = 8 * MIB;
/** A fragment that has waited this long is too late to be worth its bytes. */
const WAITING_MAX_MS = 1_000;

export interface FragmentStreamOptions {
  source: FragmentSource;
  sender: FrameSender;
  clock?: Clock;
}

interface Waiting {
  fragment: Fragment;
  sinceMs: number;
}

/** Borrows the source and the sender; owns its subscription and what waits. */
export class FragmentStream implements LiveStream {
  readonly #source: FragmentSource;
  readonly #sender: FrameSender;
  readonly #clock: Clock;
  #unsubscribe: (() => void) | undefined;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #sentInit: InitSegment | undefined;
  /** The decoder has lost its reference: nothing but a keyframe is of use. */
  #needsKeyframe = true;

  constructor({ source, sender, clock = systemClock }: FragmentStreamOptions) {
    this.#source = source;
    this.#sender = sender;
    this.#clock = clock;
  }

  start(): void {
    this.#unsubscribe = this.#source.onFragment((fragment) => this.#take(fragment));
    this.#sender.restart();
    for (const fragment of this.#source.ring.fromLastKeyframe()) this.#enqueue(fragment);
    if (!this.#source.ring.isNewestGopComplete) this.#needsKeyframe = true;
    this.#pump();
  }

  acked(sequence: number): void {
    this.#sender.window.acked(sequence);
    this.#pump();
  }

  close(): void {
    this.#unsubscribe?.();
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #take(fragment: Fragment): void {
    this.#sender.window.forgiveStall();
    this.#enqueue(fragment);
    this.#pump();
  }

  #enqueue(fragment: Fragment): void {
    if (fragment.isKeyframe) this.#needsKeyframe = false;
    if (this.#needsKeyframe) return this.#sender.drop(fragment.init.epoch, 1);
    this.#waiting.push({ fragment, sinceMs: this.#clock.monotonicMs() });
    this.#waitingBytes += fragment.bytes.length;
  }

  #pump(): void {
    for (let [next] = this.#waiting; next && this.#send(next.fragment); [next] = this.#waiting) this.#shift();
    const [oldest] = this.#waiting;
    if (!oldest) return;
    const isLate = this.#clock.monotonicMs() - oldest.sinceMs > WAITING_MAX_MS;
    if (isLate || this.#waitingBytes > WAITING_MAX_BYTES) this.#dropToKeyframe();
  }

  /** @returns false when it has to wait. */
  #send(fragment: Fragment): boolean {
    if (!this.#sender.fits(fragment.bytes)) {
      this.#dropUnsendable(fragment);
      return true;
    }
    const isTs = fragment.init.container === 'mpegts';
    const kind = isTs ? FrameKind.mpegTsChunk : FrameKind.fragment;
    return (
      (isTs || this.#sendInit(fragment)) &&
      this.#sender.trySend({ ...headerOf(fragment), kind }, fragment.bytes)
    );
  }

  #sendInit(fragment: Fragment): boolean {
    if (this.#sentInit === fragment.init) return true;
    const header = { ...headerOf(fragment), kind: FrameKind.initSegment, isKeyframe: false };
    if (!this.#sender.trySend(header, fragment.init.bytes)) return false;
    this.#sentInit = fragment.init;
    return true;
  }

  #shift(): void {
    const sent = this.#waiting.shift();
    this.#waitingBytes -= sent?.fragment.bytes.length ?? 0;
  }

  /**
   * Drops to the newest keyframe rather than the oldest fragment: a decoder that misses one picture shows a smear until
   * the next keyframe, so the rest of a GOP costs bytes and shows nothing. When the newest keyframe has been waiting
   * itself, it alone stays: one picture a GOP is better than none.
   */
  #dropToKeyframe(): void {
    this.#sender.wasLate();
    const keyframeAt = this.#waiting.findLastIndex(({ fragment }) => fragment.isKeyframe);
    const kept = keyframeAt > 0 ? this.#waiting.slice(keyframeAt) : this.#waiting.slice(0, keyframeAt + 1);
    const dropped = keyframeAt > 0 ? this.#waiting.slice(0, keyframeAt) : this.#waiting.slice(keyframeAt + 1);
    if (keyframeAt <= 0) this.#needsKeyframe = true;
    for (const { fragment } of dropped) this.#sender.drop(fragment.init.epoch, 1);
    this.#waiting = kept;
    this.#waitingBytes = kept.reduce((sum, { fragment }) => sum + fragment.bytes.length, 0);
  }

  #dropUnsendable(fragment: Fragment): void {
    const lost = this.#waiting.findIndex(({ fragment: other }, index) => index > 0 && other.isKeyframe);
    const end = lost < 0 ? this.#waiting.length : lost;
    this.#needsKeyframe ||= lost < 0;
    // The first goes when `#pump` shifts it.
    const rest = this.#waiting.splice(1, end - 1);
    for (const { fragment: other } of rest) this.#waitingBytes -= other.bytes.length;
    this.#sender.drop(fragment.init.epoch, rest.length + 1);
  }
}

function headerOf({ init, isKeyframe, isDiscontinuity, capturedAtUs }: Fragment): {
  epoch: number;
  isKeyframe: boolean;
  isDiscontinuity: boolean;
  capturedAtUs: number;
} {
  return { epoch: init.epoch, isKeyframe, isDiscontinuity, capturedAtUs };
}
