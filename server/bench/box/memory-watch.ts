// Looks once a second at what a boxed program takes, and whether it is still there.

import { usageOf } from '../harness/process-usage.ts';
import type { Program } from '../harness/program.ts';
import type { MemoryGroup } from './control-groups.ts';

const INTERVAL_MS = 1_000;

export interface WatchedMemory {
  peakBytes: number;
  /** Without the page cache, as sampled. */
  peakUsedBytes: number;
  peakRssBytes: number;
  /** It and what it started. */
  peakProcesses: number;
  kills: number;
  /** How the process ended; undefined while it runs. */
  ending: string | undefined;
}

export class MemoryWatch {
  readonly #group: MemoryGroup;
  readonly #program: Program;
  readonly #killsBefore: number;
  readonly #timer: NodeJS.Timeout;
  #peakUsedBytes = 0;
  #peakRssBytes = 0;
  #peakProcesses = 0;

  constructor(group: MemoryGroup, program: Program) {
    this.#group = group;
    this.#program = program;
    this.#killsBefore = group.kills;
    group.forgetPeak();
    this.#timer = setInterval(() => this.#look(), INTERVAL_MS);
  }

  end(): WatchedMemory {
    clearInterval(this.#timer);
    return {
      peakBytes: this.#group.peakBytes,
      peakUsedBytes: this.#peakUsedBytes,
      peakRssBytes: this.#peakRssBytes,
      peakProcesses: this.#peakProcesses,
      kills: this.#group.kills - this.#killsBefore,
      ending: this.#program.ending,
    };
  }

  #look(): void {
    const { pids } = this.#program;
    this.#peakUsedBytes = Math.max(this.#peakUsedBytes, this.#group.usedBytes);
    this.#peakRssBytes = Math.max(this.#peakRssBytes, usageOf(pids).rssBytes);
    this.#peakProcesses = Math.max(this.#peakProcesses, pids.length);
  }
}
