// A year of 200 series, one value a minute: how long curves and the timeline take at any zoom, what the drop of a day costs, and
// whether PostgreSQL stays within its container meanwhile.

import { createLogger } from '@sitecast/shared/node/logger';
import { systemClock } from '@sitecast/shared/runtime/clock';
import { openPool } from '../../src/postgres/pool.ts';
import { TierRetention } from '../../src/telemetry/tier-retention.ts';
import { usageOf } from '../harness/process-usage.ts';
import { round } from '../harness/statistics.ts';
import type { BenchOptions } from '../options.ts';
import { POSTGRES_BYTES } from './compose-settings.ts';
import { daysOfRows, Year } from './dataset.ts';
import { DAY_MS } from './fill.ts';
import { measureCurves, measureSeveral, measureTimeline, type ZoomRow } from './zooms.ts';

const DEFAULT_DAYS = 365;
const CURVE_P95_MS = 100;
const TIMELINE_MS = 200;
const DROP_MS = 1_000;
const SAMPLE_MS = 500;
const FOR_EVER_DAYS = 36_500;

interface Result {
  days: number;
  rows: number;
  gibibytes: number;
  fillSeconds: number;
  curves: ZoomRow[];
  severalCurves: ZoomRow[];
  timeline: ZoomRow[] | undefined;
  dropOfADayMs: number;
  serverRssMiB: number;
  postgresPeakMiB: number | undefined;
  postgresKills: number | undefined;
}

export async function year(options: BenchOptions): Promise<void> {
  const { json, signal } = options;
  const log = json ? () => undefined : console.log;
  const days = options.rows === undefined ? (options.days ?? DEFAULT_DAYS) : daysOfRows(options.rows);
  await using opened = await Year.open({ days, dataDir: options.dataDir, log, signal });
  const result = await measure(opened, signal);
  const failures = failuresOf(result);
  if (json) console.log(JSON.stringify({ ...result, failures }, null, 2));
  else print(result, failures);
  if (failures.length > 0) process.exitCode = 1;
}

async function measure(opened: Year, signal: AbortSignal): Promise<Result> {
  const { dataset, postgresGroup, server } = opened;
  let peakBytes = 0;
  const timer = setInterval(() => {
    peakBytes = Math.max(peakBytes, postgresGroup?.usedBytes ?? 0);
  }, SAMPLE_MS);
  try {
    const curves = await measureCurves(opened, 1, signal);
    const severalCurves = await measureSeveral(opened, signal);
    const timeline = await measureTimeline(opened, signal);
    const dropOfADayMs = await measureDrop(opened);
    return {
      ...{ days: dataset.days, rows: dataset.rows, fillSeconds: dataset.fillSeconds },
      gibibytes: round(dataset.databaseBytes / 2 ** 30, 1),
      ...{ curves, severalCurves, timeline, dropOfADayMs },
      serverRssMiB: round(usageOf([server.program.pid]).rssBytes / 2 ** 20, 0),
      postgresPeakMiB: postgresGroup && round(peakBytes / 2 ** 20, 0),
      postgresKills: postgresGroup?.kills,
    };
  } finally {
    clearInterval(timer);
  }
}

/** As retention does it, of the oldest day, at a moment when no other has expired. */
async function measureDrop({ server, dataset }: Year): Promise<number> {
  const logger = createLogger({ name: 'bench', level: 'silent' });
  const database = openPool({ url: server.database.url, logger, min: 0 });
  const rawDays = 1;
  const [oldest] = await database.query<{ name: string }>(
    `select min(c.relname) as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'telemetry'::regclass`,
  );
  const suffix = /\d+$/.exec(oldest!.name)![0];
  const endMs = Date.parse(suffix.replace(/(....)(..)(..)/, '$1-$2-$3')) + DAY_MS;
  const kept = { rawDays, minutesDays: FOR_EVER_DAYS, hoursDays: FOR_EVER_DAYS, daysDays: FOR_EVER_DAYS };
  const clock = { ...systemClock, nowMs: () => endMs + (rawDays + 1) * DAY_MS };
  const retention = new TierRetention({
    database,
    partitions: { forget: () => undefined },
    kept,
    logger,
    clock,
  });
  const startMs = performance.now();
  await retention.dropExpired();
  const tookMs = round(performance.now() - startMs, 0);
  await database.close();
  if (retention.counters.partitionsDropped !== 1)
    throw new Error(`dropped ${retention.counters.partitionsDropped} of ${dataset.days} days instead of one`);
  return tookMs;
}

function failuresOf({ curves, timeline, dropOfADayMs, postgresKills = 0 }: Result): string[] {
  return [
    ...curves.filter(({ p95Ms }) => p95Ms > CURVE_P95_MS).map(({ zoom }) => `curves of ${zoom}`),
    ...(timeline ?? []).filter(({ p95Ms }) => p95Ms > TIMELINE_MS).map(({ zoom }) => `timeline of ${zoom}`),
    ...(dropOfADayMs > DROP_MS ? ['drop of a day'] : []),
    ...(postgresKills > 0 ? ['PostgreSQL in its container'] : []),
  ];
}

function print(result: Result, failures: string[]): void {
  const { rows, days, gibibytes, fillSeconds, curves, severalCurves, timeline, ...rest } = result;
  console.log(
    `${round(rows / 1e6, 1)} million raw values of ${days} days and as many minutes, ${gibibytes} GiB, written in ${fillSeconds} s; PostgreSQL as in docker-compose.yml.`,
  );
  console.log(`One curve over HTTP, 600 points at most; p95 target ${CURVE_P95_MS} ms.`);
  console.table(curves);
  console.log('Ten curves in one answer; no target.');
  console.table(severalCurves);
  if (timeline === undefined) console.log('This server has no timeline.');
  else {
    console.log(`Timeline; p95 target ${TIMELINE_MS} ms.`);
    console.table(timeline);
  }
  console.log(
    `Drop of a day: ${rest.dropOfADayMs} ms (target ${DROP_MS}). Server ${rest.serverRssMiB} MiB. PostgreSQL at most ` +
      `${rest.postgresPeakMiB ?? '?'} MiB of ${POSTGRES_BYTES / 2 ** 20} without page cache, ${rest.postgresKills ?? '?'} processes killed.`,
  );
  console.log(failures.length === 0 ? 'All targets are met.' : `NOT MET: ${failures.join(', ')}`);
}
