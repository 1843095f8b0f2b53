import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { probe, type ProbeOptions } from '../../src/commands/probe.ts';
import type { FfmpegBinary } from '../../src/camera/ffmpeg-binary.ts';
import { DataDirLock } from '../../src/data-dir-lock.ts';
import type { ProbeReport } from '../../src/probe/probe-report.ts';
import { temporaryFolder, waitFor } from '../support.ts';
import { ffmpegs, runningCaptures } from './ffmpegs.ts';
import { requireGstreamer, startGstreamerCamera } from './gstreamer-camera.ts';
import { recording } from './recordings.ts';
import { freePort, startUdpOnlyCamera } from './udp-only-camera.ts';

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const SECONDS = 2;
// An @ and a / that need escaping.
const PASSWORD = 'p@ss/word';
const ESCAPED = encodeURIComponent(PASSWORD);

/** A film of nine seconds at 10 fps, with sound. */
async function film(name: string, ...encoder: string[]): Promise<string> {
  const picture = ['-f', 'lavfi', '-i', 'testsrc2=s=320x240:r=10'];
  const sound = ['-f', 'lavfi', '-i', 'sine', '-c:a', 'aac'];
  return `file:${await recording(name, ...picture, ...sound, '-t', '9', '-pix_fmt', 'yuv420p', ...encoder)}`;
}

interface Probed {
  isUsable: boolean;
  report: ProbeReport & { error?: { code: string; message: string } };
  /** All that was printed, warnings too. */
  output: string;
  asked: string[];
}

async function run(ffmpeg: FfmpegBinary, options: Partial<ProbeOptions>): Promise<Probed> {
  const [lines, asked]: [string[], string[]] = [[], []];
  let printed = '';
  const isUsable = await probe({
    url: undefined,
    configPath: undefined,
    cameraId: undefined,
    isSubStream: false,
    transport: 'auto',
    seconds: SECONDS,
    json: true,
    print: (text) => (printed += text),
    warn: (text) => lines.push(text),
    askPassword: async (question) => {
      asked.push(question);
      return PASSWORD;
    },
    signal: new AbortController().signal,
    ...options,
    env: { FFMPEG_PATH: ffmpeg.path, SITECAST_AGENT_SECRET: 's3cret', ...options.env },
  });
  expect(await runningCaptures()).toEqual([]);
  const report = JSON.parse(printed) as Probed['report'];
  return { isUsable, report, output: [printed, ...lines].join('\n'), asked };
}

/** Once more where the machine stood still meanwhile: it measures by the clock, and this asks for a keyframe and the next one. */
function measureKeyframes(ffmpeg: FfmpegBinary, options: Partial<ProbeOptions>): Promise<Probed> {
  return waitFor(async () => {
    const probed = await run(ffmpeg, options);
    return probed.report.video.keyframeIntervalS !== null && probed;
  }, 'two keyframes');
}

const about = ({ report }: Probed): string[] => report.advice.map((advice) => advice.about);

