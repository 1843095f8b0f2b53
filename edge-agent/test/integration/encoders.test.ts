import { describe, expect, it } from 'vitest';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { waitFor } from '../support.ts';
import {
  bitsPerSecond,
  expectKeyframeASecond,
  expectNothingHeldBack,
  firstInit,
  probe,
  runningEncoders,
  startEncodedCamera,
  watch,
} from './encoded-camera.ts';
import { ffmpegs } from './ffmpegs.ts';
import { H264, hdMovie } from './hd-movies.ts';

const hasProbe = requireTool('ffprobe', 'what encoders give is decoded and measured');

describe.skipIf(!hasProbe).each(ffmpegs)('Encoders with ffmpeg $version', (ffmpeg) => {
  it('make `low` of a 720p camera: 640 pixels, 500 kbit/s, a keyframe a second, no B-pictures', async () => {
    const started = await startEncodedCamera(ffmpeg, `file:${await hdMovie('a.mp4', ...H264)}`);
    const { live, camera } = started;
    expect(await runningEncoders()).toEqual([]);
    const { video, fragments } = watch(live, 'low');
    const init = await firstInit({ video });
    expect(init).toMatchObject({ width: 640, height: 360, container: 'fmp4' });
    expect(init.codec).toMatch(/^avc1\.42c0/);
    await waitFor(() => fragments.length >= 90, 'six seconds');
    expect(fragments[0]).toMatchObject({ isKeyframe: true, isDiscontinuity: true, sequence: 0 });
    expectKeyframeASecond(fragments);
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
    await expectNothingHeldBack(started, fragments);
    video.close();
    await waitFor(async () => (await runningEncoders()).length === 0, 'the encoder to end');
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
      `file:${await hdMovie(name, ...encoder)}`,
    );
    expect(live.report().codec).toContain(codec);
    expect(live.report().encoded).toEqual(['main', 'low', 'mpeg1']);
    const { video, fragments } = watch(live, 'main');
    expect(await firstInit({ video })).toMatchObject({ width: 1280, height: 720 });
    await waitFor(() => fragments.length >= 31, 'two seconds');
    expect(await probe(fragments)).toMatchObject({
      codec: 'h264',
      profile: 'Constrained Baseline',
      width: 1280,
      height: 720,
      pixelFormat: 'yuv420p',
      pictures: expect.stringMatching(/^[IP]{31,}$/),
    });
    expectKeyframeASecond(fragments);
    await waitFor(() => pictures.length > 0, 'a picture of the capture');
    // Of MJPEG every picture is a keyframe; not each is worth a JPEG.
    expect(pictures[0]).toMatchObject({ width: 1280, height: 720 });
    expect(pictures.length).toBeLessThanOrEqual(camera.counters.accessUnits / 5 + 1);
  });
});
