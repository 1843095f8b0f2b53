// What a capture yields: init segments and fragments of fMP4 (ISO/IEC 14496-12), and keyframes as small JPEGs.

/** `ftyp+moov` of one capture. Shared by reference by all its fragments; never changed. */
export interface InitSegment {
  /** uint32, another one for each capture that got as far as an init segment. */
  epoch: number;
  bytes: Uint8Array;
  /** RFC 6381, such as `avc1.64001f`. */
  codec: string;
  /** For `MediaSource.isTypeSupported`, such as `video/mp4; codecs="avc1.64001f"`. */
  mime: string;
  width: number;
  height: number;
}

/** `moof+mdat` of one access unit. */
export interface Fragment {
  init: InitSegment;
  /** In memory of its own (no view into a larger buffer), so holding it holds nothing else. */
  bytes: Uint8Array;
  isKeyframe: boolean;
  /** Something before this fragment is missing; the first of an epoch is always one. */
  isDiscontinuity: boolean;
  /** 0 for the first fragment of an epoch, then +1; the init segment has no number. */
  sequence: number;
  /** When its last byte left the capture process, microseconds since 1970. */
  capturedAtUs: number;
}

/** A keyframe, decoded and scaled down to at most `MAX_SNAPSHOT_WIDTH` pixels wide. */
export interface KeyframePicture {
  jpeg: Uint8Array;
  width: number;
  height: number;
  capturedAtMs: number;
}