describe.each(ffmpegs)('sitecast-agent probe, with ffmpeg $version', (ffmpeg) => {
  it('tells B-pictures, a keyframe every three seconds and sound, and what to change', async () => {
    const b = ['-c:v', 'libx264', '-bf', '2', '-g', '30', '-keyint_min', '30', '-sc_threshold', '0'];
    const probed = await measureKeyframes(ffmpeg, { url: await film('b.mp4', ...b), seconds: 7 });
    const { isUsable, report } = probed;
    expect(isUsable).toBe(true);
    expect(report).toMatchObject({ transport: null, endedEarly: null });
    expect(report.video).toMatchObject({
      name: 'H.264',
      profile: 'High',
      level: expect.stringMatching(/^\d\.\d$/) as string,
      width: 320,
      height: 240,
      declaredFps: 10,
      fps: 10,
      keyframeIntervalS: { mean: 3, longest: 3 },
      hasBPictures: true,
    });
    expect(report.otherTracks).toEqual([{ kind: 'audio', codec: 'aac', profile: 'LC' }]);
    expect(report.profiles[0]).toMatchObject({ profile: 'main', made: 'passed through' });
    expect(about(probed)).toEqual(['keyframes', 'B-pictures', 'audio']);
  });

  it('names a codec that has to be encoded, and one that cannot be read at all', async () => {
    const mjpeg = await run(ffmpeg, {
      url: await film('m.mov', '-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p', '-an'),
    });
    expect(mjpeg.report.video).toMatchObject({ name: 'MJPEG', level: null, declaredFps: null });
    expect(mjpeg.report.profiles[0]).toMatchObject({ profile: 'main', made: 'encoded' });
    expect(about(mjpeg)).toContain('codec');
    const huffyuv = await run(ffmpeg, {
      url: await film('h.avi', '-c:v', 'huffyuv', '-pix_fmt', 'yuv422p', '-an'),
    });
    expect(huffyuv.isUsable).toBe(false);
    expect(huffyuv.report).toMatchObject({
      error: { code: 'SOURCE_UNSUPPORTED', message: expect.stringContaining('huffyuv') as string },
      tracks: [{ kind: 'video', codec: 'huffyuv' }],
    });
  });

  it('finds the way to a camera that takes UDP only', async () => {
    const { report } = await run(ffmpeg, { url: await startUdpOnlyCamera() });
    expect(report).toMatchObject({ transport: 'udp', video: { name: 'H.264', width: 320 } });
  });

  it('says of a camera that takes the connection and never answers just that', async () => {
    const { isUsable, report } = await run(ffmpeg, {
      url: `rtsp://127.0.0.1:${await startSilentServer()}/x`,
    });
    expect(isUsable).toBe(false);
    expect(report.error).toMatchObject({
      code: 'SOURCE_SILENT',
      message: expect.stringContaining('takes the connection and does not answer') as string,
    });
  });

  it('says in one line why there is no picture', async () => {
    const url = `rtsp://u:hunter2@127.0.0.1:${await freePort()}/live?user=u&password=hunter2`;
    const { isUsable, report, output } = await run(ffmpeg, { url });
    expect(isUsable).toBe(false);
    expect(report.error).toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      message: 'nothing listens at the address of the camera',
    });
    expect(output).not.toContain('hunter2');
    expect(output).toContain('other users of this machine');
  });
});

describe.skipIf(!requireGstreamer()).each(ffmpegs)(
  'sitecast-agent probe of a foreign RTSP server, with ffmpeg $version',
  (ffmpeg) => {
    it('measures it, and asks for the password that nobody shall read', async () => {
      const { port } = await startGstreamerCamera('--user', 'admin', '--password', PASSWORD);
      const url = `rtsp://admin@127.0.0.1:${port}/cam`;
      const probing = run(ffmpeg, { url });
      const [capture] = await waitFor(async () => {
        const found = await runningCaptures();
        return found.length > 0 && found;
      }, 'the capture');
      expect(capture!.commandLine.includes(ESCAPED)).toBe(!ffmpeg.canHideUrl);
      const { isUsable, report, output, asked } = await probing;
      expect(isUsable).toBe(true);
      expect(asked).toEqual(['Password of admin: ']);
      expect(output).not.toMatch(/p@ss|p%40ss/);
      expect(report.source).toBe(`rtsp://127.0.0.1:${port}/cam`);
      expect(report.video).toMatchObject({ width: 640, height: 360, declaredFps: 15, hasBPictures: false });
      expect(report.video.fps).toBeGreaterThan(12);
      expect(report.video.fps).toBeLessThan(18);
      expect(report.video.keyframeIntervalS?.longest).toBeLessThan(2);
      expect(report.video.bitsPerSecond).toBeGreaterThan(10_000);
    });

    it('tells a wrong password from the environment, and does not ask', async () => {
      const { port } = await startGstreamerCamera('--user', 'admin', '--password', PASSWORD);
      const url = `rtsp://admin@127.0.0.1:${port}/cam`;
      const { isUsable, report, output, asked } = await run(ffmpeg, {
        url,
        env: { SITECAST_CAMERA_PASSWORD: 'hunter2' },
      });
      expect(isUsable).toBe(false);
      expect(report.error?.code).toBe('SOURCE_UNAUTHORIZED');
      expect(asked).toEqual([]);
      expect(output).not.toContain('hunter2');
    });

    it('takes a camera of the configuration, with its masks and its second stream', async () => {
      const { port } = await startGstreamerCamera('--codec', 'h265');
      const folder = await temporaryFolder();
      const configPath = join(folder, 'agent.yaml');
      const url = `rtsp://127.0.0.1:${port}/cam`;
      const masks = 'masks: [{ x: 0, y: 0, width: 0.1, height: 0.1 }]';
      await writeFile(
        configPath,
        `site: demo
agent: gateway
dataDir: ./data
uplink: { url: "mqtt://127.0.0.1:1", mediaUrl: "mqtt://127.0.0.1:1" }
cameras: [{ id: front, source: "${url}", subStream: "${url}" }, { id: yard, source: "${url}", ${masks} }]
`,
      );
      const front = await run(ffmpeg, { configPath, cameraId: 'front', isSubStream: true });
      expect(front.report.video).toMatchObject({ name: 'H.265', profile: 'Main' });
      expect(front.report.video.level).toMatch(/^[1-6]\.\d$/);
      expect(front.report.profiles).toMatchObject([{ profile: 'low', made: 'encoded' }]);
      expect(about(front)).toContain('codec');
      expect(front.output).not.toContain('the agent runs too');
      await mkdir(join(folder, 'data'));
      const lock = await DataDirLock.open(join(folder, 'data'));
      const yard = await run(ffmpeg, { configPath, cameraId: 'yard' });
      await lock.close();
      expect(yard.report.profiles[0]!.why).toMatch(/masks/);
      expect(yard.output).toContain('the agent runs too');
      const nobody = run(ffmpeg, { configPath, cameraId: 'attic' });
      await expect(nobody).rejects.toMatchObject({
        code: 'BAD_REQUEST',
        message: expect.stringContaining('there are: front, yard') as string,
      });
    });
  },
);

