// What it costs to store a reading: rows a second through MQTT, each acknowledged after its commit and folded into minutes, hours
// and days, beside one client that only inserts, and one that only copies, into the same PostgreSQL. They take turns.

import { setTimeout as delay } from 'node:timers/promises';
import { queryDatabase } from '../../test/e2e/support/database.ts';
import { waitFor } from '../../test/e2e/support/sitecast.ts';
import { LoadProcess } from '../harness/load-process.ts';
import { cpuSecondsOfTree, usageOf } from '../harness/process-usage.ts';
import { Resources } from '../harness/resources.ts';
import { SitecastServer } from '../harness/sitecast-server.ts';
import { median, round } from '../harness/statistics.ts';
import type { BenchOptions } from '../options.ts';
import { BareWriter } from './bare-writers.ts';
import { DEVICE_IDS, METRICS } from './rows.ts';

const DEFAULT_SECONDS = 15;
const WARM_UP_MS = 2_000;
const SAMPLE_MS = 500;
/** What gateways send after an outage, and what a sensor sends by itself. */
const SHAPES = { gateway: 5, sensor: 1 };
type Shape = keyof typeof SHAPES;
const MIN_RATIO = 0.5;
/** In MiB, from the first to the last round. */
const MAX_GROWTH = 20;

interface OurRound {
  rowsPerSecond: number;
  serverRssMiB: number;
  serverCores: number;
  postgresCores: number;
  loadCores: number;
}

interface Round {
  gateway: OurRound;
  sensor: OurRound;
  insert: number;
  copy: number;
}

interface Bench {
  server: SitecastServer;
  insert: BareWriter;
  copy: BareWriter;
  logins: { id: string; secret: string }[];
  nextStep: number;
  rowsAcked: number;
  seconds: number;
  signal: AbortSignal;
}

export async function telemetry(options: BenchOptions): Promise<void> {
  const { json, rounds: count, seconds = DEFAULT_SECONDS, signal } = options;
  await using resources = new Resources();
  const server = resources.use(
    await SitecastServer.start({
      env: { MQTT_MESSAGES_PER_SECOND: '100000', MQTT_BYTES_PER_SECOND: '1000000000' },
    }),
  );
  const { url } = server.database;
  const logins = [];
  for (const id of DEVICE_IDS) logins.push(await server.createDevice(id, 'sensor'));
  const bench: Bench = {
    ...{ server, logins, seconds, signal, nextStep: 0, rowsAcked: 0 },
    insert: resources.use(await BareWriter.open(url, 'insert')),
    copy: resources.use(await BareWriter.open(url, 'copy')),
  };
  const rounds: Round[] = [];
  for (let n = 0; n < count; n += 1) rounds.push(await runRound(bench));
  const stored = await lookUp(bench);
  const result = { seconds, rounds, ...verdictOf(rounds), stored };
  if (json) console.log(JSON.stringify(result, null, 2));
  else print(result);
  if (!result.isMet || !stored.isExact) process.exitCode = 1;
}

async function runRound(bench: Bench): Promise<Round> {
  const { insert, copy, seconds, signal } = bench;
  return {
    gateway: await runOurs(bench, 'gateway'),
    insert: await insert.writeFor(seconds, signal),
    copy: await copy.writeFor(seconds, signal),
    sensor: await runOurs(bench, 'sensor'),
  };
}

async function runOurs(bench: Bench, shape: Shape): Promise<OurRound> {
  const { server, logins, nextStep: firstStep, seconds, signal } = bench;
  const options = { port: server.dataPort, logins, firstStep, readingsPerMessage: SHAPES[shape] };
  await using load = await LoadProcess.start('bulk-readings', options);
  await delay(WARM_UP_MS, undefined, { signal });
  const subjects = [server.program.pid, server.database.pid];
  const before = subjects.map(cpuSecondsOfTree);
  await load.reset();
  const startMs = performance.now();
  const rss: number[] = [];
  while (performance.now() - startMs < seconds * 1_000) {
    await delay(SAMPLE_MS, undefined, { signal });
    rss.push(usageOf([server.program.pid]).rssBytes);
  }
  const { rowsAcked } = await load.report();
  const tookS = (performance.now() - startMs) / 1_000;
  const cores = subjects.map((pid, n) => (cpuSecondsOfTree(pid) - before[n]!) / tookS);
  const { cores: loadCores } = load;
  await load.finish();
  const { rowsAckedInAll, nextStep } = await load.report();
  bench.rowsAcked += rowsAckedInAll;
  bench.nextStep = nextStep;
  return {
    rowsPerSecond: round(rowsAcked / tookS, 0),
    serverRssMiB: round(median(rss) / 2 ** 20, 1),
    serverCores: round(cores[0]!, 2),
    postgresCores: round(cores[1]!, 2),
    loadCores: round(loadCores, 2),
  };
}

/** Once the hours are rolled up: every tier counts each acknowledged row once. */
async function lookUp({ server, rowsAcked }: Bench) {
  const { url } = server.database;
  const one = async (sql: string): Promise<number> =>
    Number((await queryDatabase<{ n: string }>(url, `select ${sql} as n`))[0]!.n);
  await waitFor(
    async () => (await one('(select count(*) from rollup_due)')) === 0,
    'the last hours',
    300_000,
  );
  const counts = {
    acked: rowsAcked,
    raw: await one('(select count(*) from telemetry)'),
    minutes: await one('(select sum(count) from telemetry_1m)'),
    hours: await one('(select sum(count) from telemetry_1h)'),
    days: await one('(select sum(count) from telemetry_1d)'),
  };
  return { ...counts, isExact: new Set(Object.values(counts)).size === 1 };
}

function verdictOf(rounds: Round[]) {
  const of = (pick: (one: Round) => number): number => median(rounds.map(pick));
  const insert = of((one) => one.insert);
  const ratio = round(of(({ gateway }) => gateway.rowsPerSecond) / insert, 2);
  const growthMiB = round(rounds.at(-1)!.gateway.serverRssMiB - rounds[0]!.gateway.serverRssMiB, 1);
  return { ratio, growthMiB, isMet: ratio >= MIN_RATIO && growthMiB <= MAX_GROWTH };
}

function print(
  result: ReturnType<typeof verdictOf> & { seconds: number; rounds: Round[]; stored: object },
): void {
  const { rounds, ratio, growthMiB, stored, seconds } = result;
  const k = (rows: number): string => `${round(rows / 1_000, 1)}k`;
  console.log(
    `Rows a second over ${seconds} s each, in turns. Ours: MQTT, QoS 1, acknowledged after the commit, folded into minutes, hours and days. ` +
      `gateway: ${SHAPES.gateway * METRICS.length} values a message; sensor: ${METRICS.length}. Beside: one client, 1,000 rows an INSERT, 50,000 a COPY.`,
  );
  console.table(
    rounds.map(({ gateway, sensor, insert, copy }) => ({
      gateway: k(gateway.rowsPerSecond),
      sensor: k(sensor.rowsPerSecond),
      insert: k(insert),
      copy: k(copy),
      rssMiB: gateway.serverRssMiB,
      serverCores: gateway.serverCores,
      postgresCores: gateway.postgresCores,
      loadCores: gateway.loadCores,
    })),
  );
  console.log(`Stored: ${JSON.stringify(stored)}`);
  console.log(
    `${round(ratio * 100, 0)} % of the bare insert (target ${MIN_RATIO * 100} %); the server grew by ${growthMiB} MiB (at most ${MAX_GROWTH}).`,
  );
}
