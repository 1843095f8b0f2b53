import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chooseEncoder } from '../../src/camera/encoder/encoder-choice.ts';
import { HARDWARE_ENCODERS } from '../../src/camera/encoder/video-encoders.ts';
import { silentLogger, temporaryFolder } from '../support.ts';
import { ffmpegs } from './ffmpegs.ts';

const [bundled] = ffmpegs;

/** An ffmpeg that lists every encoder and does with each what the test says. */
async function scriptedFfmpeg(trial: string): Promise<typeof bundled> {
  const path = join(await temporaryFolder(), 'ffmpeg');
  const list = HARDWARE_ENCODERS.map((name) => `echo ' V....D ${name}            an encoder'`).join('\n');
  await writeFile(path, `#!/bin/sh\ncase "$*" in *-encoders*) ${list};; ${trial} esac\n`);
  await chmod(path, 0o755);
  return { ...bundled!, path };
}

describe.each(ffmpegs)('The choice of an encoder with ffmpeg $version', (ffmpeg) => {
  it('says of each hardware encoder why it was not taken, and leaves libx264 where none works', async () => {
    const choice = await chooseEncoder({ ffmpeg, setting: 'auto', logger: silentLogger });
    const names = choice.rejected.map(({ encoder }) => encoder);
    if (choice.encoder === 'libx264') expect(names).toEqual(HARDWARE_ENCODERS);
    else expect(names).toEqual(HARDWARE_ENCODERS.slice(0, HARDWARE_ENCODERS.indexOf(choice.encoder)));
    for (const { reason } of choice.rejected) expect(reason).toMatch(/\w{3}/);
    expect(choice.rejected).toContainEqual({
      encoder: 'h264_rkmpp',
      reason: 'this ffmpeg does not have it',
    });
  });

  it('tries nothing when software is asked for', async () => {
    const choice = await chooseEncoder({ ffmpeg, setting: 'software', logger: silentLogger });
    expect(choice).toEqual({ encoder: 'libx264', rejected: [] });
  });
});

describe('The choice of an encoder', () => {
  it('takes the first that encodes, and tries no more', async () => {
    const ffmpeg = await scriptedFfmpeg(
      `*h264_qsv*) exit 0;; *h264_vaapi*) echo 'No VA display found' >&2; exit 1;; *) exit 1;;`,
    );
    const choice = await chooseEncoder({ ffmpeg: ffmpeg!, setting: 'auto', logger: silentLogger });
    expect(choice).toMatchObject({
      encoder: 'h264_qsv',
      rejected: [{ encoder: 'h264_v4l2m2m' }, { encoder: 'h264_vaapi', reason: 'No VA display found' }],
    });
  });

  it('gives up one that hangs, and tries only the one that the settings name', async () => {
    const ffmpeg = await scriptedFfmpeg('*) exec sleep 60;;');
    const choice = await chooseEncoder({ ffmpeg: ffmpeg!, setting: 'h264_nvenc', logger: silentLogger });
    expect(choice).toEqual({
      encoder: 'libx264',
      rejected: [{ encoder: 'h264_nvenc', reason: 'no picture within 8 s' }],
    });
  });

  it('ends at once with the agent', async () => {
    const ffmpeg = await scriptedFfmpeg('*) exec sleep 60;;');
    const stopping = new AbortController();
    const choosing = chooseEncoder({
      ffmpeg: ffmpeg!,
      setting: 'auto',
      logger: silentLogger,
      signal: stopping.signal,
    });
    setTimeout(() => stopping.abort(), 300);
    const { encoder, rejected } = await choosing;
    expect(encoder).toBe('libx264');
    // None was waited for.
    for (const { reason } of rejected) expect(reason).not.toContain('no picture within');
  });
});
