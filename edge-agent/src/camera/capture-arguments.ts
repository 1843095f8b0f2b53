// The arguments of one capture process: one connection to the camera, its outputs. fluent-ffmpeg puts them in order and
// never starts a process here. Its option methods get several arguments each: it cuts a lone one at the first space.
//
//   pipe:1  fMP4, the camera's video untouched, one fragment an access unit
//   pipe:3  one JPEG a keyframe, at most two a second and MAX_SNAPSHOT_WIDTH wide
//   pipe:4  of the same pictures the luma (luma.ts)

import ffmpeg, { type FfmpegCommand } from 'fluent-ffmpeg';
import { redact } from '@sitecast/shared/node/logger';
import { MAX_SNAPSHOT_WIDTH } from '@sitecast/shared/protocol/limits';
import { demoBackground, demoGraph, DEMO_FPS } from './demo-scene.ts';
import type { FfmpegBinary } from './ffmpeg-binary.ts';
import { LUMA_FILTERS } from './luma.ts';
import { maskFilters, type PrivacyMasks } from './privacy-masks.ts';
import { rtspUrl, type DemoSource, type FileSource, type RtspSource, type Source } from './source.ts';

export type Transport = 'tcp' | 'udp';

export interface CaptureCommand {
  args: string[];
  /** To be written to the standard input: what must not be seen in the list of processes. */
  stdin: string | undefined;
}

export interface CaptureCommandOptions {
  source: Source;
  /** Of an RTSP source. */
  transport: Transport;
  /** Drawn into a demo scene. */
  name: string;
  /** Whether `pipe:3` and `pipe:4` are wanted. */
  hasPictures: boolean;
  /** Painted into the pictures; the video is for encoders, which paint themselves. */
  masks: PrivacyMasks;
  ffmpeg: FfmpegBinary;
  /** ffmpeg's own time-out of the camera's socket; the capture's watchdog is the second net. */
  socketTimeoutMs: number;
  /** How long ffmpeg may look at an RTSP stream before the first picture goes out. */
  probeMs: number;
  /** All tracks are asked for, and ffmpeg's log describes what is found. */
  isProbe?: boolean;
}

export const VIDEO_FD = 1;
export const PICTURE_FD = 3;
export const LUMA_FD = 4;

const LOG_OPTIONS = ['-hide_banner', '-nostdin', '-nostats', '-loglevel'];
export const GLOBAL_OPTIONS = [...LOG_OPTIONS, 'error'];
const PROBE_OPTIONS = [...LOG_OPTIONS, 'info'];
// Only keyframes are decoded. Without `-threads 1` and low_delay the decoder holds each picture back for a whole GOP.
const DECODE_KEYFRAMES = ['-skip_frame', 'nokey', '-threads', '1', '-flags', '+low_delay'];
// One picture a second is not worth threads of its own.
const FILTER_ON_ONE_THREAD = ['-filter_complex_threads', '1'];
export const MUX_FRAGMENTS = ['-f', 'mp4', '-movflags', '+frag_every_frame+empty_moov+default_base_moof'];
// Every picture of MJPEG is a keyframe. `lt`: a camera's clock may be set back.
const NOT_TOO_MANY = "select='isnan(prev_selected_t)+gte(t-prev_selected_t,0.45)+lt(t,prev_selected_t)'";
// Encoders end at a time that does not grow, and count in whole pictures of whatever rate a camera announces. Nobody reads the
// times of these pictures, so each gets a minute, counted from when the filters were set up: they are anew for a new resolution.
const OWN_TIMES = "settb=1,setpts='mod(RTCSTART,1000000000000)*0.006+N*60'";
const SCALE_DOWN = `scale=min(${MAX_SNAPSHOT_WIDTH}\\,iw):-2`;
/** What ffmpeg may hold while it looks: 15 s of 8 Mbit/s. */
const PROBE_BYTES = 15_000_000;
const LUMA_GRAPH = `[small]${LUMA_FILTERS.join()}[luma]`;
const RTSP_PROTOCOLS = 'tcp,udp,rtp,rtsp,tls,crypto';

export function captureCommand(options: CaptureCommandOptions): CaptureCommand {
  const { source } = options;
  switch (source.kind) {
    case 'rtsp':
      return rtspCommand(source, options);
    case 'file':
      return fileCommand(source, options);
    case 'demo':
      return demoCommand(source, options);
  }
}

