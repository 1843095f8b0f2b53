import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAppError } from '@sitecast/shared/runtime/app-error';
import { lockDataDir } from '../../src/standalone/data-dir-lock.ts';

describe('lock of the data directory', () => {
  let dir: string;
  beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'sitecast-lock-'))));
  afterEach(() => rmSync(dir, { recursive: true }));

  it('is refused while its holder runs, and free after the release', () => {
    const release = lockDataDir(dir);
    const error = attempt(() => lockDataDir(dir));
    expect(isAppError(error, 'DATA_DIR_IN_USE')).toBe(true);
    expect((error as Error).message).toContain(`process ${process.pid}`);
    release();
    release();
    lockDataDir(dir)();
  });

  it('is taken over from a process that is gone', () => {
    const { pid } = spawnSync('true');
    writeFileSync(join(dir, 'launcher.pid'), JSON.stringify({ pid, startedAt: '1' }));
    lockDataDir(dir)();
  });

  it('is taken over when the pid belongs to somebody else by now', () => {
    writeFileSync(join(dir, 'launcher.pid'), JSON.stringify({ pid: process.pid, startedAt: '1' }));
    lockDataDir(dir)();
  });

  it.each(['', '{', 'null', '{"pid":"x"}'])('is taken over from a file with %j in it', (text) => {
    writeFileSync(join(dir, 'launcher.pid'), text);
    lockDataDir(dir)();
  });
});

function attempt(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}
