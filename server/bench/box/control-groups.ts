// Memory and CPU limits as a container has them: Linux control groups, v1 and v2. Needs root. Owns the folders that it makes.

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ProgramOptions } from '../harness/program.ts';
import { Unavailable } from '../harness/unavailable.ts';

const ROOT = '/sys/fs/cgroup';
const PERIOD_US = 100_000;
/** Processes that were killed leave their group a moment later. */
const REMOVE_TIMEOUT_MS = 10_000;

interface Version {
  /** Where the folders of memory limits lie. */
  memoryRoot: string;
  cpuRoot: string;
  limit: string;
  usage: string;
  peak: string;
  /** Has a line `oom_kill N`. */
  kills: string;
  /** What of memory.stat the kernel may drop. */
  cacheKeys: string[];
}

const V1: Version = {
  memoryRoot: join(ROOT, 'memory'),
  cpuRoot: join(ROOT, 'cpu'),
  limit: 'memory.limit_in_bytes',
  usage: 'memory.usage_in_bytes',
  peak: 'memory.max_usage_in_bytes',
  kills: 'memory.oom_control',
  cacheKeys: ['total_inactive_file', 'total_active_file'],
};
const V2: Version = {
  memoryRoot: ROOT,
  cpuRoot: ROOT,
  limit: 'memory.max',
  usage: 'memory.current',
  peak: 'memory.peak',
  kills: 'memory.events',
  cacheKeys: ['inactive_file', 'active_file'],
};

/** One folder that shares the CPUs, and a memory group in it for each program. */
export class ControlGroups implements AsyncDisposable {
  readonly #version: Version;
  readonly #name = `sitecast-bench-${process.pid}`;
  readonly #made: string[] = [];

  /** @throws {Unavailable} without root, or without the controllers. */
  constructor(cores: number) {
    if (process.getuid?.() !== 0) throw new Unavailable('control groups need root');
    this.#version = findVersion();
    const { memoryRoot, cpuRoot } = this.#version;
    try {
      if (this.#version === V2) writeFileSync(join(ROOT, 'cgroup.subtree_control'), '+memory +cpu');
      for (const root of new Set([cpuRoot, memoryRoot])) this.#make(join(root, this.#name));
      if (this.#version === V2) {
        writeFileSync(join(ROOT, this.#name, 'cgroup.subtree_control'), '+memory +cpu');
        writeFileSync(join(ROOT, this.#name, 'cpu.max'), `${cores * PERIOD_US} ${PERIOD_US}`);
      } else {
        writeFileSync(join(cpuRoot, this.#name, 'cpu.cfs_period_us'), String(PERIOD_US));
        writeFileSync(join(cpuRoot, this.#name, 'cpu.cfs_quota_us'), String(cores * PERIOD_US));
      }
    } catch (cause) {
      for (const dir of this.#made.toReversed()) rmdirSync(dir);
      throw new Unavailable(`control groups cannot be made: ${(cause as Error).message}`, { cause });
    }
  }

  memoryGroup(name: string, limitBytes: number): MemoryGroup {
    const { memoryRoot, cpuRoot, limit } = this.#version;
    const dir = this.#make(join(memoryRoot, this.#name, name));
    writeFileSync(join(dir, limit), String(limitBytes));
    forbidSwap(dir, limitBytes);
    const joins = this.#version === V1 ? [dir, join(cpuRoot, this.#name)] : [dir];
    return new MemoryGroup(this.#version, dir, joins);
  }

  /** Kills what still runs inside: whatever went wrong, nothing may be left. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (let dir = this.#made.pop(); dir !== undefined; dir = this.#made.pop()) await removeGroup(dir);
  }

  #make(dir: string): string {
    mkdirSync(dir);
    this.#made.push(dir);
    return dir;
  }
}

export class MemoryGroup {
  readonly #version: Version;
  readonly #dir: string;
  readonly #joins: string[];

  constructor(version: Version, dir: string, joins: string[]) {
    this.#version = version;
    this.#dir = dir;
    this.#joins = joins;
  }

  /** Page cache included. */
  get peakBytes(): number {
    return Number(this.#read(this.#version.peak));
  }

  /** Without the page cache, which the kernel drops before it kills. */
  get usedBytes(): number {
    const stat = this.#read('memory.stat');
    const cached = this.#version.cacheKeys.map((key) => numberBehind(key, stat));
    return Number(this.#read(this.#version.usage)) - cached.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Processes that the kernel killed for want of memory. */
  get kills(): number {
    return numberBehind('oom_kill', this.#read(this.#version.kills));
  }

  /** Older kernels of v2 keep the peak of the whole run. */
  forgetPeak(): void {
    try {
      writeFileSync(join(this.#dir, this.#version.peak), '0');
    } catch {
      // What was said above.
    }
  }

  /** Those that have ended meanwhile need no place. */
  add(pids: number[]): void {
    for (const pid of pids) {
      try {
        for (const dir of this.#joins) writeFileSync(join(dir, 'cgroup.procs'), String(pid));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }

  /** Starts a program inside, which sees its own group where a container would. */
  launch({ command, args, ...rest }: ProgramOptions): ProgramOptions {
    const script = [
      ...this.#joins.map((dir) => `echo $$ > ${dir}/cgroup.procs`),
      `mount --bind ${this.#dir} ${this.#version.memoryRoot}`,
      'exec "$@"',
    ];
    return {
      command: 'unshare',
      args: ['--mount', 'sh', '-ec', script.join('\n'), 'sh', command, ...args],
      ...rest,
    };
  }

  #read(file: string): string {
    return readFileSync(join(this.#dir, file), 'utf8');
  }
}

async function removeGroup(dir: string): Promise<void> {
  const deadline = performance.now() + REMOVE_TIMEOUT_MS;
  for (;;) {
    killAllIn(dir);
    try {
      return rmdirSync(dir);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(50);
    }
  }
}

function killAllIn(dir: string): void {
  for (const pid of readFileSync(join(dir, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
}

function findVersion(): Version {
  if (existsSync(join(V1.memoryRoot, V1.limit))) return V1;
  const controllers = join(ROOT, 'cgroup.controllers');
  const has = existsSync(controllers) ? readFileSync(controllers, 'utf8').trim().split(' ') : [];
  if (has.includes('memory') && has.includes('cpu')) return V2;
  throw new Unavailable(`there are no control groups for memory and CPU in ${ROOT}`);
}

function forbidSwap(dir: string, limitBytes: number): void {
  const settings = { 'memory.memsw.limit_in_bytes': limitBytes, 'memory.swap.max': 0 };
  for (const [file, value] of Object.entries(settings)) {
    // Neither is there where the kernel does not count swap.
    if (existsSync(join(dir, file))) writeFileSync(join(dir, file), String(value));
  }
}

function numberBehind(key: string, text: string): number {
  return Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}
