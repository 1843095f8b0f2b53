import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Fragment } from '../../src/camera/fragment.ts';
import {
  ClipRecorder,
  UNWRITTEN_MAX_BYTES,
  type ClipRecorderOptions,
} from '../../src/clips/clip-recorder.ts';
import type { ClipSource } from '../../src/clips/clip-source.ts';
import { ManualClock, temporaryFolder } from '../support.ts';
import { draw, newInit, readClip } from './drawn-clip.ts';

const init = newInit();
const MIB = 1024 * 1024;

class Source implements ClipSource {
  isClosed = false;
  failure: AppError | undefined;
  readonly preRollS: number;
  readonly #backlog: Fragment[];
  #take: ((fragment: Fragment) => void) | undefined;

  constructor(backlog: Fragment[]) {
    this.#backlog = backlog;
    this.preRollS = backlog.length / 25;
  }

  start(take: (fragment: Fragment) => void): void {
    this.#take = take;
    for (const fragment of this.#backlog) take(fragment);
  }

  give(...fragments: Fragment[]): void {
    for (const fragment of fragments) this.#take?.(fragment);
  }

  close(): void {
    this.isClosed = true;
  }
}

let path: string;
let clock: ManualClock;
beforeEach(async () => {
  path = join(await temporaryFolder(), 'clip.partial');
  clock = new ManualClock();
});

function recorderOf(source: Source, more: Partial<ClipRecorderOptions> = {}): ClipRecorder {
  const bounds = { postRollS: 2, maxSeconds: 60, maxBytes: 10 * MIB };
  return new ClipRecorder({ path, source, clock, ...bounds, ...more });
}

const pictures = (seconds: number): string => `K${'p'.repeat(24)}`.repeat(seconds);
const seconds = async (): Promise<number> => readClip(await readFile(path)).durationMs / 1_000;

describe('ClipRecorder', () => {
  test('records what was before and the post-roll, and then stops to listen', async () => {
    const source = new Source(draw(pictures(3), { init }));
    const recording = recorderOf(source).record();
    source.give(...draw(pictures(10), { init, from: 75 }));
    const recorded = await recording;
    expect(recorded).toMatchObject({
      end: 'complete',
      startedAtMs: 1_800_000_000_000,
      picture: { width: 1280 },
    });
    expect(await seconds()).toBeCloseTo(5, 0);
    expect(recorded.durationMs).toBe(Math.round((await seconds()) * 1_000));
    expect(source.isClosed).toBe(true);
  });

  test('goes on when it is asked for again, up to its longest', async () => {
    const source = new Source(draw(pictures(1), { init }));
    const recorder = recorderOf(source, { maxSeconds: 6 });
    const recording = recorder.record();
    for (let second = 1; second < 12; second += 1) {
      source.give(...draw(pictures(1), { init, from: 25 * second }));
      recorder.extend();
    }
    expect(await recording).toMatchObject({ end: 'complete' });
    expect(await seconds()).toBeCloseTo(6, 0);
  });

  test('ends where the next picture would make it too large', async () => {
    const source = new Source(draw('K', { init }));
    const recording = recorderOf(source, { maxBytes: 100_000 }).record();
    source.give(...draw(pictures(4), { init, from: 1, bytes: 2_000 }));
    const { end, bytes } = await recording;
    expect(end).toBe('full');
    expect(bytes).toBeLessThanOrEqual(100_000);
    expect(bytes).toBeGreaterThan(80_000);
  });

  test('ends with the capture, since what the next one gives cannot be decoded after it', async () => {
    const source = new Source(draw('Kpp', { init }));
    const recording = recorderOf(source).record();
    source.give(...draw('Kpp', { init: newInit(2), from: 3 }));
    expect(await recording).toMatchObject({ end: 'changed' });
    expect(readClip(await readFile(path)).samples).toHaveLength(3);
  });

  test('ends by itself when nothing comes any more, with what there is', async () => {
    const recording = recorderOf(new Source(draw('Kpp', { init }))).record();
    clock.advance(17_000);
    expect(await recording).toMatchObject({ end: 'silent', durationMs: 120 });
  });

  test('ends where the disk is slower than the camera, and holds no more than its bound', async () => {
    const source = new Source([]);
    const recording = recorderOf(source, { postRollS: 60 }).record();
    const large = draw('K', { init, bytes: MIB })[0]!;
    // All in one turn of the event loop, in which nothing can be written.
    for (let n = 0; n < 20; n += 1) source.give({ ...large, decodeTimeS: n / 25 });
    const { end, bytes } = await recording;
    expect(end).toBe('disk-slow');
    expect(bytes).toBeLessThan(UNWRITTEN_MAX_BYTES + MIB);
  });

  test('takes all that was before, however much, and waits for the disk with that', async () => {
    const source = new Source(draw('K'.repeat(8), { init, bytes: MIB }));
    const recording = recorderOf(source, { maxBytes: 64 * MIB }).record();
    source.give(...draw(pictures(3), { init, from: 8 }));
    expect(await recording).toMatchObject({ end: 'complete' });
    expect(readClip(await readFile(path)).samples.length).toBeGreaterThan(50);
  });

  test('says that there is no clip when already its first picture is too large', async () => {
    const source = new Source(draw('K', { init, bytes: 2 * MIB }));
    await expect(recorderOf(source, { maxBytes: MIB }).record()).rejects.toThrow(
      /first picture is larger than clips.maxBytes/,
    );
  });

  test('says why there is no clip when no picture came, and leaves no file', async () => {
    const source = new Source([]);
    const recording = recorderOf(source).record();
    source.failure = new AppError('ENCODER_FAILED', 'the encoder ended');
    clock.advance(17_000);
    await expect(recording).rejects.toMatchObject({ code: 'ENCODER_FAILED' });
    expect(existsSync(path)).toBe(false);
  });

  test('says why there is no clip when the disk takes nothing', async () => {
    await mkdir(path);
    const recording = recorderOf(new Source(draw('Kpp', { init }))).record();
    await expect(recording).rejects.toMatchObject({ code: 'CLIP_FAILED', retryable: true });
  });

  test('keeps what there is when it is told to stop', async () => {
    const recorder = recorderOf(new Source(draw('Kpp', { init })));
    const recording = recorder.record();
    recorder.stop();
    expect(await recording).toMatchObject({ end: 'stopped', durationMs: 120 });
    expect(recorder.isEnded).toBe(true);
  });
});
