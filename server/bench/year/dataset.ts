// The server on a PostgreSQL of the size of its container, which holds a year: readings, and what a timeline shows beside them.
// For whatever is to be measured on much data.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { createLogger } from '@sitecast/shared/node/logger';
import { migrate } from '../../src/postgres/migrate.ts';
import { ControlGroups, type MemoryGroup } from '../box/control-groups.ts';
import { Resources } from '../harness/resources.ts';
import { serverDir, SitecastServer } from '../harness/sitecast-server.ts';
import { TempDir } from '../harness/temp-dir.ts';
import { Unavailable } from '../harness/unavailable.ts';
import { composePostgresSettings, POSTGRES_BYTES } from './compose-settings.ts';
import { DAY_MS, fillMonth, ROWS_OF_DAY } from './fill.ts';
import { fillNames, fillTimeline } from './fill-site.ts';
import { signedRange, signMonth, type SignedMonth } from './signed-month.ts';

const CORES = 2;
/** Nothing of the year may be dropped, and nobody is told to slow down. */
const ENV = {
  RETENTION_RAW_DAYS: '400',
  RETENTION_MINUTES_DAYS: '400',
  RETENTION_SNAPSHOTS_DAYS: '0',
  RETENTION_EVENTS_DAYS: '0',
  RETENTION_OUTAGES_DAYS: '0',
  RETENTION_SEALS_DAYS: '0',
  MEDIA_MAX_BYTES: '0',
  HTTP_REQUESTS_PER_MINUTE: '1000000',
  // As docker-compose.yml starts it.
  NODE_OPTIONS: '--max-old-space-size=448',
};

export interface YearOptions {
  days: number;
  /** Kept, and found again by the next run; gone at the end when left out. */
  dataDir: string | undefined;
  log: (line: string) => void;
  signal: AbortSignal;
}

export interface Dataset {
  days: number;
  fromMs: number;
  toMs: number;
  rows: number;
  fillSeconds: number;
  databaseBytes: number;
  signed: SignedMonth;
}

export class Year implements AsyncDisposable {
  readonly server: SitecastServer;
  /** Of the server. */
  readonly dataDir: string;
  readonly dataset: Dataset;
  /** undefined where memory groups cannot be made: then nothing holds PostgreSQL within its size. */
  readonly postgresGroup: MemoryGroup | undefined;
  readonly #resources: Resources;

  private constructor(parts: {
    server: SitecastServer;
    dataDir: string;
    dataset: Dataset;
    postgresGroup: MemoryGroup | undefined;
    resources: Resources;
  }) {
    this.server = parts.server;
    this.dataDir = parts.dataDir;
    this.dataset = parts.dataset;
    this.postgresGroup = parts.postgresGroup;
    this.#resources = parts.resources;
  }

  static async open({ days, dataDir, log, signal }: YearOptions): Promise<Year> {
    await using resources = new Resources();
    const postgresGroup = openGroup(resources, log);
    const dir = dataDir ?? resources.use(new TempDir()).path;
    mkdirSync(dir, { recursive: true, mode: 0o711 });
    let dataset: Dataset | undefined;
    const server = resources.use(
      await SitecastServer.start({
        env: ENV,
        dataDir: dir,
        postgresSettings: composePostgresSettings(),
        onDatabase: (pids) => postgresGroup?.add(pids),
        fill: async ({ url }) => {
          dataset = await fillOnce(url, dir, { days, log, signal });
        },
      }),
    );
    const own = { server, dataDir: serverDir(dir), dataset: dataset! };
    return new Year({ ...own, postgresGroup, resources: resources.move() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

function openGroup(resources: Resources, log: YearOptions['log']): MemoryGroup | undefined {
  try {
    return resources.use(new ControlGroups(CORES)).memoryGroup('postgres', POSTGRES_BYTES);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    log(`PostgreSQL is not held within ${POSTGRES_BYTES / 2 ** 20} MiB: ${error.message}`);
    return undefined;
  }
}

/** What a run before has left is taken as it is. */
async function fillOnce(
  url: string,
  dir: string,
  options: Pick<YearOptions, 'days' | 'log' | 'signal'>,
): Promise<Dataset> {
  const note = join(dir, 'year.json');
  if (existsSync(note)) return JSON.parse(readFileSync(note, 'utf8')) as Dataset;
  await migrate({ url, logger: createLogger({ name: 'bench', level: 'silent' }) });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const dataset = await fill(client, dir, options);
    writeFileSync(note, JSON.stringify(dataset));
    return dataset;
  } finally {
    await client.end();
  }
}

async function fill(
  client: pg.Client,
  dir: string,
  { days, log, signal }: Pick<YearOptions, 'days' | 'log' | 'signal'>,
): Promise<Dataset> {
  const startMs = performance.now();
  const toMs = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  const fromMs = toMs - days * DAY_MS;
  await client.query('set maintenance_work_mem = $$96MB$$');
  await fillNames(client, fromMs);
  for (const [month, begins] of monthsOf(fromMs, days)) {
    signal.throwIfAborted();
    const [year] = month.split('-');
    await client.query(
      `select ensure_partition('telemetry_1d', '${year}', '${year}-01-01T00:00:00Z', '${Number(year) + 1}-01-01T00:00:00Z')`,
    );
    await fillMonth(client, begins);
    log(`${month}: ${begins.length} days after ${Math.round((performance.now() - startMs) / 1_000)} s`);
  }
  await fillTimeline(client, fromMs, toMs);
  const signed = await signMonth(client, signedRange(fromMs, toMs), join(serverDir(dir), 'media'));
  log(`${signed.seals} seals after ${Math.round((performance.now() - startMs) / 1_000)} s`);
  await client.query('vacuum analyze telemetry_1d, snapshots, seals');
  await client.query('analyze telemetry_1m, telemetry_1h, series, sensors, cameras, events, outages');
  await client.query('checkpoint');
  const { rows } = await client.query<{ bytes: string }>(
    'select pg_database_size(current_database()) as bytes',
  );
  const counted = await client.query<{ n: string }>('select sum(count) as n from telemetry_1d');
  return {
    ...{ days, fromMs, toMs, rows: Number(counted.rows[0]!.n) },
    fillSeconds: Math.round((performance.now() - startMs) / 1_000),
    databaseBytes: Number(rows[0]!.bytes),
    signed,
  };
}

function monthsOf(fromMs: number, days: number): Map<string, number[]> {
  const months = new Map<string, number[]>();
  for (let day = 0; day < days; day += 1) {
    const ms = fromMs + day * DAY_MS;
    const month = new Date(ms).toISOString().slice(0, 7);
    months.set(month, [...(months.get(month) ?? []), ms]);
  }
  return months;
}

export const daysOfRows = (rows: number): number => Math.max(1, Math.floor(rows / ROWS_OF_DAY));
