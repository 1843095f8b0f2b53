// One launcher a data directory: a pid file that survives neither its process nor a reboot.

import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';

/**
 * Root's PostgreSQL runs as another account, which has to pass through here to a folder of its own. It cannot list what is in
 * here, and whatever we put here is for its owner alone.
 */
const DATA_DIR_MODE = process.getuid?.() === 0 ? 0o711 : 0o700;

/**
 * Creates `dataDir` when it is missing.
 * @returns the release, idempotent.
 * @throws {AppError} CONFIG_INVALID when it cannot be made; DATA_DIR_IN_USE when another launcher that still runs holds it.
 */
export function lockDataDir(dataDir: string): () => void {
  makeDataDir(dataDir);
  const path = join(dataDir, 'launcher.pid');
  const own: Holder = { pid: process.pid, startedAt: startTimeOf(process.pid) };
  while (!appears(path, JSON.stringify(own))) {
    const holder = readHolder(path);
    if (holder !== undefined && isRunning(holder)) {
      throw new AppError(
        'DATA_DIR_IN_USE',
        `${dataDir} is in use by process ${holder.pid}; stop it, or choose another folder with --data-dir`,
      );
    }
    rmSync(path, { force: true });
  }
  return () => rmSync(path, { force: true });
}

function makeDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: DATA_DIR_MODE });
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `--data-dir cannot be made: ${messageOf(cause)}`, { cause });
  }
}

/** With its whole content or not at all. @returns false when the file is there already: of two launchers one is first. */
function appears(path: string, content: string): boolean {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, content, { mode: 0o600 });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

interface Holder {
  pid: number;
  /** Clock ticks since boot (proc(5), stat field 22): a pid alone may belong to a stranger by now. */
  startedAt: string | undefined;
}

function readHolder(path: string): Holder | undefined {
  try {
    const { pid, startedAt } = JSON.parse(readFileSync(path, 'utf8')) as Holder;
    return Number.isInteger(pid) ? { pid, startedAt } : undefined;
  } catch {
    return undefined;
  }
}

function isRunning({ pid, startedAt }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return startTimeOf(pid) === startedAt;
}

function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
