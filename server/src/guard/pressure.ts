// How close the process is to its memory limit, and how late its event loop runs. Owns its timer and the histogram.

import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';

export const PRESSURE_LEVELS = ['normal', 'elevated', 'high', 'critical'] as const;
export type PressureLevel = (typeof PRESSURE_LEVELS)[number];

/** Fraction of the limit at which each level above `normal` is entered. */
const ENTER_AT = { elevated: 0.7, high: 0.8, critical: 0.9 } as const;
/** A level is left only this far below where it was entered, so that it does not flicker. */
const HYSTERESIS = 0.05;
const SAMPLE_MS = 1_000;

export interface PressureReading {
  level: PressureLevel;
  rssBytes: number;
  limitBytes: number;
  /** 99th percentile of the delay of the event loop over the last sample, ms. */
  eventLoopP99Ms: number;
}

export interface PressureOptions {
  limitBytes: number;
  clock?: Clock;
  rssBytes?: () => number;
}

export class Pressure {
  readonly #limitBytes: number;
  readonly #clock: Clock;
  readonly #rssBytes: () => number;
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: 10 });
  #timer: Timer | undefined;
  #level: PressureLevel = 'normal';
  #p99Ms = 0;

  constructor({
    limitBytes,
    clock = systemClock,
    rssBytes = () => process.memoryUsage.rss(),
  }: PressureOptions) {
    this.#limitBytes = limitBytes;
    this.#clock = clock;
    this.#rssBytes = rssBytes;
  }

  start(): void {
    this.#histogram.enable();
    this.#sampleLater();
  }

  close(): void {
    this.#timer?.cancel();
    this.#histogram.disable();
  }

  read(): PressureReading {
    const rssBytes = this.#rssBytes();
    this.#level = nextLevel(this.#level, rssBytes / this.#limitBytes);
    return { level: this.#level, rssBytes, limitBytes: this.#limitBytes, eventLoopP99Ms: this.#p99Ms };
  }

  #sampleLater(): void {
    this.#timer = this.#clock.after(SAMPLE_MS, () => {
      const p99Ms = this.#histogram.percentile(99) / 1e6;
      this.#p99Ms = Number.isFinite(p99Ms) ? Math.round(p99Ms * 10) / 10 : 0;
      this.#histogram.reset();
      this.read();
      this.#sampleLater();
    });
  }
}

/** The level at `fraction` of the limit, coming from `current`. */
export function nextLevel(current: PressureLevel, fraction: number): PressureLevel {
  const entered = levelAt(fraction);
  const held = levelAt(fraction + HYSTERESIS);
  const currentRank = PRESSURE_LEVELS.indexOf(current);
  if (PRESSURE_LEVELS.indexOf(entered) >= currentRank) return entered;
  return PRESSURE_LEVELS.indexOf(held) >= currentRank ? current : held;
}

function levelAt(fraction: number): PressureLevel {
  if (fraction >= ENTER_AT.critical) return 'critical';
  if (fraction >= ENTER_AT.high) return 'high';
  return fraction >= ENTER_AT.elevated ? 'elevated' : 'normal';
}
