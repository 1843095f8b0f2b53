// What the process uses of its memory, as the one who kills it would count. Linux control groups v1 and v2, else RSS.

import { getHeapStatistics } from 'node:v8';
import { readText, type MemoryGroup } from './control-group.ts';

export interface MemoryUsage {
  rssBytes: number;
  /** Against the limit: of the container without the page cache that it may drop, else `rssBytes`. */
  usedBytes: number;
  heapUsedBytes: number;
  heapLimitBytes: number;
  /** Share of the last ten seconds in which some task waited for memory, 0 to 1; 0 where the kernel does not tell. */
  stalled: number;
}

const MACHINE_PRESSURE = '/proc/pressure/memory';

/** @param group whose limit is the one to look at; undefined where it is no container's: then the process alone counts. */
export async function readMemoryUsage(
  group: MemoryGroup | undefined,
  machinePressure = MACHINE_PRESSURE,
): Promise<MemoryUsage> {
  const rssBytes = process.memoryUsage.rss();
  const { used_heap_size: heapUsedBytes, heap_size_limit: heapLimitBytes } = getHeapStatistics();
  const [groupBytes, stalled] = await Promise.all([
    group && readGroupBytes(group),
    readStalled([...(group ? [group.pressureFile] : []), machinePressure]),
  ]);
  return { rssBytes, usedBytes: groupBytes ?? rssBytes, heapUsedBytes, heapLimitBytes, stalled };
}

async function readGroupBytes({ usageFile, statFile, cacheKeys }: MemoryGroup): Promise<number | undefined> {
  const [usage, stat = ''] = await Promise.all([readText(usageFile), readText(statFile)]);
  if (usage === undefined) return undefined;
  const bytesOf = (key: string): number => Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0);
  const cached = cacheKeys.reduce((sum, key) => sum + bytesOf(key), 0);
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
