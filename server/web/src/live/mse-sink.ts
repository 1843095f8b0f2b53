// Plays fMP4 frames in a <video>. Owns the MediaSource and the queue of frames that are not appended yet; borrows the element.

import type { Frame } from '@sitecast/shared/protocol/frame-header';
import { readInitSegment, decodeTimeOf } from './fmp4.ts';
import { canPlay, mediaSourceClass, mimeOf } from './media-support.ts';
import { PlaybackMarks, type PlaybackMark } from './playback-marks.ts';

export interface MseSinkOptions {
  video: HTMLVideoElement;
  /** MIME type that the server named; used when the init segment does not tell the codec. */
  fallbackMime: string;
  /** The sink cannot go on and is to be replaced; `isUnsupported` means that trying again is of no use. */
  onBroken: (isUnsupported: boolean) => void;
}

type Entry =
  | { kind: 'init'; bytes: Uint8Array; mime: string }
  | {
      kind: 'fragment';
      bytes: Uint8Array;
      decodeTimeS: number;
      isKeyframe: boolean;
      isDiscontinuity: boolean;
      capturedAtMs: number;
      sequence: number;
    };

/** Un-appended frames; above it the queue starts again at its newest keyframe. */
const MAX_QUEUE_BYTES = 16 * 1024 * 1024;
const KEEP_BEHIND_S = 10;
/** Jumps of the camera's clock above this are closed up on the timeline; smaller ones are its own unevenness. */
const CLOSE_GAP_ABOVE_S = 2;
const BACKWARDS_S = 0.5;

export class MseSink {
  readonly #options: MseSinkOptions;
  readonly #source: MediaSource;
  readonly #url: string;
  readonly #marks = new PlaybackMarks();
  #buffer: SourceBuffer | undefined;
  #mime = '';
  #timescale = 1;
  #queue: Entry[] = [];
  #queuedBytes = 0;
  #appending: Entry | undefined;
  #isStitchDue = true;
  #isClosed = false;

