// What the agent makes of a camera's stream, and what to change on the camera. Pure.

import { MAX_FRAME_BYTES, MIB } from '@sitecast/shared/protocol/limits';
import { isBrowserCodec } from '../camera/browser-codec.ts';
import { LOW_MAX_WIDTH } from '../camera/encoder/encoder-arguments.ts';
import type { ProbedStream } from './camera-probe.ts';

export interface ProfileVerdict {
  profile: 'main' | 'low' | 'mpeg1' | 'stills';
  made: 'passed through' | 'encoded';
  why: string;
}

export interface Advice {
  about: 'codec' | 'keyframes' | 'B-pictures' | 'audio' | 'frame rate' | 'bit rate' | 'size' | 'clock';
  /** What was seen, and what to set on the camera. */
  text: string;
}

export interface Use {
  /** Privacy masks can only be painted by an encoder. */
  hasMasks: boolean;
  /** It is, or will be, named as `subStream`. */
  isSubStream: boolean;
}

const MAX_KEYFRAME_INTERVAL_S = 2;
/** A camera that ships so much less than it declares has too little light, too little power or a bad cable. */
const LEAST_SHARE_OF_DECLARED_FPS = 0.85;
/** Above it a viewer on a phone, and the uplink of most sites, cannot keep up. */
const MAX_BITS_PER_SECOND = 4_000_000;
const MAX_WIDTH = 1920;

const CODEC_NAMES: Record<string, string> = {
  avc1: 'H.264',
  avc3: 'H.264',
  hev1: 'H.265',
  hvc1: 'H.265',
  av01: 'AV1',
  vp09: 'VP9',
  // Object types of ISO/IEC 14496-1.
  'mp4v.20': 'MPEG-4',
  'mp4v.6c': 'MJPEG',
};

/** @param codec RFC 6381 */
export function codecName(codec: string): string {
  const family = codec.split('.')[0]!;
  return CODEC_NAMES[codec] ?? CODEC_NAMES[family] ?? codec;
}

export function verdictsOn(stream: ProbedStream, { hasMasks, isSubStream }: Use): ProfileVerdict[] {
  const main = mainVerdict(stream, hasMasks);
  const low = lowVerdict(stream, main, isSubStream);
  if (isSubStream) return [low];
  const everyS = Math.max(1, stream.keyframeIntervalS?.mean ?? 1);
  return [
    main,
    low,
    { profile: 'mpeg1', made: 'encoded', why: 'for browsers that play no H.264' },
    { profile: 'stills', made: 'encoded', why: `a JPEG of a keyframe, one in ${everyS} s` },
  ];
}

function mainVerdict({ codec, largestAccessUnitBytes }: ProbedStream, hasMasks: boolean): ProfileVerdict {
  const encoded = (why: string): ProfileVerdict => ({ profile: 'main', made: 'encoded', why });
  if (hasMasks) return encoded('privacy masks are painted by the encoder');
  if (isBrowserCodec(codec)) {
    if (largestAccessUnitBytes > MAX_FRAME_BYTES)
      return encoded(
        `a picture has ${inMib(largestAccessUnitBytes)} MiB, more than fits into a message (1 MiB)`,
      );
    return { profile: 'main', made: 'passed through', why: 'browsers play it' };
  }
  const isH264 = codec.startsWith('avc');
  return encoded(`browsers do not play ${isH264 ? 'this profile of H.264' : codecName(codec)}`);
}

function lowVerdict({ width }: ProbedStream, main: ProfileVerdict, isSubStream: boolean): ProfileVerdict {
  const encoded = (why: string): ProfileVerdict => ({ profile: 'low', made: 'encoded', why });
  if (!isSubStream) {
    return encoded(`unless "subStream" names a stream of at most ${LOW_MAX_WIDTH} pixels in H.264`);
  }
  if (main.made === 'encoded') return encoded(main.why);
  if (width > LOW_MAX_WIDTH)
    return encoded(`it is ${width} pixels wide, more than the ${LOW_MAX_WIDTH} of "low"`);
  return { profile: 'low', made: 'passed through', why: `H.264, at most ${LOW_MAX_WIDTH} pixels wide` };
}

