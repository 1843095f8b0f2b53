// Clips of real encoders, read again by ffprobe and decoded to the last picture.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { CameraEvent } from '@sitecast/shared/protocol/events';
import { systemClock } from '@sitecast/shared/runtime/clock';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { Camera } from '../../src/camera/camera.ts';
import { Encoders } from '../../src/camera/encoder/encoders.ts';
import type { FfmpegBinary } from '../../src/camera/ffmpeg-binary.ts';
import { NO_MASKS, privacyMasks, type PrivacyMasks } from '../../src/camera/privacy-masks.ts';
import { clipSettings } from '../../src/clips/clip-settings.ts';
import { openClipSource } from '../../src/clips/clip-source.ts';
import { ClipStore } from '../../src/clips/clip-store.ts';
import { Clips } from '../../src/clips/clips.ts';
import { QuietLog } from '../../src/health/quiet-log.ts';
import { silentLogger, temporaryFolder, waitFor } from '../support.ts';
import { ffmpegs, runningCaptures } from './ffmpegs.ts';
import { recording } from './recordings.ts';

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const PRE_S = 3;
const POST_S = 2;
const hasTool = requireTool('ffprobe', 'clips are read again by another program');

interface Site {
  camera: Camera;
  clips: Clips;
  /**
   * Records one, as soon as there is as much before it as there shall be.
   * @returns beforeS by the clock of the pictures: of a machine that is busy they come late, and in bursts.
   */
  record: () => Promise<{ path: string; beforeS: number }>;
}

async function openSite(ffmpeg: FfmpegBinary, source: string, masks: PrivacyMasks = NO_MASKS): Promise<Site> {
  const runDir = await temporaryFolder();
  const shared = { ffmpeg, runDir, logger: silentLogger };
  const ringKeepMs = PRE_S * 1_000;
  const camera = new Camera({ id: 'front', name: 'Front', source, masks, ringKeepMs, ...shared });
  const encoders = new Encoders({ setting: 'software', maxProcesses: 1, maxRssBytes: 2 ** 29, ...shared });
  const settings = clipSettings.parse({ preRollSeconds: PRE_S, postRollSeconds: POST_S });
  const folder = await temporaryFolder();
  const bounds = { quotaBytes: settings.quotaBytes, maxClipBytes: settings.maxBytes };
  const store = await ClipStore.open({ folder, ...bounds, logger: silentLogger });
  const told: CameraEvent[] = [];
  const preRollMs = PRE_S * 1_000;
  const clips = new Clips({
    settings,
    cameras: new Map([['front', camera]]),
    openSource: (of) =>
      openClipSource({ camera: of, preRollMs, encoders, clock: systemClock, logger: silentLogger }),
    store,
    uploads: {
      start() {},
      wake() {},
      withhold() {},
      close: async () => {},
      counters: { uploaded: 0, uploadsRefused: 0 },
    },
    tell: async (_camera, event) => void told.push(event),
    log: new QuietLog(silentLogger),
  });
  onTestFinished(async () => {
    for (const part of [clips, camera, encoders]) await part.close();
    expect(await runningCaptures()).toEqual([]);
  });
  camera.start();
  const record: Site['record'] = async () => {
    const liveAtMs = await waitFor(() => camera.ring.bytes > 0 && performance.now(), 'a picture');
    await waitFor(() => performance.now() - liveAtMs > (PRE_S + 1.5) * 1_000, 'the time before');
    const before = camera.ring.fromBefore(PRE_S * 1_000);
    const id = await clips.record('front', { reason: 'command' });
    const isOver = (): boolean => told.some(({ clipId, until }) => clipId === id && until !== null);
    await waitFor(isOver, 'the end of the clip');
    expect(told.at(-1)!.detail).toMatch(/^\d+\.\d s, \d+\.\d MiB$/);
    const beforeS = before.at(-1)!.decodeTimeS - before[0]!.decodeTimeS;
    return { path: join(folder, `${id}.mp4`), beforeS };
  };
  return { camera, clips, record };
}

interface Probed {
  durationS: number;
  startS: number;
  codec: string;
  pictures: { isKeyframe: boolean; atS: number }[];
}

