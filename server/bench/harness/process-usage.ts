// CPU seconds and memory of running processes, as Linux accounts them (proc(5)).

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

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

function usageOfOne(pid: number): Usage {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
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
