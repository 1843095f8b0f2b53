// GET timeline on a year of pictures, events and outages, from a year to ten seconds. Target: 200 ms.

import { createLogger } from '@sitecast/shared/node/logger';
import { openPool } from '../../src/postgres/pool.ts';
import { SitecastServer } from '../harness/sitecast-server.ts';
import { percentile, round } from '../harness/statistics.ts';
import type { BenchOptions } from '../options.ts';
import { CAMERAS, DAYS, fillYear, SITE } from './year-of-events.ts';

const TARGET_MS = 200;
const DAY_MS = 86_400_000;
const ZOOMS: Record<string, number> = {
  year: DAYS * DAY_MS,
  quarter: 91 * DAY_MS,
  month: 30 * DAY_MS,
  week: 7 * DAY_MS,
  day: DAY_MS,
  hour: DAY_MS / 24,
  '10 min': DAY_MS / 144,
  '10 s': 10_000,
};
/** The first ones find nothing in the caches and no statement planned. */
const WARM_UPS = 3;
const ANSWERS = 40;
/** One statement of the filling takes longer than a server lets one. */
const FILL_TIMEOUT_MS = 120_000;

interface Row {
  zoom: string;
  p50Ms: number;
  p95Ms: number;
  items: number;
  bytes: number;
}

interface Answer {
  pictures: unknown[];
  events: unknown[];
  eventCounts: unknown[];
  outages: unknown[];
  curves: { points: unknown[] }[];
}

export async function timeline({ json, signal }: BenchOptions): Promise<void> {
  // The guard would send a client away that asks as fast as it can.
  await using server = await SitecastServer.start({ env: { HTTP_REQUESTS_PER_MINUTE: '1000000' } });
  const logger = createLogger({ name: 'bench', level: 'silent' });
  const database = openPool({
    url: server.database.url,
    logger,
    max: 2,
    statementTimeoutMs: FILL_TIMEOUT_MS,
  });
  try {
    await fillYear(database);
  } finally {
    await database.close();
  }
  const rows: Row[] = [];
  for (const [zoom, lengthMs] of Object.entries(ZOOMS)) {
    if (signal.aborted) return;
    rows.push(await measure(server, zoom, lengthMs));
  }
  if (json) console.log(JSON.stringify({ cameras: CAMERAS, days: DAYS, targetMs: TARGET_MS, rows }, null, 2));
  else print(rows);
  if (rows.some(({ p95Ms }) => p95Ms > TARGET_MS)) process.exitCode = 1;
}

/** Each answer is of another moment of the last month, as when somebody moves about. */
async function measure(server: SitecastServer, zoom: string, lengthMs: number): Promise<Row> {
  const tooks: number[] = [];
  let text = '';
  for (let n = -WARM_UPS; n < ANSWERS; n += 1) {
    const toMs = Date.now() - (n + WARM_UPS) * 0.5 * DAY_MS;
    const begunMs = performance.now();
    text = await ask(server, toMs - lengthMs, toMs);
    if (n >= 0) tooks.push(performance.now() - begunMs);
  }
  const { pictures, events, eventCounts, outages, curves } = JSON.parse(text) as Answer;
  const points = curves.reduce((sum, curve) => sum + curve.points.length, 0);
  const items = pictures.length + events.length + eventCounts.length + outages.length + points;
  const [p50Ms, p95Ms] = [0.5, 0.95].map((share) => round(percentile(tooks, share), 0)) as [number, number];
  return { zoom, p50Ms, p95Ms, items, bytes: text.length };
}

async function ask({ session }: SitecastServer, fromMs: number, toMs: number): Promise<string> {
  const query = new URLSearchParams({
    site: SITE,
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    tz: 'Asia/Seoul',
  });
  const answer = await session.fetch(`timeline?${query.toString()}`);
  if (!answer.ok) throw new Error(`timeline answered ${answer.status}: ${await answer.text()}`);
  return answer.text();
}

function print(rows: Row[]): void {
  console.log(`GET timeline, ${CAMERAS} cameras, ${DAYS} days; target: p95 of ${TARGET_MS} ms\n`);
  console.log('zoom        p50 ms  p95 ms   items   bytes');
  for (const { zoom, p50Ms, p95Ms, items, bytes } of rows)
    console.log(
      `${zoom.padEnd(10)} ${String(p50Ms).padStart(7)} ${String(p95Ms).padStart(7)} ${String(items).padStart(7)} ${String(bytes).padStart(7)}`,
    );
}
