// What is on screen: routes frames to the video, the canvas or the image, keeps the live edge, and measures. Owns the sinks and one timer.

import { FrameKind, type Frame } from '@sitecast/shared/protocol/frame-header';
import { ClockGauge, type Delay } from './clock-gauge.ts';
import { LiveEdge } from './live-edge.ts';
import { mediaSourceClass } from './media-support.ts';
import { Mpeg1Sink } from './mpeg1-sink.ts';
import { MseSink } from './mse-sink.ts';
import type { PlaybackMark } from './playback-marks.ts';
import { StillsSink } from './stills-sink.ts';

export interface StreamScreenOptions {
  video: HTMLVideoElement;
  /** For MPEG-1. */
  canvas: HTMLCanvasElement;
  image: HTMLImageElement;
  onBroken: (isUnsupported: boolean) => void;
  onPlayBlocked: () => void;
}

export interface Shown {
  mark: PlaybackMark;
  delay: Delay | undefined;
  bufferedMs: number;
  kind: 'video' | 'still';
}

const TEND_INTERVAL_MS = 250;

export class StreamScreen {
  readonly #options: StreamScreenOptions;
  readonly #gauge = new ClockGauge();
  readonly #edge = new LiveEdge();
  #mse: MseSink | undefined;
  #mpeg1: Mpeg1Sink | undefined;
  #stills: StillsSink | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #mime = '';

  constructor(options: StreamScreenOptions) {
    this.#options = options;
  }

  start(): void {
    this.#options.video.addEventListener('waiting', this.#stalled);
    this.#timer = setInterval(() => this.#tend(), TEND_INTERVAL_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#options.video.removeEventListener('waiting', this.#stalled);
    this.clear();
  }

  /** Another stream follows. */
  clear(mime = ''): void {
    this.#mime = mime;
    this.#mse?.close();
    this.#mse = undefined;
    this.#mpeg1?.close();
    this.#mpeg1 = undefined;
    this.#stills?.close();
    this.#stills = undefined;
  }

  /** @throws {AppError} FRAME_MALFORMED */
  accept(frame: Frame): void {
    const { header } = frame;
    this.#gauge.arrived(header.capturedAtUs / 1000, Date.now());
    if (header.kind === FrameKind.initSegment) this.#openVideo()?.init(frame);
    else if (header.kind === FrameKind.fragment) this.#mse?.fragment(frame);
    else if (header.kind === FrameKind.mpegTsChunk) this.#openCanvas().show(frame);
    else if (header.kind === FrameKind.jpegStill) this.#showStill(frame);
  }

  shown(): Shown | undefined {
    const mark = this.#stills?.shown() ?? this.#mpeg1?.shown() ?? this.#mse?.shown();
    if (mark === undefined) return undefined;
    return {
      mark,
      delay: this.#gauge.delay(mark.capturedAtMs, Date.now()),
      bufferedMs: this.#mse?.aheadMs ?? 0,
      kind: this.#stills?.shown() === undefined ? 'video' : 'still',
    };
  }

  play(): void {
    this.#options.video.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === 'NotAllowedError') this.#options.onPlayBlocked();
    });
  }

  readonly #stalled = (): void => {
    if (this.#mse?.shown() !== undefined) this.#edge.stalled();
  };

  #openVideo(): MseSink | undefined {
    const Source = mediaSourceClass();
    if (this.#mse !== undefined || Source === undefined) return this.#mse;
    this.#stills?.close();
    this.#stills = undefined;
    this.#edge.restarted();
    const { video, onBroken } = this.#options;
    this.#mse = new MseSink({ video, fallbackMime: this.#mime, onBroken }, Source);
    this.play();
    return this.#mse;
  }

  #openCanvas(): Mpeg1Sink {
    const { canvas, onBroken } = this.#options;
    this.#mpeg1 ??= new Mpeg1Sink({ canvas, onBroken: () => onBroken(false) });
    return this.#mpeg1;
  }

  // The last picture of the video stays until the first still is there, so that a step down is no flash of black.
  #showStill(frame: Frame): void {
    this.#stills ??= new StillsSink(this.#options.image);
    this.#stills.show(frame);
    if (this.#stills.shown() === undefined) return;
    this.#mse?.close();
    this.#mse = undefined;
    this.#mpeg1?.close();
    this.#mpeg1 = undefined;
  }

  #tend(): void {
    const { video } = this.#options;
    const mse = this.#mse;
    if (mse === undefined) return;
    mse.tend();
    if (mse.shown() === undefined || video.seeking) return;
    if (video.paused && document.visibilityState === 'visible') this.play();
    const picturesDecoded = video.getVideoPlaybackQuality().totalVideoFrames;
    const decision = this.#edge.decide({ aheadMs: mse.aheadMs, picturesDecoded });
    if (decision.kind === 'seek') mse.seekToEdge(decision.aheadMs);
    else if (video.playbackRate !== decision.rate) video.playbackRate = decision.rate;
  }
}
