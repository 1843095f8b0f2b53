// The picture sense of a camera, as its settings want it.

import type { CameraEvent } from '@sitecast/shared/protocol/events';
import type { CameraSettings } from '../config.ts';
import type { QuietLog } from '../health/quiet-log.ts';
import { PictureSense } from '../imaging/picture-sense.ts';
import { CameraSense, type CameraSenseOptions } from './camera-sense.ts';
import type { CameraSnapshots } from './camera-snapshots.ts';

export interface SenseParts {
  camera: CameraSenseOptions['camera'];
  snapshots: Pick<CameraSnapshots, 'take'>;
  tell: (camera: string, event: CameraEvent) => Promise<void>;
  log: QuietLog;
}

/** @returns undefined where there is nothing to look for. */
export function createSense(
  settings: CameraSettings,
  { camera, snapshots, tell, log }: SenseParts,
): CameraSense | undefined {
  const { motion, frozenAfterSeconds, tampering } = settings;
  if (!motion && frozenAfterSeconds === 0 && !tampering) return undefined;
  const sense = new PictureSense({
    motion: motion && { ...motion, quietMs: motion.quietSeconds * 1_000 },
    frozenAfterMs: frozenAfterSeconds * 1_000,
    tampering,
  });
  const takeSnapshot = snapshots.take.bind(snapshots);
  return new CameraSense({ camera, sense, takeSnapshot, tell, log });
}
