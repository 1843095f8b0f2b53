import { systemClock } from '@sitecast/shared/runtime/clock';
import { afterAll, expect, it, vi } from 'vitest';
import { parseSource } from '../../src/camera/source.ts';
import { temporaryFolder } from '../support.ts';

// A name server that never answers. Test files share processes: what others loaded is loaded anew with it, and once more after
// us without.
vi.resetModules();
vi.doMock('node:dns/promises', () => ({ lookup: () => new Promise(() => {}) }));
const { Capture } = await import('../../src/camera/capture.ts');
afterAll(() => {
  vi.doUnmock('node:dns/promises');
  vi.resetModules();
});

it('a capture closes at once although the look-up of its host hangs', async () => {
  const capture = new Capture({
    source: parseSource('rtsp://camera.invalid/live'),
    transport: 'tcp',
    probeMs: 1_000,
    name: 'front',
    hasPictures: true,
    masks: { areas: [], version: 0 },
    ffmpeg: { path: '/nonexistent/ffmpeg', origin: 'bundled', major: 5 } as never,
    runDir: await temporaryFolder(),
    clock: systemClock,
    onInit: () => {},
    onFragment: () => {},
    onPicture: () => {},
  });
  const ended = capture.start();
  await capture.close();
  expect(await ended).toMatchObject({ code: 'SHUTTING_DOWN' });
});
