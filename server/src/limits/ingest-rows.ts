// What comes in and is stored: pictures, clips, readings; and what is made of it.

import {
  CLIP_UPLOAD_IDLE_MS,
  KIB,
  MAX_CAMERAS_PER_AGENT,
  MAX_CLIP_BYTES,
  MAX_CLIP_CHUNK_MESSAGE_BYTES,
  MAX_SNAPSHOT_ENVELOPE_BYTES,
} from '@sitecast/shared/protocol/limits';
import type { ServerConfig } from '../config.ts';
import { CLIP_DOWNLOAD_BYTES, CLIP_DOWNLOADS_MAX } from '../ingest/clip-downloads.ts';
import { CLIP_UPLOADS_MAX, CLIP_UPLOADS_PER_DEVICE_MAX } from '../ingest/clip-intake.ts';
import { MULTIPART_LIMITS } from '../ingest/multipart-picture.ts';
import { MAX_PICTURE_PIXELS, MAX_PICTURE_SIDE } from '../ingest/picture-header.ts';
import {
  MAX_UPLOAD_BODY_BYTES,
  UPLOAD_BYTES_IN_FLIGHT_MAX,
  UPLOAD_BYTES_PER_DEVICE_MAX,
  UPLOAD_DEADLINE_MS,
  UPLOADS_PER_DEVICE_MAX,
} from '../ingest/picture-uploads.ts';
import { SNAPSHOTS_WAITING_MAX } from '../ingest/snapshot-intake.ts';
import { KNOWN_FOLDERS_MAX } from '../media-store/media-store.ts';
import { STAGING_REJECTED_MAX } from '../media-store/staging.ts';
import { COALESCED_WAITING_MAX } from '../postgres/coalesced.ts';
import { POOL_WAITING_MAX } from '../postgres/pool.ts';
import { MAX_JOB_BYTES, QUEUE_ADDS_PENDING_MAX, QUEUE_CALLS_UNANSWERED_MAX } from '../queues/job-queue.ts';
import { CSV_STREAM_BYTES } from '../telemetry/csv-stream.ts';
import { LATEST_VALUE_BYTES, LATEST_VALUES_MAX } from '../telemetry/latest-values.ts';
import { BATCH_QUEUE_MAX_BYTES, BATCH_QUEUE_MAX_MESSAGES } from '../telemetry/reading-batcher.ts';
import { PERIOD_MAX_DAYS } from '../telemetry/reading-rows.ts';
import { ROLLUP_BATCH_MAX } from '../telemetry/rollups.ts';
import { SERIES_CACHE_MAX, SERIES_PER_DEVICE_MAX } from '../telemetry/series-catalogue.ts';
import { EXPORT_MAX_MS, EXPORT_STALL_MS, EXPORTS_AT_ONCE_MAX } from '../telemetry/telemetry-exports.ts';
import {
  QUERIES_AT_ONCE_MAX,
  QUERIES_WAITING_MAX,
  QUERY_ROWS_MAX,
  QUERY_TOTAL_POINTS_MAX,
} from '../telemetry/telemetry-query.ts';
import { row, ENTRY_BYTES, httpErrors, type LimitRow } from './limit-row.ts';

const PG_CONNECTION_BYTES = 256 * KIB;

export function ingestRows({ images }: ServerConfig): LimitRow[] {
  return [
    row('snapshots filed at once', images.concurrency, 'jobs', 'block', {
      env: 'IMAGE_CONCURRENCY',
      counter: 'queue_jobs_held_up',
      bytes: images.concurrency * 2 * MAX_SNAPSHOT_ENVELOPE_BYTES,
    }),
    row('snapshots staged', images.queueMax, 'snapshots', 'block', {
      env: 'IMAGE_QUEUE_MAX',
      counter: 'snapshots_held_up',
      // And the one that is read again because its id came again.
      bytes: images.queueMax * ENTRY_BYTES + MAX_SNAPSHOT_ENVELOPE_BYTES,
    }),
    // Their bytes are those of "messages held, data".
    row('snapshots waiting to be staged', SNAPSHOTS_WAITING_MAX, 'snapshots', 'reject', {
      counter: 'snapshots_waiting_refused',
    }),
    row('staged snapshots set aside', STAGING_REJECTED_MAX, 'files', 'drop-oldest', {
      counter: 'snapshots_set_aside',
    }),
    row('known folders of pictures', KNOWN_FOLDERS_MAX, 'folders', 'drop-oldest', {
      counter: 'media_folders_forgotten',
      bytes: KNOWN_FOLDERS_MAX * ENTRY_BYTES,
    }),
    row('one job', MAX_JOB_BYTES, 'bytes', 'reject', {
      counter: 'queue_jobs_too_large',
      bytes: QUEUE_ADDS_PENDING_MAX * KIB,
    }),
    // Of the queues of snapshots, of reports and of messages about alerts.
    row('calls not answered by the store of a queue', QUEUE_CALLS_UNANSWERED_MAX, 'calls', 'reject', {
      counter: 'queue_calls_refused',
      bytes: 3 * QUEUE_CALLS_UNANSWERED_MAX * MAX_JOB_BYTES,
    }),
  ];
}

