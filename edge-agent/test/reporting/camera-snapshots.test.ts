import { ulid } from 'ulid';
import { beforeEach, describe, expect, test } from 'vitest';
import type { SnapshotEnvelope } from '@sitecast/shared/protocol/snapshot-envelope';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import type { KeyframePicture } from '../../src/camera/fragment.ts';
import { QuietLog } from '../../src/health/quiet-log.ts';
import { CameraSnapshots } from '../../src/reporting/camera-snapshots.ts';
import { ManualClock, silentLogger } from '../support.ts';

let clock: ManualClock;
let picture: KeyframePicture | undefined;
let state: CameraReport['state'];
let listeners: Set<(picture: KeyframePicture) => void>;
let kept: string[];
let isHeld: boolean;

beforeEach(() => {
  clock = new ManualClock();
  picture = undefined;
  state = 'live';
  listeners = new Set();
  kept = [];
  isHeld = false;
});

function taker(intervalMs: number): CameraSnapshots {
  const snapshots = new CameraSnapshots({
    camera: {
      id: 'front',
      report: () => ({ state }) as CameraReport,
      latestPicture: () => picture,
      onPicture: (listener) => {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
    intervalMs,
    isHeld: () => isHeld,
    make: async (_, reason) => ({ header: { id: ulid(), reason } }) as SnapshotEnvelope,
    keep: async ({ header }) => void kept.push(header.reason),
    log: new QuietLog(silentLogger, clock),
    clock,
  });
  snapshots.start();
  return snapshots;
}

function show(): void {
  const capturedAtMs = clock.nowMs();
  picture = { jpeg: Buffer.alloc(1), luma: Buffer.alloc(1), width: 1, height: 1, capturedAtMs };
  for (const listener of [...listeners]) listener(picture);
}

/** Lets what was started asynchronously come to its end. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('CameraSnapshots', () => {
  test('takes the first picture at once, then one an interval', async () => {
    const snapshots = taker(60_000);
    clock.advance(120_000);
    expect(kept).toEqual([]);
    for (let second = 0; second <= 120; second += 1) {
      show();
      await settle();
      clock.advance(1_000);
    }
    await settle();
    expect(kept).toHaveLength(3);
    expect(snapshots.snapshots).toBe(3);
    snapshots.close();
  });

  test('keeps no second record of the same moment, and none while the camera is away', async () => {
    const snapshots = taker(10_000);
    show();
    clock.advance(10_000);
    state = 'waiting';
    show();
    clock.advance(10_000);
    await settle();
    expect(kept).toHaveLength(1);
    snapshots.close();
  });

  test('takes none by itself with an interval of 0, but on command', async () => {
    const snapshots = taker(0);
    show();
    clock.advance(100_000);
    show();
    expect(await snapshots.take('command')).toMatch(/^[0-9A-Z]{26}$/);
    expect(kept).toEqual(['command']);
  });

  test('refuses a command when the newest picture is old, or the camera is away', async () => {
    const snapshots = taker(0);
    await expect(snapshots.take('command')).rejects.toMatchObject({ code: 'CAMERA_OFFLINE' });
    show();
    state = 'waiting';
    await expect(snapshots.take('command')).rejects.toMatchObject({ code: 'CAMERA_OFFLINE' });
    state = 'live';
    clock.advance(31_000);
    await expect(snapshots.take('command')).rejects.toMatchObject({ code: 'CAMERA_OFFLINE' });
  });

  test('takes none while the uplink has nothing left for pictures, and goes on by itself', async () => {
    const snapshots = taker(10_000);
    isHeld = true;
    show();
    await settle();
    await expect(snapshots.take('command')).rejects.toMatchObject({
      code: 'UPLINK_LIMITED',
      retryable: true,
    });
    expect(kept).toEqual([]);
    isHeld = false;
    clock.advance(10_000);
    await settle();
    expect(kept).toEqual(['interval']);
    snapshots.close();
  });

  test('leaves no timer and no listener behind', () => {
    const snapshots = taker(1_000);
    snapshots.close();
    expect(listeners.size).toBe(0);
    show();
    clock.advance(10_000);
    expect(kept).toEqual([]);
  });
});
