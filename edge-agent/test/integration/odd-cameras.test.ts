// What cameras do in life, each by a camera that is told to.

import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Fragment } from '../../src/camera/camera.ts';
import { waitFor } from '../support.ts';
import { bundled, ffmpegs, runFfmpeg } from './ffmpegs.ts';
import { makeMovie, RTP_CLOCK, startScriptedCamera, type Movie, type Script } from './scripted-camera.ts';
import { startCamera, writeMovie } from './test-camera.ts';

const PATIENCE_MS = 40_000;

const epochsOf = (fragments: Fragment[]): number[] => [...new Set(fragments.map(({ init }) => init.epoch))];

async function picturesIn(fragments: Fragment[]): Promise<number> {
  const report = await runFfmpeg('-loglevel', 'info', '-i', await writeMovie(fragments), '-f', 'null', '-');
  return Number(/frame=\s*(\d+)/g.exec(report.slice(report.lastIndexOf('frame=')))?.[1]);
}

// The deadlines are ours, so one ffmpeg is enough for their ten seconds.
describe('A camera in mid-stream', () => {
  it('that falls silent with its connection open is given up as silent, and asked again', async () => {
    const movie = await makeMovie();
    const { url } = await startScriptedCamera({
      movie,
      script: async (session) => void (await session.play(movie, { seconds: 2 })),
    });
    const { untilState } = await startCamera(bundled, url);
    await untilState('live');
    expect(await untilState('waiting', PATIENCE_MS)).toMatchObject({ reason: 'SOURCE_SILENT' });
    await untilState('live', PATIENCE_MS);
  });

  it('that sends everything but pictures is given up as stalled', async () => {
    const movie = await makeMovie();
    const script: Script = async (session) => {
      await session.play(movie, { seconds: 2 });
      for (; !session.hasEnded; await delay(500)) session.sendReport();
    };
    const { url } = await startScriptedCamera({ movie, script });
    const { untilState } = await startCamera(bundled, url);
    await untilState('live');
    expect(await untilState('waiting', PATIENCE_MS)).toMatchObject({ reason: 'SOURCE_STALLED' });
  });
});

describe.each(ffmpegs)('A camera with ffmpeg $version', (ffmpeg) => {
  it('whose resolution is changed goes on as another epoch, without a pause that anybody is told of', async () => {
    const [before, after] = [await makeMovie(), await makeMovie({ size: '640x360' })];
    let current: Movie = before;
    const script: Script = async (session) => {
      const from = await session.play(current, { seconds: current === before ? 3 : Infinity });
      current = after;
      await session.play(after, { from });
    };
    const { url } = await startScriptedCamera({
      get movie() {
        return current;
      },
      script,
    });
    const { camera, fragments, reports, untilState } = await startCamera(ffmpeg, url);
    expect(await untilState('live')).toMatchObject({ width: 320, height: 240 });
    await waitFor(
      () => camera.report().width === 640 && camera.report().state === 'live',
      'the new size',
      PATIENCE_MS,
    );
    await waitFor(() => epochsOf(fragments).length === 2, 'pictures of the new size', PATIENCE_MS);
    expect(reports.map(({ state }) => state)).not.toContain('waiting');
    const [first, second] = epochsOf(fragments).map((epoch) =>
      fragments.filter(({ init }) => init.epoch === epoch),
    );
    expect([first![0]!.init.width, second![0]!.init.width]).toEqual([320, 640]);
    expect(await picturesIn(first!)).toBe(first!.length);
  });

  it.each([
    ['forward by an hour', 3_600],
    ['back by an hour', -3_600],
  ])('whose clock is set %s goes on as another epoch', async (_, jumpS) => {
    const movie = await makeMovie();
    const script: Script = async (session) => {
      const from = await session.play(movie, { seconds: 3, from: 7_200 * RTP_CLOCK });
      await session.play(movie, { from: from + jumpS * RTP_CLOCK });
    };
    const { url } = await startScriptedCamera({ movie, script });
    const { fragments, reports, untilState } = await startCamera(ffmpeg, url);
    await untilState('live');
    await waitFor(() => epochsOf(fragments).length === 2, 'a second epoch', PATIENCE_MS);
    expect(reports.map(({ state }) => state)).not.toContain('waiting');
  });
});

