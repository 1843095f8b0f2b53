// Measures a stream while it comes in: rate, keyframes, B-pictures, bytes. Time is the stream's own.

import type { SplitFragment, SplitInit } from '../camera/fmp4-splitter.ts';

export interface StreamFigures {
  accessUnits: number;
  /** Of the stream's clock, without its jumps. */
  seconds: number;
  fps: number | null;
  bitsPerSecond: number | null;
  /** Between keyframes; null when only one came. */
  keyframeIntervalS: { mean: number; longest: number } | null;
  hasBPictures: boolean;
  largestAccessUnitBytes: number;
  /** How often the clock of the stream ran backwards, or forwards by more than `JUMP_S`. */
  clockJumps: number;
}

/** No camera pauses for so long between two pictures. */
const JUMP_S = 5;
const BOX_HEADER_BYTES = 8;

export class StreamMeter {
  readonly #timescale: number;
  #accessUnits = 0;
  #ticks = 0;
  #steps = 0;
  /** Without the newest access unit: how long that one lasts is not known yet. */
  #bytes = 0;
  #newestBytes = 0;
  #lastDecodeTime: number | undefined;
  #latestPresentation = -Infinity;
  #keyframe: { ticks: number; bytes: number } | undefined;
  #intervals = { count: 0, ticks: 0, bytes: 0, longestTicks: 0 };
  #hasBPictures = false;
  #largestBytes = 0;
  #clockJumps = 0;

  constructor({ timescale }: Pick<SplitInit, 'timescale'>) {
    this.#timescale = timescale;
  }

  add(fragment: Pick<SplitFragment, 'bytes' | 'isKeyframe' | 'decodeTime' | 'compositionOffset'>): void {
    const { bytes, isKeyframe, decodeTime, compositionOffset } = fragment;
    this.#accessUnits += 1;
    this.#bytes += this.#newestBytes;
    this.#newestBytes = accessUnitBytes(bytes);
    this.#largestBytes = Math.max(this.#largestBytes, this.#newestBytes);
    this.#goOn(decodeTime);
    // Decoded after a picture that is shown after it: that one needed it first, so this is a B-picture.
    const presentation = decodeTime + compositionOffset;
    if (presentation < this.#latestPresentation) this.#hasBPictures = true;
    this.#latestPresentation = Math.max(this.#latestPresentation, presentation);
    if (isKeyframe) this.#takeKeyframe();
  }

  get figures(): StreamFigures {
    return {
      accessUnits: this.#accessUnits,
      seconds: this.#ticks / this.#timescale,
      fps: this.#ticks > 0 ? rounded((this.#steps * this.#timescale) / this.#ticks, 10) : null,
      bitsPerSecond: this.#bitsPerSecond(),
      keyframeIntervalS: this.#keyframeIntervalS(),
      hasBPictures: this.#hasBPictures,
      largestAccessUnitBytes: this.#largestBytes,
      clockJumps: this.#clockJumps,
    };
  }

  #goOn(decodeTime: number): void {
    const step = decodeTime - (this.#lastDecodeTime ?? decodeTime);
    this.#lastDecodeTime = decodeTime;
    if (this.#accessUnits === 1) return;
    if (step > 0 && step <= JUMP_S * this.#timescale) {
      this.#ticks += step;
      this.#steps += 1;
      return;
    }
    this.#clockJumps += 1;
    this.#keyframe = undefined;
    this.#latestPresentation = -Infinity;
  }

  #takeKeyframe(): void {
    const now = { ticks: this.#ticks, bytes: this.#bytes };
    if (this.#keyframe) {
      const ticks = now.ticks - this.#keyframe.ticks;
      this.#intervals.count += 1;
      this.#intervals.ticks += ticks;
      this.#intervals.bytes += now.bytes - this.#keyframe.bytes;
      this.#intervals.longestTicks = Math.max(this.#intervals.longestTicks, ticks);
    }
    this.#keyframe = now;
  }

  /** Of whole GOPs where there are any: keyframes are many times larger than the rest. */
  #bitsPerSecond(): number | null {
    const isWhole = this.#intervals.ticks > 0;
    const [bytes, ticks] = isWhole
      ? [this.#intervals.bytes, this.#intervals.ticks]
      : [this.#bytes, this.#ticks];
    return ticks > 0 ? Math.round((bytes * 8 * this.#timescale) / ticks) : null;
  }

  #keyframeIntervalS(): StreamFigures['keyframeIntervalS'] {
    const { count, ticks, longestTicks } = this.#intervals;
    if (count === 0) return null;
    return {
      mean: rounded(ticks / count / this.#timescale, 100),
      longest: rounded(longestTicks / this.#timescale, 100),
    };
  }
}

/** Of `moof+mdat`: what the camera sent, without what the container adds. */
function accessUnitBytes(fragment: Uint8Array): number {
  const moofBytes = new DataView(fragment.buffer, fragment.byteOffset).getUint32(0);
  return fragment.length - moofBytes - BOX_HEADER_BYTES;
}

function rounded(value: number, parts: number): number {
  return Math.round(value * parts) / parts;
}
