// The single list of everything that can fill up: how much, what happens at the bound, where that is counted, and what it
// costs at the worst. `sitecast-server limits` prints it, LIMITS.md repeats it, GET system carries it.

import {
  CLIP_UPLOAD_IDLE_MS,
  KIB,
  MAX_CAMERAS_PER_AGENT,
  MAX_CLIP_BYTES,
  MAX_CLIP_CHUNK_MESSAGE_BYTES,
  MAX_FRAME_BYTES,
  MAX_SNAPSHOT_ENVELOPE_BYTES,
  MIB,
} from '@sitecast/shared/protocol/limits';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { MAX_FAILURES_PER_ADDRESS, MAX_FAILURES_PER_USERNAME, MAX_TRACKED } from './auth/login-limiter.ts';
import { HASH_MEMORY_BYTES, MAX_HASHES_AT_ONCE, MAX_HASHES_WAITING } from './auth/passwords.ts';
import { MAX_CACHED_PRINCIPALS } from './auth/principal-cache.ts';
import { MAX_SESSIONS_PER_USER } from './auth/sessions.ts';
import { MAX_TOKENS_PER_USER } from './auth/tokens.ts';
import { MAX_USERS } from './auth/users.ts';
import { BROKER_LIMITS } from './broker/limits.ts';
import type { ServerConfig } from './config.ts';
import { MAX_PENDING_COMMANDS, MAX_PENDING_COMMANDS_PER_AGENT } from './fleet/agent-commands.ts';
import { MAX_SENSORS_PER_SITE } from './fleet/fleet.ts';
import { MAX_SITES } from './fleet/sites.ts';
import { MAX_PENDING_KEYS, MAX_PENDING_VALUES, MAX_SOCKET_QUEUED_BYTES } from './fleet/updates.ts';
import type { MemoryLimit } from './guard/memory-limit.ts';
import { CLIP_DOWNLOAD_BYTES, CLIP_DOWNLOADS_MAX } from './ingest/clip-downloads.ts';
import { CLIP_UPLOADS_MAX, CLIP_UPLOADS_PER_DEVICE_MAX } from './ingest/clip-intake.ts';
import { MULTIPART_LIMITS } from './ingest/multipart-picture.ts';
import { MAX_PICTURE_PIXELS, MAX_PICTURE_SIDE } from './ingest/picture-header.ts';
import {
  MAX_UPLOAD_BODY_BYTES,
  UPLOAD_BYTES_IN_FLIGHT_MAX,
  UPLOAD_BYTES_PER_DEVICE_MAX,
  UPLOAD_DEADLINE_MS,
  UPLOADS_PER_DEVICE_MAX,
} from './ingest/picture-uploads.ts';
import { SNAPSHOTS_WAITING_MAX } from './ingest/snapshot-intake.ts';
import { KNOWN_FOLDERS_MAX } from './media-store/media-store.ts';
import { STAGING_REJECTED_MAX } from './media-store/staging.ts';
import { ANSWERS_MAX_BYTES, SMALL_ANSWER_BYTES, UNANSWERED_PER_CONNECTION } from './plugins/http-answers.ts';
import { FIRST_REQUEST_WITHIN_MS, SILENT_MAX_MS } from './plugins/http-connections.ts';
import { BODY_MAX_BYTES, maxHttpConnections, maxWebSockets } from './plugins/http-limits.ts';
import { TRACKED_ADDRESSES } from './plugins/rate-limit.ts';
import { MESSAGE_FRAGMENTS_MAX } from './plugins/web-sockets.ts';
import type { ServerErrorCode } from './errors.ts';
import { GUARD_CHANGES_MAX } from './guard/guard.ts';
import { SHEDDING_EVENTS_MAX } from './guard/shedding-events.ts';
import { COALESCED_WAITING_MAX } from './postgres/coalesced.ts';
import { POOL_WAITING_MAX } from './postgres/pool.ts';
import { MAX_JOB_BYTES, QUEUE_ADDS_PENDING_MAX, QUEUE_CALLS_UNANSWERED_MAX } from './queues/job-queue.ts';
import { RELAY_LIMITS } from './relay/limits.ts';
import { REPORT_ATTEMPTS_MAX, REPORT_MAX_MS } from './reports/report-worker.ts';
import { REPORT_MAX_BYTES, REPORTS_KEPT_MAX, REPORTS_WAITING_MAX } from './reports/reports.ts';
import { LATEST_VALUE_BYTES, LATEST_VALUES_MAX } from './telemetry/latest-values.ts';
import { BATCH_QUEUE_MAX_BYTES, BATCH_QUEUE_MAX_MESSAGES } from './telemetry/reading-batcher.ts';
import { SERIES_CACHE_MAX, SERIES_PER_DEVICE_MAX } from './telemetry/series-catalogue.ts';
import { CSV_STREAM_BYTES } from './telemetry/csv-stream.ts';
import { PERIOD_MAX_DAYS } from './telemetry/reading-rows.ts';
import { EXPORT_MAX_MS, EXPORT_STALL_MS, EXPORTS_AT_ONCE_MAX } from './telemetry/telemetry-exports.ts';
import { QUERY_TOTAL_POINTS_MAX } from './telemetry/telemetry-query.ts';
import { table } from './text-table.ts';

