// The memory control groups that this process is in, Linux v1 and v2: a container's, a service's, and those around them.

import { readFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';

export interface MemoryGroup {
  /** Of this group, bytes; Infinity without a limit. */
  limitBytes: number;
  /** In bytes, all that is charged to it. */
  usageFile: string;
  statFile: string;
  /** Lines of the stat file that count page cache. */
  cacheKeys: readonly string[];
  /** PSI; not in v1. */
  pressureFile: string;
}

/** Where the kernel tells; tests give another place. */
export interface ControlGroupPaths {
  /** Where the groups are mounted. */
  root: string;
  /** proc(5), the groups of this process. */
  own: string;
}

const PATHS: ControlGroupPaths = { root: '/sys/fs/cgroup', own: '/proc/self/cgroup' };

interface Version {
  mount: (root: string) => string;
  line: RegExp;
  limit: string;
  usage: string;
  cacheKeys: readonly string[];
}

// Page cache that is in use moves from the inactive to the active list; the kernel drops either before it kills.
const VERSIONS: readonly Version[] = [
  {
    mount: (root) => root,
    line: /^0::(\/.*)$/m,
    limit: 'memory.max',
    usage: 'memory.current',
    cacheKeys: ['inactive_file', 'active_file'],
  },
  {
    mount: (root) => join(root, 'memory'),
    line: /^\d+:memory:(\/.*)$/m,
    limit: 'memory.limit_in_bytes',
    usage: 'memory.usage_in_bytes',
    cacheKeys: ['total_inactive_file', 'total_active_file'],
  },
];

/** @returns the group with the least limit of all that this process is in; undefined where none can be read. */
export async function tightestMemoryGroup(
  paths: ControlGroupPaths = PATHS,
): Promise<MemoryGroup | undefined> {
  const own = (await readText(paths.own)) ?? '';
  const groups = await Promise.all(VERSIONS.flatMap((version) => groupsOf(version, paths.root, own)));
  return groups
    .filter((group) => group !== undefined)
    .reduce<MemoryGroup | undefined>(
      (least, group) => (least === undefined || group.limitBytes < least.limitBytes ? group : least),
      undefined,
    );
}

/** From its own outwards. In a container the path may be that of the host, which is not there: then the mount itself is its own. */
function groupsOf(version: Version, root: string, own: string): Promise<MemoryGroup | undefined>[] {
  const mount = version.mount(root);
  const path = version.line.exec(own)?.[1] ?? '/';
  const names = path.includes('..') ? [] : normalize(path).split('/').filter(Boolean);
  const folders = names.map((_, index) => join(mount, ...names.slice(0, names.length - index)));
  return [...folders, mount].map((folder) => readGroup(version, folder));
}

async function readGroup(version: Version, folder: string): Promise<MemoryGroup | undefined> {
  const text = await readText(join(folder, version.limit));
  if (text === undefined) return undefined;
  // "max" (v2) and numbers near 2^63 (v1) both mean no limit.
  const bytes = Number(text);
  return {
    limitBytes: Number.isSafeInteger(bytes) && bytes > 0 ? bytes : Infinity,
    usageFile: join(folder, version.usage),
    statFile: join(folder, 'memory.stat'),
    cacheKeys: version.cacheKeys,
    pressureFile: join(folder, 'memory.pressure'),
  };
}

/** undefined for what is not there. */
export function readText(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}
