// What each command does, on the parts of the agent.

import type { ClipResult, LeaseResult, SnapshotResult } from '@sitecast/shared/protocol/commands';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import type { SnapshotReason } from '@sitecast/shared/protocol/snapshot-envelope';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Clips } from '../clips/clips.ts';
import type { LeaseKey } from '../live/lease-book.ts';
import type { Operations } from './command-desk.ts';

interface OperableCamera {
  camera: { hurry(): void };
  live: { report(): CameraReport };
  snapshots: { take(reason: SnapshotReason): Promise<string> };
}

export interface OperationParts {
  /** By id; asked each time. */
  cameras: { get(id: string): OperableCamera | undefined };
  /** undefined where the settings have no clips. */
  clips: Pick<Clips, 'record' | 'requestUpload'> | undefined;
  clock: { answered(healthAt: string, serverAt: string): void };
  live: { lease(key: LeaseKey, ttlMs: number): Promise<LeaseResult>; release(key: LeaseKey): void };
}

export function operationsOf({ cameras, clips, clock, live }: OperationParts): Operations {
  const find = (id: string): OperableCamera => {
    const camera = cameras.get(id);
    if (camera === undefined) throw new AppError('NOT_FOUND', `there is no camera "${id}"`);
    return camera;
  };
  // This time the answer may still be that it gives no picture; whoever asks again finds one.
  const hurry = (id: string): void => cameras.get(id)?.camera.hurry();
  const expectClips = (): Pick<Clips, 'record' | 'requestUpload'> => {
    if (clips) return clips;
    throw new AppError('NOT_SUPPORTED', 'this gateway records no clips: its configuration has no "clips"');
  };
  return {
    'live.lease': ({ camera, profile, ttlMs }) => {
      hurry(camera);
      return live.lease({ camera, profile }, ttlMs);
    },
    'live.release': async ({ camera, profile }) => live.release({ camera, profile }),
    snapshot: async ({ camera }): Promise<SnapshotResult> => {
      hurry(camera);
      return { snapshotId: await find(camera).snapshots.take('command') };
    },
    clip: async ({ camera, upload }): Promise<ClipResult> => {
      hurry(camera);
      // Not asked for, it is as the settings say.
      const uploadMode = upload ? 'always' : undefined;
      return { clipId: await expectClips().record(camera, { reason: 'command', upload: uploadMode }) };
    },
    'clip.upload': async ({ clipId }) => expectClips().requestUpload(clipId),
    clock: async ({ healthAt, serverAt }) => clock.answered(healthAt, serverAt),
    // The camera is always being read, so its state is the test.
    'camera.test': async ({ camera }) => {
      hurry(camera);
      return find(camera).live.report();
    },
    'config.apply': async () => {
      throw new AppError('NOT_SUPPORTED', 'the configuration of this agent is changed in its file');
    },
    restart: async () => null,
  };
}
