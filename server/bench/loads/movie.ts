// What the foreign cameras show: ten seconds of a drawn scene, H.264 of 2 Mbit/s, a keyframe a second, encoded once.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const MOVIE_FPS = 25;
const SECONDS = 10;
const RATE = ['-b:v', '2M', '-maxrate', '2M', '-bufsize', '2M'];

export type PictureHeight = 720 | 1080;

/** An H.264 byte stream with access unit delimiters. @returns its path. */
export function writeMovie(dir: string, height: PictureHeight): string {
  const path = join(dir, `movie-${height}.h264`);
  const scene = `testsrc2=s=${(height * 16) / 9}x${height}:r=${MOVIE_FPS}:d=${SECONDS}`;
  const encoder = ['-c:v', 'libx264', '-preset', 'veryfast', '-bf', '0', '-g', String(MOVIE_FPS)];
  const format = ['-pix_fmt', 'yuv420p', '-x264-params', 'aud=1', '-f', 'h264'];
  const output = [...encoder, ...RATE, ...format, path];
  execFileSync('ffmpeg', ['-nostdin', '-loglevel', 'error', '-y', '-f', 'lavfi', '-i', scene, ...output]);
  return path;
}
