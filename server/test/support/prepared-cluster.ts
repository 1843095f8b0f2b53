// The PostgreSQL cluster that all test files of one run copy: where it lies, and its end with the run.

import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const DIR_PREFIX = 'sitecast-test-pg-';

export function preparedDirOf(runPid: number): string {
  return join(tmpdir(), `${DIR_PREFIX}${runPid}-prepared`);
}

/** Called by vitest in the process that has the run. */
export async function teardown(): Promise<void> {
  const dir = preparedDirOf(process.pid);
  for (const path of [dir, `${dir}.making`, `${dir}.lock`]) await rm(path, { recursive: true, force: true });
}
