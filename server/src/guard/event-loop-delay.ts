// How late the event loop runs. Owns the histogram.

import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';

/** Each look wakes the process; a hundred a second were half of what an idle server took. */
const RESOLUTION_MS = 50;

export class EventLoopDelay {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  start(): void {
    this.#histogram.enable();
  }

  close(): void {
    this.#histogram.disable();
  }

  /** 99th percentile since the last call, ms, without the wait that the measuring itself makes. */
  takeP99Ms(): number {
    const p99Ms = this.#histogram.percentile(99) / 1e6 - RESOLUTION_MS;
    this.#histogram.reset();
    return Number.isFinite(p99Ms) ? Math.max(0, Math.round(p99Ms * 10) / 10) : 0;
  }
}
