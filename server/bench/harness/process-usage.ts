// CPU seconds and memory of running processes, as Linux accounts them (proc(5)).

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { descendantsOf } from '../../test/e2e/support/sitecast.ts';

export interface Usage {
  cpuSeconds: number;
  rssBytes: number;
  /** Proportional set size: shared pages divided among those who share them. */
  pssBytes: number;
}

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Sum over `pids`; a process that is gone counts nothing. */
export function usageOf(pids: number[]): Usage {
  return pids.map(usageOfOne).reduce(
    (sum, one) => ({
      cpuSeconds: sum.cpuSeconds + one.cpuSeconds,
      rssBytes: sum.rssBytes + one.rssBytes,
      pssBytes: sum.pssBytes + one.pssBytes,
    }),
    { cpuSeconds: 0, rssBytes: 0, pssBytes: 0 },
  );
}

/** What a process and all that it started have used, those included that ended meanwhile: never less than before. */
export function cpuSecondsOfTree(pid: number): number {
  // The children first: one that ends in between counts with its parent.
  const pids = [...descendantsOf(pid).map((child) => child.pid), pid];
  return pids.reduce((sum, one) => sum + cpuSecondsWithEnded(one), 0);
}

/** Its own, and of children that ended and that it waited for, with theirs (proc_pid_stat(5): utime, stime, cutime, cstime). */
function cpuSecondsWithEnded(pid: number): number {
  try {
    const ticks = statFields(pid).slice(11, 15).map(Number);
    return ticks.reduce((sum, one) => sum + one, 0) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}

/** From the third one on: the second is a name, which may have blanks in it. */
function statFields(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function usageOfOne(pid: number): Usage {
  try {
    const fields = statFields(pid);
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const kilobytes = (key: string): number =>
      Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(rollup)?.[1] ?? 0);
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
      rssBytes: kilobytes('Rss') * 1024,
      pssBytes: kilobytes('Pss') * 1024,
    };
  } catch {
    return { cpuSeconds: 0, rssBytes: 0, pssBytes: 0 };
  }
}
