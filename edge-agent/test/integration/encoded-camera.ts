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
  return waitFor(() => video.init, 'the first picture of the stream');
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

/** Of whole GOPs: bits of a second that has all its pictures, however many a slow encoder was not given in between. */
export function bitsPerSecond(fragments: Fragment[]): number {
  const whole = fragments.slice(
    0,
    fragments.findLastIndex(({ isKeyframe }) => isKeyframe),
  );
  const bytes = whole.reduce((sum, fragment) => sum + fragment.bytes.length, 0);
  return (bytes * 8) / (whole.length * stepS(fragments));
}

/** The median of the seconds between two pictures: those that were left out do not bend it. */
export function stepS(fragments: Fragment[]): number {
  const steps = fragments
    .slice(1)
    .map(({ decodeTimeS }, index) => decodeTimeS - fragments[index]!.decodeTimeS);
  return steps.sort((a, b) => a - b)[steps.length >> 1]!;
}

/** As soon as a second is over, and no earlier: no picture is later behind its keyframe than `withinS`. */
export function expectKeyframeASecond(fragments: Fragment[], withinS = 0.99): void {
  let keyframeS = -Infinity;
  for (const { isKeyframe, decodeTimeS } of fragments) {
    if (isKeyframe) expect(decodeTimeS - keyframeS).toBeGreaterThan(0.95);
    else expect(decodeTimeS - keyframeS).toBeLessThan(withinS);
    if (isKeyframe) keyframeS = decodeTimeS;
  }
}

/** Pictures that an encoder may hold back for its work: two thirds of a second; one that waits for more shows the past. */
const HELD_BACK_MAX = 10;

/** Ends the camera: of what it gave, all but a few pictures come out of the encoder, although nothing pushes them. */
export async function expectNothingHeldBack(
  { camera, encoders, fragments: given }: EncodedCamera,
  encoded: Fragment[],
): Promise<void> {
  await camera.close();
  const heldBack = (): number => {
    const newestUs = encoded.at(-1)!.capturedAtUs;
    return given.length - 1 - given.findLastIndex(({ capturedAtUs }) => capturedAtUs <= newestUs);
  };
  // What a slow encoder was not given at all does not come.
  const mayMiss = (): number => HELD_BACK_MAX + encoders.counters.fragmentsDropped;
  await waitFor(() => heldBack() <= mayMiss(), 'what is in the encoder').catch(() =>
    expect(heldBack()).toBeLessThanOrEqual(mayMiss()),
  );
}
