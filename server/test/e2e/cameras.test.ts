// Foreign cameras through the whole product: RTSP over TCP and over UDP only, killed and back, wrong password.

import { afterEach, describe, expect, it } from 'vitest';
import {
  requireGstreamer,
  startGstreamerCamera,
} from '../../../edge-agent/test/integration/gstreamer-camera.ts';
import { startUdpOnlyCamera } from '../../../edge-agent/test/integration/udp-only-camera.ts';
import { queryDatabase } from './support/database.ts';
import { LiveViewer } from './support/live-viewer.ts';
import { Sitecast, waitFor, type ApiSession } from './support/sitecast.ts';

interface Camera {
  id: string;
  state: string;
  reason: string | null;
}

describe('foreign cameras', () => {
  let sitecast: Sitecast | undefined;

  afterEach(async () => {
    await sitecast?.close();
    sitecast = undefined;
  });

  async function start(...sources: string[]): Promise<ApiSession> {
    const cameras = sources.flatMap((source) => ['--camera', source]);
    sitecast = await Sitecast.start({ args: ['--no-demo', ...cameras] });
    return sitecast.login();
  }

  async function untilState(session: ApiSession, camera: string, state: string): Promise<Camera> {
    return waitFor(
      async () => {
        const { items } = await session.get<{ items: Camera[] }>('cameras');
        return items.find(({ id, state: now }) => id === camera && now === state);
      },
      60_000,
      `${camera} to be ${state}`,
    );
  }

  const isThere = requireGstreamer();

  it.skipIf(!isThere)(
    'over TCP: watched, and watched again by itself after the camera was killed',
    async () => {
      const camera = await startGstreamerCamera(
        '--transport',
        'tcp',
        '--user',
        'admin',
        '--password',
        'hunter2',
      );
      const session = await start(`rtsp://admin:hunter2@127.0.0.1:${camera.port}/cam`);
      await untilState(session, 'camera-1', 'live');
      const viewer = new LiveViewer(session, 'local/camera-1');
      try {
        expect(await viewer.answer()).toMatchObject({ type: 'ready', width: 640, height: 360 });
        const [init] = await viewer.framesAfter(0, 20);
        await camera.kill();
        await untilState(session, 'camera-1', 'waiting');
        const restartedAtMs = performance.now();
        await startGstreamerCamera(
          ...['--port', String(camera.port), '--user', 'admin', '--password', 'hunter2'],
        );
        const again = await waitFor(
          () =>
            viewer.frames.find(
              ({ header, atMs }) => atMs > restartedAtMs && header.epoch !== init!.header.epoch,
            ),
          60_000,
          'the picture to return to the same viewer',
        );
        await viewer.framesAfter(again.atMs, 20);
      } finally {
        viewer.close();
      }
      await expectNoTrace(session, 'hunter2');
    },
    180_000,
  );

  it('over UDP only: watched, with snapshots', async () => {
    const session = await start(await startUdpOnlyCamera());
    await untilState(session, 'camera-1', 'live');
    const viewer = new LiveViewer(session, 'local/camera-1');
    try {
      expect(await viewer.answer()).toMatchObject({ type: 'ready', width: 320, height: 240 });
      await viewer.framesAfter(0, 20);
    } finally {
      viewer.close();
    }
    await waitFor(
      async () => (await session.get<{ items: unknown[] }>('snapshots')).items.length > 0,
      20_000,
      'a snapshot',
    );
  }, 120_000);

  it.skipIf(!isThere)(
    'wrong password: failed with its reason, asked once in a minute, told to nobody',
    async () => {
      const camera = await startGstreamerCamera('--user', 'admin', '--password', 'right');
      const session = await start(`rtsp://admin:wr0ngpass@127.0.0.1:${camera.port}/cam`);
      expect(await untilState(session, 'camera-1', 'failed')).toMatchObject({
        reason: 'SOURCE_UNAUTHORIZED',
      });
      const asked = camera.clients();
      await new Promise((resolve) => setTimeout(resolve, 60_000));
      expect(camera.clients()).toBe(asked);
      const viewer = new LiveViewer(session, 'local/camera-1');
      expect(await viewer.answer()).toMatchObject({ type: 'error', code: 'CAMERA_OFFLINE' });
      viewer.close();
      await expectNoTrace(session, 'wr0ngpass');
    },
    180_000,
  );

  /** Not in a log, not in an answer of the API, not in the database. */
  async function expectNoTrace(session: ApiSession, password: string): Promise<void> {
    const { output, ready } = sitecast!;
    expect(output + sitecast!.log('server') + sitecast!.log('agent')).not.toContain(password);
    for (const path of ['cameras', 'agents', 'events', 'system', 'sites']) {
      expect(await (await session.fetch(path)).text()).not.toContain(password);
    }
    const rows = await queryDatabase(ready.databaseUrl, 'select report, name from cameras');
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain(password);
  }
});
