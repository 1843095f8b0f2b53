// Reports: how many, how large, how long they are kept.

import type { ServerConfig } from '../config.ts';
import { REPEATED_JOBS_MAX } from '../queues/repeated-jobs.ts';
import { REPORT_MAX_MS, REPORT_STREAM_BYTES } from '../reports/report-stream.ts';
import {
  REPORT_CAMERAS_MAX,
  REPORT_LIST_MAX,
  REPORT_SENSORS_MAX,
  REPORT_SERIES_MAX,
} from '../reports/report-subject.ts';
import { SCHEDULES_MAX } from '../reports/schedule-store.ts';
import { REPORT_ATTEMPTS_MAX } from '../reports/report-worker.ts';
import {
  REPORT_MAX_BYTES,
  REPORTS_KEPT_BYTES,
  REPORTS_KEPT_MAX,
  REPORTS_WAITING_MAX,
} from '../reports/reports.ts';
import { row, httpErrors, type LimitRow } from './limit-row.ts';

export function reportRows({ retention }: ServerConfig): LimitRow[] {
  return [
    row('reports at once', 1, 'report', 'block', { counter: 'reports_held_up', bytes: REPORT_STREAM_BYTES }),
    row('report schedules', SCHEDULES_MAX, 'schedules', 'reject', {
      counter: httpErrors('LIMIT_REACHED'),
    }),
    row('job schedulers of a queue', REPEATED_JOBS_MAX, 'schedulers', 'reject', {
      counter: 'reports_schedules_postponed',
    }),
    row('reports waiting', REPORTS_WAITING_MAX, 'reports', 'reject', { counter: 'reports_refused' }),
    row('reports kept', REPORTS_KEPT_MAX, 'reports', 'drop-oldest', { counter: 'reports_dropped' }),
    row('reports kept, in all', REPORTS_KEPT_BYTES, 'bytes', 'drop-oldest', { counter: 'reports_dropped' }),
    row('age of a report', retention.reportsDays, 'days', 'drop-oldest', {
      env: 'RETENTION_REPORTS_DAYS',
      counter: 'reports_dropped',
    }),
    row('file of a report', REPORT_MAX_BYTES, 'bytes', 'reject', { counter: 'reports_failed' }),
    row('one report', REPORT_MAX_MS, 'ms', 'reject', { counter: 'reports_failed' }),
    row('attempts of a report', REPORT_ATTEMPTS_MAX, 'attempts', 'reject', { counter: 'reports_failed' }),
    row('cameras in a report', REPORT_CAMERAS_MAX, 'cameras', 'coarsen', { counter: 'reports_shortened' }),
    row('sensors in a report', REPORT_SENSORS_MAX, 'sensors', 'coarsen', { counter: 'reports_shortened' }),
    row('series in a report', REPORT_SERIES_MAX, 'series', 'coarsen', { counter: 'reports_shortened' }),
    row('entries of a list in a report', REPORT_LIST_MAX, 'entries', 'coarsen', {
      counter: 'reports_shortened',
    }),
  ];
}
