// Whether a program that a suite needs is installed. Missing: the suite skips and says so; under CI that is a failure.

import { spawnSync } from 'node:child_process';

/** @throws {Error} under `CI=true` when `tool` is missing: a skipped suite there would hide a broken install step. */
export function requireTool(tool: string, why = 'this suite talks to it'): boolean {
  if (spawnSync('sh', ['-c', `command -v "$0"`, tool]).status === 0) return true;
  const sentence = `SKIPPED: ${tool} is not installed (${why})`;
  if (process.env.CI) throw new Error(sentence);
  process.stderr.write(`\n  ##  ${sentence}\n`);
  return false;
}