function rtspCommand(source: RtspSource, options: CaptureCommandOptions): CaptureCommand {
  const url = rtspUrl(source);
  const { transport, ffmpeg: binary, socketTimeoutMs, probeMs, isProbe = false } = options;
  const tracks: Record<string, string> = isProbe ? {} : { allowed_media_types: 'video' };
  const settings = {
    rtsp_transport: transport,
    ...tracks,
    [binary.timeoutOption.slice(1)]: String(socketTimeoutMs * 1000),
    analyzeduration: String(probeMs * 1000),
    probesize: String(PROBE_BYTES),
  };
  if (redact(url) !== url && binary.canHideUrl) return hiddenRtspCommand(url, settings, options);
  const inputOptions = Object.entries(settings).flatMap(([name, value]) => [`-${name}`, value]);
  return passThrough(options, url, ['-protocol_whitelist', RTSP_PROTOCOLS, ...inputOptions]);
}

// Every user of the gateway can read the arguments of every process. So a URL with a password goes in through a pipe, as a
// concat script of one entry.
function hiddenRtspCommand(
  url: string,
  settings: Record<string, string>,
  options: CaptureCommandOptions,
): CaptureCommand {
  const lines = Object.entries(settings).map(([name, value]) => `option ${name} ${value}`);
  const inputOptions = ['-f', 'concat', '-safe', '0', '-protocol_whitelist', `pipe,${RTSP_PROTOCOLS}`];
  return {
    ...passThrough(options, 'pipe:0', inputOptions),
    stdin: ['ffconcat version 1.0', `file '${url}'`, ...lines, ''].join('\n'),
  };
}

function fileCommand({ path }: FileSource, options: CaptureCommandOptions): CaptureCommand {
  const input = ['-protocol_whitelist', 'file', '-re', '-stream_loop', '-1', '-fflags', '+genpts'];
  return passThrough(options, `file:${path}`, input);
}

function passThrough(
  { ffmpeg: binary, hasPictures, masks, isProbe = false }: CaptureCommandOptions,
  input: string,
  inputOptions: string[],
): CaptureCommand {
  const globalOptions = isProbe ? PROBE_OPTIONS : GLOBAL_OPTIONS;
  const command = ffmpeg()
    .input(input)
    .inputOptions(
      ...globalOptions,
      ...inputOptions,
      ...(hasPictures ? [...FILTER_ON_ONE_THREAD, ...DECODE_KEYFRAMES] : []),
    )
    .output('pipe:1')
    .outputOptions('-map', '0:v:0', '-c:v', 'copy', ...MUX_FRAGMENTS);
  if (hasPictures) {
    const filters = [
      NOT_TOO_MANY,
      OWN_TIMES,
      SCALE_DOWN,
      ...maskFilters(masks),
      'split[pictures][small]',
    ].join();
    command.complexFilter(`[0:v:0]${filters};${LUMA_GRAPH}`);
    addPictureOutputs(command, binary);
  }
  return { args: command._getArguments(), stdin: undefined };
}

function demoCommand({ name: seed }: DemoSource, options: CaptureCommandOptions): CaptureCommand {
  const command = ffmpeg()
    .input(demoBackground(seed))
    .inputOptions(...GLOBAL_OPTIONS, '-re', '-f', 'lavfi')
    .complexFilter(`${demoGraph(seed, options.name, maskFilters(options.masks))};${LUMA_GRAPH}`)
    .output('pipe:1')
    .outputOptions('-map', '[video]', ...DEMO_ENCODER, ...MUX_FRAGMENTS);
  addPictureOutputs(command, options.ffmpeg);
  return { args: command._getArguments(), stdin: undefined };
}

// A keyframe a second, no B-pictures, one thread: about 0.08 core at 960x540.
const DEMO_ENCODER = [
  ...['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-profile:v', 'baseline'],
  ...['-pix_fmt', 'yuv420p', '-g', String(DEMO_FPS), '-keyint_min', String(DEMO_FPS), '-sc_threshold', '0'],
  ...['-b:v', '700k', '-maxrate', '1000k', '-bufsize', '1000k', '-threads', '1'],
];

function addPictureOutputs(command: FfmpegCommand, { passthroughOptions }: FfmpegBinary): void {
  const jpeg = ['-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p', '-q:v', '3', '-threads', '1'];
  command
    .output(`pipe:${PICTURE_FD}`)
    .outputOptions('-map', '[pictures]', ...jpeg, ...passthroughOptions, '-f', 'image2pipe')
    .output(`pipe:${LUMA_FD}`)
    .outputOptions('-map', '[luma]', '-c:v', 'rawvideo', ...passthroughOptions, '-f', 'rawvideo');
}
