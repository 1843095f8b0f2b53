// Cameras that become others in mid-stream, each by a camera that is told to.

import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../support.ts';
import { firstInit, startEncodedCamera, watch } from './encoded-camera.ts';
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

  // As shared media of a server do when another client joins.
  it.each([0.08, 0.5, 2])('whose clock steps back by %s s goes on, and so do its pictures', async (stepS) => {
    const movie = await makeMovie();
    const script: Script = async (session) => {
      let from = 7_200 * RTP_CLOCK;
      // Just behind a keyframe, so that the next one is before it. Opened anew, the camera has no more steps.
      for (const seconds of camera.plays === 1 ? [2.05, 2.05, Infinity] : [Infinity])
        from = (await session.play(movie, { seconds, from })) - stepS * RTP_CLOCK;
    };
    const camera = await startScriptedCamera({ movie, script });
    const { fragments, pictures, reports, untilState } = await startCamera(ffmpeg, camera.url);
    await untilState('live');
    const gaps = await longestGaps(8_000, { fragments, pictures });
    expect(reports.map(({ state }) => state)).not.toContain('waiting');
    expect(gaps.fragments).toBeLessThan(2_500);
    expect(gaps.pictures).toBeLessThan(3_000);
    for (const epoch of epochsOf(fragments)) {
      const times = fragments
        .filter(({ init }) => init.epoch === epoch)
        .map(({ decodeTimeS }) => decodeTimeS);
      expect(times).toEqual(times.toSorted((one, other) => one - other));
    }
  });

  it('whose clock steps back goes on being encoded', async () => {
    const movie = await makeMovie();
    const script: Script = async (session) => {
      let from = 7_200 * RTP_CLOCK;
      for (const seconds of [6.05, 2.05, Infinity])
        from = (await session.play(movie, { seconds, from })) - 0.5 * RTP_CLOCK;
    };
    const { url } = await startScriptedCamera({ movie, script });
    const { live, encoders, reports } = await startEncodedCamera(ffmpeg, url);
    const watched = [watch(live, 'low'), watch(live, 'mpeg1')] as const;
    for (const one of watched) await firstInit(one);
    const [{ fragments: low }, { fragments: mpeg1 }] = watched;
    const gaps = await longestGaps(9_000, { low, mpeg1 });
    expect(gaps.low).toBeLessThan(2_500);
    expect(gaps.mpeg1).toBeLessThan(2_500);
    expect(encoders.counters.restarts).toBe(0);
    expect(reports.map(({ state }) => state)).not.toContain('waiting');
  });
});

/** How long each list did not grow at most, from its first entry on, while it is watched. */
async function longestGaps<Name extends string>(
  forMs: number,
  lists: Record<Name, unknown[]>,
): Promise<Record<Name, number>> {
  const names = Object.keys(lists) as Name[];
  const gaps = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
  const startMs = performance.now();
  const seen = new Map(names.map((name) => [name, { length: lists[name].length, atMs: startMs }]));
  for (; performance.now() - startMs < forMs; await delay(50)) {
    for (const name of names) {
      const { length, atMs } = seen.get(name)!;
      gaps[name] = Math.max(gaps[name], performance.now() - atMs);
      if (lists[name].length !== length)
        seen.set(name, { length: lists[name].length, atMs: performance.now() });
    }
  }
  return gaps;
}
