// What each command does, on the parts of the agent.

import type { ClipResult, LeaseResult, SnapshotResult } from '@sitecast/shared/protocol/commands';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import type { SnapshotReason } from '@sitecast/shared/protocol/snapshot-envelope';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Clips } from '../clips/clips.ts';
import type { LeaseKey } from '../live/lease-book.ts';
import type { Operations } from './command-desk.ts';

export interface OperationParts {
  cameras: Iterable<{ readonly id: string; report(): CameraReport }>;
  snapshots: ReadonlyMap<string, { take(reason: SnapshotReason): Promise<string> }>;
  /** undefined where the settings have no clips. */
  clips: Pick<Clips, 'record' | 'requestUpload'> | undefined;
  clock: { answered(healthAt: string, serverAt: string): void };
  live: { lease(key: LeaseKey, ttlMs: number): Promise<LeaseResult>; release(key: LeaseKey): void };
}

export function operationsOf({ cameras, snapshots, clips, clock, live }: OperationParts): Operations {
  const byId = new Map([...cameras].map((camera) => [camera.id, camera]));
  const find = <T>(parts: ReadonlyMap<string, T>, id: string): T => {
    const part = parts.get(id);
    if (part === undefined) throw new AppError('NOT_FOUND', `there is no camera "${id}"`);
    return part;
  };
  const expectClips = (): Pick<Clips, 'record' | 'requestUpload'> => {
    if (clips) return clips;
    throw new AppError('NOT_SUPPORTED', 'this gateway records no clips: its configuration has no "clips"');
  };
  return {
    'live.lease': ({ camera, profile, ttlMs }) => live.lease({ camera, profile }, ttlMs),
    'live.release': async ({ camera, profile }) => live.release({ camera, profile }),
    snapshot: async ({ camera }): Promise<SnapshotResult> => ({
      snapshotId: await find(snapshots, camera).take('command'),
    }),
    clip: async ({ camera, upload }): Promise<ClipResult> => ({
      // Not asked for, it is as the settings say.
      clipId: await expectClips().record(camera, {
        reason: 'command',
        upload: upload ? 'always' : undefined,
      }),
    }),
    'clip.upload': async ({ clipId }) => expectClips().requestUpload(clipId),
    clock: async ({ healthAt, serverAt }) => clock.answered(healthAt, serverAt),
    // The camera is always being read, so its state is the test.
    'camera.test': async ({ camera }) => find(byId, camera).report(),
    'config.apply': async () => {
      throw new AppError('NOT_SUPPORTED', 'the configuration of this agent is changed in its file');
    },
    restart: async () => null,
  };
}