/**
 * What happens to the one too many: `reject` is told so and may come back, `block` waits, `slow` is refused for a while,
 * `close` loses its connection, `drop-oldest` and `drop-to-keyframe` lose what is oldest, `coarsen` gets fewer points of wider
 * buckets. `report`: nobody is refused, `/readyz` tells.
 */
export type Policy =
  'reject' | 'block' | 'slow' | 'close' | 'drop-oldest' | 'drop-to-keyframe' | 'coarsen' | 'report';

export interface LimitRow {
  name: string;
  /** The environment variable that sets it; null when it is fixed. */
  env: string | null;
  value: number;
  unit: string;
  policy: Policy;
  /** The metric that counts how often the bound was met, without `sitecast_` and `_total`; null where nobody is turned away. */
  counter: string | null;
  /** In this process, with everything at its bound. 0 when another row covers it, or it is on disk or in PostgreSQL. */
  worstCaseBytes: number;
}

/** Code, heap and stacks of the idle server with its libraries; measured 115 MiB of RSS, rounded up. */
const PROCESS_BYTES = 128 * MIB;
/** Socket, parser and session of one MQTT connection; measured about 20 KiB. */
const CONNECTION_BYTES = 32 * KIB;
/** Devices whose sockets do not drain at the same time: the broker cuts each off after two seconds. */
const STALLED_DEVICES = 32;
/** What an agent last said of itself and of 64 cameras: a message of the largest size measured 64 KiB of heap; health as much. */
const DEVICE_BYTES = 128 * KIB;
const HTTP_CONNECTION_BYTES = 16 * KIB;
const PG_CONNECTION_BYTES = 256 * KIB;
/** A map entry with a short key and a small object. */
const ENTRY_BYTES = 512;

export function limitRows(config: ServerConfig): LimitRow[] {
  return [
    row('process', 1, 'process', 'reject', { bytes: PROCESS_BYTES }),
    ...brokerRows(config),
    ...relayRows(config),
    ...ingestRows(config),
    ...uploadRows(config),
    ...clipRows(config),
    ...telemetryRows(config),
    ...reportRows(),
    ...databaseRows(config),
    ...webRows(config),
    ...identityRows(),
    ...fleetRows(config),
    ...guardRows(),
    row('free space in DATA_DIR, at least', config.minFreeDiskBytes, 'bytes', 'report', {
      env: 'MIN_FREE_DISK_BYTES',
    }),
  ];
}