export function uploadRows({ images }: ServerConfig): LimitRow[] {
  return [
    row('uploads at once', images.maxUploads, 'uploads', 'slow', {
      env: 'MAX_UPLOADS',
      counter: 'uploads_refused_in_all',
    }),
    row('bytes of uploads at once', UPLOAD_BYTES_IN_FLIGHT_MAX, 'bytes', 'slow', {
      counter: 'uploads_refused_in_all',
      // As chunks, as one body, as the file in it, and as an envelope that is staged.
      bytes: 4 * UPLOAD_BYTES_IN_FLIGHT_MAX,
    }),
    row('uploads of one device', UPLOADS_PER_DEVICE_MAX, 'uploads', 'slow', {
      counter: 'uploads_refused_of_device',
    }),
    row('bytes of uploads of one device', UPLOAD_BYTES_PER_DEVICE_MAX, 'bytes', 'slow', {
      counter: 'uploads_refused_of_device',
    }),
    row('body of an upload', MAX_UPLOAD_BODY_BYTES, 'bytes', 'reject', { counter: 'uploads_too_large' }),
    row('parts of an upload', MULTIPART_LIMITS.parts, 'parts', 'reject', { counter: 'uploads_malformed' }),
    row('time of an upload', UPLOAD_DEADLINE_MS, 'ms', 'close', { counter: 'uploads_too_slow' }),
    row('side of an uploaded picture', MAX_PICTURE_SIDE, 'pixels', 'reject', {
      counter: 'uploads_malformed',
    }),
    row('pixels of an uploaded picture', MAX_PICTURE_PIXELS, 'pixels', 'reject', {
      counter: 'uploads_malformed',
    }),
    row('cameras of one device', MAX_CAMERAS_PER_AGENT, 'cameras', 'reject', {
      counter: 'fleet_cameras_refused',
    }),
  ];
}

export function clipRows(): LimitRow[] {
  return [
    // Their chunks are on disk, at most as many bytes as so many of the largest clips have.
    row('clip uploads at once', CLIP_UPLOADS_MAX, 'uploads', 'reject', {
      counter: 'clips_uploads_refused',
      bytes: CLIP_UPLOADS_MAX * 2 * KIB,
    }),
    row('clip uploads of one device', CLIP_UPLOADS_PER_DEVICE_MAX, 'uploads', 'drop-oldest', {
      counter: 'clips_uploads_replaced',
    }),
    row('clip upload of which nothing comes', CLIP_UPLOAD_IDLE_MS, 'ms', 'drop-oldest', {
      counter: 'clips_uploads_expired',
    }),
    row('one clip', MAX_CLIP_BYTES, 'bytes', 'reject', { counter: 'clips_refused' }),
    row('clips filed at once', 1, 'clip', 'block', {
      counter: 'clips_filings_held_up',
      // A chunk that is read, and the one before that is written.
      bytes: 2 * MAX_CLIP_CHUNK_MESSAGE_BYTES,
    }),
    row('clips read at once', CLIP_DOWNLOADS_MAX, 'downloads', 'reject', {
      counter: 'clips_downloads_refused',
      bytes: CLIP_DOWNLOADS_MAX * CLIP_DOWNLOAD_BYTES,
    }),
  ];
}

