// The picture sense of every camera that has something to look for.

import type { CameraEvent } from '@sitecast/shared/protocol/events';
import type { Camera } from '../camera/camera.ts';
import type { CameraSettings } from '../config.ts';
import type { QuietLog } from '../health/quiet-log.ts';
import { PictureSense } from '../imaging/picture-sense.ts';
import { CameraSense } from './camera-sense.ts';
import type { CameraSnapshots } from './camera-snapshots.ts';

export interface SenseParts {
  snapshots: ReadonlyMap<string, Pick<CameraSnapshots, 'take'>>;
  tell: (camera: string, event: CameraEvent) => Promise<void>;
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

function createSense(
  camera: Camera,
  sense: PictureSense,
  snapshots: Pick<CameraSnapshots, 'take'>,
  { tell, log }: SenseParts,
): CameraSense {
  const takeSnapshot = snapshots.take.bind(snapshots);
  return new CameraSense({ camera, sense, takeSnapshot, tell, log });
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
