// The round trip of a command: browser -> server -> agent -> server -> browser, twice a second.

import { LatencyHistogram } from '../sinks/frame-meter.ts';
import type { Load } from './load.ts';

export interface ControlOptions {
  url: string;
  cookie: string;
}

interface ControlReport {
  answers: Record<string, number>;
  p50Ms: number;
  p99Ms: number;
}

const INTERVAL_MS = 500;
const TIMEOUT_MS = 10_000;

class Control implements Load<ControlReport> {
  readonly #options: ControlOptions;
  readonly #latencies = new LatencyHistogram();
  #answers: Record<string, number> = {};

  constructor(options: ControlOptions) {
    this.#options = options;
    setInterval(() => void this.#ask(), INTERVAL_MS);
  }

  reset(): void {
    this.#latencies.clear();
    this.#answers = {};
  }

  report(): ControlReport {
    return { answers: this.#answers, p50Ms: this.#latencies.at(0.5), p99Ms: this.#latencies.at(0.99) };
  }

  async #ask(): Promise<void> {
    const { url, cookie } = this.#options;
    const startedMs = performance.now();
    const answer = await fetch(`${url}/api/v1/cameras/local/cam-0/snapshot`, {
      method: 'POST',
      headers: { cookie, origin: url },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).then(
      async (response) => {
        await response.arrayBuffer();
        return String(response.status);
      },
      (error: Error) => error.name,
    );
    this.#latencies.add(performance.now() - startedMs);
    this.#answers[answer] = (this.#answers[answer] ?? 0) + 1;
  }
}

export async function startControl(options: ControlOptions): Promise<Control> {
  return new Control(options);
}