export function telemetryRows({ retention }: ServerConfig): LimitRow[] {
  const kept = (what: string, days: number, env: string): LimitRow =>
    row(what, days, 'days', 'drop-oldest', { env, counter: 'telemetry_partitions_dropped' });
  return [
    kept('raw readings kept', retention.rawDays, 'RETENTION_RAW_DAYS'),
    kept('minutes of readings kept', retention.minutesDays, 'RETENTION_MINUTES_DAYS'),
    kept('hours of readings kept', retention.hoursDays, 'RETENTION_HOURS_DAYS'),
    kept('days of readings kept', retention.daysDays, 'RETENTION_DAYS_DAYS'),
    row('messages with readings waiting', BATCH_QUEUE_MAX_MESSAGES, 'messages', 'reject', {
      counter: 'telemetry_messages_refused',
    }),
    row('readings waiting', BATCH_QUEUE_MAX_BYTES, 'bytes', 'reject', {
      counter: 'telemetry_messages_refused',
      // The queue, and the batch that is being written.
      bytes: 2 * BATCH_QUEUE_MAX_BYTES,
    }),
    row('series of one device', SERIES_PER_DEVICE_MAX, 'series', 'reject', {
      counter: 'telemetry_series_refused',
    }),
    row('cached series', 2 * SERIES_CACHE_MAX, 'series', 'drop-oldest', {
      counter: 'telemetry_series_forgotten',
      bytes: 2 * SERIES_CACHE_MAX * 300,
    }),
    row('newest values', LATEST_VALUES_MAX, 'series', 'reject', {
      counter: 'telemetry_series_left_out',
      bytes: LATEST_VALUES_MAX * LATEST_VALUE_BYTES,
    }),
    row('points of one answer', QUERY_TOTAL_POINTS_MAX, 'points', 'coarsen', {
      counter: 'telemetry_queries_coarsened',
      // What they are written down as waits among the answers.
      bytes: QUERIES_AT_ONCE_MAX * QUERY_TOTAL_POINTS_MAX * 200,
    }),
    row('queries for points at once', QUERIES_AT_ONCE_MAX, 'queries', 'block', {
      counter: 'telemetry_queries_held_up',
    }),
    row('queries for points waiting', QUERIES_WAITING_MAX, 'queries', 'reject', {
      counter: 'telemetry_queries_refused',
      bytes: QUERIES_WAITING_MAX * ENTRY_BYTES,
    }),
    row('minutes, hours and days of one answer', QUERY_ROWS_MAX, 'rows', 'reject', {
      counter: 'telemetry_queries_too_large',
    }),
    row('hours rolled up at once', ROLLUP_BATCH_MAX, 'hours', 'block', {
      counter: 'telemetry_rollups_held_up',
      bytes: ROLLUP_BATCH_MAX * ENTRY_BYTES,
    }),
    row('exports at once', EXPORTS_AT_ONCE_MAX, 'exports', 'reject', {
      counter: 'telemetry_exports_refused',
      bytes: EXPORTS_AT_ONCE_MAX * CSV_STREAM_BYTES,
    }),
    row('period of an export or report', PERIOD_MAX_DAYS, 'days', 'reject', {
      counter: httpErrors('PERIOD_TOO_LONG'),
    }),
    row('export that is not read', EXPORT_STALL_MS, 'ms', 'close', { counter: 'telemetry_exports_stalled' }),
    row('one export', EXPORT_MAX_MS, 'ms', 'close', { counter: 'telemetry_exports_stalled' }),
  ];
}

export function databaseRows({ postgres }: ServerConfig): LimitRow[] {
  return [
    row('PostgreSQL connections', postgres.max, 'connections', 'block', {
      env: 'PG_POOL_MAX',
      counter: 'postgres_callers_held_up',
      bytes: postgres.max * PG_CONNECTION_BYTES,
    }),
    row('callers waiting for a connection', POOL_WAITING_MAX, 'callers', 'reject', {
      counter: 'postgres_callers_refused',
      bytes: POOL_WAITING_MAX * ENTRY_BYTES,
    }),
    row('device logins that share a statement', COALESCED_WAITING_MAX, 'logins', 'reject', {
      counter: 'fleet_device_lookups_refused',
      bytes: 2 * COALESCED_WAITING_MAX * ENTRY_BYTES,
    }),
    row('sensors that share a statement', COALESCED_WAITING_MAX, 'sensors', 'reject', {
      counter: 'fleet_sensor_writes_refused',
      bytes: COALESCED_WAITING_MAX * ENTRY_BYTES,
    }),
    row('one statement', postgres.statementTimeoutMs, 'ms', 'reject', {
      env: 'PG_STATEMENT_TIMEOUT_MS',
      counter: 'postgres_statements_timed_out',
    }),
  ];
}
