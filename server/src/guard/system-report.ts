// What GET system answers, put together from the parts at most once a second however many pages ask.

import type { Clock } from '@sitecast/shared/runtime/clock';
import { sumOf, type LimitRow } from '../limits.ts';
import type { RelaySnapshot } from '../relay/ports.ts';
import type { Pressure, PressureLevel } from './pressure.ts';

export interface SystemReport {
  version: string;
  startedAt: string;
  limits: LimitRow[];
  ledger: { budgetBytes: number; reservedBytes: number; areas: Record<string, number> };
  pressure: { level: PressureLevel; shedding: string[] };
  streams: { max: number; active: RelaySnapshot['active'] };
  viewers: { active: number; max: number };
  queues: Record<string, Record<string, number>>;
  pool: { max: number; total: number; idle: number; waiting: number };
  devices: { connected: number; max: number };
  memory: { rssBytes: number; limitBytes: number };
  eventLoop: { p99Ms: number };
  disk: { totalBytes: number; freeBytes: number };
  /** Where devices connect, for the instructions that come with a new one. */
  endpoints: { mqttPort: number; mediaPort: number };
}

export interface SystemReporterOptions {
  version: string;
  limits: LimitRow[];
  pressure: Pressure;
  relay: () => RelaySnapshot;
  /** Bytes held now in each area that has a bound. */
  areas: () => Record<string, number>;
  queues: () => Promise<SystemReport['queues']>;
  pool: () => SystemReport['pool'];
  devices: () => SystemReport['devices'];
  disk: () => Promise<SystemReport['disk']>;
  endpoints: () => SystemReport['endpoints'];
  clock: Clock;
}

const KEPT_MS = 1_000;

export class SystemReporter {
  readonly #options: SystemReporterOptions;
  readonly #startedAt: string;
  #newest: { report: Promise<SystemReport>; atMs: number } | undefined;

  constructor(options: SystemReporterOptions) {
    this.#options = options;
    this.#startedAt = new Date(options.clock.nowMs()).toISOString();
  }

  /** @throws {AppError} STORE_UNAVAILABLE */
  read(): Promise<SystemReport> {
    const nowMs = this.#options.clock.monotonicMs();
    if (!this.#newest || nowMs - this.#newest.atMs >= KEPT_MS) {
      this.#newest = { report: this.#read(), atMs: nowMs };
    }
    return this.#newest.report;
  }

  /** The part that changes fast and costs nothing, for pages that listen. */
  readBrief(): Pick<SystemReport, 'pressure' | 'viewers' | 'memory' | 'eventLoop'> {
    const { level, rssBytes, limitBytes, eventLoopP99Ms } = this.#options.pressure.read();
    const { viewers, maxViewers } = this.#options.relay();
    return {
      pressure: { level, shedding: [] },
      viewers: { active: viewers, max: maxViewers },
      memory: { rssBytes, limitBytes },
      eventLoop: { p99Ms: eventLoopP99Ms },
    };
  }

  async #read(): Promise<SystemReport> {
    const { version, limits, relay, pool, devices } = this.#options;
    const { max, active } = relay();
    const areas = this.#options.areas();
    const [queues, disk] = await Promise.all([this.#options.queues(), this.#options.disk()]);
    return {
      version,
      startedAt: this.#startedAt,
      limits,
      ledger: {
        budgetBytes: sumOf(limits),
        reservedBytes: Object.values(areas).reduce((sum, bytes) => sum + bytes, 0),
        areas,
      },
      ...this.readBrief(),
      streams: { max, active },
      queues,
      pool: pool(),
      devices: devices(),
      disk,
      endpoints: this.#options.endpoints(),
    };
  }
}
