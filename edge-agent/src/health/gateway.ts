// Readings of the gateway itself: processor, memory, disk.

import { statfs } from 'node:fs/promises';
import { cpus, freemem, totalmem } from 'node:os';
import type { AgentHealth } from '@sitecast/shared/protocol/status';

interface CpuTimes {
  busyMs: number;
  totalMs: number;
}

/** Load is the share of all cores that was busy since the call before. */
export class Gateway {
  readonly #dataDir: string;
  #before = cpuTimes();

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  async read(): Promise<Pick<AgentHealth, 'cpu' | 'memory' | 'disk'>> {
    const { bsize, blocks, bavail } = await statfs(this.#dataDir);
    return {
      cpu: { cores: cpus().length, loadPercent: this.#loadPercent() },
      memory: { rssBytes: process.memoryUsage.rss(), totalBytes: totalmem(), freeBytes: freemem() },
      disk: { totalBytes: blocks * bsize, freeBytes: bavail * bsize },
    };
  }

  #loadPercent(): number {
    const now = cpuTimes();
    const totalMs = now.totalMs - this.#before.totalMs;
    const busyMs = now.busyMs - this.#before.busyMs;
    this.#before = now;
    return totalMs > 0 ? Math.round((1_000 * Math.max(0, busyMs)) / totalMs) / 10 : 0;
  }
}

function cpuTimes(): CpuTimes {
  let busyMs = 0;
  let totalMs = 0;
  for (const { times } of cpus()) {
    const all = times.user + times.nice + times.sys + times.idle + times.irq;
    totalMs += all;
    busyMs += all - times.idle;
  }
  return { busyMs, totalMs };
}
