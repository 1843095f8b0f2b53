// What a process takes, as proc(5) tells; 0 where there is no /proc.

import { readFileSync } from 'node:fs';

/** USER_HZ, which Linux fixes at 100 for what it shows to programs. */
const TICKS_PER_SECOND = 100;

/** Resident memory, bytes; 0 when the process is gone. */
export function rssBytesOf(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readProc(pid, 'status'));
  return Number(line?.[1] ?? 0) * 1024;
}

/** Time on a processor since its start, all threads together, ms; 0 when the process is gone. */
export function cpuMsOf(pid: number): number {
  const stat = readProc(pid, 'stat');
  // The name in brackets may hold anything, so fields are counted from the last one; the 14th and 15th are user and system time.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 1000) / TICKS_PER_SECOND;
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
