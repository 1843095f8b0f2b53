import { access, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { CameraEvent } from '@sitecast/shared/protocol/events';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import { Epochs } from '../../src/camera/epochs.ts';
import type { Fragment } from '../../src/camera/fragment.ts';
import { GopRing } from '../../src/camera/gop-ring.ts';
import { NO_MASKS, privacyMasks, type PrivacyMasks } from '../../src/camera/privacy-masks.ts';
import { openClipSource, type ClipCamera } from '../../src/clips/clip-source.ts';
import { ClipStore } from '../../src/clips/clip-store.ts';
import { clipSettings } from '../../src/clips/clip-settings.ts';
import { Clips, MAX_RECORDINGS } from '../../src/clips/clips.ts';
import { QuietLog } from '../../src/health/quiet-log.ts';
import { ManualClock, silentLogger, temporaryFolder, waitFor } from '../support.ts';
import { scriptedEncoders, settled, type ScriptedRun } from '../camera/encoder/samples.ts';
import { draw, newInit, readClip } from './drawn-clip.ts';

const init = newInit();
let clock: ManualClock;
let folder: string;
beforeEach(async () => {
  clock = new ManualClock();
  folder = join(await temporaryFolder(), 'clips');
});

class ScriptedCamera implements ClipCamera {
  readonly id: string;
  readonly masks: PrivacyMasks;
  readonly epochs = new Epochs();
  readonly ring: GopRing;
  readonly #listeners = new Set<(fragment: Fragment) => void>();
  #sequence = 0;

  constructor(id: string, masks: PrivacyMasks = NO_MASKS, maxBytes?: number) {
    this.id = id;
    this.masks = masks;
    this.ring = new GopRing({ keepMs: 5_000, maxBytes, clock });
  }

  report(): CameraReport {
    const nothing = { reason: null, detail: null, fps: 25 };
    const picture = { codec: init.codec, width: 1280, height: 720 };
    const since = '2026-01-01T00:00:00.000Z';
    return { id: this.id, name: this.id, state: 'live', since, ...nothing, ...picture, profiles: ['main'] };
  }

  onFragment(listener: (fragment: Fragment) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** A keyframe a second. */
  live(seconds: number): void {
    for (let second = 0; second < seconds; second += 1) {
      for (const fragment of draw(`K${'p'.repeat(24)}`, { init, from: this.#sequence })) {
        this.ring.push(fragment);
        for (const listener of this.#listeners) listener(fragment);
        clock.advance(40);
      }
      this.#sequence += 25;
    }
  }
}

interface Told {
  camera: string;
  event: CameraEvent;
}

async function openClips(
  given: ScriptedCamera[],
  { maxProcesses = 2, noted = Promise.resolve(), ...settings } = {},
) {
  const cameras = new Map(given.map((camera) => [camera.id, camera]));
  const all = clipSettings.parse({ preRollSeconds: 3, postRollSeconds: 2, maxSeconds: 20, ...settings });
  const bounds = { quotaBytes: all.quotaBytes, maxClipBytes: all.maxBytes };
  const store = await ClipStore.open({ folder, ...bounds, logger: silentLogger });
  const { encoders, runs } = scriptedEncoders(clock, { maxProcesses });
  const told: Told[] = [];
  let woken = 0;
  const clips = new Clips({
    settings: all,
    cameras,
    openSource: (camera) =>
      openClipSource({ camera, preRollMs: 3_000, encoders, clock, logger: silentLogger }),
    store,
    uploads: {
      start: () => {},
      wake: () => void (woken += 1),
      withhold: (id) => void store.update(id, { upload: 'none' }),
      close: async () => {},
      counters: { uploaded: 0, uploadsRefused: 0 },
    },
    tell: async (camera, event) => {
      told.push({ camera, event });
      await noted;
    },
    log: new QuietLog(silentLogger, clock),
    clock,
  });
  onTestFinished(async () => {
    await clips.close();
    await encoders.close();
  });
  const ends = (): CameraEvent[] => told.flatMap(({ event }) => (event.until === null ? [] : [event]));
  const ended = (count: number): Promise<unknown> => waitFor(() => ends().length === count, `${count} ends`);
  return { cameras, clips, store, told, runs, ends, ended, woken: () => woken };
}

const byRule = { reason: 'rule' } as const;
const samplesOf = async (id: string): Promise<Buffer[]> =>
  readClip(await readFile(join(folder, `${id}.mp4`))).samples;

describe('Clips', () => {
  test('records from before the moment to after it, and tells of its begin and its end', async () => {
    const camera = new ScriptedCamera('front');
    const { clips, store, told, ended } = await openClips([camera]);
    camera.live(10);
    const atMs = clock.nowMs();
    const recording = clips.record('front', { reason: 'motion' });
    // What comes while the disk is being asked belongs to it, too.
    camera.live(4);
    const id = await recording;
    await ended(1);
    const clip = store.find(id);
    expect(clip).toMatchObject({ camera: 'front', reason: 'motion', upload: 'none', maskVersion: 0 });
    expect(clip?.figures?.durationMs).toBeGreaterThanOrEqual(5_000);
    expect(clip?.figures?.durationMs).toBeLessThan(6_200);
    expect((await samplesOf(id))[0]).toEqual(Buffer.alloc(100, (7 * 25) % 251));
    expect(told).toMatchObject([
      { camera: 'front', event: { kind: 'clip', until: null, clipId: id, snapshotId: null } },
      {
        camera: 'front',
        event: { kind: 'clip', clipId: id, detail: expect.stringMatching(/^5\.\d s, 0\.\d MiB$/) },
      },
    ]);
    const [begin, end] = told.map(({ event }) => event);
    expect(end!.id).toBe(begin!.id);
    expect(Date.parse(begin!.at)).toBeLessThanOrEqual(atMs - 2_900);
    expect(Date.parse(end!.until!)).toBeGreaterThan(Date.parse(end!.at));
    expect(camera.listeners).toBe(0);
    expect(clips.health()).toMatchObject({ recording: 0, stored: 1, recorded: 1, refused: 0, failed: 0 });
  });

  test('answers when the event of its begin is durable, so that a kill after that leaves no clip without one', async () => {
    let note = (): void => {};
    const noted = new Promise<void>((resolve) => (note = resolve));
    const camera = new ScriptedCamera('front');
    const { clips, told } = await openClips([camera], { noted });
    camera.live(3);
    const answers: string[] = [];
    const asked = [byRule, byRule].map((request) =>
      clips.record('front', request).then((id) => answers.push(id)),
    );
    await waitFor(() => told.length === 1, 'the begin');
    await settled();
    expect(answers).toEqual([]);
    note();
    await Promise.all(asked);
    expect(answers).toEqual([told[0]!.event.clipId, told[0]!.event.clipId]);
  });

  test('goes on with the one that is being recorded, and uploads it when any of those who asked wants that', async () => {
    const camera = new ScriptedCamera('front');
    const { clips, store, ended, woken } = await openClips([camera]);
    camera.live(5);
    const first = await clips.record('front', byRule);
    camera.live(1);
    const second = await clips.record('front', { ...byRule, upload: 'always' });
    expect(second).toBe(first);
    camera.live(4);
    await ended(1);
    expect(store.find(first)).toMatchObject({ upload: 'wanted' });
    expect(store.find(first)?.figures?.durationMs).toBeGreaterThanOrEqual(6_000);
    expect(woken()).toBe(1);
    expect(await clips.record('front', byRule)).not.toBe(first);
  });

  test('leaves out what cannot be decoded, after a GOP that is longer than the ring', async () => {
    const camera = new ScriptedCamera('front', NO_MASKS, 1_500);
    const { clips, ended } = await openClips([camera]);
    camera.live(1);
    const id = await clips.record('front', byRule);
    camera.live(3);
    await ended(1);
    const samples = await samplesOf(id);
    const second = samples.findIndex((sample) => sample[0] === 25);
    // The ring had the first pictures of the first second; the second is whole.
    expect(second).toBeGreaterThan(3);
    expect(second).toBeLessThan(10);
    expect(samples.slice(0, second).map((sample) => sample[0])).toEqual(
      Array.from({ length: second }, (_, n) => n),
    );
  });

  test('refuses a camera that is not there, one without a picture, and one too many, and counts it', async () => {
    const cameras = Array.from({ length: MAX_RECORDINGS + 1 }, (_, n) => new ScriptedCamera(`cam-${n}`));
    const { clips, told } = await openClips([...cameras, new ScriptedCamera('dark')]);
    await expect(clips.record('nowhere', byRule)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(clips.record('dark', byRule)).rejects.toMatchObject({ code: 'CAMERA_OFFLINE' });
    for (const camera of cameras) camera.live(1);
    for (const { id } of cameras.slice(0, MAX_RECORDINGS)) await clips.record(id, byRule);
    await expect(clips.record(cameras.at(-1)!.id, byRule)).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      retryable: true,
    });
    expect(clips.health()).toMatchObject({ recording: MAX_RECORDINGS, refused: 3 });
    await clips.close();
    expect(told.filter(({ event }) => event.until !== null)).toHaveLength(MAX_RECORDINGS);
    await expect(clips.record('cam-0', byRule)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  test('uploads on request what is done, and what was uploaded again', async () => {
    const camera = new ScriptedCamera('front');
    const { clips, store, ended } = await openClips([camera]);
    camera.live(2);
    const id = await clips.record('front', byRule);
    await expect(clips.requestUpload(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    camera.live(4);
    await ended(1);
    expect(await clips.requestUpload(id)).toEqual({ bytes: store.find(id)!.figures!.bytes });
    expect(store.nextToUpload?.id).toBe(id);
    await store.update(id, { upload: 'done', uploadedBytes: 9 });
    await clips.requestUpload(id);
    expect(store.nextToUpload).toMatchObject({ id, uploadedBytes: 0 });
  });

  test('ends the event of a clip of which nothing could be kept, and says why', async () => {
    const camera = new ScriptedCamera('front');
    const { clips, store, ends, ended } = await openClips([camera]);
    camera.live(2);
    const id = await clips.record('front', byRule);
    const isThere = (): Promise<boolean> =>
      access(store.partialPath(id)).then(
        () => true,
        () => false,
      );
    await waitFor(isThere, 'its file');
    // It vanishes under the recorder's hands: its last step fails.
    await unlink(store.partialPath(id));
    camera.live(4);
    await ended(1);
    expect(ends()[0]).toMatchObject({ clipId: id, detail: expect.stringMatching(/^Nothing was kept: /) });
    expect(store.find(id)).toBeUndefined();
    expect(clips.health()).toMatchObject({ recorded: 0, failed: 1 });
  });
});

describe('a clip of a camera with privacy masks', () => {
  const masks = privacyMasks([{ x: 0, y: 0, width: 0.5, height: 0.5 }]);

  async function encodedBy(run: ScriptedRun, seconds: number): Promise<void> {
    const encoded = newInit(9);
    run.job.onInit({ ...encoded, timescale: 90_000, codec: 'avc1.42c01f' });
    for (const { bytes, isKeyframe, sequence } of draw(`K${'p'.repeat(24)}`.repeat(seconds), {
      from: 5_000,
      bytes: 60,
    }))
      run.job.onFragment({ bytes, isKeyframe, decodeTime: (sequence - 5_000) * 3_600 });
    await settled();
  }

  test('holds what the encoder gave, and not one byte of what the camera sent', async () => {
    const camera = new ScriptedCamera('front', masks);
    const { clips, store, runs, ended } = await openClips([camera]);
    camera.live(6);
    const id = await clips.record('front', byRule);
    await settled();
    // The encoder is given the time before, too.
    expect(runs).toHaveLength(1);
    expect(runs[0]!.written[0]).toMatchObject({ isKeyframe: true, sequence: 75 });
    camera.live(3);
    await encodedBy(runs[0]!, 7);
    await ended(1);
    expect(store.find(id)).toMatchObject({ maskVersion: masks.version, codec: 'avc1.64001f' });
    const samples = await samplesOf(id);
    expect(samples.length).toBeGreaterThan(100);
    expect(samples.every(({ length }) => length === 60)).toBe(true);
    const file = await readFile(join(folder, `${id}.mp4`));
    for (const { bytes } of camera.ring.fromBefore(60_000))
      expect(file.includes(Buffer.from(bytes.subarray(-100)))).toBe(false);
    expect([runs[0]!.isClosed, camera.listeners]).toEqual([true, 0]);
  });

  test('is refused while no encoder is free: nothing is recorded then', async () => {
    const cameras = [new ScriptedCamera('front', masks), new ScriptedCamera('gate', masks)];
    const { clips, store, told, runs } = await openClips(cameras, { maxProcesses: 1 });
    for (const camera of cameras) camera.live(2);
    await clips.record('front', byRule);
    await expect(clips.record('gate', byRule)).rejects.toMatchObject({
      code: 'ENCODER_LIMIT',
      retryable: true,
    });
    cameras[1]!.live(5);
    expect([store.stored, runs.length]).toEqual([0, 1]);
    expect(told.every(({ camera }) => camera === 'front')).toBe(true);
  });

  test('that was recorded before it had them does not leave the gateway any more', async () => {
    const open = new ScriptedCamera('front');
    const before = await openClips([open]);
    open.live(2);
    const id = await before.clips.record('front', { ...byRule, upload: 'always' });
    open.live(4);
    await before.ended(1);
    await before.clips.close();
    const after = await openClips([new ScriptedCamera('front', masks)]);
    expect(after.store.nextToUpload?.id).toBe(id);
    after.clips.start();
    expect(after.store.nextToUpload).toBeUndefined();
    await expect(after.clips.requestUpload(id)).rejects.toMatchObject({
      code: 'CLIP_MASKS',
      retryable: false,
    });
  });

  test('that was recorded before it had them does not leave when the camera is gone, but does when they are', async () => {
    const open = new ScriptedCamera('front');
    const { cameras, clips, store, ended } = await openClips([open]);
    open.live(2);
    const id = await clips.record('front', byRule);
    open.live(4);
    await ended(1);
    const becomes = (camera: ScriptedCamera | undefined): void => {
      if (camera) cameras.set('front', camera);
      else cameras.delete('front');
      clips.camerasChanged(new Set(['front']));
    };
    becomes(new ScriptedCamera('front', masks));
    becomes(undefined);
    await expect(clips.requestUpload(id)).rejects.toMatchObject({ code: 'CLIP_MASKS' });
    await store.close();
    const noted = JSON.parse(await readFile(join(folder, `${id}.json`), 'utf8')) as object;
    expect(noted).toMatchObject({ isMaskedSince: true });
    becomes(new ScriptedCamera('front'));
    expect(await clips.requestUpload(id)).toEqual({ bytes: store.find(id)!.figures!.bytes });
    becomes(undefined);
    expect(await clips.requestUpload(id)).toEqual({ bytes: store.find(id)!.figures!.bytes });
  });

  test('that is recorded while its camera gets masks ends with what there is, and does not leave the gateway', async () => {
    const [open, masked, back] = [
      new ScriptedCamera('front'),
      new ScriptedCamera('front', masks),
      new ScriptedCamera('back'),
    ];
    const { cameras, clips, store, ends, ended } = await openClips([open, back]);
    open.live(2);
    back.live(2);
    const earlier = await clips.record('front', { ...byRule, upload: 'always' });
    open.live(4);
    await ended(1);
    const cut = await clips.record('front', { ...byRule, upload: 'always' });
    const untouched = await clips.record('back', { ...byRule, upload: 'always' });
    open.live(1);
    back.live(1);
    cameras.set('front', masked);
    clips.camerasChanged(new Set(['front']));
    await ended(2);
    expect(open.listeners).toBe(0);
    expect(ends()[1]).toMatchObject({
      clipId: cut,
      detail: expect.stringMatching(/, cut because its camera got other settings$/),
    });
    expect([earlier, cut].map((id) => store.find(id)?.upload)).toEqual(['none', 'none']);
    back.live(3);
    await ended(3);
    expect(store.find(untouched)?.upload).toBe('wanted');
    await expect(clips.record('front', byRule)).rejects.toMatchObject({ code: 'CAMERA_OFFLINE' });
  });

  test('that the encoder cannot make is no clip at all', async () => {
    const camera = new ScriptedCamera('front', masks);
    const { clips, store, ends, ended } = await openClips([camera]);
    camera.live(2);
    const id = await clips.record('front', byRule);
    camera.live(30);
    await ended(1);
    expect(ends()[0]).toMatchObject({
      detail: expect.stringMatching(/^Nothing was kept: .*no picture came/),
    });
    expect(store.find(id)).toBeUndefined();
  });
});
