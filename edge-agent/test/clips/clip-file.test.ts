import { appendFile, copyFile, readFile, stat, truncate } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Fragment } from '../../src/camera/fragment.ts';
import { ClipFile } from '../../src/clips/clip-file.ts';
import { fragment } from '../camera/fmp4-sample.ts';
import { temporaryFolder } from '../support.ts';
import { draw, FPS, newInit, readClip, TIMESCALE } from './drawn-clip.ts';

const init = newInit();

async function write(fragments: Fragment[]): Promise<{ path: string; file: ClipFile }> {
  const path = join(await temporaryFolder(), 'clip.mp4.partial');
  const file = await ClipFile.create(path, init.bytes);
  await file.append(fragments.map(({ bytes }) => bytes));
  return { path, file };
}

const contents = (from: number, to: number): Buffer[] =>
  Array.from({ length: to - from }, (_, index) => Buffer.alloc(100, (from + index) % 251));

describe('a clip that is finished', () => {
  test('is one movie whose tables find every sample, from its beginning', async () => {
    const { path, file } = await write(draw('KppKppp', { from: 1_000 }));
    const bytes = await file.finish();
    expect((await stat(path)).size).toBe(bytes);
    const clip = readClip(await readFile(path));
    expect(clip.boxes).toEqual(['ftyp', 'mdat', 'moov']);
    expect(clip.samples).toEqual(contents(1_000, 1_007));
    expect(clip.keyframes).toEqual([1, 4]);
    expect(clip.durationsTicks).toEqual(Array<number>(7).fill(TIMESCALE / FPS));
    expect([clip.durationMs, file.durationMs]).toEqual([280, 280]);
    expect(file.picture).toMatchObject({ codec: 'avc1.64001f', width: 1280, height: 720 });
  });

  test('leaves out the table of keyframes where every picture is one', async () => {
    const { path, file } = await write(draw('KKK'));
    await file.finish();
    expect(readClip(await readFile(path)).keyframes).toEqual([]);
  });

  test('shows each picture until the next, and as long as it says where the clock of the camera jumps', async () => {
    const at = [0, 3_600, 3_600 * 3, 10, 3_600 * 1_000_000, 3_600 * 1_000_001];
    const pictures = at.map((decodeTime, index) =>
      fragment({ isKeyframe: index === 0, decodeTime, duration: 3_000, payload: Buffer.alloc(10) }),
    );
    const path = join(await temporaryFolder(), 'clip');
    const file = await ClipFile.create(path, init.bytes);
    for (const picture of pictures) await file.append([picture]);
    await file.finish();
    // Back by a jump, and ahead by ten hours: neither is how long a picture was there.
    expect(readClip(await readFile(path)).durationsTicks).toEqual([3_600, 7_200, 3_000, 3_000, 3_600, 3_000]);
  });

  test('has nothing of what could not be read, and all before it', async () => {
    const { path, file } = await write(draw('Kpp'));
    await expect(file.append([Buffer.from('no fragment at all')])).rejects.toMatchObject({
      code: 'FRAME_MALFORMED',
    });
    await file.append(draw('K', { from: 3 }).map(({ bytes }) => bytes));
    await file.finish();
    expect(readClip(await readFile(path)).samples).toEqual(contents(0, 4));
  });
});

describe('a clip that was cut off', () => {
  test('at any byte keeps every picture that is whole', async () => {
    const fragments = draw('KpK', { init, bytes: 20 });
    const { path, file } = await write(fragments);
    const whole = (await stat(path)).size;
    const start = whole - fragments.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const ends = fragments.map((_, index) =>
      fragments.slice(0, index + 1).reduce((sum, { bytes }) => sum + bytes.length, start),
    );
    const copy = `${path}.copy`;
    const within = Array.from({ length: whole - start + 1 }, (_, n) => start + n);
    for (const bytes of [0, 7, 40, 300, start - 1, ...within]) {
      await copyFile(path, copy);
      await truncate(copy, bytes);
      const expected = ends.filter((end) => end <= bytes).length;
      const found = await ClipFile.reopen(copy);
      expect([bytes, found?.samples ?? 0]).toEqual([bytes, expected]);
      await found?.abandon();
    }
    await file.abandon();
    expect(existsSync(path)).toBe(false);
  });

  test('is finished as if nothing had been, whatever stood behind it', async () => {
    for (const rest of [
      Buffer.alloc(5_000),
      draw('p', { from: 3 })[0]!.bytes.subarray(0, 150),
      Buffer.from('x'),
    ]) {
      const { path, file } = await write(draw('Kpp'));
      await file.append([]);
      const copy = `${path}.copy`;
      await copyFile(path, copy);
      await appendFile(copy, rest);
      const reopened = await ClipFile.reopen(copy);
      await reopened!.finish();
      expect(readClip(await readFile(copy)).samples).toEqual(contents(0, 3));
      await file.abandon();
    }
  });

  test('between its last two writes, or after them, is finished again to the same bytes', async () => {
    const { path, file } = await write(draw('KppK'));
    const bytes = await file.finish();
    const finished = await readFile(path);
    const again = await ClipFile.reopen(path);
    expect(await again!.finish()).toBe(bytes);
    expect(await readFile(path)).toEqual(finished);
  });
});
