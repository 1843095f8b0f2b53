// What a long-running program holds, looked at again and again: memory, handles, children; and children that it lost.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { median } from '../harness/statistics.ts';
import { descendantsOf } from '../../test/e2e/support/sitecast.ts';
import { usageOf } from '../harness/process-usage.ts';

interface Look {
  rssBytes: number;
  handles: number;
  children: number;
}

export interface Growth {
  first: number;
  last: number;
  /** last / first. */
  ratio: number;
}

export class LeakWatch {
  readonly #pid: number;
  readonly #looks: Look[] = [];
  /** Of every child seen so far: pid, and when it started, in clock ticks since boot. */
  readonly #children = new Map<number, string>();

  constructor(pid: number) {
    this.#pid = pid;
  }

  look(): void {
    const children = descendantsOf(this.#pid).map(({ pid }) => pid);
    for (const pid of children) this.#remember(pid);
    this.#looks.push({
      rssBytes: usageOf([this.#pid]).rssBytes,
      handles: handlesOf(this.#pid),
      children: children.length,
    });
  }

  get looks(): number {
    return this.#looks.length;
  }

  get mostChildren(): number {
    return Math.max(...this.#looks.map(({ children }) => children));
  }

  /** Medians of the first and of the last third. */
  growthOf(what: 'rssBytes' | 'handles'): Growth {
    const third = Math.floor(this.#looks.length / 3);
    const over = (looks: Look[]): number => median(looks.map((look) => look[what]));
    const [first, last] = [over(this.#looks.slice(0, third)), over(this.#looks.slice(-third))];
    return { first, last, ratio: last / first };
  }

  /** Seen below it once, running now, and no longer below it. */
  orphans(): number[] {
    const below = new Set(descendantsOf(this.#pid).map(({ pid }) => pid));
    return [...this.#children]
      .filter(([pid, start]) => !below.has(pid) && startOf(pid) === start)
      .map(([pid]) => pid);
  }

  #remember(pid: number): void {
    const start = startOf(pid);
    if (start !== undefined) this.#children.set(pid, start);
  }
}

/** Beside the segments of its spool: an outage leaves some, and a lane has at most so many. */
function handlesOf(pid: number): number {
  const handles = readdirSync(`/proc/${pid}/fd`);
  return handles.filter((handle) => !targetOf(`/proc/${pid}/fd/${handle}`).endsWith('.segment')).length;
}

/** Of a handle that is closed meanwhile, nothing. */
function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}

/** Field 22 of proc(5) stat; undefined for one that is gone, or is a zombie that only waits to be asked how it ended. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
