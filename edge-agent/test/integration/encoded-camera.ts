// A camera with encoders under test, and what a player and ffprobe make of the streams that it gives.

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished } from 'vitest';
import { Camera } from '../../src/camera/camera.ts';
import { Encoders, type EncodersOptions } from '../../src/camera/encoder/encoders.ts';
import type { Fragment, InitSegment } from '../../src/camera/fragment.ts';
import type { FfmpegBinary } from '../../src/camera/ffmpeg-binary.ts';
import type { PrivacyMasks } from '../../src/camera/privacy-masks.ts';
import { LiveCamera } from '../../src/camera/live-camera.ts';
import type { LiveSource, LiveVideo } from '../../src/live/live-source.ts';
import type { Offer } from '../../src/uplink/offer.ts';
import { silentLogger, temporaryFolder, waitFor } from '../support.ts';
import { runningCaptures, type RunningCapture } from './ffmpegs.ts';
import { startCamera, type TestCamera } from './test-camera.ts';

export interface EncodedCamera extends TestCamera {
  live: LiveCamera;
  encoders: Encoders;
}

export async function startEncodedCamera(
  ffmpeg: FfmpegBinary,
  source: string,
  {
    subStream,
    masks,
    offer,
    ...more
  }: Partial<EncodersOptions> & { subStream?: string; masks?: PrivacyMasks; offer?: () => Offer } = {},
): Promise<EncodedCamera> {
  const started = await startCamera(ffmpeg, source, 'Front door', masks);
  const encoders = new Encoders({
    ffmpeg,
    setting: 'software',
    maxProcesses: 2,
    maxRssBytes: 512 * 1024 * 1024,
    runDir: await temporaryFolder(),
    logger: silentLogger,
    ...more,
  });
  onTestFinished(async () => {
    await encoders.close();
    expect(await runningEncoders()).toEqual([]);
  });
  const { epochs } = started.camera;
  const runDir = await temporaryFolder();
  const ofSubStream = {
    id: 'front',
    name: 'Front door',
    ffmpeg,
    runDir,
    epochs,
    masks: started.camera.masks,
    hasPictures: false,
  };
  const live = new LiveCamera({
    camera: started.camera,
    encoders,
    ...(offer && { offer }),
    createSubStream: subStream
      ? () => new Camera({ ...ofSubStream, source: subStream, logger: silentLogger })
      : undefined,
    logger: silentLogger,
  });
  onTestFinished(() => live.close());
  await waitFor(() => started.fragments.length > 0, 'the camera');
  return { ...started, live, encoders };
}

export interface Watched {
  video: LiveVideo;
  fragments: Fragment[];
}

/** Leases a profile until the test ends. */
export function watch(live: LiveCamera, profile: Parameters<LiveSource['open']>[0]): Watched {
  const video = live.open(profile);
  onTestFinished(() => video.close());
  const fragments: Fragment[] = [];
  video.onFragment((fragment) => fragments.push(fragment));
  return { video, fragments };
}

/** However slow this machine is at the moment: a lease gives up after 3.5 s. */
export function firstInit({ video }: Pick<Watched, 'video'>): Promise<InitSegment> {
  return waitFor(() => video.init, 'the first picture of the stream', 40_000);
}

export async function runningEncoders(): Promise<RunningCapture[]> {
  return (await runningCaptures()).filter(({ commandLine }) => commandLine.includes('-i pipe:0 '));
}

export interface Probed {
  codec: string;
  profile: string;
  width: number;
  height: number;
  pixelFormat: string;
  /** I, P or B, in the order of display. */
  pictures: string;
}

const run = promisify(execFile);

/** Decodes every picture with the system's ffprobe. @throws when one cannot be decoded. */
export async function probe(fragments: Fragment[]): Promise<Probed> {
  const path = join(await temporaryFolder(), 'probed');
  await writeFile(path, Buffer.concat([fragments[0]!.init.bytes, ...fragments.map(({ bytes }) => bytes)]));
  const what = 'stream=codec_name,profile,width,height,pix_fmt:frame=pict_type';
  const { stdout, stderr } = await run('ffprobe', [
    '-v',
    'error',
    '-show_entries',
    what,
    '-of',
    'json',
    path,
  ]);
  expect(stderr).toBe('');
  const { streams, frames } = JSON.parse(stdout) as {
    streams: { codec_name: string; profile: string; width: number; height: number; pix_fmt: string }[];
    frames: { pict_type: string }[];
  };
  const { codec_name: codec, profile, width, height, pix_fmt: pixelFormat } = streams[0]!;
  const pictures = frames.map(({ pict_type }) => pict_type).join('');
  return { codec, profile, width, height, pixelFormat, pictures };
}

/** Of the whole seconds between the first and the last keyframe. */
export function bitsPerSecond(fragments: Fragment[]): number {
  const last = fragments.findLastIndex(({ isKeyframe }) => isKeyframe);
  const bytes = fragments.slice(0, last).reduce((sum, fragment) => sum + fragment.bytes.length, 0);
  return (bytes * 8) / (fragments[last]!.decodeTimeS - fragments[0]!.decodeTimeS);
}

/** Seconds between keyframes, rounded to tenths. */
export function keyframeIntervalsS(fragments: Fragment[]): number[] {
  const times = fragments.filter(({ isKeyframe }) => isKeyframe).map(({ decodeTimeS }) => decodeTimeS);
  return times.slice(1).map((time, index) => Math.round((time - times[index]!) * 10) / 10);
}