/** Decodes every picture. @throws when one cannot be decoded, or anything is complained of. */
async function probe(path: string): Promise<Probed> {
  const what = 'format=duration,start_time:stream=codec_name:frame=key_frame,pts_time';
  const parameters = ['-v', 'error', '-show_entries', what, '-of', 'json', path];
  const { stdout, stderr } = await run('ffprobe', parameters, { maxBuffer: MAX_OUTPUT_BYTES });
  expect(stderr).toBe('');
  const { format, streams, frames } = JSON.parse(stdout) as {
    format: { duration: string; start_time: string };
    streams: { codec_name: string }[];
    frames: { key_frame: number; pts_time: string }[];
  };
  return {
    durationS: Number(format.duration),
    startS: Number(format.start_time),
    codec: streams[0]!.codec_name,
    pictures: frames.map(({ key_frame, pts_time }) => ({
      isKeyframe: key_frame === 1,
      atS: Number(pts_time),
    })),
  };
}

/** Grey values of each picture, 32 x 18. */
async function greyPictures(path: string): Promise<Buffer[]> {
  const output = ['-vf', 'scale=32:18', '-f', 'rawvideo', '-pix_fmt', 'gray', 'pipe:1'];
  const options = { encoding: 'buffer', maxBuffer: MAX_OUTPUT_BYTES } as const;
  const { stdout } = await run('ffmpeg', ['-v', 'error', '-i', path, ...output], options);
  const pictures: Buffer[] = [];
  for (let at = 0; at < stdout.length; at += 32 * 18) pictures.push(stdout.subarray(at, at + 32 * 18));
  return pictures;
}

function drawMovie(scene: string, ...options: string[]): Promise<string> {
  const input = ['-f', 'lavfi', '-i', scene, '-t', '6', '-pix_fmt', 'yuv420p'];
  return recording('scene.mp4', ...input, '-c:v', 'libx264', '-g', '15', ...options);
}

describe.skipIf(!hasTool).each(ffmpegs)('a clip, ffmpeg $version', (ffmpeg) => {
  test('holds what was before and what came after, begins with a keyframe, and plays from 0', async () => {
    const { record, camera } = await openSite(ffmpeg, 'demo:front');
    const { path, beforeS } = await record();
    const { durationS, startS, codec, pictures } = await probe(path);
    expect(codec).toBe('h264');
    expect(beforeS).toBeGreaterThan(0);
    expect(durationS).toBeGreaterThan(beforeS + POST_S - 0.3);
    expect(durationS).toBeLessThan(beforeS + POST_S + 0.6);
    expect(startS).toBe(0);
    expect(pictures[0]).toEqual({ isKeyframe: true, atS: 0 });
    const steps = pictures.slice(1).map(({ atS }, index) => atS - pictures[index]!.atS);
    expect(Math.max(...steps)).toBeLessThan(0.5);
    expect(Math.min(...steps)).toBeGreaterThan(0);
    expect(pictures.length / durationS).toBeCloseTo(camera.report().fps ?? 0, -1);
  });

  test('with B pictures shows them in their order, and begins where it is shown', async () => {
    const movie = await drawMovie('testsrc2=s=320x180:r=15', '-bf', '2', '-preset', 'medium');
    const { record } = await openSite(ffmpeg, `file:${movie}`);
    const { path, beforeS } = await record();
    const { durationS, startS, pictures } = await probe(path);
    expect(durationS).toBeGreaterThan(beforeS + POST_S - 0.5);
    expect(startS).toBeCloseTo(0, 1);
    expect(pictures[0]!.isKeyframe).toBe(true);
    const times = pictures.map(({ atS }) => atS);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  test('of a camera with masks shows them in every single picture', async () => {
    const white = await drawMovie('color=white:s=640x360:r=15');
    const masks = privacyMasks([{ x: 0.25, y: 0.25, width: 0.5, height: 0.5 }]);
    const { record } = await openSite(ffmpeg, `file:${white}`, masks);
    const { path } = await record();
    const { durationS, pictures } = await probe(path);
    expect(durationS).toBeGreaterThan(POST_S);
    const greys = await greyPictures(path);
    expect(greys).toHaveLength(pictures.length);
    expect(greys.length).toBeGreaterThan(20);
    for (const grey of greys) {
      for (const [x, y] of [
        [9, 6],
        [16, 9],
        [22, 12],
      ] as const)
        expect(grey[y * 32 + x]).toBeLessThan(40);
      expect(grey[1 * 32 + 1]).toBeGreaterThan(200);
    }
  });
});
