// A camera under test that keeps what it gave, and is closed when the test ends.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import { pino } from 'pino';
import { expect, onTestFinished } from 'vitest';
import { Camera, type Fragment, type KeyframePicture } from '../../src/camera/camera.ts';
import { NO_MASKS, type PrivacyMasks } from '../../src/camera/privacy-masks.ts';
import type { FfmpegBinary } from '../../src/camera/ffmpeg-binary.ts';
import { temporaryFolder, waitFor } from '../support.ts';
import { runningCaptures } from './ffmpegs.ts';

export interface TestCamera {
  camera: Camera;
  fragments: Fragment[];
  pictures: KeyframePicture[];
  reports: CameraReport[];
  /** All log lines, as they were written. */
  log: () => string;
  untilState: (state: CameraReport['state'], timeoutMs?: number) => Promise<CameraReport>;
}

export async function startCamera(
  ffmpeg: FfmpegBinary,
  source: string,
  name = 'Front door',
  masks: PrivacyMasks = NO_MASKS,
): Promise<TestCamera> {
  const lines: string[] = [];
  const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  const runDir = await temporaryFolder();
  const camera = new Camera({ id: 'front', name, source, masks, ffmpeg, runDir, logger });
  const [fragments, pictures, reports]: [Fragment[], KeyframePicture[], CameraReport[]] = [[], [], []];
  camera.onFragment((fragment) => fragments.push(fragment));
  camera.onPicture((picture) => pictures.push(picture));
  camera.onReport((report) => reports.push(report));
  onTestFinished(async () => {
    await camera.close();
    expect(await runningCaptures()).toEqual([]);
  });
  camera.start();
  const untilState: TestCamera['untilState'] = (state, timeoutMs = 30_000) =>
    waitFor(
      () => (camera.report().state === state ? camera.report() : undefined),
      `state ${state}`,
      timeoutMs,
    );
  return { camera, fragments, pictures, reports, log: () => lines.join(''), untilState };
}

/** Writes what a player would be given: the init segment and its fragments. @returns the path. */
export async function writeMovie(fragments: Fragment[]): Promise<string> {
  const path = join(await temporaryFolder(), 'movie.mp4');
  const [first] = fragments;
  await writeFile(path, Buffer.concat([first!.init.bytes, ...fragments.map(({ bytes }) => bytes)]));
  return path;
}
