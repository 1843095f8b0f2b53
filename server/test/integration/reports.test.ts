import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MediaStore } from '../../src/media-store/media-store.ts';
import type { Cursor } from '../../src/postgres/cursor.ts';
import type { Database } from '../../src/postgres/pool.ts';
import { openQueue } from '../../src/queues/job-queue.ts';
import { ReportFiles } from '../../src/reports/report-files.ts';
import { Reports, type Report, type ReportJob, type ReportsOptions } from '../../src/reports/reports.ts';
import { openHttpHarness } from '../support/http-harness.ts';
import { testLogger, useTestPostgres } from '../support/postgres.ts';
import { makeReadings } from '../support/readings.ts';
import { waitFor } from '../support/wait-for.ts';
import { BELIEVED } from '../support/clock-trust.ts';

const postgres = useTestPostgres();
const FROM = new Date('2026-03-01T00:00:00Z');
const TO = new Date('2026-03-02T00:00:00Z');
const ASKED = { site: 'yard', kind: 'csv', range: { from: FROM, to: TO } } as const;
const COUNT = 5_000;

describe('a report', () => {
  it('is asked for, waited for, fetched and removed by the API', async () => {
    const site = await openSite();
    await using harness = await openHttpHarness(postgres, { services: { reports: site.reports } });
    const operator = await harness.login('operator', ['yard']);
    const [viewer, stranger] = [await harness.login('viewer'), await harness.login('admin', ['farm'])];
    const call = (cookie: string, method: 'GET' | 'POST' | 'DELETE', path = '', payload?: object) =>
      harness.request(cookie, { method, url: `/api/v1/reports${path}`, payload });
    const asked = { site: 'yard', from: FROM.toISOString(), to: TO.toISOString(), kind: 'csv' };

    expect((await call(viewer, 'POST', '', asked)).statusCode).toBe(403);
    expect((await call(stranger, 'POST', '', asked)).statusCode).toBe(404);
    expect((await call(operator, 'POST', '', { ...asked, from: asked.to })).statusCode).toBe(400);
    site.reports.pause();
    const made = await call(operator, 'POST', '', asked);
    expect([made.statusCode, made.json()]).toMatchObject([202, { ...asked, state: 'queued', progress: 0 }]);
    const { id } = made.json<{ id: string }>();
    const early = await call(viewer, 'GET', `/${id}/download`);
    expect([early.statusCode, early.json()]).toMatchObject([409, { error: { code: 'REPORT_NOT_DONE' } }]);
    site.reports.resume();
    await site.settled(id);

    const file = await call(viewer, 'GET', `/${id}/download`);
    expect(file.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8; header=present',
      'content-disposition': 'attachment; filename="report_yard_20260301T000000Z_20260302T000000Z.csv"',
    });
    const exported = await readExport(site.database);
    expect(file.body).toBe(exported);
    const done = { id, state: 'done', progress: 1, rows: COUNT, bytes: exported.length, error: null };
    expect((await call(viewer, 'GET', `/${id}`)).json()).toMatchObject(done);
    expect((await call(operator, 'GET', '?site=yard')).json()).toMatchObject({
      items: [done],
      nextCursor: null,
    });
    expect((await call(stranger, 'GET')).json()).toEqual({ items: [], nextCursor: null });
    for (const path of [`/${id}`, `/${id}/download`, '/..%2F..%2Fetc%2Fpasswd'])
      expect((await call(stranger, 'GET', path)).statusCode).toBeGreaterThanOrEqual(400);
    expect((await call(stranger, 'DELETE', `/${id}`)).statusCode).toBe(404);
    expect((await call(viewer, 'DELETE', `/${id}`)).statusCode).toBe(403);
    expect((await call(operator, 'DELETE', `/${id}`)).statusCode).toBe(204);
    expect((await call(operator, 'GET', `/${id}`)).statusCode).toBe(404);
    expect(await readdir(site.dir)).toEqual([]);
  });

  it('tells how far it is, and begins anew after a pause in the middle', async () => {
    const site = await openSite();
    site.gate.close();
    const { id } = await site.reports.create(ASKED);
    await waitFor('the report to stand in the middle', () => site.gate.isReached);
    const middle = await site.reports.get(id);
    expect(middle.state).toBe('running');
    expect(middle.rows).toBeGreaterThan(0);
    expect(middle.rows).toBeLessThan(COUNT);
    expect(middle.progress).toBeGreaterThan(0);
    expect(middle.progress).toBeLessThan(1);
    site.reports.pause();
    site.gate.open();
    await waitFor('the report to be put back', async () => (await site.reports.get(id)).state === 'queued');
    expect(await readdir(site.dir)).toEqual([]);
    await site.poolAtRest();
    expect(site.reports.isPaused).toBe(true);
    site.reports.resume();
    expect(await site.settled(id)).toMatchObject({ state: 'done', rows: COUNT, attempts: 1 });
    expect(site.reports.counters).toMatchObject({ done: 1, putBack: 1, failed: 0 });
  });

  it('that is removed in the middle leaves nothing, and the next one is made', async () => {
    const site = await openSite();
    site.gate.close();
    const { id } = await site.reports.create(ASKED);
    await waitFor('the report to stand in the middle', () => site.gate.isReached);
    await site.reports.remove(id);
    site.gate.open();
    const next = await site.reports.create(ASKED);
    await site.settled(next.id);
    expect(await readdir(site.dir)).toEqual([`${next.id}.csv`]);
    await site.poolAtRest();
    await expect(site.reports.get(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('that a stop cuts short is finished by the next start', async () => {
    const site = await openSite();
    site.gate.close();
    const { id } = await site.reports.create(ASKED);
    await waitFor('the report to stand in the middle', () => site.gate.isReached);
    const closing = site.reports.close();
    site.gate.open();
    await closing;
    await site.queue.close();
    expect((await site.reports.get(id)).state).toBe('queued');
    const next = await openReports(site);
    expect(await settled(next.reports, id)).toMatchObject({ state: 'done', rows: COUNT, attempts: 1 });
  });

  it('that a crash left running is finished by the next start, and leftovers go away', async () => {
    const site = await openSite({ isStarted: false });
    const [running, hopeless] = [ulid(), ulid()];
    await site.database.query(
      `insert into reports (id, site, kind, from_at, to_at, state, attempts, created_at)
       select id, 'yard', 'csv', $3, $4, 'running', attempts, now()
       from (values ($1, 1), ($2, 3)) as left_behind (id, attempts)`,
      [running, hopeless, FROM, TO],
    );
    await writeFile(join(site.dir, 'abc.partial'), 'half');
    await writeFile(join(site.dir, `${ulid()}.csv`), 'of a row that is gone');
    await site.reports.start();
    expect(await site.settled(running)).toMatchObject({ state: 'done', attempts: 2 });
    expect(await site.settled(hopeless)).toMatchObject({ state: 'failed', errorCode: 'INTERNAL' });
    expect(await readdir(site.dir)).toEqual([`${running}.csv`]);
  });

  it('that grows above the size of a file fails and leaves none', async () => {
    const site = await openSite({ maxBytes: 10_000 });
    const { id } = await site.reports.create(ASKED);
    expect(await site.settled(id)).toMatchObject({ state: 'failed', errorCode: 'REPORT_TOO_LARGE' });
    expect(await readdir(site.dir)).toEqual([]);
    await site.poolAtRest();
  });

  it('is tried again when the store fails, and then fails with the reason', async () => {
    const site = await openSite();
    site.gate.isStoreFailing = true;
    const { id } = await site.reports.create(ASKED);
    expect(await site.settled(id)).toMatchObject({
      state: 'failed',
      errorCode: 'STORE_UNAVAILABLE',
      attempts: 3,
    });
    site.gate.isStoreFailing = false;
    const next = await site.reports.create(ASKED);
    expect(await site.settled(next.id)).toMatchObject({ state: 'done' });
  });

  it('of a period is a file of its kind, by the clock that was asked for', async () => {
    const site = await openSite();
    await using harness = await openHttpHarness(postgres, { services: { reports: site.reports } });
    const operator = await harness.login('operator', ['yard']);
    const call = (method: 'GET' | 'POST', path = '', payload?: object) =>
      harness.request(operator, { method, url: `/api/v1/reports${path}`, payload });
    const asked = { site: 'yard', period: 'weekly', timeZone: 'Asia/Seoul', language: 'ko' };
    expect((await call('POST', '', { site: 'yard', kind: 'html' })).statusCode).toBe(400);
    expect((await call('POST', '', { ...asked, kind: 'html', from: FROM })).statusCode).toBe(400);
    expect((await call('POST', '', { ...asked, kind: 'html', timeZone: '+09:00' })).statusCode).toBe(400);
    expect((await call('POST', '', { ...asked, kind: 'pdf' })).statusCode).toBe(400);
    const files = { html: ['text/html', 'report', 'html'], 'summary-csv': ['text/csv', 'summary', 'csv'] };
    const types = { ...files, xlsx: ['application/vnd.openxmlformats', 'report', 'xlsx'] };
    for (const [kind, [type, word, suffix]] of Object.entries(types)) {
      const made = await call('POST', '', { ...asked, kind });
      expect([made.statusCode, made.json()]).toMatchObject([202, { ...asked, kind }]);
      const { id, from, to } = made.json<{ id: string; from: string; to: string }>();
      expect(Date.parse(to) - Date.parse(from)).toBe(7 * 86_400_000);
      expect(await site.settled(id)).toMatchObject({ state: 'done', progress: 1 });
      const file = await call('GET', `/${id}/download`);
      expect(file.headers['content-type']).toContain(type);
      expect(file.headers['content-disposition']).toMatch(
        new RegExp(`^attachment; filename="${word}_yard_\\d+T150000Z_\\d+T150000Z.${suffix}"$`),
      );
      expect(file.rawPayload.length).toBe((await site.reports.get(id)).bytes);
    }
  });

  it('is a summary that begins anew after a pause in the middle, and gives its connection back', async () => {
    const site = await openSite();
    site.gate.close(1);
    const { id } = await site.reports.create({ ...ASKED, kind: 'html' });
    await waitFor('the report to stand in the middle', () => site.gate.isReached);
    site.reports.pause();
    site.gate.open();
    await waitFor('the report to be put back', async () => (await site.reports.get(id)).state === 'queued');
    await site.poolAtRest();
    expect(await readdir(site.dir)).toEqual([]);
    site.reports.resume();
    expect(await site.settled(id)).toMatchObject({ state: 'done', attempts: 1 });
    expect(await readdir(site.dir)).toEqual([`${id}.html`]);
  });

  it('goes when it is too old, or when there are too many bytes', async () => {
    const site = await openSite({ maxKeptBytes: 1 });
    for (let count = 0; count < 2; count += 1) await site.settled((await site.reports.create(ASKED)).id);
    await waitFor('the older one to go', () => site.reports.counters.dropped === 1);
    await site.database.query(`update reports set created_at = created_at - interval '400 days'`);
    await site.settled((await site.reports.create({ ...ASKED, kind: 'html' })).id);
    await waitFor('the old one to go', () => site.reports.counters.dropped === 2);
    await waitFor('its file to go', async () => (await readdir(site.dir)).length === 1);
  });

  it('pushes out the oldest above the number that is kept', async () => {
    const site = await openSite({ maxKept: 2 });
    const ids: string[] = [];
    for (let index = 0; index < 4; index += 1) {
      const { id } = await site.reports.create(ASKED);
      ids.push(id);
      await site.settled(id);
    }
    await waitFor('the oldest to go', () => site.reports.counters.dropped === 2);
    await waitFor('their files to go', async () => (await readdir(site.dir)).length === 2);
    const { items } = await site.reports.list({ limit: 10 });
    expect(items.map(({ id }) => id)).toEqual([ids[3], ids[2]]);
    const page = await site.reports.list({ limit: 1 });
    const rest = await site.reports.list({ limit: 1, cursor: page.nextCursor ?? '' });
    expect([page.items[0]?.id, rest.items[0]?.id, rest.nextCursor]).toEqual([ids[3], ids[2], null]);
  });

  it('is refused above the number that may wait, however many ask at once', async () => {
    const site = await openSite({ maxWaiting: 2 });
    site.reports.pause();
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => site.reports.create(ASKED)));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused).toHaveLength(4);
    expect(refused[0]?.reason).toMatchObject({
      code: 'QUEUE_FULL',
      detail: { limit: 2, retryAfterMs: expect.any(Number) as number },
    });
    expect(site.reports.counters).toMatchObject({ created: 2, refused: 4 });
    site.reports.resume();
    await waitFor('both', () => site.reports.counters.done === 2);
    expect(site.queue.counters).toMatchObject({ jobsHeldUp: 1 });
  });
});

