// The picture sense of every camera that has something to look for.

import type { CameraEvent } from '@sitecast/shared/protocol/events';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import type { Camera } from '../camera/camera.ts';
import type { CameraSettings } from '../config.ts';
import type { QuietLog } from '../health/quiet-log.ts';
import { decodeLuma } from '../imaging/luma.ts';
import { PictureSense } from '../imaging/picture-sense.ts';
import type { Outbox } from '../uplink/outbox.ts';
import { CameraSense } from './camera-sense.ts';
import type { CameraSnapshots } from './camera-snapshots.ts';
import type { OpenEvents } from './open-events.ts';

export interface SenseParts {
  snapshots: ReadonlyMap<string, Pick<CameraSnapshots, 'take'>>;
  outbox: Pick<Outbox, 'event'>;
  openEvents: OpenEvents;
  log: QuietLog;
}

/** By id of the camera. @param cameras those of `settings`, in the same order. */
export function createSenses(
  settings: CameraSettings[],
  cameras: Camera[],
  parts: SenseParts,
): Map<string, CameraSense> {
  const senses = new Map<string, CameraSense>();
  for (const [index, camera] of cameras.entries()) {
    const sense = senseOf(settings[index]);
    const snapshots = parts.snapshots.get(camera.id);
    if (sense && snapshots) senses.set(camera.id, createSense(camera, sense, snapshots, parts));
  }
  return senses;
}

/** What an earlier run of the agent began and could not end. Rejects as the spool does. */
export async function endLeftEvents({ openEvents, outbox }: SenseParts): Promise<void> {
  for (const { camera, event } of await openEvents.takeLeft()) await outbox.event(camera, event);
}

function createSense(
  camera: Camera,
  sense: PictureSense,
  snapshots: Pick<CameraSnapshots, 'take'>,
  { outbox, openEvents, log }: SenseParts,
): CameraSense {
  const tell = async (id: string, event: CameraEvent): Promise<void> => {
    await openEvents.note(id, event).catch((error: unknown) => {
      log.warn('OPEN_EVENTS', { reason: messageOf(error) }, 'an event is not noted for the next start');
    });
    await outbox.event(id, event);
  };
  const takeSnapshot = snapshots.take.bind(snapshots);
  return new CameraSense({ camera, sense, decode: decodeLuma, takeSnapshot, tell, log });
}

function senseOf(settings: CameraSettings | undefined): PictureSense | undefined {
  if (!settings) return undefined;
  const { motion, frozenAfterSeconds, tampering } = settings;
  if (!motion && frozenAfterSeconds === 0 && !tampering) return undefined;
  return new PictureSense({
    motion: motion && { ...motion, quietMs: motion.quietSeconds * 1_000 },
    frozenAfterMs: frozenAfterSeconds * 1_000,
    tampering,
  });
}