function brokerRows({ mqtt }: ServerConfig): LimitRow[] {
  const { data, media, maxPacketBytesBeforeLogin, maxQueuedBytesToDevice, connectsPerSecond } = BROKER_LIMITS;
  const { maxHeldBytesPerConnection, maxHeldMessagesPerConnection, maxConnectionsPerSensor } = BROKER_LIMITS;
  const refused = 'broker_connections_refused';
  const tooLarge = 'broker_packets_too_large';
  const heldUp = 'broker_reads_held_up';
  return [
    row('data connections', data.maxConnections, 'connections', 'reject', {
      counter: refused,
      bytes: data.maxConnections * CONNECTION_BYTES,
    }),
    row('media connections', media.maxConnections, 'connections', 'reject', {
      counter: refused,
      bytes: media.maxConnections * CONNECTION_BYTES,
    }),
    row('connections of one sensor', maxConnectionsPerSensor, 'connections', 'drop-oldest', {
      counter: 'broker_connections_replaced',
    }),
    row('new connections', connectsPerSecond, 'a second', 'reject', { counter: refused }),
    row('packet before login', maxPacketBytesBeforeLogin, 'bytes', 'close', {
      counter: tooLarge,
      // A CONNECT is read while there is no room for messages.
      bytes: (data.maxConnections + media.maxConnections) * maxPacketBytesBeforeLogin,
    }),
    row('packet on data', data.maxPacketBytes, 'bytes', 'close', { counter: tooLarge }),
    row('packet on media', media.maxPacketBytes, 'bytes', 'close', { counter: tooLarge }),
    row('messages held, data', data.maxHeldBytes, 'bytes', 'block', {
      counter: heldUp,
      bytes: data.maxHeldBytes,
    }),
    row('messages held, media', media.maxHeldBytes, 'bytes', 'block', {
      counter: heldUp,
      bytes: media.maxHeldBytes,
    }),
    row('messages held of one device, data', data.maxHeldBytesPerDevice, 'bytes', 'block', {
      counter: 'broker_reads_held_up_of_device',
    }),
    row('messages held of one device, media', media.maxHeldBytesPerDevice, 'bytes', 'block', {
      counter: 'broker_reads_held_up_of_device',
    }),
    row('messages held of one connection', maxHeldBytesPerConnection, 'bytes', 'block', { counter: heldUp }),
    row('messages in hand of one connection', maxHeldMessagesPerConnection, 'messages', 'block', {
      counter: heldUp,
    }),
    row('messages of one device', mqtt.messagesPerSecond, 'a second', 'block', {
      env: 'MQTT_MESSAGES_PER_SECOND',
      counter: 'broker_reads_held_up_by_rate',
    }),
    row('bytes of one device', mqtt.bytesPerSecond, 'bytes a second', 'block', {
      env: 'MQTT_BYTES_PER_SECOND',
      counter: 'broker_reads_held_up_by_rate',
    }),
    row('time of a packet', BROKER_LIMITS.packetMs, 'ms', 'close', { counter: 'broker_packets_too_slow' }),
    row('silence within a packet', BROKER_LIMITS.packetSilenceMs, 'ms', 'close', {
      counter: 'broker_packets_too_slow',
    }),
    row('queued to one device', maxQueuedBytesToDevice, 'bytes', 'reject', {
      counter: 'broker_deliveries_dropped',
      bytes: STALLED_DEVICES * maxQueuedBytesToDevice,
    }),
    row('notices to one device', BROKER_LIMITS.noticesPerSecond, 'a second', 'reject', {
      counter: 'broker_notices_dropped',
    }),
    row('commands without a reply', MAX_PENDING_COMMANDS, 'commands', 'reject', {
      counter: httpErrors('QUEUE_FULL'),
      bytes: MAX_PENDING_COMMANDS * KIB,
    }),
    row('commands without a reply of one agent', MAX_PENDING_COMMANDS_PER_AGENT, 'commands', 'reject', {
      counter: httpErrors('QUEUE_FULL'),
    }),
  ];
}

function relayRows({ live }: ServerConfig): LimitRow[] {
  const { gopCacheMaxBytes, viewerMaxQueuedBytes, viewerMaxUnpresentedMs, viewerLeaseMs } = RELAY_LIMITS;
  const { maxViewersWaiting } = RELAY_LIMITS;
  const refused = 'relay_joins_refused';
  return [
    row('live streams', live.maxStreams, 'streams', 'reject', {
      env: 'MAX_STREAMS',
      counter: refused,
      bytes: live.maxStreams * gopCacheMaxBytes,
    }),
    // A still is one keyframe of at most one frame's bytes; the cache of its stream holds the newest.
    row('stills streams', live.maxStillsStreams, 'streams', 'reject', {
      env: 'MAX_STILLS_STREAMS',
      counter: refused,
      bytes: live.maxStillsStreams * MAX_FRAME_BYTES,
    }),
    row('cached GOP of one stream', gopCacheMaxBytes, 'bytes', 'drop-to-keyframe', {
      counter: 'relay_gops_overflowed',
    }),
    row('viewers', live.maxViewers, 'viewers', 'reject', {
      env: 'MAX_VIEWERS',
      counter: refused,
      // One frame may be above the bound of the queue, and viewers that stalled at different times share none.
      bytes: live.maxViewers * (viewerMaxQueuedBytes + MAX_FRAME_BYTES),
    }),
    row('viewers of one stream', live.maxViewersPerStream, 'viewers', 'reject', {
      env: 'MAX_VIEWERS_PER_STREAM',
      counter: refused,
    }),
    row('viewers of one user', live.maxViewersPerUser, 'viewers', 'reject', {
      env: 'MAX_VIEWERS_PER_USER',
      counter: 'relay_joins_refused_of_own',
    }),
    row('viewers of one address', live.maxViewersPerAddress, 'viewers', 'reject', {
      env: 'MAX_VIEWERS_PER_ADDRESS',
      counter: 'relay_joins_refused_of_own',
    }),
    row('queued to one viewer', viewerMaxQueuedBytes, 'bytes', 'drop-to-keyframe', {
      counter: 'relay_frames_dropped',
    }),
    row('viewers waiting in line', maxViewersWaiting, 'viewers', 'reject', {
      counter: refused,
      bytes: maxViewersWaiting * ENTRY_BYTES,
    }),
    row('un-presented at one viewer', viewerMaxUnpresentedMs, 'ms', 'drop-to-keyframe', {
      counter: 'relay_frames_dropped',
    }),
    row('viewer without progress', viewerLeaseMs, 'ms', 'close', { counter: 'relay_viewers_stalled' }),
  ];
}

