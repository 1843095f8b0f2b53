// What cameras do in life, each by a camera that is told to.

import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../support.ts';
import { ffmpegs } from './ffmpegs.ts';
import { makeMovie, startScriptedCamera, type Movie, type Script } from './scripted-camera.ts';
import { epochsOf, picturesIn, startCamera } from './test-camera.ts';

describe('A camera', () => {
  const ffmpeg = ffmpegs.at(-1)!;

  it('that announces 25 pictures a second and ships 21 is shown with 21', async () => {
    const movie = await makeMovie({ fps: 21 });
    const script: Script = async (session) => void (await session.play(movie));
    const { url } = await startScriptedCamera({ movie, script, announcedFps: 25 });
    const { camera } = await startCamera(ffmpeg, url);
    await waitFor(() => camera.report().fps === 21, 'the measured rate');
  });

  it('that sends garbage between its pictures goes on', async () => {
    const movie = await makeMovie();
    let tellOver = (): void => {};
    const isOver = new Promise<void>((resolve) => (tellOver = resolve));
    const script: Script = async (session) => {
      const from = await session.play(movie, { seconds: 2 });
      for (let packet = 0; packet < 200; packet += 1) session.sendPayload(randomBytes(200), from);
      tellOver();
      await session.play(movie, { from });
    };
    const { url } = await startScriptedCamera({ movie, script });
    const { camera, fragments, untilState } = await startCamera(ffmpeg, url);
    await untilState('live');
    await isOver;
    const before = fragments.length;
    await waitFor(
      () => fragments.length > before + 30 && camera.report().state === 'live',
      'pictures after it',
    );
  });

  it('with ten seconds between keyframes, joined in the middle, is live at the next one', async () => {
    const movie = await makeMovie({ seconds: 20, keyframeEvery: 150 });
    const late: Movie = { ...movie, pictures: movie.pictures.slice(30) };
    const script: Script = async (session) => void (await session.play(late));
    const { url } = await startScriptedCamera({ movie: late, script });
    const { camera, fragments, reports, untilState } = await startCamera(ffmpeg, url);
    await untilState('live');
    await waitFor(() => fragments.length > 30, 'pictures');
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
    await waitFor(() => fragments.length >= 46, 'three seconds');
    expect(await picturesIn(fragments.slice(0, 45))).toBeGreaterThanOrEqual(43);
    expect(epochsOf(fragments)).toHaveLength(1);
  });

  it('with an audio track gives its video alone', async () => {
    const movie = await makeMovie();
    const script: Script = async (session) => void (await session.play(movie));
    const { url } = await startScriptedCamera({ movie, script, hasAudio: true });
    const { fragments, untilState } = await startCamera(ffmpeg, url);
    await untilState('live');
    await waitFor(() => fragments.length >= 20, 'pictures');
    expect(await picturesIn(fragments.slice(0, 20))).toBe(20);
    expect(Buffer.from(fragments[0]!.init.bytes).toString('latin1')).not.toContain('soun');
  });
});