  constructor(options: MseSinkOptions, Source: NonNullable<ReturnType<typeof mediaSourceClass>>) {
    this.#options = options;
    this.#source = new Source();
    this.#url = URL.createObjectURL(this.#source);
    this.#source.addEventListener('sourceopen', this.#pump);
    options.video.addEventListener('error', this.#broken);
    options.video.disableRemotePlayback = true;
    options.video.src = this.#url;
  }

  /** @throws {AppError} FRAME_MALFORMED */
  init(frame: Frame): void {
    const { timescale, codec } = readInitSegment(frame.payload);
    const mime = codec === undefined ? this.#options.fallbackMime : mimeOf(codec);
    if (!canPlay(mime)) {
      this.#options.onBroken(true);
      return;
    }
    this.#timescale = timescale;
    this.#push({ kind: 'init', bytes: frame.payload, mime });
  }

  /** @throws {AppError} FRAME_MALFORMED */
  fragment({ header, payload }: Frame): void {
    this.#push({
      kind: 'fragment',
      bytes: payload,
      decodeTimeS: decodeTimeOf(payload) / this.#timescale,
      isKeyframe: header.isKeyframe,
      isDiscontinuity: header.isDiscontinuity,
      capturedAtMs: header.capturedAtUs / 1000,
      sequence: header.sequence,
    });
  }

  /** Media ahead of the picture on screen, ms. */
  get aheadMs(): number {
    return Math.max(0, (this.#bufferedEnd() - this.#options.video.currentTime) * 1000);
  }

  shown(): PlaybackMark | undefined {
    return this.#options.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA
      ? undefined
      : this.#marks.at(this.#options.video.currentTime);
  }

  seekToEdge(aheadMs: number): void {
    this.#options.video.currentTime = Math.max(0, this.#bufferedEnd() - aheadMs / 1000);
  }

  /** Leaves a hole on the timeline, and drops what was played long ago. To be called a few times a second. */
  tend(): void {
    const { video } = this.#options;
    const ranges = video.buffered;
    for (let index = 0; index < ranges.length; index += 1) {
      if (video.currentTime < ranges.start(index)) {
        if (!video.seeking) video.currentTime = ranges.start(index) + 0.001;
        break;
      }
      if (video.currentTime < ranges.end(index) - 0.05) break;
    }
    this.#trim(KEEP_BEHIND_S);
    this.#pump();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#source.removeEventListener('sourceopen', this.#pump);
    this.#options.video.removeEventListener('error', this.#broken);
    this.#buffer?.removeEventListener('updateend', this.#appended);
    this.#queue = [];
    this.#marks.clear();
    this.#options.video.removeAttribute('src');
    this.#options.video.load();
    URL.revokeObjectURL(this.#url);
  }

  readonly #broken = (): void => this.#options.onBroken(false);

  #push(entry: Entry): void {
    this.#queue.push(entry);
    this.#queuedBytes += entry.bytes.length;
    if (this.#queuedBytes > MAX_QUEUE_BYTES) this.#dropToKeyframe();
    this.#pump();
  }

  // Drop to the newest keyframe rather than the oldest frame: what follows a missing picture cannot be decoded.
  #dropToKeyframe(): void {
    const newest = this.#queue.findLastIndex((entry) => entry.kind === 'fragment' && entry.isKeyframe);
    const init = this.#queue.slice(0, Math.max(0, newest)).findLast(({ kind }) => kind === 'init');
    this.#queue = newest === -1 ? [] : this.#queue.slice(newest);
    if (init !== undefined) this.#queue.unshift(init);
    this.#queuedBytes = this.#queue.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#isStitchDue = true;
  }

  readonly #pump = (): void => {
    const entry = this.#queue[0];
    if (this.#isClosed || entry === undefined || this.#source.readyState !== 'open') return;
    if (this.#buffer?.updating === true || this.#appending !== undefined) return;
    try {
      this.#prepare(entry);
      this.#appending = entry;
      this.#buffer?.appendBuffer(entry.bytes as Uint8Array<ArrayBuffer>);
      this.#queue.shift();
      this.#queuedBytes -= entry.bytes.length;
    } catch (error) {
      this.#appending = undefined;
      if (error instanceof DOMException && error.name === 'QuotaExceededError') this.#trim(1);
      else this.#broken();
    }
  };

  #prepare(entry: Entry): void {
    if (entry.kind === 'init') {
      this.#useCodec(entry.mime);
      return;
    }
    const buffer = this.#buffer;
    if (buffer === undefined) throw new TypeError('a fragment needs an init segment before it');
    const endS = this.#bufferedEnd();
    const startS = entry.decodeTimeS + buffer.timestampOffset;
    const isJump = startS - endS > CLOSE_GAP_ABOVE_S || startS < endS - BACKWARDS_S;
    if (this.#isStitchDue || isJump || (entry.isDiscontinuity && startS > endS)) {
      buffer.timestampOffset = endS - entry.decodeTimeS;
    }
    this.#isStitchDue = false;
  }

  #useCodec(mime: string): void {
    this.#isStitchDue = true;
    if (this.#buffer === undefined) {
      this.#buffer = this.#source.addSourceBuffer(mime);
      this.#buffer.mode = 'segments';
      this.#buffer.addEventListener('updateend', this.#appended);
    } else if (mime !== this.#mime) {
      this.#buffer.changeType(mime);
    }
    this.#mime = mime;
  }

  readonly #appended = (): void => {
    const entry = this.#appending;
    this.#appending = undefined;
    if (this.#isClosed) return;
    if (entry?.kind === 'fragment') {
      const { capturedAtMs, sequence } = entry;
      this.#marks.add({ endS: this.#bufferedEnd(), capturedAtMs, sequence });
    }
    this.#pump();
  };

  #trim(keepBehindS: number): void {
    const buffer = this.#buffer;
    if (buffer === undefined || buffer.updating || this.#source.readyState !== 'open') return;
    if (buffer.buffered.length === 0) return;
    const untilS = this.#options.video.currentTime - keepBehindS;
    if (untilS > buffer.buffered.start(0) + 1) buffer.remove(0, untilS);
  }

  #bufferedEnd(): number {
    const ranges = this.#buffer?.buffered;
    return ranges === undefined || ranges.length === 0 ? 0 : ranges.end(ranges.length - 1);
  }
}