interface Ended {
  code: number | null;
  output: string;
}

/** The program itself; @returns when it has ended. */
async function launch(args: string[], whileRunning?: (pid: number) => Promise<void>): Promise<Ended> {
  const child = spawn(process.execPath, [main, 'probe', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  await whileRunning?.(child.pid!);
  return { code: await ended, output };
}

describe('the command line of probe', () => {
  it('ends with 0 for a camera that it can use, 1 for one that it cannot, and 64 for what it does not understand', async () => {
    const drawn = await launch(['demo:front', '--seconds', '2']);
    expect(drawn).toMatchObject({ code: 0 });
    expect(drawn.output).toMatch(/^codec +H\.264, Baseline, level/m);
    expect(drawn.output).toMatch(/^main +passed through: browsers play it$/m);
    expect(await launch(['file:/nonexistent.mp4'])).toMatchObject({
      code: 1,
      output: expect.stringContaining('SOURCE_UNREACHABLE') as string,
    });
    for (const wrong of [[], ['http://camera/'], ['demo:x', '--seconds', '1'], ['--camera', 'front']]) {
      expect((await launch(wrong)).code).toBe(64);
    }
    expect((await launch(['--config', '/nonexistent.yaml', '--camera', 'front'])).code).toBe(78);
    const secret = await launch(['rtsp://u:hunter2@[/']);
    expect(secret.code).toBe(64);
    expect(secret.output).not.toContain('hunter2');
  });

  it('takes a password out of its own arguments, and leaves with its capture on SIGTERM', async () => {
    const url = `rtsp://u:hunter2@127.0.0.1:${await startSilentServer()}/`;
    const commandLine = (pid: number): Promise<string> => readFile(`/proc/${pid}/cmdline`, 'utf8');
    const hidden = await launch([url], async (pid) => {
      await waitFor(async () => /^sitecast-agent\0*$/.test(await commandLine(pid)), 'another title');
      process.kill(pid, 'SIGTERM');
    });
    expect(hidden.output).not.toContain('hunter2');
    const stopped = await launch(['demo:front', '--seconds', '60'], async (pid) => {
      const isCapturing = async (): Promise<boolean> => (await childrenOf(pid)).length > 0;
      await waitFor(isCapturing, 'the capture');
      process.kill(pid, 'SIGTERM');
    });
    expect(stopped.code).toBe(143);
  });

  it('ends with 130 on Ctrl-C, and says that it was stopped', async () => {
    const stopped = await launch(['demo:front', '--seconds', '60'], async (pid) => {
      await waitFor(async () => (await childrenOf(pid)).length > 0, 'the capture');
      process.kill(pid, 'SIGINT');
    });
    expect(stopped).toEqual({ code: 130, output: 'sitecast-agent: stopped\n' });
  });
});

/** It accepts and says nothing. @returns its port. */
async function startSilentServer(): Promise<number> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket.on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function childrenOf(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter((word) => word !== '');
}
