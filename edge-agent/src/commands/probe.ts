// `sitecast-agent probe`: what a camera sends, what the agent makes of it, and what to change on the camera.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { redact } from '@sitecast/shared/node/logger';
import { AppError, isAppError } from '@sitecast/shared/runtime/app-error';
import type { Transport } from '../camera/capture-arguments.ts';
import { findFfmpeg, type FfmpegBinary } from '../camera/ffmpeg-binary.ts';
import { isSource, parseSource, rtspUrl, withPassword, type Source } from '../camera/source.ts';
import { loadAgentConfig, type Environment } from '../config-file.ts';
import { isAgentRunning } from '../doctor/gateway-checks.ts';
import { probeCamera } from '../probe/camera-probe.ts';
import { probeReport, reportLines } from '../probe/probe-report.ts';
import type { Track } from '../probe/stream-log.ts';
import type { Use } from '../probe/verdict.ts';
import { PASSWORD_VARIABLE } from './ask-password.ts';

/** What is no finding about the camera. */
const NOT_OF_THE_CAMERA = ['BAD_REQUEST', 'CONFIG_INVALID', 'SHUTTING_DOWN'];

export interface ProbeOptions {
  /** A source as in the configuration; this or `configPath` and `cameraId`. */
  url: string | undefined;
  configPath: string | undefined;
  cameraId: string | undefined;
  /** The camera's `subStream` instead of its `source`. */
  isSubStream: boolean;
  /** `auto` leaves it to the configuration. */
  transport: 'auto' | Transport;
  seconds: number;
  env: Environment;
  json: boolean;
  print: (text: string) => void;
  /** For what people should know beside the report. */
  warn: (text: string) => void;
  askPassword: (question: string) => Promise<string>;
  signal: AbortSignal;
}

interface Subject extends Use {
  source: Source;
  transport: 'auto' | Transport;
  ffmpegPath: string | undefined;
}

/**
 * @returns whether the agent can use the camera; advice alone is no failure.
 * @throws {AppError} BAD_REQUEST when the arguments name nothing, CONFIG_INVALID, SHUTTING_DOWN.
 */
export async function probe(options: ProbeOptions): Promise<boolean> {
  const { env, json, print, signal, seconds } = options;
  const { source, transport, ffmpegPath, ...use } = await findSubject(options);
  const folder = await mkdtemp(join(tmpdir(), 'sitecast-probe-'));
  try {
    const ffmpeg = await findFfmpeg({ configuredPath: ffmpegPath, searchPath: env.PATH, dataDir: folder });
    warnOfExposure(source, ffmpeg, options);
    const stream = await probeCamera({ source, transport, seconds, ffmpeg, runDir: folder, signal });
    const report = probeReport(shownSource(source), stream, use);
    print(json ? JSON.stringify(report, undefined, 2) : reportLines(report).join('\n'));
    return true;
  } catch (error) {
    if (!isAppError(error) || NOT_OF_THE_CAMERA.includes(error.code)) throw error;
    print(failureText(source, error, json));
    return false;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function findSubject(options: ProbeOptions): Promise<Subject> {
  const { url, configPath, cameraId, isSubStream, env } = options;
  if (url !== undefined && configPath === undefined && cameraId === undefined) {
    const source = await withCredentials(parseArgument(url, env), options);
    return {
      source,
      transport: options.transport,
      ffmpegPath: env.FFMPEG_PATH,
      hasMasks: false,
      isSubStream,
    };
  }
  if (url === undefined && configPath !== undefined && cameraId !== undefined) {
    return await findCamera(configPath, cameraId, options);
  }
  throw badRequest('name a URL, or a camera by --config and --camera');
}

/** @throws {AppError} BAD_REQUEST: as an argument it is not a matter of the configuration file. */
function parseArgument(argument: string, env: Environment): Source {
  const [, variable] = /^env:(\w+)$/.exec(argument) ?? [];
  const text = variable === undefined ? argument : (env[variable] ?? '');
  if (isSource(text)) return parseSource(text);
  const what =
    variable === undefined ? JSON.stringify(redact(text).slice(0, 120)) : `the value of ${variable}`;
  throw badRequest(
    `rtsp://..., rtsps://..., file:PATH, demo:NAME or env:VARIABLE can be probed, not ${what}`,
  );
}

/** A user without a password: it is in the environment, or somebody types it. */
async function withCredentials(source: Source, { env, askPassword }: ProbeOptions): Promise<Source> {
  if (source.kind !== 'rtsp' || source.userInfo === '' || source.userInfo.includes(':')) return source;
  const user = decodeURIComponent(source.userInfo);
  return withPassword(source, env[PASSWORD_VARIABLE] ?? (await askPassword(`Password of ${user}: `)));
}

async function findCamera(configPath: string, cameraId: string, options: ProbeOptions): Promise<Subject> {
  const { isSubStream, env, warn } = options;
  const config = await loadAgentConfig(configPath, env);
  const camera = config.cameras.find(({ id }) => id === cameraId);
  if (!camera) {
    const known = config.cameras.map(({ id }) => id).join(', ') || 'none';
    throw badRequest(`there is no camera "${cameraId}" in ${configPath}; there are: ${known}`);
  }
  if (await isAgentRunning(config))
    warn('the agent runs too: a camera with one session refuses a second one');
  const text = isSubStream ? camera.subStream : camera.source;
  if (text === undefined) throw badRequest(`camera "${cameraId}" has no "subStream"`);
  return {
    source: parseSource(text),
    transport: options.transport === 'auto' ? camera.transport : options.transport,
    ffmpegPath: config.ffmpegPath,
    hasMasks: camera.masks.length > 0,
    isSubStream,
  };
}

function warnOfExposure(
  source: Source,
  { canHideUrl, version }: FfmpegBinary,
  { url, warn }: ProbeOptions,
): void {
  if (!hasPassword(source)) return;
  if (url !== undefined && isSource(url) && hasPassword(parseSource(url))) {
    warn(
      'other users of this machine may have read the password among the arguments; without it (rtsp://USER@HOST/...) it is asked for',
    );
  }
  if (!canHideUrl) {
    warn(
      `ffmpeg ${version} takes the password as an argument, which other users can read; 5.0 and later do not`,
    );
  }
}

function hasPassword(source: Source): boolean {
  return source.kind === 'rtsp' && source.userInfo.includes(':');
}

function failureText(source: Source, error: AppError, json: boolean): string {
  const { code, message, detail } = error;
  const { tracks = [], stderr = [] } = detail as { tracks?: Track[]; stderr?: string[] };
  const shown = shownSource(source);
  if (json)
    return JSON.stringify({ source: shown, error: { code, message, log: stderr }, tracks }, undefined, 2);
  return [`${shown}: ${message} (${code})`, ...stderr.map((line) => `  ffmpeg: ${line}`)].join('\n');
}

/** Without credentials, in the path too: some cameras want them there. */
function shownSource(source: Source): string {
  if (source.kind === 'rtsp') return redact(rtspUrl({ ...source, userInfo: '' }));
  return source.kind === 'file' ? `file:${source.path}` : `demo:${source.name}`;
}

function badRequest(message: string): AppError {
  return new AppError('BAD_REQUEST', message);
}
