// How much processor time this process takes over minutes, and how much the host takes away. A burstable machine earns
// credits up to its baseline and pays with them above it; once they are gone it is throttled to the baseline.

import { readFile } from 'node:fs/promises';
import type { Clock } from '@sitecast/shared/runtime/clock';

export interface CpuReading {
  /** Cores in use, over the window. */
  sustainedCores: number;
  /** What the machine earns credits for, as configured. */
  baselineCores: number;
  /** Share of the machine's time that its host gave to others, 0 to 1, over the window. */
  stolen: number;
  warning: 'above-baseline' | 'stolen' | null;
}

/** Shorter peaks are what credits are for. */
const WINDOW_MS = 5 * 60_000;
const SAMPLE_MS = 5_000;
const SAMPLES_MAX = WINDOW_MS / SAMPLE_MS;
const STOLEN_WARNING = 0.1;

interface Sample {
  atMs: number;
  processMs: number;
  machine: MachineTime;
}

/** Ticks since the start of the machine. */
export interface MachineTime {
  total: number;
  stolen: number;
}

export interface CpuUsageOptions {
  baselineCores: number;
  clock: Clock;
  /** CPU of this process, ms. */
  processMs?: () => number;
  machineTime?: () => Promise<MachineTime>;
}

export class CpuUsage {
  readonly #options: Required<CpuUsageOptions>;
  /** Bound: SAMPLES_MAX, policy drop-oldest. */
  #samples: Sample[] = [];

  constructor(options: CpuUsageOptions) {
    this.#options = { processMs: ownCpuMs, machineTime: readMachineTime, ...options };
  }

  /** To be called often; takes a sample when one is due. */
  async sample(): Promise<void> {
    const { clock, processMs, machineTime } = this.#options;
    const atMs = clock.monotonicMs();
    const newest = this.#samples.at(-1);
    if (newest && atMs - newest.atMs < SAMPLE_MS) return;
    const sample = { atMs, processMs: processMs(), machine: await machineTime() };
    this.#samples = [...this.#samples, sample].slice(-SAMPLES_MAX - 1);
  }

  read(): CpuReading {
    const { baselineCores } = this.#options;
    const [oldest, newest] = [this.#samples[0], this.#samples.at(-1)];
    if (!oldest || !newest || oldest === newest) {
      return { sustainedCores: 0, baselineCores, stolen: 0, warning: null };
    }
    const spanMs = newest.atMs - oldest.atMs;
    const sustainedCores = (newest.processMs - oldest.processMs) / spanMs;
    const ticks = newest.machine.total - oldest.machine.total;
    const stolen = ticks > 0 ? (newest.machine.stolen - oldest.machine.stolen) / ticks : 0;
    // The first minutes after the start say nothing about what is sustained.
    const isSustained = spanMs >= WINDOW_MS - SAMPLE_MS;
    return {
      sustainedCores,
      baselineCores,
      stolen,
      warning: isSustained ? warningOf(sustainedCores, baselineCores, stolen) : null,
    };
  }
}

function warningOf(sustainedCores: number, baselineCores: number, stolen: number): CpuReading['warning'] {
  if (stolen >= STOLEN_WARNING) return 'stolen';
  return baselineCores > 0 && sustainedCores > baselineCores ? 'above-baseline' : null;
}

function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** First line of /proc/stat (proc(5)): user nice system idle iowait irq softirq steal ... */
async function readMachineTime(): Promise<MachineTime> {
  const text = await readFile('/proc/stat', 'utf8').catch(() => '');
  const ticks = (/^cpu +([\d ]+)$/m.exec(text)?.[1] ?? '').split(' ').map(Number);
  return { total: ticks.slice(0, 8).reduce((sum, count) => sum + count, 0), stolen: ticks[7] ?? 0 };
}