describe('A camera', () => {
  const ffmpeg = ffmpegs.at(-1)!;

  it('that announces 25 pictures a second and ships 21 is shown with 21', async () => {
    const movie = await makeMovie({ fps: 21 });
    const script: Script = async (session) => void (await session.play(movie));
    const { url } = await startScriptedCamera({ movie, script, announcedFps: 25 });
    const { camera } = await startCamera(ffmpeg, url);
    await waitFor(() => camera.report().fps === 21, 'the measured rate', PATIENCE_MS);
  });

  it('that sends garbage between its pictures goes on', async () => {
    const movie = await makeMovie();
    const script: Script = async (session) => {
      const from = await session.play(movie, { seconds: 2 });
      for (let packet = 0; packet < 200; packet += 1) session.sendPayload(randomBytes(200), from);
      await session.play(movie, { from });
    };
    const { url } = await startScriptedCamera({ movie, script });
    const { camera, fragments, untilState } = await startCamera(ffmpeg, url);
    await untilState('live');
    await delay(2_500);
    const before = fragments.length;
    await waitFor(
      () => fragments.length > before + 30 && camera.report().state === 'live',
      'pictures after it',
      PATIENCE_MS,
    );
  });

  it('with ten seconds between keyframes, joined in the middle, is live at the next one', async () => {
    const movie = await makeMovie({ seconds: 20, keyframeEvery: 150 });
    const late: Movie = { ...movie, pictures: movie.pictures.slice(30) };
    const script: Script = async (session) => void (await session.play(late));
    const { url } = await startScriptedCamera({ movie: late, script });
    const { camera, fragments, reports, untilState } = await startCamera(ffmpeg, url);
    await untilState('live', PATIENCE_MS);
    await waitFor(() => fragments.length > 30, 'pictures', PATIENCE_MS);
    // Looked at for 1 s, for 5 s, then long enough; the ffmpeg of 2018 begins without a keyframe.
    expect(camera.counters.restarts).toBeLessThanOrEqual(2);
    const reasons = reports.filter(({ state }) => state === 'waiting').map(({ reason }) => reason);
    expect(reasons).toEqual(reasons.map(() => 'SOURCE_STALLED'));
    expect(fragments.some(({ isKeyframe }) => isKeyframe)).toBe(true);
  });

  it('with B-pictures is passed through so that each can be decoded', async () => {
    const movie = await makeMovie({ bPictures: 2, seconds: 4 });
    const script: Script = async (session) => void (await session.play(movie));
    const { url } = await startScriptedCamera({ movie, script });
    const { fragments, untilState } = await startCamera(ffmpeg, url);
    await untilState('live');
    await waitFor(() => fragments.length >= 46, 'three seconds', PATIENCE_MS);
    expect(await picturesIn(fragments.slice(0, 45))).toBeGreaterThanOrEqual(43);
    expect(epochsOf(fragments)).toHaveLength(1);
  });

  it('with an audio track gives its video alone', async () => {
    const movie = await makeMovie();
    const script: Script = async (session) => void (await session.play(movie));
    const { url } = await startScriptedCamera({ movie, script, hasAudio: true });
    const { fragments, untilState } = await startCamera(ffmpeg, url);
    await untilState('live');
    await waitFor(() => fragments.length >= 20, 'pictures', PATIENCE_MS);
    expect(await picturesIn(fragments.slice(0, 20))).toBe(20);
    expect(Buffer.from(fragments[0]!.init.bytes).toString('latin1')).not.toContain('soun');
  });
});
