// What GET system answers, put together from the parts at most once a second however many pages ask.

import type { Clock } from '@sitecast/shared/runtime/clock';
import type { LimitRow } from '../limits/limit-row.ts';
import type { JobQueue } from '../queues/job-queue.ts';
import type { KeptReport } from '../retention/retention.ts';
import type { RelaySnapshot } from '../relay/ports.ts';
import type { ByteLedger, LedgerReading } from './byte-ledger.ts';
import type { CpuReading } from './cpu-usage.ts';
import type { Guard, GuardReading } from './guard.ts';
import type { Vitals } from './vitals.ts';

export interface SystemReport {
  version: string;
  startedAt: string;
  limits: LimitRow[];
  ledger: LedgerReading;
  pressure: GuardReading;
  streams: { max: number; active: RelaySnapshot['active'] };
  viewers: { active: number; max: number; waiting: number };
  /** null: not known, because the store of the queue does not answer. */
  queues: Record<string, Record<string, number | null>>;
  pool: { max: number; total: number; idle: number; waiting: number };
  devices: { connected: number; max: number };
  /** `usedBytes` is what counts against the limit: of a container without the page cache. */
  memory: { rssBytes: number; usedBytes: number; limitBytes: number };
  eventLoop: { p99Ms: number };
  cpu: CpuReading;
  disk: { totalBytes: number; freeBytes: number };
  /** What is kept and when it will be full; null before the server has looked. */
  storage: KeptReport | null;
  /** Where devices connect, for the instructions that come with a new one. */
  endpoints: { mqttPort: number; mediaPort: number };
}

export interface SystemReporterOptions {
  version: string;
  limits: LimitRow[];
  guard: Pick<Guard, 'read'>;
  vitals: Pick<Vitals, 'read'>;
  ledger: Pick<ByteLedger, 'read'>;
  relay: () => RelaySnapshot;
  queues: () => Promise<SystemReport['queues']>;
  pool: () => SystemReport['pool'];
  devices: () => SystemReport['devices'];
  disk: () => Promise<SystemReport['disk']>;
  storage: () => KeptReport | undefined;
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

  /** Never rejects, and waits for no store longer than a queue does when it counts its jobs. */
  read(): Promise<SystemReport> {
    const nowMs = this.#options.clock.monotonicMs();
    if (!this.#newest || nowMs - this.#newest.atMs >= KEPT_MS) {
      this.#newest = { report: this.#read(), atMs: nowMs };
    }
    return this.#newest.report;
  }

  /** The part that changes fast and costs nothing, for pages that listen. */
  readBrief(): Pick<SystemReport, 'pressure' | 'viewers' | 'memory' | 'eventLoop' | 'cpu'> {
    const { guard, vitals, relay } = this.#options;
    const { memory, eventLoopP99Ms, cpu } = vitals.read();
    const { rssBytes, usedBytes, limitBytes } = memory;
    const { viewers, maxViewers, viewersWaiting } = relay();
    return {
      pressure: guard.read(),
      viewers: { active: viewers, max: maxViewers, waiting: viewersWaiting },
      memory: { rssBytes, usedBytes, limitBytes },
      eventLoop: { p99Ms: eventLoopP99Ms },
      cpu,
    };
  }

  async #read(): Promise<SystemReport> {
    const { version, limits, ledger, relay, pool, devices } = this.#options;
    const { max, active } = relay();
    const [queues, disk] = await Promise.all([this.#options.queues(), this.#options.disk()]);
    return {
      version,
      startedAt: this.#startedAt,
      limits,
      ledger: ledger.read(),
      ...this.readBrief(),
      streams: { max, active },
      queues,
      pool: pool(),
      devices: devices(),
      disk,
      storage: this.#options.storage() ?? null,
      endpoints: this.#options.endpoints(),
    };
  }
}

/** What a queue counts, or that it is not known: a report must tell the rest while the store of the queue is away. */
export function knownCounts(
  queue: Pick<JobQueue<object>, 'counts'>,
): Promise<{ waiting: number | null; active: number | null }> {
  return queue.counts().catch(() => ({ waiting: null, active: null }));
}
