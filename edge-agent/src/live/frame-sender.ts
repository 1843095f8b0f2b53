// Numbers the frames of one live stream and gives them to the media connection, within the window.

import { encodeFrame, FRAME_HEADER_BYTES, type FrameHeader } from '@sitecast/shared/protocol/frame-header';
import { MAX_FRAME_BYTES } from '@sitecast/shared/protocol/limits';
import type { FlowWindow } from './flow-window.ts';

export interface FrameSenderOptions {
  window: FlowWindow;
  /** False when the connection is down or its socket is full. */
  send: (bytes: Uint8Array) => boolean;
}

export function fitsIntoFrame(payload: Uint8Array): boolean {
  return FRAME_HEADER_BYTES + payload.length <= MAX_FRAME_BYTES;
}

/** Lives as long as the agent, so that numbers go on over leases within one epoch. */
export class FrameSender {
  readonly window: FlowWindow;
  readonly #send: FrameSenderOptions['send'];
  #epoch = -1;
  #nextSequence = 0;
  #isGap = false;
  #framesDropped = 0;
  #timesLate = 0;

  constructor({ window, send }: FrameSenderOptions) {
    this.window = window;
    this.#send = send;
  }

  get framesDropped(): number {
    return this.#framesDropped;
  }

  /** How often frames were left out because they had waited too long. */
  get timesLate(): number {
    return this.#timesLate;
  }

  /** @returns false when the frame could not go now; nothing has changed then. */
  trySend(header: Omit<FrameHeader, 'sequence' | 'isLast'>, payload: Uint8Array): boolean {
    if (!this.window.isOpen) return false;
    this.#enter(header.epoch);
    const sequence = this.#nextSequence;
    const isDiscontinuity = header.isDiscontinuity || this.#isGap;
    if (!this.#send(encodeFrame({ ...header, sequence, isDiscontinuity, isLast: false }, payload)))
      return false;
    this.window.sent(sequence, FRAME_HEADER_BYTES + payload.length);
    this.#isGap = false;
    this.#count(1);
    return true;
  }

  fits(payload: Uint8Array): boolean {
    return fitsIntoFrame(payload);
  }

  /** Left out for good. They take their numbers along, so that the server can tell how many a viewer misses. */
  drop(epoch: number, frames: number): void {
    this.#enter(epoch);
    this.#isGap = true;
    this.#framesDropped += frames;
    this.#count(frames);
  }

  /** What is dropped next waited too long for the uplink. */
  wasLate(): void {
    this.#timesLate += 1;
  }

  /** What went before is not known to have arrived; the next frame says so. */
  restart(): void {
    this.window.reset();
    this.#isGap = true;
  }

  #enter(epoch: number): void {
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.#nextSequence = 0;
  }

  #count(frames: number): void {
    this.#nextSequence = (this.#nextSequence + frames) >>> 0;
  }
}
