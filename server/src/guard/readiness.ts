// Whether the server can do its work now: what /readyz says. Everybody may ask, so it looks at most once a second.

import type { Clock } from '@sitecast/shared/runtime/clock';
import type { DeviceBroker } from '../broker/device-broker.ts';
import type { Database } from '../postgres/pool.ts';
import type { JobQueue } from '../queues/job-queue.ts';
import { hasRoom, type DiskWatch } from './disk-watch.ts';
import type { Guard } from './guard.ts';

/** `pressure` is what the guard says: ready below `critical`. */
export type ReadinessCheck = 'database' | 'queue' | 'broker' | 'disk' | 'pressure';

export interface ReadinessOptions {
  database: Pick<Database, 'query'>;
  queue: Pick<JobQueue<object>, 'counts'>;
  broker: Pick<DeviceBroker, 'isListening'>;
  disk: Pick<DiskWatch, 'read'>;
  guard: Pick<Guard, 'read'>;
  clock: Clock;
}

const KEPT_MS = 1_000;

export class Readiness {
  readonly #options: ReadinessOptions;
  #newest: { checks: Promise<Record<ReadinessCheck, boolean>>; atMs: number } | undefined;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  check(): Promise<Record<ReadinessCheck, boolean>> {
    const nowMs = this.#options.clock.monotonicMs();
    if (!this.#newest || nowMs - this.#newest.atMs >= KEPT_MS)
      this.#newest = { checks: this.#check(), atMs: nowMs };
    return this.#newest.checks;
  }

  async #check(): Promise<Record<ReadinessCheck, boolean>> {
    const { database, queue, broker, disk, guard } = this.#options;
    const [isDatabaseUp, isQueueUp, diskReading] = await Promise.all([
      works(database.query('select 1')),
      works(queue.counts()),
      disk.read(),
    ]);
    return {
      database: isDatabaseUp,
      queue: isQueueUp,
      broker: broker.isListening,
      disk: hasRoom(diskReading),
      pressure: guard.read().level !== 'critical',
    };
  }
}

function works(call: Promise<unknown>): Promise<boolean> {
  return call.then(
    () => true,
    () => false,
  );
}
