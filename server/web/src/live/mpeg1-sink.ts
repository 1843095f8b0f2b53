// Plays MPEG-1 in MPEG-TS on a <canvas>, for browsers without H.264. JSMpeg's demuxer and decoder do the work; each picture is shown
// as soon as it is here, so there is nothing to catch up with. Owns the decoder; borrows the element.

import type { Frame } from '@sitecast/shared/protocol/frame-header';
import type { PlaybackMark } from './playback-marks.ts';

type JSMpeg = (typeof import('@cycjimmy/jsmpeg-player'))['default'];
type Demuxer = InstanceType<JSMpeg['Demuxer']['TS']>;
type Decoder = InstanceType<JSMpeg['Decoder']['MPEG1Video']>;

/** Pictures that went into the decoder and did not come out; it holds one back. Policy: drop-oldest. */
const MAX_MARKS = 64;

export interface Mpeg1SinkOptions {
  canvas: HTMLCanvasElement;
  /** The decoder could not be loaded. */
  onBroken: () => void;
}

export class Mpeg1Sink {
  readonly #options: Mpeg1SinkOptions;
  #jsmpeg: JSMpeg | undefined;
  #demuxer: Demuxer | undefined;
  #decoder: Decoder | undefined;
  #epoch = -1;
  #marks: PlaybackMark[] = [];
  #shown: PlaybackMark | undefined;
  #isClosed = false;

  constructor(options: Mpeg1SinkOptions) {
    this.#options = options;
    // Only who needs it pays for it.
    import('@cycjimmy/jsmpeg-player').then(
      (loaded) => (this.#jsmpeg = loaded.default),
      () => {
        if (!this.#isClosed) options.onBroken();
      },
    );
  }

  show({ header, payload }: Frame): void {
    const { epoch, isKeyframe, isDiscontinuity, capturedAtUs, sequence } = header;
    if (this.#isClosed || this.#jsmpeg === undefined) return;
    const isNew = this.#demuxer === undefined || epoch !== this.#epoch || isDiscontinuity;
    if (isKeyframe && isNew) this.#restart(this.#jsmpeg, epoch);
    // What misses its keyframe would be a smear.
    if (this.#demuxer === undefined || epoch !== this.#epoch) return;
    this.#marks.push({ endS: 0, capturedAtMs: capturedAtUs / 1000, sequence });
    if (this.#marks.length > MAX_MARKS) this.#marks.shift();
    this.#demuxer.write(payload);
    while (this.#decoder?.decode() === true);
  }

  shown(): PlaybackMark | undefined {
    return this.#shown;
  }

  close(): void {
    this.#isClosed = true;
    this.#demuxer = undefined;
    this.#decoder = undefined;
    this.#marks = [];
    this.#shown = undefined;
  }

  #restart({ Demuxer, Decoder, Renderer }: JSMpeg, epoch: number): void {
    this.#epoch = epoch;
    this.#marks = [];
    const decoder = new Decoder.MPEG1Video({ streaming: true, onVideoDecode: () => this.#decoded() });
    decoder.connect(new Renderer.Canvas2D({ canvas: this.#options.canvas }));
    this.#demuxer = new Demuxer.TS({});
    this.#demuxer.connect(Demuxer.TS.STREAM.VIDEO_1, decoder);
    this.#decoder = decoder;
  }

  #decoded(): void {
    this.#shown = this.#marks.shift() ?? this.#shown;
  }
}
