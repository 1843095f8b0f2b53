// A camera of 3 Mbit/s behind a line of 1 Mbit/s, through the whole product: agent, throttling line, server, viewer.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgentHealth, CameraReport } from '@sitecast/shared/protocol/status';
import { ThrottledLine } from '../../../shared/test/throttled-line.ts';
import { runFfmpeg } from '../../../edge-agent/test/integration/ffmpegs.ts';
import { createDevice } from './support/device.ts';
import { LiveViewer, type ReceivedFrame } from './support/live-viewer.ts';
import { type Sitecast, waitFor, type ApiSession } from './support/sitecast.ts';
import { startSitecast } from './support/start-sitecast.ts';

const AGENT = fileURLToPath(new URL('../../../edge-agent/dist/main.js', import.meta.url));
const SLOW = 1_000_000;
const FAST = 50_000_000;
const FPS = 25;

/** Ten seconds of 3 Mbit/s, a keyframe a second: noise, because a drawn scene needs less. */
async function writeMovie(path: string): Promise<void> {
  const scene = ['-f', 'lavfi', '-i', `testsrc2=s=960x540:r=${FPS},noise=alls=20:allf=t`, '-t', '10'];
  const rate = ['-b:v', '3M', '-minrate', '3M', '-maxrate', '3M', '-bufsize', '1M'];
  const encoder = ['-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-preset', 'ultrafast', '-g', String(FPS)];
  await runFfmpeg('-loglevel', 'error', ...scene, ...encoder, ...rate, '-bf', '0', path);
}

describe('a site with a slow uplink', () => {
  let folder: string;
  let sitecast: Sitecast;
  let session: ApiSession;
  let line: ThrottledLine;
  let endAgent: () => Promise<void> = async () => undefined;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sitecast-slow-'));
    const movie = join(folder, 'movie.mp4');
    await writeMovie(movie);
    sitecast = await startSitecast({ args: ['--no-demo'] });
    session = await sitecast.login();
    const { mqttPort, mediaPort } = sitecast.ready;
    line = await ThrottledLine.open({ targets: [mqttPort, mediaPort], bitsPerSecond: SLOW });
    endAgent = await startAgent(movie);
    await waitFor(async () => (await cameraOf())?.state === 'live', 'the camera');
  });
  afterAll(async () => {
    await endAgent();
    await line?.[Symbol.asyncDispose]();
    await sitecast?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('takes viewers of main to low, says why, and offers main again when the line is faster', async () => {
    const viewer = await LiveViewer.ready(session, 'yard/front');
    try {
      expect(viewer.message('ready')).toMatchObject({ profile: 'main', width: 960 });
      const step = await waitFor(() => viewer.message('profile'), 'the step down');
      expect(step).toEqual({ type: 'profile', profile: 'low', reason: 'uplink-slow' });
      await waitFor(
        () => viewer.messages.some((message) => message.type === 'ready' && message.profile === 'low'),
        'low',
      );
      expect(await cameraOf()).toMatchObject({
        profiles: ['low', 'mpeg1', 'stills'],
        limitedBy: 'uplink-slow',
      });
      await viewer.framesAfter(performance.now(), 2 * FPS);
      expect((await agentHealth())?.uplink.rung).toMatchObject({ stepsDown: expect.any(Number) as number });

      line.bitsPerSecond = FAST;
      await waitFor(async () => (await cameraOf())?.profiles.includes('main'), 'main to be offered again');
      await waitFor(isMainWhole, 'main without a gap');
      expect((await cameraOf())?.limitedBy).toBeUndefined();
    } finally {
      viewer.close();
    }
  });

  it('makes low smaller on a line that is slower still, and larger again', async () => {
    const viewer = await LiveViewer.ready(session, 'yard/front', 'low');
    const stepsUp = async (): Promise<number> => (await agentHealth())?.uplink.rung?.stepsUp ?? 0;
    try {
      await viewer.framesAfter(0, 2 * FPS);
      const { epoch } = viewer.frames.at(-1)!.header;
      line.bitsPerSecond = 250_000;
      const smaller = (): ReceivedFrame[] => viewer.frames.filter(({ header }) => header.epoch !== epoch);
      // Where the machine stood still the pictures of some seconds were captured at once.
      await waitFor(() => slowestFps(smaller()) < FPS - 5, 'fewer pictures');
      const rung = await waitFor(async () => {
        const now = (await agentHealth())?.uplink.rung;
        return (now?.level ?? 0) > 1 && now;
      }, 'health that says so');
      expect(rung.maxBitsPerSecond).toBeLessThan(400_000);
      expect(viewer.message('error')).toBeUndefined();

      const before = await stepsUp();
      line.bitsPerSecond = FAST;
      await waitFor(async () => (await stepsUp()) > before, 'a step up');
      expect(viewer.closeCode).toBeUndefined();
    } finally {
      viewer.close();
    }
  });

  /** To a new viewer; not where the machine stands still for a moment, and the line with it. */
  async function isMainWhole(): Promise<boolean> {
    const viewer = await LiveViewer.ready(session, 'yard/front');
    try {
      expect(viewer.message('ready')).toMatchObject({ profile: 'main', width: 960 });
      // The first second is the newest GOP at once, of which a window may leave something out.
      const frames = await viewer.framesAfter(performance.now() + 2_000, 4 * FPS);
      return gapsIn(frames) === 0 && viewer.message('profile') === undefined;
    } finally {
      viewer.close();
    }
  }

  async function startAgent(movie: string): Promise<() => Promise<void>> {
    const { secret } = await createDevice(session, 'slow-gateway', 'agent', 'yard');
    const [dataPort, mediaPort] = line.ports;
    const config = join(folder, 'agent.yaml');
    writeFileSync(
      config,
      `site: yard
agent: slow-gateway
dataDir: ./data
encoder: software
encoders: { maxProcesses: 2 }
uplink: { url: "mqtt://127.0.0.1:${dataPort}", mediaUrl: "mqtt://127.0.0.1:${mediaPort}" }
cameras: [{ id: front, source: "file:${movie}", snapshotIntervalSeconds: 0, frozenAfterSeconds: 0, tampering: false }]
`,
    );
    const agent = spawn(process.execPath, [AGENT, 'run', '--config', config], {
      stdio: 'ignore',
      env: { ...process.env, SITECAST_AGENT_SECRET: secret },
    });
    const exited = once(agent, 'exit');
    return async () => {
      agent.kill('SIGTERM');
      await exited;
    };
  }

  async function cameraOf(): Promise<CameraReport | undefined> {
    const { items } = await session.get<{ items: CameraReport[] }>('cameras?site=yard');
    return items[0];
  }

  async function agentHealth(): Promise<AgentHealth | null | undefined> {
    const { items } = await session.get<{ items: { health: AgentHealth | null }[] }>('agents?site=yard');
    return items[0]?.health;
  }
});

/** Of all 25 pictures in a row, by when they were captured. */
function slowestFps(frames: ReceivedFrame[]): number {
  const steps = 24;
  const rates = frames.slice(steps).map(({ header }, index) => {
    const us = header.capturedAtUs - frames[index]!.header.capturedAtUs;
    return (steps * 1_000_000) / us;
  });
  return Math.min(...rates);
}

function gapsIn(frames: ReceivedFrame[]): number {
  return frames.filter(({ header }, index) => {
    const before = frames[index - 1]?.header;
    return before?.epoch === header.epoch && header.sequence !== before.sequence + 1;
  }).length;
}
