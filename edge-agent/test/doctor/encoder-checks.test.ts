import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HARDWARE_ENCODERS } from '../../src/camera/encoder/video-encoders.ts';
import { parseAgentYaml } from '../../src/config-file.ts';
import { checkEncoders, type EncoderCheckOptions } from '../../src/doctor/encoder-checks.ts';
import type { Finding } from '@sitecast/shared/node/check';
import { temporaryFolder } from '../support.ts';

/** Lists every hardware encoder, and does with each what the test says, a case of a shell a line. */
async function scriptedFfmpeg(...trials: string[]): Promise<string> {
  const path = join(await temporaryFolder(), 'ffmpeg');
  const list = HARDWARE_ENCODERS.map((name) => `echo ' V....D ${name}            an encoder'`).join('\n');
  const version = `echo 'ffmpeg version 5.1.2 Copyright'; echo 'libavformat    59. 27.100 / 59. 27.100'`;
  await writeFile(
    path,
    `#!/bin/sh\ncase "$*" in\n*-version*) ${version};;\n*-encoders*) ${list};;\n${trials.join('\n')}\nesac\n`,
  );
  await chmod(path, 0o755);
  return path;
}

const NO_DEVICE = `*h264_nvenc*) echo '[h264_nvenc @ 0x55d0c8] Cannot load libcuda.so.1' >&2; exit 1;;`;
const SOFTWARE = '*libx264*) exit 0;;';
const NOTHING_ELSE = `*) echo 'No such device' >&2; exit 1;;`;

async function look(
  ffmpegPath: string,
  settings = '',
  options: Partial<EncoderCheckOptions> = {},
): Promise<Finding> {
  const text = `site: demo
agent: gateway
dataDir: ${await temporaryFolder()}
ffmpegPath: ${ffmpegPath}
uplink: { url: "mqtt://h", mediaUrl: "mqtt://h" }
${settings}`;
  const { signal } = new AbortController();
  return checkEncoders(parseAgentYaml(text, 'x'), { searchPath: '', signal, cores: 4, ...options });
}

const ONE = 'encoders: { maxProcesses: 1 }';
const MASK = 'masks: [{ x: 0, y: 0, width: 0.1, height: 0.1 }]';
const masked = (...ids: string[]): string =>
  `cameras: [${ids.map((id) => `{ id: ${id}, source: "demo:x", ${MASK} }`).join()}]`;

describe('The encoders that doctor finds', () => {
  it('are named with why they were chosen, and how many may run on how many cores', async () => {
    expect(await look(await scriptedFfmpeg(NO_DEVICE, SOFTWARE, NOTHING_ELSE), ONE)).toEqual({
      state: 'ok',
      text:
        'libx264 by "encoder: auto"; not h264_v4l2m2m, h264_vaapi, h264_qsv, h264_rkmpp: No such device; ' +
        'not h264_nvenc: Cannot load libcuda.so.1; up to 1 process on 4 cores',
    });
    const vaapi = await scriptedFfmpeg('*h264_vaapi*) exit 0;;', NOTHING_ELSE);
    expect(await look(vaapi, 'encoder: h264_vaapi\nencoders: { maxProcesses: 8 }')).toEqual({
      state: 'ok',
      text: 'h264_vaapi by "encoder: h264_vaapi"; up to 8 processes on 4 cores',
    });
    expect(await look(await scriptedFfmpeg(SOFTWARE), `encoder: software\n${ONE}`)).toEqual({
      state: 'ok',
      text: 'libx264 by "encoder: software"; up to 1 process on 4 cores',
    });
  });

  it('lack the one that the configuration names: it says what takes its place, and what to do', async () => {
    const found = await look(await scriptedFfmpeg(NO_DEVICE, SOFTWARE), `encoder: h264_nvenc\n${ONE}`);
    expect(found).toMatchObject({
      state: 'warning',
      text: expect.stringMatching(
        /^libx264 by "encoder: h264_nvenc"; not h264_nvenc: Cannot load libcuda\.so\.1;/,
      ) as string,
      advice: expect.stringMatching(/driver of h264_nvenc.*"encoder: auto"/) as string,
    });
  });

  it('are none: that fails where masks need one, and is a warning elsewhere', async () => {
    const nothing = await scriptedFfmpeg(
      `*libx264*) echo "Unknown encoder 'libx264'" >&2; exit 1;;`,
      NOTHING_ELSE,
    );
    const settings = `encoder: software\n${ONE}\n`;
    const bare = await look(nothing, settings);
    expect(bare).toMatchObject({
      state: 'warning',
      text: `libx264 by "encoder: software"; libx264 does not work either: Unknown encoder 'libx264'`,
      advice: expect.stringMatching(/apt-get install ffmpeg; without it there is no "low"/) as string,
    });
    expect(await look(nothing, settings + masked('yard', 'gate'))).toMatchObject({
      state: 'failed',
      advice: expect.stringContaining('yard, gate cannot be watched, because of the masks') as string,
    });
  });

  it('are more at a time than there are cores, or fewer than cameras with masks', async () => {
    const software = await scriptedFfmpeg(SOFTWARE);
    const settings = (maxProcesses: number): string =>
      `encoder: software\nencoders: { maxProcesses: ${maxProcesses} }\n`;
    expect(await look(software, settings(4))).toMatchObject({ state: 'ok' });
    expect(await look(software, settings(5))).toMatchObject({
      state: 'warning',
      advice: expect.stringContaining('set "encoders.maxProcesses" to 3') as string,
    });
    expect(await look(software, settings(2) + masked('a', 'b'))).toMatchObject({ state: 'ok' });
    expect(await look(software, settings(2) + masked('a', 'b', 'c'))).toMatchObject({
      state: 'warning',
      advice: expect.stringContaining('3 cameras have masks') as string,
    });
  });

  it('are not waited for longer than a while', async () => {
    const hanging = await scriptedFfmpeg(SOFTWARE, '*) exec sleep 60;;');
    expect(await look(hanging, ONE, { choiceTimeoutMs: 500 })).toMatchObject({
      state: 'ok',
      text: expect.stringMatching(/^libx264 by "encoder: auto"; .*; not all were tried in time;/) as string,
    });
  });

  it('are not looked for without an ffmpeg', async () => {
    expect(await look('/nonexistent/ffmpeg')).toMatchObject({ state: 'skipped' });
  });
});
