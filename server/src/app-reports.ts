// What makes reports, when somebody asks and by schedule.

import { join } from 'node:path';
import type { MediaStore } from './media-store/media-store.ts';
import type { Database } from './postgres/pool.ts';
import { openQueue } from './queues/job-queue.ts';
import { RepeatedJobs } from './queues/repeated-jobs.ts';
import { ReportFiles } from './reports/report-files.ts';
import { ReportSchedules } from './reports/report-schedules.ts';
import { Reports, REPORTS_WAITING_MAX, type ReportJob } from './reports/reports.ts';
import { SCHEDULES_MAX } from './reports/schedule-store.ts';
import type { ClockTrust } from './retention/clock-trust.ts';
import type { Opening } from './app-opening.ts';

/** Where a setting of days is 0. */
const FOR_EVER_DAYS = 36_500;

export async function openReports(
  { config, lifetime, logger }: Opening,
  database: Database,
  { mediaStore: pictures, clockTrust }: { mediaStore: MediaStore; clockTrust: ClockTrust },
) {
  const { dataDir, redisUrl, postgres } = config;
  const files = await ReportFiles.open(join(dataDir, 'reports'));
  const reportQueue = await openQueue<ReportJob>({
    name: 'reports',
    redisUrl,
    databaseUrl: postgres.url,
    // Jobs of reports that were removed meanwhile wait beside those of the others, and one of each schedule.
    maxWaiting: 2 * REPORTS_WAITING_MAX + SCHEDULES_MAX,
    logger,
  });
  lifetime.own('report queue', reportQueue);
  const reports = lifetime.own(
    'reports',
    new Reports({
      ...{ database, queue: reportQueue, files, pictures, clockTrust, logger },
      maxKeptDays: config.retention.reportsDays || FOR_EVER_DAYS,
    }),
  );
  const repeats = new RepeatedJobs(reportQueue);
  const schedules = new ReportSchedules({ database, repeats, reports, logger });
  lifetime.own('report schedules', schedules);
  await reports.start(() => schedules.makeDue());
  await schedules.start();
  return { reports, reportQueue, schedules };
}
