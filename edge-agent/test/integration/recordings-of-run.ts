// The folder of `recording`, for as long as the run. Called by vitest in the process that has the run.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    recordingsOfTheRun: string;
  }
}

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'sitecast-recordings-'));
  provide('recordingsOfTheRun', folder);
  return () => rm(folder, { recursive: true, force: true });
}
