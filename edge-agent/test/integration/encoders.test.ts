import { mkdtemp, rm } from 'node:fs/promises';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { rssBytesOf } from '../../src/camera/process-usage.ts';
import { waitFor } from '../support.ts';
import {
  bitsPerSecond,
  firstInit,
  keyframeIntervalsS,
  probe,
  runningEncoders,
  startEncodedCamera,
  watch,
} from './encoded-camera.ts';
import type { Fragment } from '../../src/camera/fragment.ts';
import { FULL_OFFER } from '../../src/uplink/offer.ts';
import { ffmpegs, runFfmpeg, runningCaptures } from './ffmpegs.ts';

const PATIENCE_MS = 40_000;
const hasProbe = requireTool('ffprobe', 'what encoders give is decoded and measured');

const recordings = new Map<string, Promise<string>>();
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sitecast-encoders-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A file of four seconds of 1280x720 at 15 pictures a second, encoded by the first test that asks for it. */
function recording(name: string, ...encoder: string[]): Promise<string> {
  const path = join(folder, name);
  const scene = ['-f', 'lavfi', '-i', 'testsrc2=s=1280x720:r=15', '-t', '4'];
  const made =
    recordings.get(name) ?? runFfmpeg('-loglevel', 'error', ...scene, ...encoder, path).then(() => path);
  recordings.set(name, made);
  return made;
}

const H264 = ['-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '30', '-bf', '2'];

const SMALL_H264 = [...H264, '-s', '320x180', '-profile:v', 'baseline', '-bf', '0', '-g', '15'];

describe.skipIf(!hasProbe).each(ffmpegs)('Encoders with ffmpeg $version', (ffmpeg) => {
  it('make `low` of a 720p camera: 640 pixels, 500 kbit/s, a keyframe a second, no B-pictures', async () => {
    const { live, camera } = await startEncodedCamera(ffmpeg, `file:${await recording('a.mp4', ...H264)}`);
    expect(await runningEncoders()).toEqual([]);
    const { video, fragments } = watch(live, 'low');
    const init = await firstInit({ video });
    expect(init).toMatchObject({ width: 640, height: 360, container: 'fmp4' });
    expect(init.codec).toMatch(/^avc1\.42c0/);
    await waitFor(() => fragments.length >= 90, 'six seconds', PATIENCE_MS);
    const delayMs = Date.now() - fragments.at(-1)!.capturedAtUs / 1000;
    expect(delayMs).toBeLessThan(1_000);
    expect(fragments[0]).toMatchObject({ isKeyframe: true, isDiscontinuity: true, sequence: 0 });
    expect(keyframeIntervalsS(fragments)).toEqual(keyframeIntervalsS(fragments).map(() => 1));
    expect(keyframeIntervalsS(fragments).length).toBeGreaterThanOrEqual(4);
    expect(bitsPerSecond(fragments)).toBeGreaterThan(150_000);
    expect(bitsPerSecond(fragments)).toBeLessThan(525_000);
    expect(await probe(fragments)).toMatchObject({
      codec: 'h264',
      profile: 'Constrained Baseline',
      width: 640,
      height: 360,
      pixelFormat: 'yuv420p',
      pictures: expect.stringMatching(/^[IP]{90,}$/),
    });
    expect(live.report()).toMatchObject({
      profiles: ['main', 'low', 'mpeg1', 'stills'],
      encoded: ['low', 'mpeg1'],
    });
    // One session of the camera, however it is watched.
    expect(camera.counters.restarts).toBe(0);
    video.close();
    await waitFor(async () => (await runningEncoders()).length === 0, 'the encoder to end', 2_000);
  });

  it.each([
    [
      'H.265',
      'h.mp4',
      'hev1',
      ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'keyint=15:log-level=error'],
    ],
    ['MJPEG', 'j.avi', 'mp4v.6c', ['-c:v', 'mjpeg', '-q:v', '8']],
    ['MPEG-4', 'm.mp4', 'mp4v.20', ['-c:v', 'mpeg4', '-g', '15', '-q:v', '8']],
    [
      'H.264 High 4:2:2',
      'y.mp4',
      'avc1.7a',
      ['-pix_fmt', 'yuv422p', '-c:v', 'libx264', '-preset', 'superfast', '-g', '15'],
    ],
  ])('make `main` of a camera that no browser plays: %s', async (_, name, codec, encoder) => {
    const { live, camera, pictures } = await startEncodedCamera(
      ffmpeg,
      `file:${await recording(name, ...encoder)}`,
    );
    expect(live.report().codec).toContain(codec);
    expect(live.report().encoded).toEqual(['main', 'low', 'mpeg1']);
    const { video, fragments } = watch(live, 'main');
    expect(await firstInit({ video })).toMatchObject({ width: 1280, height: 720 });
    await waitFor(() => fragments.length >= 31, 'two seconds', PATIENCE_MS);
    expect(await probe(fragments)).toMatchObject({
      codec: 'h264',
      profile: 'Constrained Baseline',
      width: 1280,
      height: 720,
      pixelFormat: 'yuv420p',
      pictures: expect.stringMatching(/^[IP]{31,}$/),
    });
    expect(keyframeIntervalsS(fragments)).toEqual(keyframeIntervalsS(fragments).map(() => 1));
    // Of MJPEG every picture is a keyframe; not each is worth a JPEG.
    expect(pictures[0]).toMatchObject({ width: 1280, height: 720 });
    expect(pictures.length).toBeLessThanOrEqual(camera.counters.accessUnits / 5);
  });

  it.each([
    ['a camera with B-pictures', 'a.mp4', H264],
    ['MJPEG', 'j.avi', ['-c:v', 'mjpeg', '-q:v', '8']],
  ])('make `mpeg1` for browsers without H.264, of %s', async (_, name, encoder) => {
    const { live } = await startEncodedCamera(ffmpeg, `file:${await recording(name, ...encoder)}`);
    const { video, fragments } = watch(live, 'mpeg1');
    expect(await firstInit({ video })).toMatchObject({
      container: 'mpegts',
      mime: 'video/mp2t',
      width: 640,
      height: 360,
    });
    await waitFor(() => fragments.length >= 60, 'two seconds', PATIENCE_MS);
    expect(Date.now() - fragments.at(-1)!.capturedAtUs / 1000).toBeLessThan(1_500);
    expect(fragments[0]).toMatchObject({ isKeyframe: true, sequence: 0 });
    expect(keyframeIntervalsS(fragments)).toEqual(keyframeIntervalsS(fragments).map(() => 1));
    expect(bitsPerSecond(fragments)).toBeLessThan(1_200_000);
    expect(await probe(fragments)).toMatchObject({
      codec: 'mpeg1video',
      width: 640,
      height: 360,
      pictures: expect.stringMatching(/^[IP]{55,}$/),
    });
    // One that starts later, at any keyframe, sees pictures, too.
    const later = fragments.slice(fragments.findLastIndex(({ isKeyframe }) => isKeyframe));
    expect(await probe(later)).toMatchObject({ codec: 'mpeg1video', pictures: expect.stringMatching(/^I/) });
  });
});

