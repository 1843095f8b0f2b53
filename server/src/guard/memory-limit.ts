// How much memory this process may use: as configured, else the container's limit, else the machine's.

import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';

const CGROUP_FILES = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'];

export interface MemoryLimit {
  bytes: number;
  source: 'MEMORY_LIMIT_BYTES' | 'container' | 'machine';
}

export async function findMemoryLimit(
  configured: number | undefined,
  files: readonly string[] = CGROUP_FILES,
): Promise<MemoryLimit> {
  if (configured !== undefined) return { bytes: configured, source: 'MEMORY_LIMIT_BYTES' };
  const machineBytes = totalmem();
  for (const file of files) {
    // "max" (v2) and numbers near 2^63 (v1) both mean no limit.
    const bytes = Number(await readFile(file, 'utf8').catch(() => 'max'));
    if (Number.isFinite(bytes) && bytes > 0 && bytes < machineBytes) return { bytes, source: 'container' };
  }
  return { bytes: machineBytes, source: 'machine' };
}
