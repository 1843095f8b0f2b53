// Which silence is noticed, and which is none.

import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../support.ts';
import { bundled } from './ffmpegs.ts';
import { makeMovie, RTP_CLOCK, startScriptedCamera, type Script } from './scripted-camera.ts';
import { startCamera } from './test-camera.ts';

describe('A camera', () => {
  it('that is silent for 13 s and comes back is given up before', async () => {
    const movie = await makeMovie();
    const script: Script = async (session) => {
      const from = await session.play(movie, { seconds: 3 });
      // Who has not given it up by then has not noticed.
      if (camera.plays === 1) await delay(13_000);
      await session.play(movie, { from });
    };
    const camera = await startScriptedCamera({ movie, script });
    const { untilState } = await startCamera(bundled, camera.url);
    await untilState('live');
    expect(await untilState('waiting')).toMatchObject({
      reason: 'SOURCE_SILENT',
      detail: 'nothing came from the camera for 8 s',
    });
    expect(camera.plays).toBe(1);
  });

  it('that sends a picture after 4 s and after 7.7 s in turn, and nothing in between, stays live', async () => {
    const movie = await makeMovie();
    let sent = 0;
    const script: Script = async (session) => {
      let from = await session.play(movie, { seconds: 3 });
      for (const { nals } of movie.pictures) {
        if (session.hasEnded) break;
        const pauseS = sent % 2 === 0 ? 4 : 7.7;
        await delay(pauseS * 1_000);
        session.send(nals, (from += pauseS * RTP_CLOCK));
        sent += 1;
      }
    };
    const { url } = await startScriptedCamera({ movie, script });
    const { reports, untilState } = await startCamera(bundled, url);
    await untilState('live');
    await waitFor(() => sent === 6, 'five of its pauses');
    expect(reports.map(({ state }) => state)).not.toContain('waiting');
  });
});
