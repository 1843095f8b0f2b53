// The figures of the system report that the page shows, whatever of the report is there. Pure.

import type { SystemReport } from '../api/types.ts';

export interface Figure {
  /** undefined when it is not known. */
  value: number | undefined;
  /** undefined when there is no bound. */
  max: number | undefined;
}

export interface SystemFigures {
  streams: Figure;
  viewers: Figure;
  queue: Figure;
  memory: Figure;
  pool: Figure & { waiting: number };
  eventLoopMs: number | undefined;
  diskFreeBytes: number | undefined;
  level: string;
  /** Steps of shedding in force. */
  shedding: string[];
  cpuWarning: 'above-baseline' | 'stolen' | undefined;
}

export function figuresOf(report: SystemReport): SystemFigures {
  const active = report.streams?.active ?? [];
  const streamed = active.filter(({ profile }) => profile !== 'stills');
  const pool = recordOf(report.pool);
  const total = numberIn(pool, 'total', 'totalCount', 'size', 'open') ?? 0;
  const idle = numberIn(pool, 'idle', 'idleCount') ?? 0;
  return {
    streams: { value: streamed.length, max: report.streams?.max },
    viewers: {
      value: viewersOf(report),
      max: numberIn(recordOf(report.viewers), 'max') ?? limitOf(report, 'MAX_VIEWERS'),
    },
    queue: { value: waitingOf(report.queues), max: limitOf(report, 'IMAGE_QUEUE_MAX') },
    memory: { value: report.memory?.rssBytes ?? 0, max: report.memory?.limitBytes ?? undefined },
    pool: {
      value: numberIn(pool, 'active', 'busy', 'inUse') ?? Math.max(0, total - idle),
      max: numberIn(pool, 'max') ?? limitOf(report, 'PG_POOL_MAX'),
      waiting: numberIn(pool, 'waiting', 'waitingCount') ?? 0,
    },
    eventLoopMs: report.eventLoop?.p99Ms,
    diskFreeBytes: report.disk?.freeBytes,
    level: report.pressure?.level ?? 'normal',
    shedding: report.pressure?.shedding ?? [],
    cpuWarning: report.cpu?.warning ?? undefined,
  };
}

function viewersOf(report: SystemReport): number {
  if (typeof report.viewers === 'number') return report.viewers;
  const named = numberIn(recordOf(report.viewers), 'active', 'count', 'total', 'current');
  return named ?? (report.streams?.active ?? []).reduce((sum, { viewers }) => sum + viewers, 0);
}

/** Waiting jobs over all queues: a list or a record of `{waiting}`, or one of them. Not known when one of them is not. */
function waitingOf(queues: unknown): number | undefined {
  if (Object.values(recordOf(queues)).some(isUnknown)) return undefined;
  const own = numberIn(recordOf(queues), 'waiting');
  if (own !== undefined) return own;
  return Object.values(recordOf(queues)).reduce<number>(
    (sum, queue) => sum + (typeof queue === 'number' ? queue : (numberIn(recordOf(queue), 'waiting') ?? 0)),
    0,
  );
}

/** The server says null for what the store of a queue does not tell. */
function isUnknown(queue: unknown): boolean {
  return Object.values(recordOf(queue)).includes(null);
}

/** Rows are named by what they bound; the environment variable is its name or stands beside it. */
function limitOf(report: SystemReport, setting: string): number | undefined {
  const row = report.limits?.find((limit) => Object.values(limit).includes(setting));
  return typeof row?.value === 'number' ? row.value : undefined;
}

function numberIn(record: Record<string, unknown>, ...names: string[]): number | undefined {
  for (const name of names) {
    const value = record[name];
    if (typeof value === 'number' && Number.isFinite(value)) return value;
  }
  return undefined;
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

export const fractionOf = ({ value, max }: Figure): number =>
  max === undefined || max === 0 ? 0 : (value ?? 0) / max;
