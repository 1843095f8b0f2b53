import { getPriority } from 'node:os';
import { describe, expect, it } from 'vitest';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { rssBytesOf } from '../../src/camera/process-usage.ts';
import { waitFor } from '../support.ts';
import {
  bitsPerSecond,
  expectKeyframeASecond,
  expectNothingHeldBack,
  firstInit,
  probe,
  startEncodedCamera,
  watch,
} from './encoded-camera.ts';
import { ffmpegs } from './ffmpegs.ts';
import { H264, hdMovie } from './hd-movies.ts';

const hasProbe = requireTool('ffprobe', 'what encoders give is decoded and measured');

describe.skipIf(!hasProbe).each(ffmpegs)('Encoders of MPEG-1 with ffmpeg $version', (ffmpeg) => {
  it.each([
    ['a camera with B-pictures', 'a.mp4', H264],
    ['MJPEG', 'j.avi', ['-c:v', 'mjpeg', '-q:v', '8']],
  ])('make `mpeg1` for browsers without H.264, of %s', async (_, name, encoder) => {
    const started = await startEncodedCamera(ffmpeg, `file:${await hdMovie(name, ...encoder)}`);
    const { video, fragments } = watch(started.live, 'mpeg1');
    expect(await firstInit({ video })).toMatchObject({
      container: 'mpegts',
      mime: 'video/mp2t',
      width: 640,
      height: 360,
    });
    await waitFor(() => fragments.length >= 60, 'two seconds');
    expect(fragments[0]).toMatchObject({ isKeyframe: true, sequence: 0 });
    expectKeyframeASecond(fragments);
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
    await expectNothingHeldBack(started, fragments);
  });
});

// What is ours of it is the same with each ffmpeg.
describe.skipIf(!hasProbe)('Encoders of MPEG-1', () => {
  const ffmpeg = ffmpegs.at(-1)!;

  it('come back when the muxer of `mpeg1` is killed, and leave nothing when it is closed', async () => {
    const { live, encoders } = await startEncodedCamera(ffmpeg, 'demo:front');
    const { video, fragments } = watch(live, 'mpeg1');
    await firstInit({ video });
    const [first] = encoders.running;
    process.kill(first!.process!.pid, 'SIGKILL');
    const epochs = (): number => new Set(fragments.map(({ init }) => init.epoch)).size;
    await waitFor(() => epochs() === 2, 'a second epoch');
    expect(getPriority(first!.process!.pid)).toBe(10);
    const { pid } = first!.process!;
    video.close();
    await waitFor(() => rssBytesOf(pid) === 0, 'the muxer to end');
  });
});
