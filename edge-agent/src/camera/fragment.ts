// What a capture or an encoder yields: init segments and fragments of fMP4 (ISO/IEC 14496-12), and keyframes as small JPEGs.

import type { SplitInit } from './fmp4-splitter.ts';
import type { Luma } from './luma.ts';

/** What one run of a capture or encoder is. Shared by reference by all its fragments; never changed. */
export interface InitSegment {
  /** uint32, another one for each run that got as far as an init segment. */
  epoch: number;
  container: 'fmp4' | 'mpegts';
  /** `ftyp+moov`; nothing for MPEG-TS, which describes itself. */
  bytes: Uint8Array;
  /** RFC 6381, such as `avc1.64001f`. */
  codec: string;
  /** For `MediaSource.isTypeSupported`, such as `video/mp4; codecs="avc1.64001f"`. */
  mime: string;
  width: number;
  height: number;
}

export function initSegmentOf({ bytes, codec, width, height }: SplitInit, epoch: number): InitSegment {
  return { epoch, container: 'fmp4', bytes, codec, mime: fmp4Mime(codec), width, height };
}

/** @param codec RFC 6381 */
export function fmp4Mime(codec: string): string {
  return `video/mp4; codecs="${codec}"`;
}

/** `moof+mdat` of one access unit, or its MPEG-TS packets. */
export interface Fragment {
  init: InitSegment;
  /** In memory of its own (no view into a larger buffer), so holding it holds nothing else. */
  bytes: Uint8Array;
  isKeyframe: boolean;
  /** Something before this fragment is missing; the first of an epoch is always one. */
  isDiscontinuity: boolean;
  /** 0 for the first fragment of an epoch, then +1; the init segment has no number. */
  sequence: number;
  /**
   * When its last byte was read from the capture process, microseconds since 1970: up to 0.4 s late for what came while nobody
   * watched (output-reader.ts). For an encoder, the time of what it encoded.
   */
  capturedAtUs: number;
  /** Seconds on the timeline of its run. */
  decodeTimeS: number;
}

/** Where fragments come from, as far as a viewer or an encoder cares. */
export interface FragmentSource {
  readonly ring: { fromLastKeyframe(): Fragment[]; readonly isNewestGopComplete: boolean };
  onFragment(listener: (fragment: Fragment) => void): () => void;
}

/** A keyframe, decoded and scaled down to at most `MAX_SNAPSHOT_WIDTH` pixels wide. */
export interface KeyframePicture {
  jpeg: Uint8Array;
  luma: Luma;
  width: number;
  height: number;
  capturedAtMs: number;
}
