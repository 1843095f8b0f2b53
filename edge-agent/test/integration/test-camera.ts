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
import { runFfmpeg, runningCaptures } from './ffmpegs.ts';

export interface TestCamera {
  camera: Camera;
  fragments: Fragment[];
  pictures: KeyframePicture[];
  reports: CameraReport[];
  /** All log lines, as they were written. */
  log: () => string;
  /** Of the reports since the one that the last call gave: a state that is over by now counts. */
  untilState: (state: CameraReport['state']) => Promise<CameraReport>;
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
  let looked = 0;
  const untilState: TestCamera['untilState'] = async (state) => {
    const reachedAt = (): number => reports.findIndex((report, at) => at >= looked && report.state === state);
    if (camera.report().state === state) {
      looked = reports.length;
      return camera.report();
    }
    await waitFor(() => reachedAt() >= 0, `state ${state}`);
    looked = reachedAt() + 1;
    return reports[looked - 1]!;
  };
  return { camera, fragments, pictures, reports, log: () => lines.join(''), untilState };
}

/** Writes what a player would be given: the init segment and its fragments. @returns the path. */
export async function writeMovie(fragments: Fragment[]): Promise<string> {
  const path = join(await temporaryFolder(), 'movie.mp4');
  const [first] = fragments;
  await writeFile(path, Buffer.concat([first!.init.bytes, ...fragments.map(({ bytes }) => bytes)]));
  return path;
}

export const epochsOf = (fragments: Fragment[]): number[] => [
  ...new Set(fragments.map(({ init }) => init.epoch)),
];

/** Decoded without an error. */
export async function picturesIn(fragments: Fragment[]): Promise<number> {
  const report = await runFfmpeg('-loglevel', 'info', '-i', await writeMovie(fragments), '-f', 'null', '-');
  return Number(/frame=\s*(\d+)/g.exec(report.slice(report.lastIndexOf('frame=')))?.[1]);
}
