// What the guard looks at, and from where on each of it is trouble.

import type { PoolStats } from '../postgres/pool.ts';
import type { ByteLedger } from './byte-ledger.ts';
import type { DiskReading } from './disk-watch.ts';
import type { Signal } from './guard.ts';
import type { Vitals } from './vitals.ts';

export interface SignalSources {
  vitals: Pick<Vitals, 'read'>;
  ledger: Pick<ByteLedger, 'read'>;
  images: () => { staged: number; maxStaged: number };
  pool: () => Pick<PoolStats, 'waiting' | 'waitingMax'>;
  disk: () => Pick<DiskReading, 'freeBytes' | 'minFreeBytes'>;
}

/** Queues that are full slow their senders down by themselves, so alone they never make a level `critical`. */
export function guardSignals({ vitals, ledger, images, pool, disk }: SignalSources): Signal[] {
  return [
    {
      name: 'memory',
      resource: 'process',
      read: () => ratio(vitals.read().memory.usedBytes, vitals.read().memory.limitBytes),
      thresholds: { elevated: 0.7, high: 0.8, critical: 0.9 },
    },
    {
      name: 'heap',
      resource: 'process',
      read: () => ratio(vitals.read().memory.heapUsedBytes, vitals.read().memory.heapLimitBytes),
      thresholds: { elevated: 0.8, high: 0.87, critical: 0.94 },
    },
    {
      name: 'memory-stall',
      resource: 'process',
      read: () => vitals.read().memory.stalled,
      thresholds: { elevated: 0.1, high: 0.25, critical: 0.5 },
    },
    {
      name: 'ledger',
      resource: 'process',
      read: () => ratio(ledger.read().reservedBytes, ledger.read().budgetBytes),
      thresholds: { elevated: 0.7, high: 0.8, critical: 0.9 },
    },
    {
      name: 'event-loop',
      resource: 'process',
      read: () => vitals.read().eventLoopSustainedMs,
      thresholds: { elevated: 250, high: 500, critical: 1_000 },
    },
    {
      name: 'image-queue',
      resource: 'images',
      read: () => ratio(images().staged, images().maxStaged),
      thresholds: { elevated: 0.8, high: 0.95 },
    },
    {
      name: 'database-pool',
      resource: 'database',
      read: () => ratio(pool().waiting, pool().waitingMax),
      thresholds: { elevated: 0.5, high: 0.8 },
    },
    {
      name: 'disk',
      resource: 'disk',
      read: () => ratio(disk().minFreeBytes, disk().freeBytes),
      // The server is not ready long before; what is shed is of little help to a disk.
      thresholds: { elevated: 4, high: 8 },
    },
  ];
}

function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : Number.MAX_SAFE_INTEGER;
}
