// Whether a running stream became another one: a camera that was given another resolution, or whose clock was set. What was made
// for the old stream (init segment, decoders, timelines of viewers) does not fit the new one.

import type { SplitFragment, SplitInit } from './fmp4-splitter.ts';

/** Between two access units; longer pauses end the capture before. */
const JUMP_S = 15;
/** A clock that was set back: ffmpeg then counts on by single ticks until the old time is reached. */
const STUCK_UNITS = 25;
const STUCK_INTERVAL_S = 0.001;
const LENGTH_BYTES = 4;

interface NalKind {
  typeOf: (firstByte: number) => number;
  sequenceParameterSet: number;
  /** A piece of a picture: parameter sets stand before. */
  isSlice: (type: number) => boolean;
}

// Rec. ITU-T H.264 table 7-1; Rec. ITU-T H.265 table 7-1.
const AVC: NalKind = { typeOf: (byte) => byte & 0x1f, sequenceParameterSet: 7, isSlice: (type) => type <= 5 };
const HEVC: NalKind = {
  typeOf: (byte) => (byte >> 1) & 0x3f,
  sequenceParameterSet: 33,
  isSlice: (type) => type < 32,
};

/** Of one run of a capture. */
export class StreamChanges {
  readonly #nals: NalKind | undefined;
  readonly #timescale: number;
  /** As the first keyframe carried it: what a session description says may differ from that all the time. */
  #parameters: Uint8Array | undefined;
  /** Others, of one keyframe: what comes once may be garbage. */
  #others: Uint8Array | undefined;
  #lastDecodeTime: number | undefined;
  #stuckUnits = 0;

  constructor({ codec, timescale }: Pick<SplitInit, 'codec' | 'timescale'>) {
    this.#nals = nalKindOf(codec);
    this.#timescale = timescale;
  }

  /** @returns what changed, as a sentence; undefined while nothing did. */
  look(unit: SplitFragment): string | undefined {
    return this.#lookAtClock(unit) ?? (unit.isKeyframe ? this.#lookAtParameters(unit) : undefined);
  }

  #lookAtClock({ decodeTime }: SplitFragment): string | undefined {
    const intervalS = (decodeTime - (this.#lastDecodeTime ?? decodeTime)) / this.#timescale;
    const isFirst = this.#lastDecodeTime === undefined;
    this.#lastDecodeTime = decodeTime;
    this.#stuckUnits = !isFirst && intervalS < STUCK_INTERVAL_S ? this.#stuckUnits + 1 : 0;
    if (intervalS > JUMP_S) return `the clock of the camera jumped by ${Math.round(intervalS)} s`;
    if (this.#stuckUnits >= STUCK_UNITS) return 'the clock of the camera was set back';
    return undefined;
  }

  #lookAtParameters({ bytes }: SplitFragment): string | undefined {
    const found = this.#nals && sequenceParameterSet(bytes, this.#nals);
    if (!found) return undefined;
    // A copy: the fragment is not to be held by a few bytes of it.
    this.#parameters ??= Uint8Array.from(found);
    if (isSame(found, this.#parameters)) return void (this.#others = undefined);
    if (this.#others && isSame(found, this.#others)) return 'the camera changed the parameters of its video';
    this.#others = Uint8Array.from(found);
    return undefined;
  }
}

function nalKindOf(codec: string): NalKind | undefined {
  if (/^avc[13]\b/.test(codec)) return AVC;
  return /^h(vc|ev)1\b/.test(codec) ? HEVC : undefined;
}

/** @param fragment moof+mdat of one access unit, NAL units with their length in front (ISO/IEC 14496-15). */
function sequenceParameterSet(fragment: Uint8Array, kind: NalKind): Uint8Array | undefined {
  const view = new DataView(fragment.buffer, fragment.byteOffset, fragment.byteLength);
  let at = view.getUint32(0) + 8;
  while (at + LENGTH_BYTES < fragment.length) {
    const length = view.getUint32(at);
    const start = at + LENGTH_BYTES;
    if (length === 0 || start + length > fragment.length) return undefined;
    const type = kind.typeOf(view.getUint8(start));
    if (type === kind.sequenceParameterSet) return fragment.subarray(start, start + length);
    if (kind.isSlice(type)) return undefined;
    at = start + length;
  }
  return undefined;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
