// Live frames at the pace of cameras, without any video in them: 25 a second of each stream, spread evenly, keyframes apart.

import { encodeFrame, FrameKind } from '@sitecast/shared/protocol/frame-header';

export interface StreamShape {
  streams: number;
  fps: number;
  pictureBytes: number;
  keyframeBytes: number;
}

const MICROSECONDS_PER_MS = 1_000;

/** One clock for all processes of the machine (CLOCK_MONOTONIC), us. */
export function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

/** Calls `onTick` for each stream `fps` times a second, from its own place within the interval. Catches up when late. */
export function everyPicture(
  { streams, fps }: StreamShape,
  onTick: (stream: number, tick: number) => void,
): void {
  const stepUs = 1_000_000 / (fps * streams);
  const startUs = monotonicUs();
  let step = 0;
  const run = (): void => {
    for (; startUs + step * stepUs <= monotonicUs(); step += 1) {
      onTick(step % streams, Math.floor(step / streams));
    }
    setTimeout(run, Math.max(0, (startUs + step * stepUs - monotonicUs()) / MICROSECONDS_PER_MS));
  };
  run();
}

/** Numbers the frames of one stream. */
export class FrameWriter {
  readonly #shape: StreamShape;
  readonly #stream: number;
  readonly #epoch: number;
  #sequence = 0;
  #needsKeyframe = true;

  constructor(shape: StreamShape, stream: number) {
    this.#shape = shape;
    this.#stream = stream;
    this.#epoch = 1 + stream;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** A lease begins with it; a keyframe follows. */
  initSegment(): Buffer {
    this.#needsKeyframe = true;
    return this.#encode(FrameKind.initSegment, false, 1_000);
  }

  picture(tick: number): Buffer {
    const { fps, streams, keyframeBytes, pictureBytes } = this.#shape;
    const offset = Math.floor((this.#stream * fps) / streams);
    const isKeyframe = this.#needsKeyframe || (tick + offset) % fps === 0;
    this.#needsKeyframe = false;
    return this.#encode(FrameKind.fragment, isKeyframe, isKeyframe ? keyframeBytes : pictureBytes);
  }

  #encode(kind: FrameKind, isKeyframe: boolean, bytes: number): Buffer {
    const header = {
      kind,
      isKeyframe,
      isDiscontinuity: false,
      isLast: false,
      epoch: this.#epoch,
      sequence: this.#sequence++,
      capturedAtUs: monotonicUs(),
    };
    return Buffer.from(encodeFrame(header, new Uint8Array(bytes)).buffer);
  }
}
