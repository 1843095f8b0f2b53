// Foreign cameras through the whole product: RTSP over TCP and over UDP only, killed and back.

import { describe, expect, it } from 'vitest';
import {
  requireGstreamer,
  startGstreamerCamera,
} from '../../../edge-agent/test/integration/gstreamer-camera.ts';
import { startUdpOnlyCamera } from '../../../edge-agent/test/integration/udp-only-camera.ts';
import { CameraSite } from './support/camera-site.ts';
import { LiveViewer } from './support/live-viewer.ts';
import { waitFor } from './support/sitecast.ts';

describe('foreign cameras', () => {
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
      await using site = await CameraSite.start(`rtsp://admin:hunter2@127.0.0.1:${camera.port}/cam`);
      const { session } = site;
      await site.untilState('camera-1', 'live');
      const viewer = await LiveViewer.ready(session, 'local/camera-1');
      try {
        expect(viewer.message('ready')).toMatchObject({ width: 640, height: 360 });
        const [init] = await viewer.framesAfter(0, 20);
        await camera.kill();
        await site.untilState('camera-1', 'waiting');
        const restartedAtMs = performance.now();
        await startGstreamerCamera(
          ...['--port', String(camera.port), '--user', 'admin', '--password', 'hunter2'],
        );
        const again = await waitFor(
          () =>
            viewer.frames.find(
              ({ header, atMs }) => atMs > restartedAtMs && header.epoch !== init!.header.epoch,
            ),
          'the picture to return to the same viewer',
        );
        await viewer.framesAfter(again.atMs, 20);
      } finally {
        viewer.close();
      }
      await site.expectNoTrace('hunter2');
    },
  );

  it('over UDP only: watched, with snapshots', async () => {
    await using site = await CameraSite.start(await startUdpOnlyCamera());
    const { session } = site;
    await site.untilState('camera-1', 'live');
    const viewer = await LiveViewer.ready(session, 'local/camera-1');
    try {
      expect(viewer.message('ready')).toMatchObject({ width: 320, height: 240 });
      await viewer.framesAfter(0, 20);
    } finally {
      viewer.close();
    }
    await waitFor(
      async () => (await session.get<{ items: unknown[] }>('snapshots')).items.length > 0,
      'a snapshot',
    );
  });
});
