// A leased `stills` stream: the JPEG of each keyframe, at most one a second. What does not fit the window is left out.

import { FrameKind } from '@sitecast/shared/protocol/frame-header';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import type { KeyframePicture } from '../camera/fragment.ts';
import type { FrameSender } from './frame-sender.ts';
import type { LiveSource, LiveStream } from './live-source.ts';

export interface StillsStreamOptions {
  source: Pick<LiveSource, 'latestPicture' | 'onPicture'>;
  sender: FrameSender;
  /** Stills need no init segment, so one epoch serves as long as the agent runs. */
  epoch: number;
  /** Between two stills at least; asked each time. */
  minIntervalMs: () => number;
  clock?: Clock;
}

/** Borrows the camera and the sender; owns its subscription. */
export class StillsStream implements LiveStream {
  readonly #options: StillsStreamOptions;
  readonly #clock: Clock;
  #unsubscribe: (() => void) | undefined;
  #sentAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: StillsStreamOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  start(): void {
    const { source, sender } = this.#options;
    this.#unsubscribe = source.onPicture((picture) => this.#offer(picture));
    sender.restart();
    const picture = source.latestPicture();
    if (picture) this.#offer(picture);
  }

  acked(sequence: number): void {
    this.#options.sender.window.acked(sequence);
  }

  close(): void {
    this.#unsubscribe?.();
  }

  #offer({ jpeg, capturedAtMs }: KeyframePicture): void {
    const { sender, epoch, minIntervalMs } = this.#options;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#sentAtMs < minIntervalMs()) return;
    sender.window.forgiveStall();
    const header = {
      kind: FrameKind.jpegStill,
      isKeyframe: true,
      isDiscontinuity: false,
      epoch,
      capturedAtUs: capturedAtMs * 1_000,
    };
    if (sender.fits(jpeg) && sender.trySend(header, jpeg)) this.#sentAtMs = nowMs;
    else sender.drop(epoch, 1);
  }
}
