// What cameras of tests play: encoded by the bundled ffmpeg by the first test of the run that asks for it, for all files.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { inject } from 'vitest';
import { runFfmpeg } from './ffmpegs.ts';

const made = new Map<string, Promise<string>>();

/**
 * @param name with the ending that tells ffmpeg the container.
 * @param parameters of ffmpeg, without the output.
 * @returns the path; nobody may change the file.
 */
export function recording(name: string, ...parameters: string[]): Promise<string> {
  const id = createHash('sha256').update(JSON.stringify(parameters)).digest('hex').slice(0, 16);
  const path = join(inject('recordingsOfTheRun'), `${id}-${name}`);
  const making = made.get(path) ?? make(path, parameters);
  made.set(path, making);
  return making;
}

/** Another process may make the same at this moment: each under a name of its own, and whole once it has the final one. */
async function make(path: string, parameters: string[]): Promise<string> {
  if (existsSync(path)) return path;
  const partial = join(inject('recordingsOfTheRun'), `${process.pid}-${basename(path)}`);
  await runFfmpeg('-loglevel', 'error', ...parameters, partial);
  await rename(partial, path);
  return path;
}
