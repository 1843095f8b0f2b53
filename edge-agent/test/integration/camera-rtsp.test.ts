import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { waitFor } from '../support.ts';
import { firstInit, startEncodedCamera, watch } from './encoded-camera.ts';
import { ffmpegs, runFfmpeg, runningCaptures } from './ffmpegs.ts';
import { requireGstreamer, startGstreamerCamera } from './gstreamer-camera.ts';
import { startCamera, writeMovie } from './test-camera.ts';
import { freePort, startUdpOnlyCamera } from './udp-only-camera.ts';

const PASSWORD = 'p@ss:w/rd%';
const ESCAPED = 'p%40ss%3Aw%2Frd%25';

describe.skipIf(!requireGstreamer()).each(ffmpegs)(
  "GStreamer's RTSP server with ffmpeg $version",
  (ffmpeg) => {
    it('is watched over TCP, and what comes can be decoded', async () => {
      const server = await startGstreamerCamera('--transport', 'tcp');
      const { camera, fragments, untilState } = await startCamera(
        ffmpeg,
        `rtsp://localhost:${server.port}/cam`,
      );
      expect(await untilState('live')).toMatchObject({ width: 640, height: 360 });
      await waitFor(() => fragments.length >= 20, 'twenty access units');
      await waitFor(() => camera.report().fps === 15, 'the measured rate');
      expect(fragments[0]).toMatchObject({ isKeyframe: true, sequence: 0 });
      const report = await runFfmpeg(
        '-loglevel',
        'info',
        '-i',
        await writeMovie(fragments.slice(0, 20)),
        '-f',
        'null',
        '-',
      );
      expect(report).toMatch(/frame=\s*20\b/);
    });

    it('gets the right password, which shows up neither in a log nor, where ffmpeg allows, in the list of processes', async () => {
      const server = await startGstreamerCamera('--user', 'admin', '--password', PASSWORD);
      const source = `rtsp://admin:${ESCAPED}@127.0.0.1:${server.port}/cam`;
      const { pictures, untilState, log } = await startCamera(ffmpeg, source);
      await untilState('live');
      await waitFor(() => pictures.length > 0, 'a picture');
      const [capture] = await runningCaptures();
      expect(capture?.commandLine.includes(ESCAPED)).toBe(!ffmpeg.canHideUrl);
      expect(log()).not.toMatch(/p@ss|p%40ss/);
    });

    it('is asked once with a wrong password, which opens the breaker and is told to nobody', async () => {
      const server = await startGstreamerCamera('--user', 'admin', '--password', PASSWORD);
      const source = `rtsp://admin:hunter2@127.0.0.1:${server.port}/cam`;
      const { camera, untilState, reports, log } = await startCamera(ffmpeg, source);
      expect(await untilState('failed')).toMatchObject({ reason: 'SOURCE_UNAUTHORIZED' });
      const asked = server.clients();
      expect(asked).toBe(1);
      // Longer than the first back-off delays.
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      expect([server.clients(), camera.counters.restarts]).toEqual([asked, 0]);
      expect(JSON.stringify(reports) + log()).not.toContain('hunter2');
    });

    it('is not lost when others join and leave, which sets its clock back', async () => {
      const server = await startGstreamerCamera('--transport', 'tcp');
      const url = `rtsp://127.0.0.1:${server.port}/cam`;
      const { camera, pictures, reports, untilState } = await startCamera(ffmpeg, url);
      await untilState('live');
      for (let client = 1; client <= 3; client += 1) {
        await runFfmpeg('-rtsp_transport', 'tcp', '-i', url, '-t', '1', '-c', 'copy', '-f', 'null', '-');
        const before = pictures.length;
        await waitFor(() => pictures.length > before + 2, 'more pictures');
        expect(camera.counters.restarts).toBeLessThanOrEqual(client);
      }
      const reasons = new Set(reports.map(({ reason }) => reason));
      expect([...reasons].filter((reason) => reason !== null && reason !== 'SOURCE_CHANGED')).toEqual([]);
    });

    it('that has sound alone is told so, and not asked again soon', async () => {
      const server = await startGstreamerCamera('--codec', 'none');
      const { untilState } = await startCamera(ffmpeg, `rtsp://127.0.0.1:${server.port}/cam`);
      const report = await untilState('failed');
      expect(report).toMatchObject({
        reason: 'SOURCE_UNSUPPORTED',
        detail: expect.stringContaining('no video'),
      });
    });

    it('comes back by itself after it was killed, as another epoch', async () => {
      const first = await startGstreamerCamera();
      const { camera, fragments, untilState } = await startCamera(
        ffmpeg,
        `rtsp://127.0.0.1:${first.port}/cam`,
      );
      await untilState('live');
      await first.kill();
      const report = await untilState('waiting');
      expect(['SOURCE_ENDED', 'SOURCE_UNREACHABLE']).toContain(report.reason);
      expect(camera.latestPicture()).toBeUndefined();
      await startGstreamerCamera('--port', String(first.port));
      await untilState('live');
      // The picture that made it live may be here before the fragment of the same keyframe.
      const epochs = (): number => new Set(fragments.map(({ init }) => init.epoch)).size;
      await waitFor(() => epochs() > 1, 'fragments of the second capture');
      expect(epochs()).toBe(2);
    });

    it('is live when it sends H.265, pictures included, and is encoded for who watches it', async () => {
      const server = await startGstreamerCamera('--codec', 'h265');
      const started = await startEncodedCamera(ffmpeg, `rtsp://127.0.0.1:${server.port}/cam`);
      await waitFor(() => started.pictures.length > 0, 'a keyframe picture');
      expect(started.live.report()).toMatchObject({ codec: 'hev1', encoded: ['main', 'low', 'mpeg1'] });
      const { video, fragments } = watch(started.live, 'main');
      expect(await firstInit({ video })).toMatchObject({ width: 640, height: 360 });
      await waitFor(() => fragments.length > 20, 'an encoded stream');
      expect(fragments[0]!.init.codec).toMatch(/^avc1\./);
    });
  },
);

