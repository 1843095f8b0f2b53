// How many live bytes may be un-acknowledged: about one second of what the uplink was measured to carry.
//
// The socket cannot tell: the kernel takes megabytes before it says stop, which is many seconds of a slow uplink. So the
// server says what arrived (`live-ack`), and the age of the rest is the delay.

import { KIB, MIB } from '@sitecast/shared/protocol/limits';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';

export const WINDOW_START_BYTES = 128 * KIB;
export const WINDOW_MIN_BYTES = 32 * KIB;
export const WINDOW_MAX_BYTES = 4 * MIB;
/** Frames remembered as un-acked. Policy: block, like the bytes. */
export const WINDOW_MAX_FRAMES = 4_096;

const TARGET_DELAY_MS = 1_000;
const SAMPLE_MS = 500;
/** A full window without any acknowledgement for this long is forgiven: the acknowledgements themselves were lost. */
const STALL_MS = 5_000;

interface SentFrame {
  sequence: number;
  bytes: number;
  sentAtMs: number;
}

/** So many bytes arrived; the newest of them was acknowledged so long after it had been sent. */
export type OnAcked = (bytes: number, roundTripMs: number) => void;

export class FlowWindow {
  readonly #clock: Clock;
  #unacked: SentFrame[] = [];
  #unackedBytes = 0;
  #maxBytes = WINDOW_START_BYTES;
  #sample = { startedAtMs: 0, ackedBytes: 0, wasLimited: false };
  #progressAtMs: number;
  readonly #onAcked: OnAcked | undefined;

  constructor(clock: Clock = systemClock, onAcked?: OnAcked) {
    this.#clock = clock;
    this.#onAcked = onAcked;
    this.#progressAtMs = clock.monotonicMs();
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  get unackedBytes(): number {
    return this.#unackedBytes;
  }

  /** Of the oldest frame that is not acknowledged; 0 when all are. */
  get oldestAgeMs(): number {
    const [oldest] = this.#unacked;
    return oldest ? this.#clock.monotonicMs() - oldest.sentAtMs : 0;
  }

  /** Whether one more frame, of any size, may go: a keyframe larger than the window must pass, too. */
  get isOpen(): boolean {
    return this.#unackedBytes < this.#maxBytes && this.#unacked.length < WINDOW_MAX_FRAMES;
  }

  sent(sequence: number, bytes: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#unacked.length === 0) {
      // A long silence before this frame says nothing about the uplink.
      if (nowMs - this.#progressAtMs > SAMPLE_MS) this.#startSample(nowMs);
      this.#progressAtMs = nowMs;
    }
    this.#unacked.push({ sequence, bytes, sentAtMs: nowMs });
    this.#unackedBytes += bytes;
    if (!this.isOpen) this.#sample.wasLimited = true;
  }

  /** @param sequence of the newest frame that arrived; one that is not under way is ignored. */
  acked(sequence: number): void {
    // From the newest back: after a change of epoch an old frame may have the same number.
    const index = this.#unacked.findLastIndex((frame) => frame.sequence === sequence);
    if (index < 0) return;
    const arrived = this.#unacked.splice(0, index + 1);
    const bytes = arrived.reduce((sum, frame) => sum + frame.bytes, 0);
    this.#unackedBytes -= bytes;
    this.#sample.ackedBytes += bytes;
    this.#progressAtMs = this.#clock.monotonicMs();
    this.#onAcked?.(bytes, this.#progressAtMs - (arrived.at(-1)?.sentAtMs ?? this.#progressAtMs));
    this.#measure(this.#progressAtMs);
  }

  /** Forgets what is under way: the connection is a new one, or the acknowledgements never came. */
  reset(): void {
    this.#unacked = [];
    this.#unackedBytes = 0;
    this.#progressAtMs = this.#clock.monotonicMs();
    this.#startSample(this.#progressAtMs);
  }

  /** @returns true when a full window had to be forgiven; it starts again with the smallest size. */
  forgiveStall(): boolean {
    if (this.isOpen || this.#clock.monotonicMs() - this.#progressAtMs < STALL_MS) return false;
    this.reset();
    this.#maxBytes = WINDOW_MIN_BYTES;
    return true;
  }

  #measure(nowMs: number): void {
    const { startedAtMs, ackedBytes, wasLimited } = this.#sample;
    const elapsedMs = nowMs - startedAtMs;
    if (elapsedMs < SAMPLE_MS) return;
    const wantedBytes = (ackedBytes / elapsedMs) * TARGET_DELAY_MS;
    // A quiet scene sends little and so measures little: only a full window proves that the uplink carries no more.
    if (wantedBytes > this.#maxBytes || wasLimited) {
      this.#maxBytes = clamp((this.#maxBytes + wantedBytes) / 2);
    }
    this.#startSample(nowMs);
  }

  #startSample(startedAtMs: number): void {
    this.#sample = { startedAtMs, ackedBytes: 0, wasLimited: !this.isOpen };
  }
}

function clamp(bytes: number): number {
  return Math.round(Math.min(WINDOW_MAX_BYTES, Math.max(WINDOW_MIN_BYTES, bytes)));
}
