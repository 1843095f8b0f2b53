// How much memory this process may use: as configured, the limit of its container or service, the machine's; the least of them.

import { totalmem } from 'node:os';
import { tightestMemoryGroup, type ControlGroupPaths, type MemoryGroup } from './control-group.ts';

export interface MemoryLimit {
  bytes: number;
  source: 'MEMORY_LIMIT_BYTES' | 'container' | 'machine';
  /** Whose limit it is, when it is a container's. */
  group?: MemoryGroup;
}

/** A setting above what the kernel grants would be a proof of nothing. */
export async function findMemoryLimit(
  configured: number | undefined,
  paths?: ControlGroupPaths,
): Promise<MemoryLimit> {
  const group = await tightestMemoryGroup(paths);
  const machine: MemoryLimit = { bytes: totalmem(), source: 'machine' };
  const granted: MemoryLimit =
    group && group.limitBytes < machine.bytes
      ? { bytes: group.limitBytes, source: 'container', group }
      : machine;
  if (configured === undefined || configured > granted.bytes) return granted;
  return { bytes: configured, source: 'MEMORY_LIMIT_BYTES' };
}
