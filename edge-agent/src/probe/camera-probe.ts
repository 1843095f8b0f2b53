// Reads a camera for a few seconds, exactly as the agent does, and measures what comes. Owns the capture.

import { AppError, isAppError } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { Transport } from '../camera/capture-arguments.ts';
import { isTransportRefused, MUTE_CAMERA } from '../camera/capture-failure.ts';
import { Capture, type CaptureOptions, type CaptureRun } from '../camera/capture.ts';
import type { FfmpegBinary } from '../camera/ffmpeg-binary.ts';
import type { SplitInit } from '../camera/fmp4-splitter.ts';
import { declaredFps } from '../camera/h264-sps.ts';
import { NO_MASKS } from '../camera/privacy-masks.ts';
import type { RtspSource, Source } from '../camera/source.ts';
import { reachCamera } from '../doctor/camera-checks.ts';
import { levelOf, profileOf } from './stream-level.ts';
import { StreamLog, type Track } from './stream-log.ts';
import { StreamMeter, type StreamFigures } from './stream-meter.ts';

/** Time enough for a keyframe of cameras that do not describe themselves. */
const LOOK_MS = 5_000;
/** What failed before was refused; ffmpeg gives up after 8 s without a byte. */
const SILENT_MS = 7_500;

export interface CameraProbeOptions {
  source: Source;
  transport: 'auto' | Transport;
  /** From the first picture on. */
  seconds: number;
  ffmpeg: FfmpegBinary;
  runDir: string;
  /** Ends it early. */
  signal?: AbortSignal;
  clock?: Clock;
  openCapture?: (options: CaptureOptions) => CaptureRun;
  /** Rejects where nothing takes the connection. */
  reach?: (source: RtspSource) => Promise<void>;
}

export interface ProbedStream extends StreamFigures {
  /** null where there is none: a file, a drawn camera. */
  transport: Transport | null;
  /** RFC 6381, such as `avc1.64001f`. */
  codec: string;
  /** Such as `High`. */
  profile: string | null;
  /** Such as `3.1`. */
  level: string | null;
  width: number;
  height: number;
  /** By the stream's own parameters; null where it does not say, or is no H.264. */
  declaredFps: number | null;
  tracks: Track[];
  /** Why it ended before its time. */
  endedBy: AppError | undefined;
}

/** @throws {AppError} as a capture ends: SOURCE_UNREACHABLE, SOURCE_SILENT, SOURCE_UNAUTHORIZED, SOURCE_UNSUPPORTED, SHUTTING_DOWN ... */
export async function probeCamera(options: CameraProbeOptions): Promise<ProbedStream> {
  const { source, transport } = options;
  if (transport !== 'auto') return await measure(transport, options);
  try {
    return await measure('tcp', options);
  } catch (error) {
    // RTSP over TLS is interleaved: there is no other transport.
    const mayChoose = source.kind === 'rtsp' && !source.isEncrypted;
    if (mayChoose && isAppError(error) && isTransportRefused(error)) {
      return await measure('udp', options);
    }
    throw error;
  }
}

async function measure(transport: Transport, options: CameraProbeOptions): Promise<ProbedStream> {
  const { source, seconds, ffmpeg, runDir, signal, clock = systemClock } = options;
  const log = new StreamLog();
  let init: SplitInit | undefined;
  let meter: StreamMeter | undefined;
  let timer: Timer | undefined;
  const capture: CaptureRun = (options.openCapture ?? openCapture)({
    source,
    transport,
    probeMs: LOOK_MS,
    isProbe: true,
    name: source.kind === 'demo' ? source.name : '',
    hasPictures: false,
    masks: NO_MASKS,
    ffmpeg,
    runDir,
    clock,
    onInit: (found) => (init = found),
    onFragment: (fragment) => {
      meter ??= new StreamMeter(init!);
      meter.add(fragment);
      timer ??= clock.after(seconds * 1000, () => void capture.close());
    },
    onPicture: () => {},
    takeLogLine: (line) => log.take(line),
  });
  const stop = (): void => void capture.close();
  signal?.addEventListener('abort', stop);
  if (signal?.aborted) stop();
  const startedMs = clock.monotonicMs();
  const reason = await capture.start();
  const tookMs = clock.monotonicMs() - startedMs;
  signal?.removeEventListener('abort', stop);
  timer?.cancel();
  const isStopped = reason.code === 'SHUTTING_DOWN';
  if (!init || !meter || signal?.aborted) {
    const isMute = tookMs >= SILENT_MS && log.tracks.length === 0;
    throw withTracks(isMute ? await explainSilence(reason, options) : reason, log.tracks);
  }
  return {
    transport: source.kind === 'rtsp' ? transport : null,
    codec: init.codec,
    width: init.width,
    height: init.height,
    profile: log.video?.profile ?? profileOf(init),
    level: levelOf(init),
    declaredFps: init.codec.startsWith('avc') ? (declaredFps(init.bytes) ?? null) : null,
    tracks: log.tracks,
    endedBy: isStopped ? undefined : reason,
    ...meter.figures,
  };
}

/** ffmpeg has the same words for a camera that says nothing and for one that says what is no RTSP. */
async function explainSilence(
  reason: AppError,
  { source, reach = reachCamera }: CameraProbeOptions,
): Promise<AppError> {
  if (source.kind !== 'rtsp' || reason.code !== 'SOURCE_UNREACHABLE') return reason;
  const takesConnections = await reach(source).then(
    () => true,
    () => false,
  );
  if (!takesConnections) return reason;
  const { cause, retryable, detail } = reason;
  return new AppError('SOURCE_SILENT', MUTE_CAMERA, { cause, retryable, detail });
}

/** What was found out in spite of the failure. */
function withTracks(reason: AppError, tracks: Track[]): AppError {
  const { message, cause, retryable, detail } = reason;
  return new AppError(reason.code, message, { cause, retryable, detail: { ...detail, tracks } });
}

function openCapture(options: CaptureOptions): CaptureRun {
  return new Capture(options);
}
