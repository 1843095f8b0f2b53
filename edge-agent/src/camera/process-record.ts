// Small files `<runDir>/<pid>.capture.json`, one a running capture, so that the next start of the agent finds and ends what a
// kill -9 left behind. A process is named by pid AND start time: a pid alone may belong to a stranger by now.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { Logger } from '@sitecast/shared/node/logger';
import { messageOf } from '@sitecast/shared/runtime/app-error';

const SUFFIX = '.capture.json';

const identity = z.object({ pid: z.int().min(2), startTicks: z.string().min(1), bootId: z.string().min(1) });
const processRecord = z.object({ capture: identity, agent: identity });
type ProcessIdentity = z.output<typeof identity>;

/**
 * Notes a capture process that runs now. Without /proc (not Linux) nothing is noted: ffmpeg ends there when its pipes break.
 * @returns forgets it; idempotent.
 */
export function recordProcess(runDir: string, pid: number): () => void {
  const capture = identityOf(pid);
  const agent = identityOf(process.pid);
  if (!capture || !agent) return () => {};
  const path = join(runDir, `${pid}${SUFFIX}`);
  try {
    mkdirSync(runDir, { recursive: true, mode: 0o700 });
    writeFileSync(path, JSON.stringify({ capture, agent }), { mode: 0o600 });
  } catch {
    // A full or read-only disk is no reason to go without a picture: the process still ends by its broken pipe.
  }
  return () => forget(path);
}

function forget(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // A read-only disk. The next start finds that its process is gone.
  }
}

/**
 * Kills the captures in `runDir` whose agent is dead, and forgets those that are gone. Captures of an agent that lives stay.
 * @returns how many were killed.
 */
export async function sweepOrphans({ runDir, logger }: { runDir: string; logger: Logger }): Promise<number> {
  const names = await readdir(runDir).catch(() => []);
  let killed = 0;
  for (const name of names.filter((entry) => entry.endsWith(SUFFIX))) {
    const path = join(runDir, name);
    try {
      const { capture, agent } = processRecord.parse(JSON.parse(readFileSync(path, 'utf8')));
      if (isAlive(agent)) continue;
      if (isAlive(capture) && killGroup(capture.pid)) killed += 1;
    } catch (error) {
      logger.warn(
        { file: name, reason: messageOf(error) },
        'a capture record could not be read and is removed',
      );
    }
    forget(path);
  }
  if (killed > 0) logger.warn({ killed }, 'captures that outlived a killed agent were ended');
  return killed;
}

// What node-rtsp-stream starts has no group of its own.
function killGroup(pid: number): boolean {
  return kill(-pid) || kill(pid);
}

function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}

function isAlive(known: ProcessIdentity): boolean {
  const now = identityOf(known.pid);
  return now?.startTicks === known.startTicks && now.bootId === known.bootId;
}

function identityOf(pid: number): ProcessIdentity | undefined {
  try {
    // proc(5): the name in brackets may hold anything, so fields are counted from the last one; the 22nd is the start time.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const [state, startTicks] = [fields[0], fields[19]];
    return startTicks === undefined || state === 'Z' ? undefined : { pid, startTicks, bootId };
  } catch {
    return undefined;
  }
}
