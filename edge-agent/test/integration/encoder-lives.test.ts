import { getPriority } from 'node:os';
import { describe, expect, it } from 'vitest';
import { requireTool } from '../../../shared/test/require-tool.ts';
import type { Fragment } from '../../src/camera/fragment.ts';
import { FULL_OFFER } from '../../src/uplink/offer.ts';
import { waitFor } from '../support.ts';
import {
  bitsPerSecond,
  expectKeyframeASecond,
  firstInit,
  probe,
  runningEncoders,
  startEncodedCamera,
  stepS,
  watch,
} from './encoded-camera.ts';
import { ffmpegs, runningCaptures } from './ffmpegs.ts';
import { H264, hdMovie } from './hd-movies.ts';

const hasProbe = requireTool('ffprobe', 'what encoders give is decoded and measured');
const SMALL_H264 = [...H264, '-s', '320x180', '-profile:v', 'baseline', '-bf', '0', '-g', '15'];

// What is ours of it is the same with each ffmpeg.
describe.skipIf(!hasProbe)('Encoders', () => {
  const ffmpeg = ffmpegs.at(-1)!;

  it('are not needed where the camera has a second stream that is H.264 and small', async () => {
    const [source, small] = await Promise.all([hdMovie('a.mp4', ...H264), hdMovie('s.mp4', ...SMALL_H264)]);
    const { live } = await startEncodedCamera(ffmpeg, `file:${source}`, { subStream: `file:${small}` });
    expect(live.report().encoded).toEqual(['mpeg1']);
    expect(await runningCaptures()).toHaveLength(1);
    const { video, fragments } = watch(live, 'low');
    expect(await firstInit({ video })).toMatchObject({ width: 320, height: 180 });
    await waitFor(() => fragments.length > 20, 'the second stream');
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
    const { live, encoders } = await startEncodedCamera(ffmpeg, `file:${await hdMovie('a.mp4', ...H264)}`);
    const { video, fragments } = watch(live, 'low');
    await firstInit({ video });
    await waitFor(() => fragments.length >= 30, 'two seconds');
    encoders.setPace({ maxBitsPerSecond: 120_000, maxFps: 5 });
    const slowed = (): Fragment[] => fragments.filter(({ init }) => init.epoch !== fragments[0]!.init.epoch);
    await waitFor(() => slowed().length >= 30, 'six seconds');
    const slow = slowed();
    expect(1 / stepS(slow)).toBeCloseTo(5, 0);
    expect(bitsPerSecond(slow)).toBeLessThan(140_000);
    expectKeyframeASecond(slow, 1.2);
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
    const [source, small] = await Promise.all([hdMovie('a.mp4', ...H264), hdMovie('s.mp4', ...SMALL_H264)]);
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
    await waitFor(() => new Set(fragments.map(({ init }) => init.epoch)).size === 2, 'the encoder');
    expect(encoders.running).toHaveLength(1);
    expect(live.report().encoded).toEqual(['low', 'mpeg1']);
  });

  it('encode a second stream that is not small enough', async () => {
    const source = `file:${await hdMovie('a.mp4', ...H264)}`;
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
      await waitFor(() => fragments.length > 5, 'the first stream');
      expect(live.subStreamPid).toBeUndefined();
      video.close();
    }
  });

  it('come back as another epoch when they are killed, and the agent tells', async () => {
    const { live, encoders } = await startEncodedCamera(ffmpeg, 'demo:front');
    const { video, fragments } = watch(live, 'low');
    await waitFor(() => fragments.length > 0, 'its first picture');
    const [first] = await runningEncoders();
    expect(getPriority(first!.pid)).toBe(10);
    process.kill(first!.pid, 'SIGKILL');
    const epochs = (): number[] => [...new Set(fragments.map(({ init }) => init.epoch))];
    // A slow machine may lose it once more.
    await waitFor(() => epochs().length >= 2, 'a second epoch');
    expect(fragments.find(({ init }) => init.epoch === epochs()[1])).toMatchObject({
      isKeyframe: true,
      isDiscontinuity: true,
      sequence: 0,
    });
    expect(encoders.counters.restarts).toBeGreaterThanOrEqual(1);
    expect(encoders.counters.recycled).toBe(0);
    expect(video.failure).toBeUndefined();
  });

  it('start anew when they hold more memory than they may', async () => {
    const { live, encoders } = await startEncodedCamera(ffmpeg, 'demo:front', { maxRssBytes: 1_000_000 });
    const { video, fragments } = watch(live, 'low');
    await firstInit({ video });
    await waitFor(() => encoders.counters.recycled > 0, 'the memory to be looked at');
    await waitFor(() => new Set(fragments.map(({ init }) => init.epoch)).size > 1, 'a new run');
    expect(encoders.counters.restarts).toBe(0);
  });

  it('leave no process behind after 200 leases', async () => {
    const { live, encoders } = await startEncodedCamera(ffmpeg, 'demo:front');
    for (let lease = 0; lease < 200; lease += 1) {
      const video = live.open('low');
      // Some get as far as a picture, some are given back while they start.
      if (lease % 50 === 0) await firstInit({ video });
      else await new Promise((resolve) => setImmediate(resolve));
      video.close();
    }
    expect(encoders.running).toEqual([]);
    await waitFor(async () => (await runningEncoders()).length === 0, 'all encoders to end');
    expect(encoders.leasesRefused).toBe(0);
  });
});
