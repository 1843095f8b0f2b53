// Looks at the boxed server once a second: memory, whether it is still there, and what it says of itself.

import { percentile } from '../harness/statistics.ts';
import type { BoxedServer } from './boxed-server.ts';
import { MemoryWatch, type WatchedMemory } from './memory-watch.ts';

const INTERVAL_MS = 1_000;

export interface Watched extends WatchedMemory {
  eventLoopMedianMs: number;
  /** Of the seconds, the worst but one in a hundred. */
  eventLoopP99Ms: number;
  /** By level and what caused it. */
  pressureSeconds: Record<string, number>;
}

/** What is looked at in `GET system`. */
interface System {
  eventLoop: { p99Ms: number };
  pressure: { level: string; causes: string[] };
}

export class Watch {
  readonly #boxed: BoxedServer;
  readonly #memory: MemoryWatch;
  readonly #eventLoopMs: number[] = [];
  readonly #pressureSeconds: Record<string, number> = {};
  readonly #timer: NodeJS.Timeout;

  constructor(boxed: BoxedServer) {
    this.#boxed = boxed;
    this.#memory = new MemoryWatch(boxed.group, boxed.server.program);
    this.#timer = setInterval(() => void this.#look(), INTERVAL_MS);
  }

  end(): Watched {
    clearInterval(this.#timer);
    return {
      ...this.#memory.end(),
      eventLoopMedianMs: percentile(this.#eventLoopMs, 0.5),
      eventLoopP99Ms: percentile(this.#eventLoopMs, 0.99),
      pressureSeconds: this.#pressureSeconds,
    };
  }

  async #look(): Promise<void> {
    const { server } = this.#boxed;
    const system = await server.session.get<System>('system').catch(() => undefined);
    if (!system) return;
    this.#eventLoopMs.push(system.eventLoop.p99Ms);
    const { level, causes } = system.pressure;
    const pressure = [level, ...causes].join(' ');
    this.#pressureSeconds[pressure] = (this.#pressureSeconds[pressure] ?? 0) + 1;
  }
}

const REFUSALS = /refused|dropped|closed|too_large|stalled|malformed|replaced|set_aside|left_out|overflowed/;

/** Counters of what was not let in, as far as they grew. */
export function refusalsBetween(
  before: Map<string, number>,
  after: Map<string, number>,
): Record<string, number> {
  const grown = [...after]
    .filter(([name]) => name.endsWith('_total') && REFUSALS.test(name))
    .map(
      ([name, value]) => [name.replace(/^sitecast_|_total$/g, ''), value - (before.get(name) ?? 0)] as const,
    );
  return Object.fromEntries(grown.filter(([, growth]) => growth > 0));
}
