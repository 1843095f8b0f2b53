// Somebody who asks the old design for snapshots, whether the earlier ones came or not.

import { percentile, round } from '../harness/statistics.ts';
import type { Load } from './load.ts';

export interface OldSnapshotsOptions {
  url: string;
  cameras: number;
  perSecond: number;
}

export interface OldSnapshotsReport {
  asked: number;
  taken: number;
  failed: Record<string, number>;
  medianMs: number;
}

const MAX_IN_FLIGHT = 100;
const TIMEOUT_MS = 15_000;

class OldSnapshots implements Load<OldSnapshotsReport> {
  readonly #options: OldSnapshotsOptions;
  #asked = 0;
  #inFlight = 0;
  #tookMs: number[] = [];
  #failed: Record<string, number> = {};

  constructor(options: OldSnapshotsOptions) {
    this.#options = options;
    setInterval(() => void this.#ask(), 1_000 / options.perSecond);
  }

  reset(): void {
    this.#asked = 0;
    this.#tookMs = [];
    this.#failed = {};
  }

  report(): OldSnapshotsReport {
    const medianMs = this.#tookMs.length === 0 ? 0 : round(percentile(this.#tookMs, 0.5), 0);
    return { asked: this.#asked, taken: this.#tookMs.length, failed: this.#failed, medianMs };
  }

  async #ask(): Promise<void> {
    if (this.#inFlight >= MAX_IN_FLIGHT) return this.#fail('held back');
    const startedMs = performance.now();
    const camera = this.#asked++ % this.#options.cameras;
    this.#inFlight += 1;
    const answer = await this.#fetch(camera).catch((error: Error) => error.name);
    this.#inFlight -= 1;
    if (answer === '200') this.#tookMs.push(performance.now() - startedMs);
    else this.#fail(answer);
  }

  async #fetch(camera: number): Promise<string> {
    const response = await fetch(`${this.#options.url}/snapshots/${camera}`, {
      method: 'POST',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.arrayBuffer();
    return String(response.status);
  }

  #fail(reason: string): void {
    this.#failed[reason] = (this.#failed[reason] ?? 0) + 1;
  }
}

export async function startOldSnapshots(options: OldSnapshotsOptions): Promise<OldSnapshots> {
  return new OldSnapshots(options);
}
