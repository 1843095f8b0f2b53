import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeVersion, findFfmpeg } from '../../src/camera/ffmpeg-binary.ts';
import { temporaryFolder } from '../support.ts';

const BUNDLED_2018 = `ffmpeg version N-47683-g0e8eb07980-static https://johnvansickle.com/ffmpeg/  Copyright (c) 2000-2018
built with gcc 6.3.0 (Debian 6.3.0-18+deb9u1) 20170516
libavutil      56. 24.101 / 56. 24.101
libavformat    58. 23.100 / 58. 23.100`;
const DEBIAN_12 = BUNDLED_2018.replace(/version \S+/, 'version 5.1.9-0+deb12u1').replaceAll(
  '58. 23.100',
  '59. 27.100',
);
const FIVE_ZERO = DEBIAN_12.replaceAll('59. 27.100', '59. 16.100');

describe('describeVersion', () => {
  it('spells options as the build of 2018 knows them', () => {
    expect(describeVersion(BUNDLED_2018)).toEqual({
      version: 'N-47683-g0e8eb07980-static',
      timeoutOption: '-stimeout',
      passthroughOptions: ['-vsync', '0'],
      canHideUrl: false,
    });
  });

  it('spells options as 5.1 knows them', () => {
    expect(describeVersion(DEBIAN_12)).toMatchObject({
      timeoutOption: '-timeout',
      passthroughOptions: ['-fps_mode', 'passthrough'],
      canHideUrl: true,
    });
  });

  it('knows that 5.0 has the new time-out but not the new frame rate mode', () => {
    expect(describeVersion(FIVE_ZERO)).toMatchObject({
      timeoutOption: '-timeout',
      passthroughOptions: ['-vsync', '0'],
    });
  });
});

describe('findFfmpeg', () => {
  it('falls back to the bundled program on a bare machine', async () => {
    const found = await findFfmpeg({ searchPath: '/nonexistent', dataDir: await temporaryFolder() });
    expect(found).toMatchObject({ origin: 'bundled', timeoutOption: '-stimeout' });
  });

  it('prefers what is on the search path', async () => {
    const folder = await temporaryFolder();
    await fakeFfmpeg(join(folder, 'ffmpeg'), DEBIAN_12);
    const found = await findFfmpeg({ searchPath: `/nonexistent:${folder}`, dataDir: folder });
    expect(found).toMatchObject({
      origin: 'system',
      path: join(folder, 'ffmpeg'),
      version: '5.1.9-0+deb12u1',
    });
  });

  it('falls back to the bundled program when the one on the path is broken', async () => {
    const folder = await temporaryFolder();
    await fakeFfmpeg(join(folder, 'ffmpeg'), 'not an ffmpeg');
    expect(await findFfmpeg({ searchPath: folder, dataDir: folder })).toMatchObject({ origin: 'bundled' });
  });

  it('tries nothing else when a program is configured', async () => {
    const folder = await temporaryFolder();
    const configuredPath = join(folder, 'ffmpeg');
    await expect(
      findFfmpeg({ configuredPath, searchPath: process.env.PATH, dataDir: folder }),
    ).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    await mkdir(join(folder, 'sub'));
    await fakeFfmpeg(configuredPath, DEBIAN_12);
    await copyFile(configuredPath, join(folder, 'sub', 'ffmpeg'));
    expect(await findFfmpeg({ configuredPath, dataDir: folder })).toMatchObject({ origin: 'configured' });
  });
});

// A shell script that answers -version: what is under test is our search and our reading, not ffmpeg.
async function fakeFfmpeg(path: string, answer: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\ncat <<'END'\n${answer}\nEND\n`);
  await chmod(path, 0o755);
}
