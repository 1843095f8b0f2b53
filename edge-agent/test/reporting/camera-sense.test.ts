import { beforeEach, describe, expect, test } from 'vitest';
import type { CameraEvent } from '@sitecast/shared/protocol/events';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import type { KeyframePicture } from '../../src/camera/fragment.ts';
import { QuietLog } from '../../src/health/quiet-log.ts';
import type { SenseChange } from '../../src/imaging/picture-sense.ts';
import { CameraSense } from '../../src/reporting/camera-sense.ts';
import { ManualClock, silentLogger } from '../support.ts';

const PICTURE = { jpeg: Buffer.alloc(1), luma: Buffer.alloc(1), width: 1, height: 1 };

let clock: ManualClock;
let told: CameraEvent[];
let tell: (event: CameraEvent) => Promise<void>;
let snapshots: string[];
let next: SenseChange[];
let show: (picture: KeyframePicture) => void;
let report: (report: CameraReport) => void;
let lookAt: (luma: Uint8Array, atMs: number) => void;

beforeEach(() => {
  clock = new ManualClock();
  told = [];
  tell = async (event) => void told.push(event);
  snapshots = [];
  next = [];
  lookAt = () => undefined;
});

function watch(takeSnapshot = async (reason: string) => `of ${reason}`): CameraSense {
  const sense = new CameraSense({
    camera: {
      id: 'front',
      onPicture: (listener) => ((show = listener), () => (show = () => undefined)),
      onReport: (listener) => ((report = listener), () => (report = () => undefined)),
    },
    sense: {
      look: (luma, atMs) => {
        lookAt(luma, atMs);
        return next.splice(0);
      },
      end: (atMs) => [{ kind: 'motion', isOpen: false, atMs }],
    },
    takeSnapshot: async (reason) => {
      snapshots.push(reason);
      return takeSnapshot(reason);
    },
    tell: (_camera, event) => tell(event),
    log: new QuietLog(silentLogger, clock),
    clock,
  });
  sense.start();
  return sense;
}

async function look(...changes: [SenseChange['kind'], boolean][]): Promise<void> {
  clock.advance(1_000);
  next = changes.map(([kind, isOpen]) => ({ kind, isOpen, atMs: clock.monotonicMs() }));
  show({ ...PICTURE, capturedAtMs: clock.nowMs() });
  await settle();
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const iso = (): string => new Date(clock.nowMs()).toISOString();

describe('CameraSense', () => {
  test('tells one event with its begin, its snapshot and, later, its end', async () => {
    const sense = watch();
    await look(['motion', true]);
    const at = iso();
    expect(told).toEqual([
      {
        id: expect.any(String) as string,
        kind: 'motion',
        at,
        until: null,
        detail: null,
        snapshotId: 'of motion',
      },
    ]);
    expect(sense.conditions).toEqual(['motion']);
    await look(['motion', false]);
    expect(told[1]).toEqual({ ...told[0], until: iso() });
    expect(sense.conditions).toEqual([]);
  });

  test('takes at most one snapshot in ten seconds', async () => {
    watch();
    await look(['motion', true], ['dark', true]);
    await look(['motion', false]);
    await look(['motion', true]);
    expect(told.map(({ snapshotId }) => snapshotId)).toEqual(['of motion', null, 'of motion', null]);
    clock.advance(10_000);
    await look(['blurred', true]);
    expect(snapshots).toEqual(['motion', 'rule']);
  });

  test('tells of an event without a snapshot when none can be taken', async () => {
    watch(() => Promise.reject(new Error('the spool is full')));
    await look(['motion', true]);
    expect(told).toMatchObject([{ kind: 'motion', snapshotId: null }]);
  });

  test('ends what goes on at the last picture when the camera goes away, and when it is closed', async () => {
    const sense = watch();
    await look(['motion', true]);
    const lastPicture = iso();
    clock.advance(30_000);
    report({ state: 'waiting' } as CameraReport);
    await settle();
    expect(told[1]).toMatchObject({ kind: 'motion', until: lastPicture });
    await look(['motion', true]);
    await sense.close();
    expect(told[3]).toMatchObject({ kind: 'motion', until: iso() });
    await sense.close();
    expect(told).toHaveLength(4);
  });

  test('leaves out pictures that come while one is looked at, and goes on after one that is broken', async () => {
    let finish: (id: string) => void = () => undefined;
    const sense = watch(() => new Promise((resolve) => (finish = resolve)));
    await look(['motion', true]);
    await look();
    await look();
    expect(sense.counters).toEqual({ picturesLooked: 1, picturesSkipped: 2 });
    finish('snapshot');
    await settle();
    lookAt = () => {
      throw new Error('torn');
    };
    await look();
    lookAt = () => undefined;
    await look(['dark', true]);
    expect(sense.counters).toEqual({ picturesLooked: 3, picturesSkipped: 2 });
    expect(told.map(({ kind }) => kind)).toEqual(['motion', 'dark']);
  });

  test('ends one event also when the begin of another, of the same picture, is refused', async () => {
    watch();
    await look(['motion', true]);
    tell = (event) =>
      event.kind === 'dark'
        ? Promise.reject(new Error('the spool is full'))
        : Promise.resolve(void told.push(event));
    await look(['dark', true], ['motion', false]);
    expect(told).toMatchObject([
      { kind: 'motion', until: null },
      { kind: 'motion', until: iso() },
    ]);
  });

  test('goes by time that nobody sets: an event of two seconds has two, with the clock an hour back meanwhile', async () => {
    watch();
    const times: number[] = [];
    lookAt = (_luma, atMs) => times.push(atMs);
    await look(['motion', true]);
    const beganMs = clock.nowMs();
    clock.setBy(-3_600_000);
    await look();
    await look(['motion', false]);
    expect(told[1]).toMatchObject({ at: told[0]!.at, until: new Date(beganMs + 2_000).toISOString() });
    expect(times.map((time) => time - times[0]!)).toEqual([0, 1_000, 2_000]);
  });

  test('tells when something began some pictures ago', async () => {
    watch();
    clock.advance(5_000);
    next = [{ kind: 'frozen', isOpen: true, atMs: clock.monotonicMs() - 4_000 }];
    show({ ...PICTURE, capturedAtMs: clock.nowMs() });
    await settle();
    expect(told[0]?.at).toBe(new Date(clock.nowMs() - 4_000).toISOString());
  });
});