// What is ours of it is the same with each ffmpeg.
describe.skipIf(!hasProbe)('Encoders', () => {
  const ffmpeg = ffmpegs.at(-1)!;

  it('come back when the muxer of `mpeg1` is killed, and leave nothing when it is closed', async () => {
    const { live, encoders } = await startEncodedCamera(ffmpeg, 'demo:front');
    const { video, fragments } = watch(live, 'mpeg1');
    await firstInit({ video });
    const [first] = encoders.running;
    process.kill(first!.process!.pid, 'SIGKILL');
    const epochs = (): number => new Set(fragments.map(({ init }) => init.epoch)).size;
    await waitFor(() => epochs() === 2, 'a second epoch', PATIENCE_MS);
    expect(getPriority(first!.process!.pid)).toBe(10);
    const { pid } = first!.process!;
    video.close();
    await waitFor(() => rssBytesOf(pid) === 0, 'the muxer to end', 2_000);
  });

  it('are not needed where the camera has a second stream that is H.264 and small', async () => {
    const [source, small] = await Promise.all([
      recording('a.mp4', ...H264),
      recording('s.mp4', ...SMALL_H264),
    ]);
    const { live } = await startEncodedCamera(ffmpeg, `file:${source}`, { subStream: `file:${small}` });
    expect(live.report().encoded).toEqual(['mpeg1']);
    expect(await runningCaptures()).toHaveLength(1);
    const { video, fragments } = watch(live, 'low');
    expect(await firstInit({ video })).toMatchObject({ width: 320, height: 180 });
    await waitFor(() => fragments.length > 20, 'the second stream', PATIENCE_MS);
    expect(await probe(fragments)).toMatchObject({ width: 320, profile: 'Constrained Baseline' });
    expect([await runningEncoders(), live.subStreamPid !== undefined]).toEqual([[], true]);
    video.close();
    await waitFor(async () => (await runningCaptures()).length === 1, 'the second session to end');
    // And once more, as another epoch.
    const again = watch(live, 'low');
    const { epoch } = await firstInit(again);
    expect(epoch).toBeGreaterThan(fragments[0]!.init.epoch);
  });

  it('take another pace with a keyframe of the camera: fewer bits, fewer pictures, and no time goes back', async () => {
    const { live, encoders } = await startEncodedCamera(ffmpeg, `file:${await recording('a.mp4', ...H264)}`);
    const { video, fragments } = watch(live, 'low');
    await firstInit({ video });
    await waitFor(() => fragments.length >= 30, 'two seconds', PATIENCE_MS);
    encoders.setPace({ maxBitsPerSecond: 120_000, maxFps: 5 });
    const slowed = (): Fragment[] => fragments.filter(({ init }) => init.epoch !== fragments[0]!.init.epoch);
    await waitFor(() => slowed().length >= 30, 'six seconds', PATIENCE_MS);
    const slow = slowed();
    const fps = (slow.length - 1) / (slow.at(-1)!.decodeTimeS - slow[0]!.decodeTimeS);
    expect(fps).toBeGreaterThan(3.5);
    expect(fps).toBeLessThan(5.5);
    expect(bitsPerSecond(slow)).toBeLessThan(140_000);
    for (const intervalS of keyframeIntervalsS(slow)) expect(intervalS).toBeLessThanOrEqual(1.3);
    expect(await probe(slow)).toMatchObject({
      width: 640,
      height: 360,
      pictures: expect.stringMatching(/^[IP]+$/),
    });
    const times = fragments.map(({ capturedAtUs }) => capturedAtUs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(encoders.counters).toMatchObject({ restarts: 0, recycled: 0 });
  });

  it('encode a second stream that was passed through, once it has to be smaller', async () => {
    const [source, small] = await Promise.all([
      recording('a.mp4', ...H264),
      recording('s.mp4', ...SMALL_H264),
    ]);
    let offer = FULL_OFFER;
    const { live, encoders } = await startEncodedCamera(ffmpeg, `file:${source}`, {
      subStream: `file:${small}`,
      offer: () => offer,
    });
    const { video, fragments } = watch(live, 'low');
    await firstInit({ video });
    expect(encoders.running).toHaveLength(0);
    offer = { ...FULL_OFFER, pace: { maxBitsPerSecond: 120_000, maxFps: 5 } };
    encoders.setPace(offer.pace);
    await waitFor(
      () => new Set(fragments.map(({ init }) => init.epoch)).size === 2,
      'the encoder',
      PATIENCE_MS,
    );
    expect(encoders.running).toHaveLength(1);
    expect(live.report().encoded).toEqual(['low', 'mpeg1']);
  });

  it('encode a second stream that is not small enough', async () => {
    const source = `file:${await recording('a.mp4', ...H264)}`;
    const { live } = await startEncodedCamera(ffmpeg, source, { subStream: source });
    const { video } = watch(live, 'low');
    expect(await firstInit({ video })).toMatchObject({ width: 640, height: 360 });
    expect(await runningEncoders()).toHaveLength(1);
    expect(live.report().encoded).toEqual(['low', 'mpeg1']);
  });

  it('take the first stream when the second one fails, and for a while at once', async () => {
    const subStream = 'file:/nonexistent/a.mp4';
    const { live } = await startEncodedCamera(ffmpeg, 'demo:front', { subStream });
    for (let lease = 0; lease < 2; lease += 1) {
      const { video, fragments } = watch(live, 'low');
      expect(await firstInit({ video })).toMatchObject({ width: 640, height: 360 });
      await waitFor(() => fragments.length > 5, 'the first stream', PATIENCE_MS);
      expect(live.subStreamPid).toBeUndefined();
      video.close();
    }
  });

  it('come back as another epoch when they are killed, and the agent tells', async () => {
    const { live, encoders } = await startEncodedCamera(ffmpeg, 'demo:front');
    const { video, fragments } = watch(live, 'low');
    await firstInit({ video });
    const [first] = await runningEncoders();
    expect(getPriority(first!.pid)).toBe(10);
    process.kill(first!.pid, 'SIGKILL');
    const epochs = (): number[] => [...new Set(fragments.map(({ init }) => init.epoch))];
    await waitFor(() => epochs().length === 2, 'a second epoch', PATIENCE_MS);
    expect(fragments.find(({ init }) => init.epoch === epochs()[1])).toMatchObject({
      isKeyframe: true,
      isDiscontinuity: true,
      sequence: 0,
    });
    expect(encoders.counters).toMatchObject({ restarts: 1, recycled: 0 });
    expect(video.failure).toBeUndefined();
  });

  it('start anew when they hold more memory than they may', async () => {
    const { live, encoders } = await startEncodedCamera(ffmpeg, 'demo:front', { maxRssBytes: 1_000_000 });
    const { video, fragments } = watch(live, 'low');
    await firstInit({ video });
    await waitFor(() => encoders.counters.recycled > 0, 'the memory to be looked at', PATIENCE_MS);
    await waitFor(() => new Set(fragments.map(({ init }) => init.epoch)).size > 1, 'a new run', PATIENCE_MS);
    expect(encoders.counters.restarts).toBe(0);
  });

  it('leave no process behind after 200 leases', async () => {
    const { live, encoders } = await startEncodedCamera(ffmpeg, 'demo:front');
    for (let lease = 0; lease < 200; lease += 1) {
      const video = live.open('low');
      // Some get as far as a picture, some are given back while they start.
      if (lease % 20 === 0) await firstInit({ video });
      else await new Promise((resolve) => setImmediate(resolve));
      video.close();
    }
    expect(encoders.running).toEqual([]);
    await waitFor(async () => (await runningEncoders()).length === 0, 'all encoders to end', 5_000);
    expect(encoders.leasesRefused).toBe(0);
  });
});
