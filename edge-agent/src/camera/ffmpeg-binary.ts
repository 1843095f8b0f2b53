// Which ffmpeg is used, and how its version spells the options that changed between 2018 and today.

import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, chmod, copyFile, mkdir, rename } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';

export interface FfmpegBinary {
  path: string;
  /** As the program says it, such as `5.1.9-0+deb12u1` or `N-47683-g0e8eb07980-static`. */
  version: string;
  origin: 'configured' | 'system' | 'bundled';
  /** Socket time-out of the RTSP demuxer, in microseconds: `-stimeout` up to 4.x, `-timeout` since 5.0. */
  timeoutOption: '-stimeout' | '-timeout';
  /** Makes the picture output one JPEG a decoded keyframe instead of one a frame time. */
  passthroughOptions: readonly [string, string];
  /** Whether a concat script may set options (since 5.0), so that a URL with a password can go in by a pipe. */
  canHideUrl: boolean;
}

export interface FindFfmpegOptions {
  /** From the configuration or FFMPEG_PATH; when given, nothing else is tried. */
  configuredPath?: string | undefined;
  /** The value of PATH. */
  searchPath?: string | undefined;
  /** Takes a copy of the bundled program when that cannot be made executable where it is. */
  dataDir: string;
}

const run = promisify(execFile);
const VERSION_TIMEOUT_MS = 15_000;

/**
 * The configured program, else the system's, else the one bundled from npm.
 * @throws {AppError} CONFIG_INVALID when none of them runs, with what was tried.
 */
export async function findFfmpeg(options: FindFfmpegOptions): Promise<FfmpegBinary> {
  const problems: string[] = [];
  for (const { origin, locate } of candidates(options)) {
    try {
      const path = await locate();
      if (path !== undefined) return await inspect(path, origin);
      problems.push(`${origin}: there is none`);
    } catch (error) {
      problems.push(`${origin}: ${messageOf(error)}`);
    }
  }
  throw new AppError('CONFIG_INVALID', `no ffmpeg can be run; tried ${problems.join('; ')}`);
}

interface Candidate {
  origin: FfmpegBinary['origin'];
  locate: () => Promise<string | undefined>;
}

function candidates({ configuredPath, searchPath, dataDir }: FindFfmpegOptions): Candidate[] {
  if (configuredPath) return [{ origin: 'configured', locate: async () => resolve(configuredPath) }];
  return [
    { origin: 'system', locate: () => findOnPath('ffmpeg', searchPath ?? '') },
    { origin: 'bundled', locate: () => bundledPath(dataDir) },
  ];
}

async function findOnPath(name: string, searchPath: string): Promise<string | undefined> {
  for (const folder of searchPath.split(delimiter)) {
    const path = join(folder, name);
    if (folder !== '' && (await isExecutable(path))) return path;
  }
  return undefined;
}

async function bundledPath(dataDir: string): Promise<string | undefined> {
  const { path, version } = bundledPackage();
  if (await isExecutable(path)) return path;
  try {
    await chmod(path, 0o755);
    return path;
  } catch {
    return await copyOf(path, join(dataDir, 'bin'), `ffmpeg-${version.replaceAll(/[^\w.-]/g, '_')}`);
  }
}

function bundledPackage(): { path: string; version: string } {
  // Required only when needed: the package throws while loading on a platform that it has no program for.
  return createRequire(import.meta.url)('@ffmpeg-installer/ffmpeg') as { path: string; version: string };
}

async function copyOf(path: string, folder: string, name: string): Promise<string> {
  const target = join(folder, name);
  if (await isExecutable(target)) return target;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const half = `${target}.${process.pid}.tmp`;
  await copyFile(path, half);
  await chmod(half, 0o755);
  await rename(half, target);
  return target;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function inspect(path: string, origin: FfmpegBinary['origin']): Promise<FfmpegBinary> {
  const { stdout } = await run(path, ['-version'], { timeout: VERSION_TIMEOUT_MS, maxBuffer: 1024 * 1024 });
  return { path, origin, ...describeVersion(stdout) };
}

/**
 * Reads the output of `ffmpeg -version`. The library version decides, because a build from git has no release number.
 * @throws {AppError} CONFIG_INVALID when it is not the output of ffmpeg.
 */
export function describeVersion(text: string): Omit<FfmpegBinary, 'path' | 'origin'> {
  const version = /^ffmpeg version (\S+)/.exec(text)?.[1];
  const libavformat = /^libavformat\s+(\d+)\.\s*(\d+)\./m.exec(text);
  if (version === undefined || libavformat === null) {
    throw new AppError('CONFIG_INVALID', 'the program does not answer -version as ffmpeg does');
  }
  const [major, minor] = [Number(libavformat[1]), Number(libavformat[2])];
  return {
    version,
    timeoutOption: major >= 59 ? '-timeout' : '-stimeout',
    canHideUrl: major >= 59,
    passthroughOptions:
      major > 59 || (major === 59 && minor >= 27) ? ['-fps_mode', 'passthrough'] : ['-vsync', '0'],
  };
}
