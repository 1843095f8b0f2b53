// The newest measurements of this process: memory, event loop, processor time. Owns the histogram of the event loop.

import type { Clock } from '@sitecast/shared/runtime/clock';
import { CpuUsage, type CpuReading } from './cpu-usage.ts';
import { EventLoopDelay } from './event-loop-delay.ts';
import type { MemoryLimit } from './memory-limit.ts';
import { readMemoryUsage, type MemoryUsage } from './memory-usage.ts';

const SUSTAINED_SAMPLES = 5;

export interface VitalsReading {
  memory: MemoryUsage & { limitBytes: number };
  /** Of the newest sample. */
  eventLoopP99Ms: number;
  /** What each of the last SUSTAINED_SAMPLES was at least: one stall alone is no trouble that shedding would mend. */
  eventLoopSustainedMs: number;
  cpu: CpuReading;
}

export interface VitalsOptions {
  memoryLimit: MemoryLimit;
  cpuBaselineCores: number;
  clock: Clock;
}

export class Vitals {
  readonly #limit: MemoryLimit;
  readonly #eventLoop = new EventLoopDelay();
  readonly #cpu: CpuUsage;
  #memory: MemoryUsage;
  /** Newest last. Bound: SUSTAINED_SAMPLES, policy drop-oldest. */
  #eventLoopP99sMs: number[] = [];

  private constructor({ memoryLimit, cpuBaselineCores, clock }: VitalsOptions, memory: MemoryUsage) {
    this.#limit = memoryLimit;
    this.#cpu = new CpuUsage({ baselineCores: cpuBaselineCores, clock });
    this.#memory = memory;
    this.#eventLoop.start();
  }

  static async open(options: VitalsOptions): Promise<Vitals> {
    return new Vitals(options, await readMemoryUsage(options.memoryLimit.group));
  }

  close(): void {
    this.#eventLoop.close();
  }

  /** Measures again; the figures stay as they are until then. */
  async sample(): Promise<void> {
    this.#eventLoopP99sMs = [...this.#eventLoopP99sMs, this.#eventLoop.takeP99Ms()].slice(-SUSTAINED_SAMPLES);
    [this.#memory] = await Promise.all([readMemoryUsage(this.#limit.group), this.#cpu.sample()]);
  }

  read(): VitalsReading {
    return {
      memory: { ...this.#memory, limitBytes: this.#limit.bytes },
      eventLoopP99Ms: this.#eventLoopP99sMs.at(-1) ?? 0,
      eventLoopSustainedMs:
        this.#eventLoopP99sMs.length < SUSTAINED_SAMPLES ? 0 : Math.min(...this.#eventLoopP99sMs),
      cpu: this.#cpu.read(),
    };
  }
}
