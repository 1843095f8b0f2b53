// Cameras that become others in mid-stream, each by a camera that is told to.

import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../support.ts';
import { bundled, ffmpegs } from './ffmpegs.ts';
import { makeMovie, RTP_CLOCK, startScriptedCamera, type Movie, type Script } from './scripted-camera.ts';
import { epochsOf, picturesIn, startCamera } from './test-camera.ts';

// The deadlines are ours, so one ffmpeg is enough for their ten seconds.
describe('A camera in mid-stream', () => {
  it('that falls silent with its connection open is given up as silent, and asked again', async () => {
    const movie = await makeMovie();
    const camera = await startScriptedCamera({
      movie,
      script: async (session) =>
        void (await session.play(movie, { seconds: camera.plays === 1 ? 2 : Infinity })),
    });
    const { untilState } = await startCamera(bundled, camera.url);
    await untilState('live');
    expect(await untilState('waiting')).toMatchObject({ reason: 'SOURCE_SILENT' });
    await untilState('live');
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
    expect(await untilState('waiting')).toMatchObject({ reason: 'SOURCE_STALLED' });
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
    await waitFor(() => camera.report().width === 640 && camera.report().state === 'live', 'the new size');
    await waitFor(() => epochsOf(fragments).length === 2, 'pictures of the new size');
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
    await waitFor(() => epochsOf(fragments).length === 2, 'a second epoch');
    expect(reports.map(({ state }) => state)).not.toContain('waiting');
  });
});
