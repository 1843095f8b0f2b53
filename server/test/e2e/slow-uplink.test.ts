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
import { Sitecast, waitFor, type ApiSession } from './support/sitecast.ts';

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
    sitecast = await Sitecast.start({ args: ['--no-demo'] });
    session = await sitecast.login();
    const { mqttPort, mediaPort } = sitecast.ready;
    line = await ThrottledLine.open({ targets: [mqttPort, mediaPort], bitsPerSecond: SLOW });
    endAgent = await startAgent(movie);
    await waitFor(async () => (await cameraOf())?.state === 'live', 60_000, 'the camera');
  }, 180_000);
  afterAll(async () => {
    await endAgent();
    await line?.[Symbol.asyncDispose]();
    await sitecast?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('takes viewers of main to low within seconds, says why, and offers main again when the line is faster', async () => {
    const viewer = new LiveViewer(session, 'yard/front');
    try {
      expect(await viewer.answer()).toMatchObject({ type: 'ready', profile: 'main', width: 960 });
      const step = await waitFor(() => viewer.message('profile'), 30_000, 'the step down');
      expect(step).toEqual({ type: 'profile', profile: 'low', reason: 'uplink-slow' });
      await waitFor(
        () => viewer.messages.some((message) => message.type === 'ready' && message.profile === 'low'),
        10_000,
        'low',
      );
      expect(await cameraOf()).toMatchObject({
        profiles: ['low', 'mpeg1', 'stills'],
        limitedBy: 'uplink-slow',
      });
      const lowSinceMs = performance.now();
      const frames = await viewer.framesAfter(lowSinceMs, 4 * FPS);
      const ages = frames
        .slice(-2 * FPS)
        .map(ageMs)
        .sort((a, b) => a - b);
      console.log(`low on 1 Mbit/s: age p50 ${ages[FPS]} ms, max ${ages.at(-1)} ms`);
      // Not a target, only that nothing piles up: those are measured by `npm run bench -- uplink`.
      expect(ages.at(-1)).toBeLessThan(5_000);
      expect((await agentHealth())?.uplink.rung).toMatchObject({ stepsDown: expect.any(Number) as number });

      line.bitsPerSecond = FAST;
      await waitFor(
        async () => (await cameraOf())?.profiles.includes('main'),
        150_000,
        'main to be offered again',
      );
      expect((await cameraOf())?.limitedBy).toBeUndefined();
      const again = new LiveViewer(session, 'yard/front');
      try {
        expect(await again.answer()).toMatchObject({ type: 'ready', profile: 'main', width: 960 });
        // The first second is the newest GOP at once, of which a window may leave something out.
        const whole = await again.framesAfter(performance.now() + 2_000, 6 * FPS);
        expect(gapsIn(whole)).toBe(0);
        expect(again.message('profile')).toBeUndefined();
      } finally {
        again.close();
      }
    } finally {
      viewer.close();
    }
  }, 300_000);

  it('makes low smaller on a line that is slower still, and larger again', async () => {
    const viewer = new LiveViewer(session, 'yard/front', 'low');
    const stepsUp = async (): Promise<number> => (await agentHealth())?.uplink.rung?.stepsUp ?? 0;
    try {
      await viewer.framesAfter(0, 2 * FPS);
      const { epoch } = viewer.frames.at(-1)!.header;
      line.bitsPerSecond = 250_000;
      const smaller = await waitFor(
        () => viewer.frames.find(({ header }) => header.epoch !== epoch),
        30_000,
        'another epoch',
      );
      const frames = await viewer.framesAfter(smaller.atMs, 25, 30_000);
      const seconds = (frames.at(-1)!.header.capturedAtUs - frames[0]!.header.capturedAtUs) / 1_000_000;
      expect((frames.length - 1) / seconds).toBeLessThan(FPS - 5);
      const rung = await waitFor(
        async () => {
          const now = (await agentHealth())?.uplink.rung;
          return (now?.level ?? 0) > 1 && now;
        },
        30_000,
        'health that says so',
      );
      expect(rung.maxBitsPerSecond).toBeLessThan(400_000);
      expect(viewer.message('error')).toBeUndefined();

      const before = await stepsUp();
      line.bitsPerSecond = FAST;
      await waitFor(async () => (await stepsUp()) > before, 90_000, 'a step up');
      expect(viewer.closeCode).toBeUndefined();
    } finally {
      viewer.close();
    }
  }, 240_000);

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

/** From the capture to the viewer: one clock. */
function ageMs({ header, atMs }: ReceivedFrame): number {
  return Math.round(performance.timeOrigin + atMs - header.capturedAtUs / 1_000);
}

function gapsIn(frames: ReceivedFrame[]): number {
  return frames.filter(({ header }, index) => {
    const before = frames[index - 1]?.header;
    return before?.epoch === header.epoch && header.sequence !== before.sequence + 1;
  }).length;
}
