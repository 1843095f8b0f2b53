import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { rssBytesOf } from '../../src/camera/process-usage.ts';
import { SnapshotMaker } from '../../src/imaging/snapshot-maker.ts';
import { waitFor } from '../support.ts';
import { runningCaptures, ffmpegs, runFfmpeg } from './ffmpegs.ts';
import { recording } from './recordings.ts';
import { startCamera, writeMovie } from './test-camera.ts';

/** A file of one second: ten pictures. */
function second(name: string, ...encoder: string[]): Promise<string> {
  const scene = ['-f', 'lavfi', '-i', 'testsrc2=s=320x240:r=10', '-f', 'lavfi', '-i', 'sine'];
  return recording(name, ...scene, '-t', '1', '-pix_fmt', 'yuv420p', ...encoder, '-c:a', 'aac');
}

describe.each(ffmpegs)('A camera with ffmpeg $version', (ffmpeg) => {
  it('draws a demo scene that a player can decode', async () => {
    const { camera, fragments, pictures, untilState } = await startCamera(
      ffmpeg,
      'demo:front',
      "Lager 1: 'A' [x]",
    );
    expect(await untilState('live')).toMatchObject({ width: 960, height: 540, reason: null });
    expect(camera.report().codec).toMatch(/^avc1\.42c0/);
    await waitFor(() => camera.counters.keyframes >= 3, 'three keyframes');
    expect(camera.report().fps).toBe(15);

    await waitFor(() => fragments.length >= 30, 'thirty access units');
    const taken = fragments.slice(0, 30);
    expect(taken.map(({ isKeyframe }) => isKeyframe)).toEqual(taken.map((_, index) => index % 15 === 0));
    expect(taken.map(({ sequence }) => sequence)).toEqual(taken.map((_, index) => index));
    const report = await runFfmpeg('-loglevel', 'info', '-i', await writeMovie(taken), '-f', 'null', '-');
    expect(report).toMatch(/frame=\s*30\b/);
    expect(report).not.toMatch(/error|invalid|non.monoton/i);

    const picture = await sharp(pictures[0]!.jpeg).metadata();
    expect(picture).toMatchObject({ format: 'jpeg', width: 960, height: 540 });
    expect(rssBytesOf(camera.capturePid!)).toBeGreaterThan(5_000_000);
  });

  it('yields a keyframe picture for each keyframe, no more and no fewer', async () => {
    const { camera, pictures } = await startCamera(
      ffmpeg,
      `file:${await second('a.mp4', '-g', '10', '-bf', '0')}`,
    );
    // They come by two pipes, of which one may be ahead for a moment.
    const isEven = (): boolean => Math.abs(pictures.length - camera.counters.keyframes) <= 1;
    await waitFor(() => camera.counters.keyframes >= 6 && isEven(), 'as many pictures as keyframes');
  });

  it('makes a snapshot and a thumbnail from what it sees', async () => {
    const { camera } = await startCamera(ffmpeg, 'demo:yard');
    const picture = await waitFor(() => camera.latestPicture(), 'a picture');
    const { header, thumbnail } = await new SnapshotMaker().make({
      camera: 'front',
      reason: 'command',
      maskVersion: 0,
      picture,
    });
    expect(header).toMatchObject({ width: 960, height: 540, thumbnail: { width: 320, height: 180 } });
    const { channels } = await sharp(thumbnail).stats();
    expect(channels.some(({ stdev }) => stdev > 10)).toBe(true);
  });

  it.each([
    ['mp4 without B-pictures', 'a.mp4', ['-g', '10', '-bf', '0']],
    ['mp4 with B-pictures', 'b.mp4', ['-g', '10', '-bf', '2']],
    ['MPEG-TS with sound', 'c.ts', ['-c:v', 'libx264', '-g', '10', '-bf', '0']],
  ])('plays a file in real time, untouched, and over its end again: %s', async (_, name, encoder) => {
    const path = await second(name, ...encoder);
    const startedMs = performance.now();
    const { camera, fragments } = await startCamera(ffmpeg, `file:${path}`);
    await waitFor(() => fragments.length >= 25, 'twenty-five access units');
    expect(performance.now() - startedMs).toBeGreaterThan(1_800);
    expect(camera.counters.restarts).toBe(0);
    expect(camera.report()).toMatchObject({ state: 'live', width: 320, height: 240 });
    const report = await runFfmpeg(
      '-loglevel',
      'info',
      '-i',
      await writeMovie(fragments.slice(0, 25)),
      '-f',
      'null',
      '-',
    );
    expect(report).toMatch(/frame=\s*25\b/);
    expect(report).not.toMatch(/error|non.monoton/i);
  });

  it('says what to change when the source is nothing that fits into MP4', async () => {
    const path = await second('v.mkv', '-c:v', 'ffv1');
    const { untilState } = await startCamera(ffmpeg, `file:${path}`);
    const report = await untilState('failed');
    expect(report.reason).toBe('SOURCE_UNSUPPORTED');
    expect(report.detail).toMatch(/ffv1.*H\.264/);
  });

  it('waits for a file that is not there', async () => {
    const { untilState } = await startCamera(ffmpeg, 'file:/nonexistent/a.mp4');
    expect(await untilState('waiting')).toMatchObject({
      reason: 'SOURCE_UNREACHABLE',
      detail: 'the file does not exist',
    });
  });

  it('comes back by itself when its capture is killed', async () => {
    const { camera, fragments, untilState } = await startCamera(ffmpeg, 'demo:gate');
    await untilState('live');
    await waitFor(() => fragments.length > 0, 'an access unit');
    const [capture] = await runningCaptures();
    process.kill(capture!.pid, 'SIGKILL');
    await waitFor(() => new Set(fragments.map(({ init }) => init.epoch)).size === 2, 'a second epoch');
    expect(camera.counters.restarts).toBeGreaterThan(0);
    const first = fragments.find(({ init }) => init.epoch !== fragments[0]!.init.epoch)!;
    expect(first).toMatchObject({ sequence: 0, isKeyframe: true, isDiscontinuity: true });
    expect(camera.ring.fromLastKeyframe().every(({ init }) => init.epoch === first.init.epoch)).toBe(true);
  });
});