interface Parts {
  database: Database;
  url: string;
  dir: string;
  gated: Database;
}

interface Site extends Parts {
  gate: Gate;
  reports: Reports;
  queue: Awaited<ReturnType<typeof openReports>>['queue'];
  settled(id: string): Promise<Report>;
  poolAtRest(): Promise<unknown>;
}

interface Gate {
  isReached: boolean;
  /** PostgreSQL ends the connection of whoever opens a cursor. */
  isStoreFailing: boolean;
  /** @param batch at which readers stop. */
  close(batch?: number): void;
  open(): void;
}

type Bounds = Pick<ReportsOptions, 'maxBytes' | 'maxKept' | 'maxKeptBytes' | 'maxWaiting'> & {
  isStarted?: boolean;
};

async function openSite(bounds: Bounds = {}): Promise<Site> {
  const test = await postgres.createDatabase();
  onTestFinished(() => test[Symbol.asyncDispose]());
  const dir = await mkdtemp(join(tmpdir(), 'sitecast-reports-'));
  for (const made of [dir, `${dir}-media`]) onTestFinished(() => rm(made, { recursive: true, force: true }));
  const made = { site: 'yard', sensor: 'boiler', metric: 'flow', unit: 'l', from: FROM };
  await makeReadings(test.database, { ...made, count: COUNT, stepMs: 10_000 });
  const { gate, gated } = gatedDatabase(test.database);
  const parts = { database: test.database, url: test.url, dir, gated };
  const { reports, queue } = await openReports(parts, bounds);
  return {
    ...parts,
    gate,
    reports,
    queue,
    settled: (id) => settled(reports, id),
    poolAtRest: () => poolAtRest(test.database),
  };
}

