// A wrong password through the whole product. It mostly waits, so it has a file, and a worker, of its own.

import { describe, expect, it } from 'vitest';
import {
  requireGstreamer,
  startGstreamerCamera,
} from '../../../edge-agent/test/integration/gstreamer-camera.ts';
import { CameraSite } from './support/camera-site.ts';
import { LiveViewer } from './support/live-viewer.ts';

describe('a camera with a wrong password', () => {
  const isThere = requireGstreamer();

  it.skipIf(!isThere)('is failed with its reason, not asked again, and told to nobody', async () => {
    const camera = await startGstreamerCamera('--user', 'admin', '--password', 'right');
    await using site = await CameraSite.start(`rtsp://admin:wr0ngpass@127.0.0.1:${camera.port}/cam`);
    const { session } = site;
    expect(await site.untilState('camera-1', 'failed')).toMatchObject({
      reason: 'SOURCE_UNAUTHORIZED',
    });
    const asked = camera.clients();
    // What is tried again by itself is after 1, 2, 4 and 8 s; this one in half an hour (camera.test.ts).
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    expect(camera.clients()).toBe(asked);
    const viewer = new LiveViewer(session, 'local/camera-1');
    expect(await viewer.answer()).toMatchObject({ type: 'error', code: 'CAMERA_OFFLINE' });
    viewer.close();
    await site.expectNoTrace('wr0ngpass');
  });
});
