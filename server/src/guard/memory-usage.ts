// What the process uses of its memory, as the one who kills it would count. Linux control groups v1 and v2, else RSS.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getHeapStatistics } from 'node:v8';

export interface MemoryUsage {
  rssBytes: number;
  /** Against the limit: of the container without the page cache that it may drop, else `rssBytes`. */
  usedBytes: number;
  heapUsedBytes: number;
  heapLimitBytes: number;
  /** Share of the last ten seconds in which some task waited for memory, 0 to 1; 0 where the kernel does not tell. */
  stalled: number;
}

/** Where the kernel tells; tests give another folder. */
export interface MemoryFiles {
  cgroup: string;
  pressure: readonly string[];
}

const FILES: MemoryFiles = {
  cgroup: '/sys/fs/cgroup',
  pressure: ['/sys/fs/cgroup/memory.pressure', '/proc/pressure/memory'],
};

/** @param isContained whether the limit is the container's: only then is the container's count the one to look at. */
export async function readMemoryUsage(
  isContained: boolean,
  files: MemoryFiles = FILES,
): Promise<MemoryUsage> {
  const rssBytes = process.memoryUsage.rss();
  const { used_heap_size: heapUsedBytes, heap_size_limit: heapLimitBytes } = getHeapStatistics();
  const [containerBytes, stalled] = await Promise.all([
    isContained ? readContainerBytes(files.cgroup) : undefined,
    readStalled(files.pressure),
  ]);
  return { rssBytes, usedBytes: containerBytes ?? rssBytes, heapUsedBytes, heapLimitBytes, stalled };
}

async function readContainerBytes(cgroup: string): Promise<number | undefined> {
  const v2 = await readGroup(join(cgroup, 'memory.current'), join(cgroup, 'memory.stat'), 'inactive_file');
  if (v2 !== undefined) return v2;
  const v1 = join(cgroup, 'memory');
  return readGroup(join(v1, 'memory.usage_in_bytes'), join(v1, 'memory.stat'), 'total_inactive_file');
}

async function readGroup(usageFile: string, statFile: string, cacheKey: string): Promise<number | undefined> {
  const [usage, stat] = await Promise.all([readText(usageFile), readText(statFile)]);
  if (usage === undefined) return undefined;
  const cached = Number(new RegExp(`^${cacheKey} (\\d+)$`, 'm').exec(stat ?? '')?.[1] ?? 0);
  return Math.max(0, Number(usage) - cached);
}

/** PSI (Documentation/accounting/psi.rst): `some avg10=1.23 avg60=...`, percent. */
async function readStalled(files: readonly string[]): Promise<number> {
  for (const file of files) {
    const percent = /^some avg10=([\d.]+)/m.exec((await readText(file)) ?? '')?.[1];
    if (percent !== undefined) return Number(percent) / 100;
  }
  return 0;
}

function readText(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}
