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
    const steps = new Steps();
    const script: Script = async (session) => {
      let from = 7_200 * RTP_CLOCK;
      // Just behind a keyframe, so that the next one is before it. Opened anew, the camera has no more steps.
      for (const seconds of camera.plays === 1 ? [2.05, 2.05, Infinity] : [Infinity]) {
        steps.played(seconds);
        from = (await session.play(movie, { seconds, from })) - stepS * RTP_CLOCK;
      }
    };
    const camera = await startScriptedCamera({ movie, script });
    const { fragments, pictures, reports, untilState } = await startCamera(ffmpeg, camera.url);
    await untilState('live');
    await steps.areOver();
    await growth({ fragments, pictures }, 3);
    expect(reports.map(({ state }) => state)).not.toContain('waiting');
    for (const epoch of epochsOf(fragments)) {
      const times = fragments
        .filter(({ init }) => init.epoch === epoch)
        .map(({ decodeTimeS }) => decodeTimeS);
      expect(times).toEqual(times.toSorted((one, other) => one - other));
    }
  });

  it('whose clock steps back goes on being encoded', async () => {
    const movie = await makeMovie();
    const steps = new Steps();
    const script: Script = async (session) => {
      let from = 7_200 * RTP_CLOCK;
      for (const seconds of [6.05, 2.05, Infinity]) {
        steps.played(seconds);
        from = (await session.play(movie, { seconds, from })) - 0.5 * RTP_CLOCK;
      }
    };
    const { url } = await startScriptedCamera({ movie, script });
    const { live, encoders, reports } = await startEncodedCamera(ffmpeg, url);
    const watched = [watch(live, 'low'), watch(live, 'mpeg1')] as const;
    for (const one of watched) await firstInit(one);
    const [{ fragments: low }, { fragments: mpeg1 }] = watched;
    await steps.areOver();
    await growth({ low, mpeg1 }, 20);
    expect(encoders.counters.restarts).toBe(0);
    expect(reports.map(({ state }) => state)).not.toContain('waiting');
  });
});

/** What a camera does until it plays on for ever. */
class Steps {
  #isLast = false;

  played(seconds: number): void {
    this.#isLast = seconds === Infinity;
  }

  async areOver(): Promise<void> {
    await waitFor(() => this.#isLast, 'the last step');
  }
}

/** Resolves when each list has got so many more. A pause that is too long shows in the states: the watchdog ends the capture. */
async function growth(lists: Record<string, unknown[]>, count: number): Promise<void> {
  for (const [name, list] of Object.entries(lists)) {
    const before = list.length;
    await waitFor(() => list.length >= before + count, `${count} more of ${name}`);
  }
}
