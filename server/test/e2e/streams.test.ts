// The cap of five live streams, the fallback to stills, and a viewer that stops reading.

import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FrameKind } from '@sitecast/shared/protocol/frame-header';
import type { LiveMessage } from '@sitecast/shared/protocol/viewer-messages';
import { runFfmpeg } from '../../../edge-agent/test/integration/ffmpegs.ts';
import { LiveViewer } from './support/live-viewer.ts';
import { type Sitecast, waitFor, type ApiSession } from './support/sitecast.ts';
import { startSitecast } from './support/start-sitecast.ts';

const CAMERAS = [1, 2, 3, 4, 5, 6].map((number) => `camera-${number}`);
const KOREAN = '최대 동시 스트림 수를 초과했습니다. 잠시 후 다시 시도해주세요.';

/** Encoded once and played by six cameras: drawing and encoding six pictures would take half a core. */
async function sixMovies(folder: string): Promise<string[]> {
  const [first = '', ...others] = CAMERAS.map((name) => join(folder, `${name}.mp4`));
  const scene = ['-f', 'lavfi', '-i', 'testsrc2=s=960x540:r=15', '-t', '6', '-pix_fmt', 'yuv420p'];
  await runFfmpeg('-loglevel', 'error', ...scene, '-preset', 'ultrafast', '-g', '15', '-b:v', '700k', first);
  for (const path of others) copyFileSync(first, path);
  return [first, ...others];
}

describe('six cameras and five stream slots', () => {
  let sitecast: Sitecast;
  let session: ApiSession;
  let folder: string;

  beforeAll(async () => {
    const movies = await sixMovies((folder = mkdtempSync(join(tmpdir(), 'sitecast-movies-'))));
    sitecast = await startSitecast({
      args: ['--no-demo', ...movies.flatMap((path) => ['--camera', `file:${path}`])],
    });
    session = await sitecast.login();
    await waitFor(allLive, 'six live cameras');
  });
  afterAll(async () => {
    await sitecast?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('six asked at once: exactly five run, the sixth is told in English and Korean, and gets stills', async () => {
    const viewers = CAMERAS.map((name) => new LiveViewer(session, `local/${name}`));
    try {
      const answers = await Promise.all(viewers.map((viewer) => viewer.answer()));
      expect(answers.filter(({ type }) => type === 'ready')).toHaveLength(5);
      const [refusal] = answers.filter(({ type }) => type === 'error') as Extract<
        LiveMessage,
        { type: 'error' }
      >[];
      expect(refusal).toMatchObject({ code: 'STREAM_LIMIT', limit: 5, active: 5, messageKo: KOREAN });
      expect(refusal!.message).toMatch(/maximum number of live streams/);
      expect(refusal!.retryAfterMs).toBeGreaterThan(0);
      const refused = viewers[answers.indexOf(refusal!)]!;
      await waitFor(() => refused.closeCode, 'the close of the sixth');
      expect(refused.closeCode).toBe(1013);

      // Asked again where a busy gateway has no picture yet.
      const stills = await waitFor(async () => {
        const viewer = new LiveViewer(session, `local/${CAMERAS[answers.indexOf(refusal!)]}`, 'stills');
        const answer = await viewer.answer();
        if (answer.type === 'ready') expect(answer.container).toBe('jpeg');
        else viewer.close();
        return answer.type === 'ready' && viewer;
      }, 'stills of the sixth');
      const [still] = await stills.framesAfter(0, 1);
      expect(still!.header.kind).toBe(FrameKind.jpegStill);
      expect([...still!.payload.subarray(0, 3)]).toEqual([0xff, 0xd8, 0xff]);
      stills.close();
    } finally {
      for (const viewer of viewers) viewer.close();
    }
  });

  it('a slot is free again after its last viewer went, and one stream serves many viewers with one slot', async () => {
    const system = await waitFor(async () => {
      const now = await systemOf();
      return now.streams.active.filter(({ profile }) => profile === 'main').length === 0 && now;
    }, 'the slots to be free');
    expect(system.streams.max).toBe(5);
    const viewers = Array.from({ length: 4 }, () => new LiveViewer(session, 'local/camera-6'));
    try {
      for (const viewer of viewers) await viewer.framesAfter(0, 20);
      // The report may be a second old.
      const watched = await waitFor(async () => {
        const { active } = (await systemOf()).streams;
        return active.some(({ viewers: count }) => count === 4) && active;
      }, 'the report of four viewers');
      expect(watched).toMatchObject([{ camera: 'local/camera-6', profile: 'main', viewers: 4 }]);
    } finally {
      for (const viewer of viewers) viewer.close();
    }
  });

  it('a viewer that stops reading delays nobody, and is told what it lost', async () => {
    const frozen = new LiveViewer(session, 'local/camera-1');
    const healthy = new LiveViewer(session, 'local/camera-1');
    try {
      await frozen.framesAfter(0, 10);
      await healthy.framesAfter(0, 10);
      frozen.freeze();
      const frozenAtMs = performance.now();
      const frames = await healthy.framesAfter(frozenAtMs, 90);
      // All that while the other one was a viewer: nothing had to be cut off before the frames went on.
      expect((await systemOf()).streams.active).toMatchObject([{ camera: 'local/camera-1', viewers: 2 }]);
      expect(
        frames.slice(1).every((frame, index) => frame.header.sequence === frames[index]!.header.sequence + 1),
      ).toBe(true);
      frozen.thaw();
      await waitFor(() => frozen.message('dropped') ?? frozen.message('error'), 'word of what was lost');
      expect(frozen.message('dropped')?.frames ?? 1).toBeGreaterThan(0);
    } finally {
      frozen.close();
      healthy.close();
    }
  });

  async function allLive(): Promise<boolean> {
    const { items } = await session.get<{ items: { state: string }[] }>('cameras');
    return items.length === CAMERAS.length && items.every(({ state }) => state === 'live');
  }

  function systemOf(): Promise<{
    streams: { max: number; active: { camera: string; profile: string; viewers: number }[] };
  }> {
    return session.get('system');
  }
});