async function openReports({ url, dir, gated }: Parts, { isStarted = true, ...bounds }: Bounds = {}) {
  const queue = await openQueue<ReportJob>({ name: 'reports', databaseUrl: url, logger: testLogger });
  onTestFinished(() => queue.close());
  const files = await ReportFiles.open(dir);
  const pictures = await MediaStore.open(`${dir}-media`);
  const reports = new Reports({
    ...{ database: gated, queue, files, pictures, clockTrust: BELIEVED, logger: testLogger },
    ...bounds,
  });
  onTestFinished(() => reports.close());
  if (isStarted) await reports.start();
  return { reports, queue };
}

/** A closed gate stops readers at a batch, the third unless it is told. */
function gatedDatabase(database: Database): { gate: Gate; gated: Database } {
  let waiting: Promise<void> | undefined;
  let closedAt = 3;
  let open = (): void => undefined;
  const gate: Gate = {
    isReached: false,
    isStoreFailing: false,
    close: (batch = 3) => {
      closedAt = batch;
      waiting = new Promise((resolve) => (open = resolve));
    },
    open: () => open(),
  };
  const gated: Database = {
    query: (...given) => database.query(...given),
    transaction: (work) => database.transaction(work),
    counters: database.counters,
    stats: () => database.stats(),
    close: () => database.close(),
    openCursor: async <Row extends object>(...given: Parameters<Database['openCursor']>) => {
      if (gate.isStoreFailing) await database.query('select pg_terminate_backend(pg_backend_pid())');
      const cursor: Cursor<Row> = await database.openCursor<Row>(...given);
      let batches = 0;
      return {
        close: () => cursor.close(),
        read: async (maxRows: number) => {
          batches += 1;
          if (batches === closedAt && waiting) {
            gate.isReached = true;
            await waiting;
            waiting = undefined;
          }
          return cursor.read(maxRows);
        },
      };
    },
  };
  return { gate, gated };
}

function settled(reports: Reports, id: string): Promise<Report> {
  return waitFor(`report ${id}`, async () => {
    const report = await reports.get(id);
    return report.finishedAt === null ? undefined : report;
  });
}

function poolAtRest(database: Database): Promise<unknown> {
  return waitFor('the pool to have its connections back', () => {
    const { total, idle, waiting } = database.stats();
    return total === idle && waiting === 0;
  });
}

async function readExport(database: Database): Promise<string> {
  const rows = await database.query<{ ts: Date; value: number }>(
    'select ts, value from telemetry order by ts',
  );
  const lines = rows.map(({ ts, value }) => `${ts.toISOString()},yard,boiler,flow,l,${value}\r\n`);
  return ['ts,site,sensor,metric,unit,value\r\n', ...lines].join('');
}
