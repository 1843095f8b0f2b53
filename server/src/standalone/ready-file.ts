// Tells another program that all is up, and how to get in.

import { renameSync, rmSync, writeFileSync } from 'node:fs';

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

export function removeReadyFile(path: string): void {
  rmSync(path, { force: true });
}
