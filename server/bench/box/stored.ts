// Acked = stored: what senders were told is safe, looked up in PostgreSQL.

import { setTimeout as delay } from 'node:timers/promises';
import type { Range } from '../loads/acked-numbers.ts';
import { queryDatabase } from '../../test/e2e/support/database.ts';

/** So long without one more row, and the rest is lost. */
const NO_PROGRESS_MS = 60_000;
const POLL_MS = 500;

export interface Stored {
  acked: number;
  /** Acknowledged, and not there. */
  lost: number;
}

/** Snapshots are acknowledged when they are staged on disk; their rows follow. */
export async function lookUpSnapshots(databaseUrl: string, ids: string[]): Promise<Stored> {
  let [lost, progressAtMs] = [ids.length, performance.now()];
  for (;;) {
    const sql = 'select count(*)::int as found from snapshots where id = any($1)';
    const [row] = await queryDatabase<{ found: number }>(databaseUrl, sql, [ids]);
    if (ids.length - row!.found < lost) progressAtMs = performance.now();
    lost = ids.length - row!.found;
    if (lost === 0 || performance.now() - progressAtMs > NO_PROGRESS_MS) return { acked: ids.length, lost };
    await delay(POLL_MS);
  }
}

export async function lookUpReadings(
  databaseUrl: string,
  metric: string,
  acked: Record<string, Range[]>,
): Promise<Stored> {
  const sql = `select sensor, array_agg(value::int) as numbers from telemetry join series on series.id = series_id
    where metric = $1 group by sensor`;
  const rows = await queryDatabase<{ sensor: string; numbers: number[] }>(databaseUrl, sql, [metric]);
  const stored = new Map(rows.map(({ sensor, numbers }) => [sensor, new Set(numbers)]));
  const result = { acked: 0, lost: 0 };
  for (const [sensor, ranges] of Object.entries(acked)) {
    for (const number of ranges.flatMap(numbersOf)) {
      result.acked += 1;
      if (stored.get(sensor)?.has(number) !== true) result.lost += 1;
    }
  }
  return result;
}

function numbersOf([from, to]: Range): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
