// Viewers of one server, spread evenly over its streams; some of them may stall.

import { dialectOf, type DialectOptions } from '../sinks/dialects.ts';
import { FrameMeter, LatencyHistogram } from '../sinks/frame-meter.ts';
import { Sink } from '../sinks/sink.ts';
import { median, round } from '../harness/statistics.ts';
import type { Load } from './load.ts';

export interface ViewersOptions {
  /** One for all streams, or one for each. */
  ports: number[];
  dialect: DialectOptions;
  viewers: number;
  streams: number;
  /** Of the viewers, those that never read. */
  stalled?: number;
  /** How many join a second. */
  joinsPerSecond?: number;
}

export interface ViewersReport {
  /** Healthy viewers that got a frame in the window. */
  watching: number;
  /** Median of those. */
  watchingFps: number;
  slowestFps: number;
  medianFps: number;
  /** Left out between two frames that came, all viewers. */
  missed: number;
  /** null: the frames do not say when they were made. */
  latencyP50Ms: number | null;
  latencyP99Ms: number | null;
  /** Sent away, by reason. */
  gone: Record<string, number>;
}

const JOINS_PER_SECOND = 100;

class Viewers implements Load<ViewersReport> {
  readonly #latencies = new LatencyHistogram();
  readonly #healthy: FrameMeter[] = [];
  #gone: Record<string, number> = {};
  #sinceMs = performance.now();

  async start({
    ports,
    dialect,
    viewers,
    streams,
    stalled = 0,
    joinsPerSecond = JOINS_PER_SECOND,
  }: ViewersOptions) {
    for (let number = 0; number < viewers; number += 1) {
      // The stalled ones are spread over the streams as well.
      const stalls = number >= viewers - stalled;
      const meter = new FrameMeter(stalls ? new LatencyHistogram() : this.#latencies);
      if (!stalls) this.#healthy.push(meter);
      const onGone = (reason: string): void => void (this.#gone[reason] = (this.#gone[reason] ?? 0) + 1);
      const stream = number % streams;
      new Sink({
        port: ports[stream % ports.length]!,
        stream,
        number,
        dialect: dialectOf(dialect),
        meter,
        stalls,
        onGone,
      }).join();
      await new Promise((resolve) => setTimeout(resolve, 1_000 / joinsPerSecond));
    }
  }

  reset(): void {
    this.#sinceMs = performance.now();
    this.#latencies.clear();
    this.#gone = {};
    for (const meter of this.#healthy) meter.reset();
  }

  report(): ViewersReport {
    const seconds = (performance.now() - this.#sinceMs) / 1_000;
    const fps = this.#healthy.map(({ frames }) => frames / seconds);
    const watching = fps.filter((value) => value > 0);
    return {
      watching: watching.length,
      watchingFps: watching.length === 0 ? 0 : round(median(watching), 1),
      slowestFps: round(Math.min(...fps), 1),
      medianFps: round(median(fps), 1),
      missed: this.#healthy.reduce((sum, { missed }) => sum + missed, 0),
      latencyP50Ms: this.#latency(0.5),
      latencyP99Ms: this.#latency(0.99),
      gone: this.#gone,
    };
  }

  #latency(share: number): number | null {
    return this.#latencies.total === 0 ? null : round(this.#latencies.at(share), 1);
  }
}

export async function startViewers(options: ViewersOptions): Promise<Viewers> {
  const viewers = new Viewers();
  await viewers.start(options);
  return viewers;
}