function ingestRows({ images }: ServerConfig): LimitRow[] {
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
    // Of the queue of snapshots and that of reports.
    row('calls not answered by the store of a queue', QUEUE_CALLS_UNANSWERED_MAX, 'calls', 'reject', {
      counter: 'queue_calls_refused',
      bytes: 2 * QUEUE_CALLS_UNANSWERED_MAX * MAX_JOB_BYTES,
    }),
  ];
}

function uploadRows({ images }: ServerConfig): LimitRow[] {
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

function clipRows({ clips }: ServerConfig): LimitRow[] {
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
    row('clips stored', clips.maxBytes, 'bytes', 'reject', {
      env: 'CLIPS_MAX_BYTES',
      counter: 'clips_store_full',
    }),
    row('clips read at once', CLIP_DOWNLOADS_MAX, 'downloads', 'reject', {
      counter: 'clips_downloads_refused',
      bytes: CLIP_DOWNLOADS_MAX * CLIP_DOWNLOAD_BYTES,
    }),
  ];
}

function telemetryRows({ postgres }: ServerConfig): LimitRow[] {
  return [
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
      // No more than there are connections to read them with; what they are written down as waits among the answers.
      bytes: postgres.max * QUERY_TOTAL_POINTS_MAX * 200,
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

function reportRows(): LimitRow[] {
  return [
    row('reports at once', 1, 'report', 'block', { counter: 'reports_held_up', bytes: CSV_STREAM_BYTES }),
    row('reports waiting', REPORTS_WAITING_MAX, 'reports', 'reject', { counter: 'reports_refused' }),
    row('reports kept', REPORTS_KEPT_MAX, 'reports', 'drop-oldest', { counter: 'reports_dropped' }),
    row('file of a report', REPORT_MAX_BYTES, 'bytes', 'reject', { counter: 'reports_failed' }),
    row('one report', REPORT_MAX_MS, 'ms', 'reject', { counter: 'reports_failed' }),
    row('attempts of a report', REPORT_ATTEMPTS_MAX, 'attempts', 'reject', { counter: 'reports_failed' }),
  ];
}

function databaseRows({ postgres }: ServerConfig): LimitRow[] {
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

function webRows(config: ServerConfig): LimitRow[] {
  const { http, webSocket, updateShare } = config;
  const maxSockets = maxWebSockets(config);
  const maxConnections = maxHttpConnections(config);
  return [
    row('HTTP connections', maxConnections, 'connections', 'reject', {
      counter: 'http_connections_dropped',
      bytes: maxConnections * HTTP_CONNECTION_BYTES,
    }),
    row('HTTP connections of one address', http.connectionsPerAddress, 'connections', 'close', {
      env: 'HTTP_CONNECTIONS_PER_ADDRESS',
      counter: 'http_connections_refused_of_address',
      bytes: maxConnections * ENTRY_BYTES,
    }),
    row('HTTP connection without a request', FIRST_REQUEST_WITHIN_MS, 'ms', 'close', {
      counter: 'http_connections_silent',
    }),
    row('HTTP connection that neither reads nor asks', SILENT_MAX_MS, 'ms', 'close', {
      counter: 'http_connections_silent',
    }),
    row('requests without an answer, a connection', UNANSWERED_PER_CONNECTION, 'requests', 'close', {
      counter: 'http_connections_cut',
      // Larger ones are those of the next row.
      bytes: maxConnections * UNANSWERED_PER_CONNECTION * SMALL_ANSWER_BYTES,
    }),
    row('answers that wait to be read', ANSWERS_MAX_BYTES, 'bytes', 'reject', {
      counter: 'http_answers_refused',
      bytes: 2 * ANSWERS_MAX_BYTES,
    }),
    row('HTTP body', BODY_MAX_BYTES, 'bytes', 'reject', {
      counter: httpErrors('PAYLOAD_TOO_LARGE'),
      bytes: maxConnections * BODY_MAX_BYTES,
    }),
    row('HTTP requests of one address', http.requestsPerMinute, 'a minute', 'slow', {
      env: 'HTTP_REQUESTS_PER_MINUTE',
      counter: httpErrors('RATE_LIMITED'),
      bytes: TRACKED_ADDRESSES * ENTRY_BYTES,
    }),
    row('WebSockets', maxSockets, 'sockets', 'reject', { counter: httpErrors('VIEWER_LIMIT') }),
    row('message of a browser', webSocket.maxPayloadBytes, 'bytes', 'close', {
      env: 'WS_MAX_PAYLOAD_BYTES',
      counter: 'sockets_messages_too_large',
      bytes: maxSockets * webSocket.maxPayloadBytes,
    }),
    row('pieces of a message of a browser', MESSAGE_FRAGMENTS_MAX, 'pieces', 'close', {
      counter: 'sockets_messages_in_pieces',
    }),
    row('browser without a pong', webSocket.pongTimeoutMs, 'ms', 'close', {
      env: 'WS_PONG_TIMEOUT_MS',
      counter: 'sockets_without_pong',
    }),
    row('pages that get updates', webSocket.maxUpdateSockets, 'sockets', 'reject', {
      env: 'MAX_UPDATE_SOCKETS',
      counter: 'updates_sockets_refused',
      bytes: webSocket.maxUpdateSockets * MAX_SOCKET_QUEUED_BYTES,
    }),
    row('pages that get updates of one user', updateShare.maxPerUser, 'sockets', 'reject', {
      env: 'MAX_UPDATE_SOCKETS_PER_USER',
      counter: 'updates_sockets_refused_of_own',
    }),
    row('pages that get updates of one address', updateShare.maxPerAddress, 'sockets', 'reject', {
      env: 'MAX_UPDATE_SOCKETS_PER_ADDRESS',
      counter: 'updates_sockets_refused_of_own',
    }),
    row('queued updates of one page', MAX_SOCKET_QUEUED_BYTES, 'bytes', 'close', {
      counter: 'updates_sockets_closed_slow',
    }),
    row('updates before a flush', MAX_PENDING_KEYS + MAX_PENDING_VALUES, 'keys', 'drop-oldest', {
      counter: 'updates_keys_dropped',
      bytes: (MAX_PENDING_KEYS + MAX_PENDING_VALUES) * KIB,
    }),
  ];
}

function identityRows(): LimitRow[] {
  return [
    row('password hashes at once', MAX_HASHES_AT_ONCE, 'hashes', 'block', {
      counter: 'auth_hashes_held_up',
      bytes: MAX_HASHES_AT_ONCE * HASH_MEMORY_BYTES,
    }),
    row('logins waiting for a hash', MAX_HASHES_WAITING, 'logins', 'reject', {
      counter: 'auth_hashes_refused',
    }),
    row('failed logins of one address', MAX_FAILURES_PER_ADDRESS, 'in 5 min', 'slow', {
      counter: 'auth_logins_refused',
    }),
    row('failed logins of one user', MAX_FAILURES_PER_USERNAME, 'in 5 min', 'slow', {
      counter: 'auth_logins_refused',
    }),
    row('addresses and users that failed to log in', MAX_TRACKED, 'names', 'drop-oldest', {
      counter: 'auth_failures_forgotten',
      bytes: MAX_TRACKED * ENTRY_BYTES,
    }),
    row('cached logins', 2 * MAX_CACHED_PRINCIPALS, 'logins', 'drop-oldest', {
      counter: 'auth_logins_forgotten',
      bytes: 2 * MAX_CACHED_PRINCIPALS * ENTRY_BYTES,
    }),
    row('users', MAX_USERS, 'users', 'reject', { counter: httpErrors('LIMIT_REACHED') }),
    row('sessions of one user', MAX_SESSIONS_PER_USER, 'sessions', 'drop-oldest', {
      counter: 'auth_sessions_ended',
    }),
    row('tokens of one user', MAX_TOKENS_PER_USER, 'tokens', 'reject', {
      counter: httpErrors('LIMIT_REACHED'),
    }),
  ];
}

function guardRows(): LimitRow[] {
  return [
    row('remembered changes of pressure', GUARD_CHANGES_MAX, 'changes', 'drop-oldest', {
      counter: 'guard_changes_forgotten',
      bytes: GUARD_CHANGES_MAX * KIB,
    }),
    row('events of shedding that wait', SHEDDING_EVENTS_MAX, 'events', 'drop-oldest', {
      counter: 'guard_events_dropped',
      bytes: SHEDDING_EVENTS_MAX * ENTRY_BYTES,
    }),
  ];
}

function fleetRows({ maxDevices }: ServerConfig): LimitRow[] {
  return [
    row('devices', maxDevices, 'devices', 'reject', {
      env: 'MAX_DEVICES',
      counter: httpErrors('LIMIT_REACHED'),
      bytes: maxDevices * DEVICE_BYTES,
    }),
    row('sensors of one site', MAX_SENSORS_PER_SITE, 'sensors', 'reject', {
      counter: 'fleet_sensors_refused',
    }),
    row('sites', MAX_SITES, 'sites', 'reject', { counter: httpErrors('LIMIT_REACHED') }),
  ];
}

/** Nothing else answers with this code where the bound is. */
const httpErrors = (code: ServerErrorCode): string => `http_errors{code="${code}"}`;

export function sumOf(limits: readonly LimitRow[]): number {
  return limits.reduce((sum, { worstCaseBytes }) => sum + worstCaseBytes, 0);
}

/** @throws {AppError} LIMITS_DO_NOT_FIT with the table when all bounds at once are above the memory there is. */
export function checkFit(limits: readonly LimitRow[], memory: MemoryLimit): void {
  if (sumOf(limits) <= memory.bytes) return;
  throw new AppError(
    'LIMITS_DO_NOT_FIT',
    `the limits do not fit into the memory\n${limitsAsText(limits, memory).join('\n')}\n`,
  );
}

/** Lines for a terminal. */
export function limitsAsText(limits: readonly LimitRow[], memory: MemoryLimit): string[] {
  const worstCase = 'WORST CASE MiB';
  const rows = limits.map(({ name, value, unit, policy, worstCaseBytes, env }) => [
    name,
    value,
    unit,
    policy,
    toMib(worstCaseBytes).padStart(worstCase.length),
    env ?? '',
  ]);
  return [
    ...table([['LIMIT', 'VALUE', 'UNIT', 'AT THE BOUND', worstCase, 'SETTING'], ...rows]),
    '',
    sumLine(limits, memory),
  ];
}

export function sumLine(limits: readonly LimitRow[], { bytes, source }: MemoryLimit): string {
  const sumBytes = sumOf(limits);
  const verdict = sumBytes <= bytes ? 'fits' : 'does not fit';
  return `Sum ${toMib(sumBytes)} MiB of ${toMib(bytes)} MiB (${source}): ${verdict}`;
}

/** The table of LIMITS.md, with defaults. */
export function limitsAsMarkdown(limits: readonly LimitRow[]): string {
  const cells = limits.map(({ name, value, unit, policy, counter, worstCaseBytes, env }) => [
    name,
    `${value} ${unit}`,
    env === null ? '' : `\`${env}\``,
    `\`${policy}\``,
    counter === null ? '' : `\`${counter}\``,
    worstCaseBytes === 0 ? '' : toMib(worstCaseBytes),
  ]);
  const header = ['Limit', 'Default', 'Setting', 'At the bound', 'Counter', 'Worst case, MiB'];
  return [header, header.map(() => '---'), ...cells].map((line) => `| ${line.join(' | ')} |`).join('\n');
}

function toMib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}

function row(
  name: string,
  value: number,
  unit: string,
  policy: Policy,
  {
    env = null,
    counter = null,
    bytes = 0,
  }: { env?: string | null; counter?: string | null; bytes?: number } = {},
): LimitRow {
  return { name, env, value, unit, policy, counter, worstCaseBytes: bytes };
}
