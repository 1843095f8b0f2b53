// The arguments of one encoder process: the fragments of a capture in at pipe:0, H.264 in fMP4 out at pipe:1, one fragment an
// access unit, a keyframe a second.

import ffmpeg from 'fluent-ffmpeg';
import { GLOBAL_OPTIONS, MUX_FRAGMENTS } from '../capture-arguments.ts';
import type { FfmpegBinary } from '../ffmpeg-binary.ts';
import { maskFilters, NO_MASKS, type PrivacyMasks } from '../privacy-masks.ts';
import { FULL_PACE, type Pace } from './pace.ts';
import { ENCODER_OPTIONS, type VideoEncoder } from './video-encoders.ts';

export const LOW_MAX_WIDTH = 640;
/** MPEG-1 needs twice the bits of H.264 for the same picture. */
const MPEG1_FACTOR = 2;
/** Of a camera whose codec no browser plays; a wider picture costs more than a gateway has. */
const MAIN_MAX_WIDTH = 1920;
const MAIN_BITS_PER_PIXEL_SECOND = 2;
/** What the encoder aims at, of what it may use at most. */
const AIM = 0.85;
/** Hardware that does not know forced keyframes makes one a second of a camera with this rate, one in two where there are fewer. */
const USUAL_FPS = 25;

// Since the last one, not since the start: after a gap in the camera's time nothing is made up for.
const KEYFRAME_A_SECOND = 'expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+1))';
// The init segment says all that there is to know: nothing is to be found out by waiting for more.
const NO_PROBING = ['-analyzeduration', '0', '-probesize', '32'];

export interface Size {
  width: number;
  height: number;
}

export interface Target extends Size {
  masks: PrivacyMasks;
  maxBitsPerSecond: number;
  /** null: as many as come. */
  maxFps: number | null;
}

export function lowTarget(source: Size, masks = NO_MASKS, pace: Pace = FULL_PACE): Target {
  return { masks, ...scaledDown(source, LOW_MAX_WIDTH), ...pace };
}

export function mainTarget(source: Size, masks = NO_MASKS): Target {
  const size = scaledDown(source, MAIN_MAX_WIDTH);
  const bits = size.width * size.height * MAIN_BITS_PER_PIXEL_SECOND;
  const maxBitsPerSecond = Math.max(FULL_PACE.maxBitsPerSecond, bits);
  return { masks, ...size, maxBitsPerSecond, maxFps: null };
}

/** MPEG-1 knows no low frame rates (ISO/IEC 11172-2, picture_rate). */
export function mpeg1Target(source: Size, masks = NO_MASKS, pace: Pace = FULL_PACE): Target {
  const maxBitsPerSecond = MPEG1_FACTOR * pace.maxBitsPerSecond;
  return { masks, ...scaledDown(source, LOW_MAX_WIDTH), maxBitsPerSecond, maxFps: null };
}

// Even, because a chroma plane of 4:2:0 has half of each side.
function scaledDown({ width, height }: Size, maxWidth: number): Size {
  const scale = Math.min(1, maxWidth / Math.max(1, width));
  const even = (pixels: number): number => Math.max(2, 2 * Math.round((pixels * scale) / 2));
  return { width: even(width), height: even(height) };
}

export interface EncoderCommandOptions {
  ffmpeg: FfmpegBinary;
  encoder: VideoEncoder;
  target: Target;
}

export function encoderArguments(options: EncoderCommandOptions): string[] {
  const input = ['-protocol_whitelist', 'pipe', ...NO_PROBING, '-threads', '1', '-f', 'mp4'];
  return ffmpeg()
    .input('pipe:0')
    .inputOptions(...GLOBAL_OPTIONS, ...ENCODER_OPTIONS[options.encoder].device, ...input)
    .output('pipe:1')
    .outputOptions('-map', '0:v:0', ...encodingOptions(options), ...MUX_FRAGMENTS)
    ._getArguments();
}

/** Encodes one second of a drawn picture to nowhere: whether it works here, told by the exit code. */
export function trialArguments({ ffmpeg: binary, encoder }: Omit<EncoderCommandOptions, 'target'>): string[] {
  const target = lowTarget({ width: 640, height: 360 });
  return ffmpeg()
    .input('testsrc2=s=640x360:r=25:d=1')
    .inputOptions(...GLOBAL_OPTIONS, ...ENCODER_OPTIONS[encoder].device, '-f', 'lavfi')
    .output('-')
    .outputOptions(...encodingOptions({ ffmpeg: binary, encoder, target }), '-f', 'null')
    ._getArguments();
}

/** As node-rtsp-stream's muxer takes them: behind the input, and empty where an option has no value. */
export function mpeg1Options({ width, height, maxBitsPerSecond, masks }: Target): Record<string, string> {
  const bits = String(maxBitsPerSecond);
  return {
    ...{ '-loglevel': 'error', '-nostats': '', '-map': '0:v:0' },
    ...{ '-vf': [`scale=${width}:${height},setsar=1`, ...maskFilters(masks)].join(), '-pix_fmt': 'yuv420p' },
    // MPEG-1 has no 10, 12 or 15 pictures a second (ISO/IEC 11172-2, picture_rate).
    ...{ '-r': String(USUAL_FPS), '-g': String(2 * USUAL_FPS), '-force_key_frames': KEYFRAME_A_SECOND },
    ...{ '-bf': '0', '-sc_threshold': '1000000000' },
    ...{ '-b:v': bits, '-maxrate': bits, '-bufsize': bits, '-threads': '1' },
    ...{ '-muxdelay': '0', '-muxpreload': '0', '-flush_packets': '1' },
  };
}

/**
 * Leaves pictures out, and doubles none of a camera that gives fewer. A little less than the interval, because times tremble; `lt`:
 * a camera's clock may be set back.
 */
function fewerPictures(maxFps: number | null): string[] {
  if (maxFps === null) return [];
  const intervalS = (0.95 / maxFps).toFixed(4);
  return [`select='isnan(prev_selected_t)+gte(t-prev_selected_t,${intervalS})+lt(t,prev_selected_t)'`];
}

function encodingOptions({ ffmpeg: binary, encoder, target }: EncoderCommandOptions): string[] {
  const { width, height, maxBitsPerSecond, maxFps, masks } = target;
  const { filter, output } = ENCODER_OPTIONS[encoder];
  const rate = (share: number): string => String(Math.round(maxBitsPerSecond * share));
  const maxGop = Math.min(USUAL_FPS, 2 * (maxFps ?? USUAL_FPS));
  const scaled = `scale=${width}:${height},setsar=1`;
  const filters = [...fewerPictures(maxFps), scaled, ...maskFilters(masks), filter].join();
  return [
    ...['-vf', filters, '-c:v', encoder, ...output],
    ...['-b:v', rate(AIM), '-maxrate', rate(1), '-bufsize', rate(1)],
    ...['-g', String(maxGop), '-force_key_frames', KEYFRAME_A_SECOND, '-threads', '1'],
    ...binary.passthroughOptions,
  ];
}
