// Who has what at the end: acknowledged on the site, stored by the server, told as lost.

import { setTimeout as delay } from 'node:timers/promises';
import type { AgentHealth } from '@sitecast/shared/protocol/status';
import { queryDatabase } from '../../test/e2e/support/database.ts';
import type { Range } from '../loads/acked-numbers.ts';
import { FLAPPING, type Site } from './site.ts';

/** So long without one more row, and nothing comes any more: a gap is told a minute late at most. */
const NO_PROGRESS_MS = 75_000;
const POLL_MS = 2_000;

export interface Account {
  /** Readings that were acknowledged on the site. */
  stored: number;
  twice: number;
  missing: number;
  /** Messages of the lane that the agent told as lost; each carries one reading. */
  told: number;
  gaps: { lane: string; count: number }[];
  connects: number;
  snapshots: number;
  /** Of their lane, as `told`. */
  snapshotsTold: number;
  /** That were durable on the site, some seconds before the others were counted. */
  snapshotsMade: number;
  flappingEvents: Record<string, number>;
}

/** Waits until the spool is empty and what went missing is told, or nothing happens any more. */
export async function accountOf(
  site: Site,
  metric: string,
  acked: Record<string, Range[]>,
): Promise<Account> {
  let account = await read(site, metric, acked);
  for (let since = performance.now(); performance.now() - since < NO_PROGRESS_MS;) {
    await delay(POLL_MS);
    const next = await read(site, metric, acked);
    if (
      next.missing !== account.missing ||
      next.told !== account.told ||
      next.snapshots !== account.snapshots
    )
      since = performance.now();
    const { snapshotsMade } = account;
    if (next.missing === next.told && next.snapshots + next.snapshotsTold >= snapshotsMade)
      return { ...next, snapshotsMade };
    account = next;
  }
  return account;
}

async function read({ server }: Site, metric: string, acked: Record<string, Range[]>): Promise<Account> {
  const url = server.database.url;
  const readings = await readReadings(url, metric, acked);
  const gaps = await queryDatabase<{ lane: string; count: number }>(
    url,
    `select gap->>'lane' as lane, (gap->>'count')::int as count from events where kind = 'gap' order by at`,
  );
  const events = await queryDatabase<{ kind: string; count: number }>(
    url,
    'select kind, count(*)::int as count from events where camera = $1 group by kind',
    [FLAPPING],
  );
  const [pictures] = await queryDatabase<{ count: number }>(
    url,
    'select count(*)::int as count from snapshots',
  );
  const { health } = await server.session.get<{ health: AgentHealth | null }>('agents/local/gateway');
  return {
    ...readings,
    told: sumOf(gaps, 'telemetry'),
    gaps,
    connects: health?.uplink.connects ?? 0,
    snapshots: pictures!.count,
    snapshotsTold: sumOf(gaps, 'snapshots'),
    snapshotsMade: health?.cameras.reduce((sum, { snapshots }) => sum + snapshots, 0) ?? 0,
    flappingEvents: Object.fromEntries(events.map(({ kind, count }) => [kind, count])),
  };
}

function sumOf(gaps: Account['gaps'], wanted: string): number {
  return gaps.filter(({ lane }) => lane === wanted).reduce((sum, { count }) => sum + count, 0);
}

async function readReadings(url: string, metric: string, acked: Record<string, Range[]>) {
  const rows = await queryDatabase<{ sensor: string; numbers: number[] }>(
    url,
    `select sensor, array_agg(value::int) as numbers from telemetry join series on series.id = series_id
      where metric = $1 group by sensor`,
    [metric],
  );
  const result = { stored: 0, twice: 0, missing: 0 };
  for (const [sensor, ranges] of Object.entries(acked)) {
    const numbers = rows.find((row) => row.sensor === sensor)?.numbers ?? [];
    const found = new Set(numbers);
    result.twice += numbers.length - found.size;
    for (const [from, to] of ranges)
      for (let number = from; number <= to; number += 1)
        if (found.has(number)) result.stored += 1;
        else result.missing += 1;
  }
  return result;
}
