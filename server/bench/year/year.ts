// A year of 200 series, one value a minute: how long curves and the timeline take at any zoom, what a report and the proof of a month
// and the drop of a day cost, and whether PostgreSQL stays within its container meanwhile.

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
import { measureReports, type ReportRow } from './month-reports.ts';
import { measureVerify, type VerifyResult } from './verify.ts';
import { measureCurves, measureSeveral, measureTimeline, measureZones, type ZoomRow } from './zooms.ts';

const DEFAULT_DAYS = 365;
const CURVE_P95_MS = 100;
const TIMELINE_MS = 200;
const DROP_MS = 1_000;
const REPORT_SECONDS = 60;
const REPORT_GROWTH_MIB = 50;
const SAMPLE_MS = 500;
const FOR_EVER_DAYS = 36_500;

interface Result {
  days: number;
  rows: number;
  gibibytes: number;
  fillSeconds: number;
  curves: ZoomRow[];
  /** Of the whole year. */
  zones: ZoomRow[];
  severalCurves: ZoomRow[];
  timeline: ZoomRow[] | undefined;
  reports: ReportRow[];
  verify: VerifyResult;
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
    const zones = await measureZones(opened, signal);
    const severalCurves = await measureSeveral(opened, signal);
    const timeline = await measureTimeline(opened, signal);
    const reports = await measureReports(opened, signal);
    const verify = await measureVerify(opened, signal);
    const dropOfADayMs = await measureDrop(opened);
    return {
      ...{ days: dataset.days, rows: dataset.rows, fillSeconds: dataset.fillSeconds },
      gibibytes: round(dataset.databaseBytes / 2 ** 30, 1),
      ...{ curves, zones, severalCurves, timeline, reports, verify, dropOfADayMs },
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
    clockTrust: { isBelieved: async () => true },
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

function failuresOf(result: Result): string[] {
  const { curves, zones, timeline, reports, verify, dropOfADayMs, postgresKills = 0 } = result;
  const slow = [...curves, ...zones].filter(({ p95Ms }) => p95Ms > CURVE_P95_MS);
  const heavy = reports.filter(
    ({ state, seconds, growthMiB }) =>
      state !== 'done' || seconds > REPORT_SECONDS || growthMiB > REPORT_GROWTH_MIB,
  );
  return [
    ...slow.map(({ zoom }) => `curves of ${zoom}`),
    ...(timeline ?? []).filter(({ p95Ms }) => p95Ms > TIMELINE_MS).map(({ zoom }) => `timeline of ${zoom}`),
    ...heavy.map(({ report }) => `report of a month (${report})`),
    ...(verify.isWhole ? [] : ['verify']),
    ...(dropOfADayMs > DROP_MS ? ['drop of a day'] : []),
    ...(postgresKills > 0 ? ['PostgreSQL in its container'] : []),
  ];
}

function print(result: Result, failures: string[]): void {
  const { rows, days, gibibytes, fillSeconds, curves, zones, severalCurves, timeline, ...rest } = result;
  console.log(
    `${round(rows / 1e6, 1)} million raw values of ${days} days and as many minutes, ${gibibytes} GiB, written in ${fillSeconds} s; PostgreSQL as in docker-compose.yml.`,
  );
  console.log(
    `One curve over HTTP, 600 points at most; p95 target ${CURVE_P95_MS} ms. Then all days, by the zone that they are of.`,
  );
  console.table(curves);
  console.table(zones);
  console.log('Ten curves in one answer; no target.');
  console.table(severalCurves);
  if (timeline === undefined) console.log('This server has no timeline.');
  else {
    console.log(`Timeline; p95 target ${TIMELINE_MS} ms.`);
    console.table(timeline);
  }
  printMonth(rest);
  console.log(
    `Drop of a day: ${rest.dropOfADayMs} ms (target ${DROP_MS}). Server ${rest.serverRssMiB} MiB. PostgreSQL at most ` +
      `${rest.postgresPeakMiB ?? '?'} MiB of ${POSTGRES_BYTES / 2 ** 20} without page cache, ${rest.postgresKills ?? '?'} processes killed.`,
  );
  console.log(failures.length === 0 ? 'All targets are met.' : `NOT MET: ${failures.join(', ')}`);
}

function printMonth({ reports, verify }: Pick<Result, 'reports' | 'verify'>): void {
  console.log(
    `Report of a month; targets ${REPORT_SECONDS} s, and ${REPORT_GROWTH_MIB} MiB above what the server had before.`,
  );
  console.table(reports);
  const { checked, seconds, rssMiB, isWhole, said } = verify;
  console.log(
    `sitecast-server verify of a month: ${JSON.stringify(checked)} in ${seconds} s, ${rssMiB} MiB; ${isWhole ? 'all of it, and whole' : `NOT WHOLE: ${said}`}.`,
  );
}