export function adviceOn(stream: ProbedStream, { isSubStream }: Pick<Use, 'isSubStream'>): Advice[] {
  return [
    ...codecAdvice(stream),
    ...keyframeAdvice(stream),
    ...bPictureAdvice(stream),
    ...frameRateAdvice(stream),
    ...sizeAdvice(stream, isSubStream),
    ...bitRateAdvice(stream),
    ...audioAdvice(stream),
    ...clockAdvice(stream),
  ];
}

const inMib = (bytes: number): string => (bytes / MIB).toFixed(1);
const advise = (about: Advice['about'], text: string): Advice[] => [{ about, text }];

function codecAdvice({ codec }: ProbedStream): Advice[] {
  if (isBrowserCodec(codec)) return [];
  if (codec.startsWith('avc')) {
    return advise('codec', 'set the H.264 profile to High, Main or Baseline: no browser plays this one');
  }
  const why = 'every live view takes an encoder on the gateway';
  return advise(
    'codec',
    `set the video codec to H.264 (AVC), without "smart" or "+" variants: with ${codecName(codec)} ${why}`,
  );
}

function keyframeAdvice({ keyframeIntervalS, fps, seconds }: ProbedStream): Advice[] {
  const longest = keyframeIntervalS?.longest ?? (seconds > MAX_KEYFRAME_INTERVAL_S ? seconds : 0);
  if (longest <= MAX_KEYFRAME_INTERVAL_S) return [];
  const seen = keyframeIntervalS
    ? `a keyframe comes after ${longest} s`
    : `no second keyframe came in ${longest.toFixed(1)} s`;
  const pictures = fps === null ? '' : `, which is ${Math.round(fps)} pictures at ${fps} fps`;
  return advise(
    'keyframes',
    `${seen}: set the I-frame interval (GOP) to 1 s${pictures}; viewers start at keyframes, and snapshots and motion see nothing else`,
  );
}

function bPictureAdvice({ hasBPictures }: ProbedStream): Advice[] {
  return hasBPictures
    ? advise(
        'B-pictures',
        'switch B-frames off, or set the profile to Baseline: each delays the live picture',
      )
    : [];
}

function frameRateAdvice({ fps, declaredFps: declared }: ProbedStream): Advice[] {
  if (fps === null || declared === null || fps >= declared * LEAST_SHARE_OF_DECLARED_FPS) return [];
  return advise(
    'frame rate',
    `the camera declares ${shown(declared)} fps and sends ${fps}: give it light, or a shorter exposure, or set the frame rate to what it can do`,
  );
}

function sizeAdvice({ width, height }: ProbedStream, isSubStream: boolean): Advice[] {
  const most = isSubStream ? LOW_MAX_WIDTH : MAX_WIDTH;
  if (width <= most) return [];
  return advise(
    'size',
    `${width}x${height} is more than viewers are shown: set it to ${most} pixels or less`,
  );
}

function bitRateAdvice({ bitsPerSecond, largestAccessUnitBytes }: ProbedStream): Advice[] {
  if (largestAccessUnitBytes > MAX_FRAME_BYTES) {
    return advise(
      'bit rate',
      `a single picture has ${inMib(largestAccessUnitBytes)} MiB, more than fits into a message (1 MiB), so that every live view takes an encoder on the gateway: lower bit rate, quality or size`,
    );
  }
  if (bitsPerSecond === null || bitsPerSecond <= MAX_BITS_PER_SECOND) return [];
  return advise(
    'bit rate',
    `${shownBitRate(bitsPerSecond)} is much for an uplink: set it to 2 to 4 Mbit/s, variable`,
  );
}

function audioAdvice({ tracks }: ProbedStream): Advice[] {
  return tracks.some(({ kind }) => kind === 'audio')
    ? advise('audio', 'switch the microphone off: sound is not used, and never leaves the gateway')
    : [];
}

function clockAdvice({ clockJumps }: ProbedStream): Advice[] {
  return clockJumps > 0
    ? advise('clock', `the clock of the stream jumped ${clockJumps} times: update the firmware of the camera`)
    : [];
}

export function shownBitRate(bitsPerSecond: number): string {
  return bitsPerSecond >= 1_000_000
    ? `${(bitsPerSecond / 1_000_000).toFixed(1)} Mbit/s`
    : `${Math.round(bitsPerSecond / 1000)} kbit/s`;
}

/** 25 for 25, 29.97 for 29.97002997. */
export function shown(fps: number): string {
  return String(Math.round(fps * 100) / 100);
}
