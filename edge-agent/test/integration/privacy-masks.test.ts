import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { privacyMasks } from '../../src/camera/privacy-masks.ts';
import { waitFor } from '../support.ts';
import { startEncodedCamera, watch } from './encoded-camera.ts';
import { ffmpegs } from './ffmpegs.ts';
import { recording } from './recordings.ts';
import { writeMovie } from './test-camera.ts';

const run = promisify(execFile);
const PICTURE = { width: 320, height: 180 };
const MASK = { x: 0.25, y: 0.5, width: 0.25, height: 0.25 };
const masks = privacyMasks([MASK]);
const hasTool = requireTool('ffmpeg', 'what leaves the gateway is decoded again');

/** Grey values of PICTURE's size, row by row. */
type Grey = Buffer;

describe.skipIf(!hasTool).each(ffmpegs)('privacy masks with ffmpeg $version', (ffmpeg) => {
  it('cover their part, and nothing else, in pictures and in every live profile', async () => {
    const scene = ['-f', 'lavfi', '-i', 'color=white:s=640x360:r=15', '-t', '4', '-pix_fmt', 'yuv420p'];
    const white = await recording('white.mp4', ...scene, '-c:v', 'libx264', '-g', '15');
    const { live, camera, pictures } = await startEncodedCamera(ffmpeg, `file:${white}`, { masks });
    expect(live.report().encoded).toEqual(['main', 'low', 'mpeg1']);
    await waitFor(() => pictures.length > 0, 'a picture');
    const still = sharp(pictures[0]!.jpeg).resize({ ...PICTURE, fit: 'fill' });
    expectMasked(await still.toColourspace('b-w').raw().toBuffer());
    for (const profile of ['main', 'low'] as const) {
      const { video, fragments } = watch(live, profile);
      await waitFor(() => fragments.length >= 5, profile);
      expectMasked(await greyOf(await writeMovie(fragments)));
      video.close();
    }
    expect(camera.masks.version).toBe(masks.version);
  });
});

async function greyOf(path: string): Promise<Grey> {
  const size = `scale=${PICTURE.width}:${PICTURE.height}`;
  const output = ['-vf', size, '-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', 'gray', 'pipe:1'];
  const { stdout } = await run('ffmpeg', ['-v', 'error', '-i', path, ...output], { encoding: 'buffer' });
  return stdout;
}

function expectMasked(grey: Grey): void {
  const at = (x: number, y: number): number =>
    grey[Math.round(y * PICTURE.height) * PICTURE.width + Math.round(x * PICTURE.width)]!;
  const { x, y, width, height } = MASK;
  for (const [left, top] of [
    [0.05, 0.05],
    [0.5, 0.5],
    [0.95, 0.95],
  ] as const) {
    expect(at(x + left * width, y + top * height)).toBeLessThan(40);
  }
  for (const [left, top] of [
    [x - 0.04, y],
    [x, y - 0.05],
    [x + width + 0.04, y],
    [x, y + height + 0.05],
    [0.9, 0.1],
  ] as const) {
    expect(at(left, top)).toBeGreaterThan(200);
  }
}
