import { expect, test } from 'vitest';
import { cameraEvent, type CameraEvent } from '@sitecast/shared/protocol/events';
import type { CameraReport, CameraState } from '@sitecast/shared/protocol/status';
import { CameraEvents } from '../../src/reporting/camera-events.ts';

const report = (state: CameraState, id = 'front'): CameraReport => ({
  id,
  name: id,
  state,
  reason: null,
  detail: state === 'failed' ? 'the password is wrong' : null,
  since: '2026-01-01T00:00:00.000Z',
  codec: null,
  width: null,
  height: null,
  fps: null,
  profiles: [],
});

test('CameraEvents tells when the picture comes and goes, once each, camera by camera', () => {
  const events: [string, CameraEvent][] = [];
  const watcher = new CameraEvents((camera, event) => events.push([camera, event]));
  for (const state of [
    'connecting',
    'live',
    'live',
    'connecting',
    'live',
    'waiting',
    'failed',
    'stopped',
  ] as const) {
    watcher.report(report(state));
  }
  watcher.report(report('failed', 'back'));
  expect(events.map(([camera, { kind }]) => `${camera} ${kind}`)).toEqual([
    'front online',
    'front offline',
    'back offline',
  ]);
  expect(events[2]?.[1].detail).toBe('the password is wrong');
  for (const [, event] of events) expect(() => cameraEvent.parse(event)).not.toThrow();
});
