import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { FfmpegBinary } from '../../src/camera/ffmpeg-binary.ts';
import { LUMA_FILTERS, LumaSplitter, type Luma } from '../../src/camera/luma.ts';
import { PictureSense } from '../../src/imaging/picture-sense.ts';
import { ffmpegs } from './ffmpegs.ts';

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const SECONDS = 130;

/** Colour bars with the noise of a sensor, and what happens before them. */
const SCENE = `
  smptehdbars=s=640x360:r=1,format=yuv420p,noise=alls=6:allf=t[bars];
  color=white:s=40x90:r=1[person];
  [bars][person]overlay=x='(t-20)*80+30':y=200:enable='between(t,20,24)',
  drawbox=t=fill:color=black:enable='between(t,50,59)',
  boxblur=20:2:enable='between(t,80,91)',
  drawbox=t=fill:color=gray:enable='between(t,110,119)'`.replaceAll(/\s+/g, '');

describe.each(ffmpegs)('pictures of a real encoder, ffmpeg $version', (ffmpeg) => {
  test('tell of motion, darkness, blur and a covered lens, and of nothing else', async () => {
    const told: string[] = [];
    const sense = new PictureSense({
      motion: { sensitivity: 'medium', zones: [], quietMs: 5_000 },
      frozenAfterMs: 30_000,
      tampering: true,
    });
    for (const [second, luma] of (await lumasOf(ffmpeg)).entries()) {
      for (const { kind, isOpen, atMs } of sense.look(luma, second * 1_000))
        told.push(`${isOpen ? '' : 'no '}${kind} at ${atMs / 1_000}`);
    }
    expect(told).toEqual([
      ...['motion at 20', 'no motion at 25'],
      ...['dark at 50', 'no dark at 60'],
      ...['blurred at 80', 'no blurred at 92'],
      ...['covered at 110', 'no covered at 120'],
    ]);
  });
});

/** A picture a second, coded to H.264 and decoded again, as those of a camera are. */
async function lumasOf({ path }: FfmpegBinary): Promise<Luma[]> {
  const options = { encoding: 'buffer', maxBuffer: MAX_OUTPUT_BYTES } as const;
  const input = ['-hide_banner', '-nostdin', '-loglevel', 'error', '-f', 'lavfi', '-i', SCENE];
  const h264 = ['-t', String(SECONDS), '-c:v', 'libx264', '-b:v', '400k', '-g', '1', '-f', 'h264', 'pipe:1'];
  const { stdout: video } = await run(path, [...input, ...h264], options);
  const small = ['-vf', LUMA_FILTERS.join(), '-f', 'rawvideo', 'pipe:1'];
  const decoding = run(
    path,
    ['-loglevel', 'error', '-f', 'h264', '-r', '1', '-i', 'pipe:0', ...small],
    options,
  );
  decoding.child.stdin?.end(video);
  const lumas: Luma[] = [];
  const splitter = new LumaSplitter((luma) => void lumas.push(luma));
  splitter.push((await decoding).stdout);
  expect(lumas).toHaveLength(SECONDS);
  return lumas;
}
