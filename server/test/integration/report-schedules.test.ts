import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MediaStore } from '../../src/media-store/media-store.ts';
import { openQueue } from '../../src/queues/job-queue.ts';
import { RepeatedJobs } from '../../src/queues/repeated-jobs.ts';
import { ReportFiles } from '../../src/reports/report-files.ts';
import { ReportSchedules } from '../../src/reports/report-schedules.ts';
import { Reports, type ReportJob } from '../../src/reports/reports.ts';
import { openHttpHarness } from '../support/http-harness.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { testLogger, useTestPostgres } from '../support/postgres.ts';
import { waitFor } from '../support/wait-for.ts';
import { BELIEVED } from '../support/clock-trust.ts';

const postgres = useTestPostgres();
const DAILY = { site: 'yard', kind: 'html', period: 'daily', language: 'ko', hour: 6 } as const;

describe('a report schedule', () => {
  it('has the report of each period made once, in its language and by the clock of the site', async () => {
    const site = await openSite();
    const made = await site.schedules.create(DAILY);
    expect(made).toMatchObject({ timeZone: 'Asia/Seoul', nextAt: new Date('2026-01-01T21:00:00Z') });
    await site.schedules.makeDue();
    expect((await site.reports.list({ limit: 10 })).items).toEqual([]);
    site.clock.advance(3_600_000);
    await Promise.all([site.schedules.makeDue(), site.schedules.makeDue()]);
    await site.schedules.makeDue();
    const { items } = await site.reports.list({ limit: 10 });
    expect(items).toMatchObject([
      {
        schedule: made.id,
        kind: 'html',
        period: 'daily',
        language: 'ko',
        timeZone: 'Asia/Seoul',
        from: new Date('2025-12-31T15:00:00Z'),
        to: new Date('2026-01-01T15:00:00Z'),
      },
    ]);
    await waitFor('the report', async () => (await site.reports.get(items[0]?.id ?? '')).state === 'done');
  });

  it('makes up for a full queue and for a server that was away', async () => {
    const site = await openSite({ maxWaiting: 1 });
    site.reports.pause();
    await site.reports.create({ site: 'yard', kind: 'html', period: 'daily' });
    await site.schedules.create(DAILY);
    site.clock.advance(2 * 3_600_000);
    await site.schedules.makeDue();
    expect(site.schedules.counters).toMatchObject({ schedulesMade: 0, schedulesPostponed: 1 });
    site.reports.resume();
    await waitFor('the first report', () => site.reports.counters.done === 1);
    await site.schedules.makeDue();
    expect(site.schedules.counters).toMatchObject({ schedulesMade: 1 });
  });

  it('is a job scheduler of BullMQ, which goes with it and comes back with the next start', async () => {
    const site = await openSite();
    const [kept, gone] = [
      await site.schedules.create({ ...DAILY, period: 'monthly' }),
      await site.schedules.create(DAILY),
    ];
    expect(await site.repeats.list()).toEqual(
      new Map([
        [kept.id, { pattern: '0 6 1 * *', timeZone: 'Asia/Seoul' }],
        [gone.id, { pattern: '0 6 * * *', timeZone: 'Asia/Seoul' }],
      ]),
    );
    await site.schedules.remove(gone.id);
    await site.repeats.remove(kept.id);
    await site.repeats.set('stray', { pattern: '0 0 1 1 *', timeZone: 'UTC' }, { schedule: 'stray' });
    await site.schedules.start();
    expect([...(await site.repeats.list()).keys()]).toEqual([kept.id]);
  });

  it('is asked for, listed and removed by the API, of sites that the user sees', async () => {
    const site = await openSite();
    await using harness = await openHttpHarness(postgres, { services: { schedules: site.schedules } });
    const [operator, viewer] = [await harness.login('operator', ['yard']), await harness.login('viewer')];
    const stranger = await harness.login('admin', ['farm']);
    const call = (cookie: string, method: 'GET' | 'POST' | 'DELETE', path = '', payload?: object) =>
      harness.request(cookie, { method, url: `/api/v1/report-schedules${path}`, payload });
    expect((await call(viewer, 'POST', '', DAILY)).statusCode).toBe(403);
    expect((await call(stranger, 'POST', '', DAILY)).statusCode).toBe(404);
    expect((await call(operator, 'POST', '', { ...DAILY, timeZone: 'Mars/Base' })).statusCode).toBe(400);
    expect((await call(operator, 'POST', '', { ...DAILY, hour: 24 })).statusCode).toBe(400);
    const made = await call(operator, 'POST', '', { ...DAILY, timeZone: 'UTC' });
    expect([made.statusCode, made.json()]).toMatchObject([
      201,
      { ...DAILY, timeZone: 'UTC', nextAt: '2026-01-02T06:00:00.000Z' },
    ]);
    const { id } = made.json<{ id: string }>();
    expect((await call(viewer, 'GET')).json()).toMatchObject({ items: [{ id }], nextCursor: null });
    expect((await call(stranger, 'GET')).json()).toEqual({ items: [], nextCursor: null });
    expect((await call(stranger, 'DELETE', `/${id}`)).statusCode).toBe(404);
    expect((await call(operator, 'DELETE', `/${id}`)).statusCode).toBe(204);
    expect((await call(operator, 'GET')).json()).toEqual({ items: [], nextCursor: null });
  });
});

async function openSite(bounds: { maxWaiting?: number } = {}) {
  const test = await postgres.createDatabase();
  onTestFinished(() => test[Symbol.asyncDispose]());
  const { database, url } = test;
  const dir = await mkdtemp(join(tmpdir(), 'sitecast-schedules-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  await database.query(`insert into sites (id, name, time_zone) values ('yard', 'Yard', 'Asia/Seoul')`);
  const clock = new ManualClock();
  // Five in the morning of the second of January in Seoul.
  clock.advance(20 * 3_600_000);
  const queue = await openQueue<ReportJob>({ name: 'reports', databaseUrl: url, logger: testLogger });
  onTestFinished(() => queue.close());
  const [files, pictures] = [
    await ReportFiles.open(join(dir, 'reports')),
    await MediaStore.open(join(dir, 'media')),
  ];
  const reports = new Reports({
    ...{ database, queue, files, pictures, clock, clockTrust: BELIEVED, logger: testLogger },
    ...bounds,
  });
  onTestFinished(() => reports.close());
  const repeats = new RepeatedJobs<ReportJob>(queue);
  const schedules = new ReportSchedules({ database, repeats, reports, clock, logger: testLogger });
  onTestFinished(() => schedules.close());
  await reports.start(() => schedules.makeDue());
  return { clock, reports, repeats, schedules };
}