describe.each(ffmpegs)('Sources that make trouble, with ffmpeg $version', (ffmpeg) => {
  it('goes to UDP when the camera refuses TCP, with and without a password in the URL', async () => {
    const path = await startUdpOnlyCamera();
    for (const userInfo of ['', 'u:p@']) {
      const { camera, pictures, fragments, untilState } = await startCamera(
        ffmpeg,
        path.replace('//', `//${userInfo}`),
      );
      await untilState('live');
      await waitFor(() => pictures.length > 0 && fragments.length > 5, 'pictures');
      expect(camera.counters.restarts).toBe(0);
      await camera.close();
    }
  });

  it('waits for a camera that nobody listens for', async () => {
    const { untilState } = await startCamera(ffmpeg, `rtsp://u:hunter2@127.0.0.1:${await freePort()}/live`);
    const report = await untilState('waiting');
    expect(report).toMatchObject({
      reason: 'SOURCE_UNREACHABLE',
      detail: 'nothing listens at the address of the camera',
    });
  });

  it('ends its capture when it is closed while connecting', async () => {
    const { camera } = await startCamera(ffmpeg, `rtsp://u:p@127.0.0.1:${await startSilentServer()}/live`);
    await waitFor(async () => (await runningCaptures()).length === 1, 'the capture to start');
    await camera.close();
    expect(await runningCaptures()).toEqual([]);
    expect(camera.report().state).toBe('stopped');
  });
});

describe.each(ffmpegs)('A camera that accepts and then says nothing, with ffmpeg $version', (ffmpeg) => {
  it('is given up, and called silent', async () => {
    const { untilState } = await startCamera(ffmpeg, `rtsp://127.0.0.1:${await startSilentServer()}/live`);
    expect(await untilState('waiting')).toMatchObject({
      reason: 'SOURCE_SILENT',
      detail: expect.stringContaining('takes the connection and does not answer') as string,
    });
  });
});

async function startSilentServer(): Promise<number> {
  const server = createServer((socket) => void socket.on('error', () => {}));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}
