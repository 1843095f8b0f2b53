// Tells another program that all is up, and how to get in.

import { accessSync, constants, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';

export interface Ready {
  url: string;
  username: string;
  /** Null once the first password was changed: only its owner knows it. */
  password: string | null;
  mqttPort: number;
  mediaPort: number;
  databaseUrl: string;
  pids: { server: number; agent: number };
}

/** Appears whole or not at all, mode 0600: it holds the login. */
export function writeReadyFile(path: string, ready: Ready): void {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(ready, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, path);
}

/** Before anything starts: the file of an earlier run goes. @throws {AppError} CONFIG_INVALID when none could be written. */
export function prepareReadyFile(path: string): void {
  try {
    accessSync(dirname(path), constants.W_OK);
    removeReadyFile(path);
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `--ready-file cannot be written: ${messageOf(cause)}`, { cause });
  }
}

export function removeReadyFile(path: string): void {
  rmSync(path, { force: true });
}
