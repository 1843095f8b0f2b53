// Which part counts what under which name in /metrics. The counters of LIMITS.md are among them.

import type { Alerts } from '../alerts/alerts.ts';
import type { Deliveries } from '../alerts/channels/deliveries.ts';
import type { LoginLimiter } from '../auth/login-limiter.ts';
import type { Passwords } from '../auth/passwords.ts';
import type { Sessions } from '../auth/sessions.ts';
import type { Tokens } from '../auth/tokens.ts';
import type { DeviceBroker } from '../broker/device-broker.ts';
import type { DeviceMessages } from '../fleet/device-messages.ts';
import type { Devices } from '../fleet/devices.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { UpdateHub } from '../fleet/updates.ts';
import type { ClipDownloads } from '../ingest/clip-downloads.ts';
import type { ClipIntake } from '../ingest/clip-intake.ts';
import type { PictureUploads } from '../ingest/picture-uploads.ts';
import type { SnapshotIntake } from '../ingest/snapshot-intake.ts';
import type { SnapshotWorker } from '../ingest/snapshot-worker.ts';
import type { MediaStore } from '../media-store/media-store.ts';
import type { Database } from '../postgres/pool.ts';
import type { JobQueue } from '../queues/job-queue.ts';
import type { ReportSchedules } from '../reports/report-schedules.ts';
import type { Reports } from '../reports/reports.ts';
import type { KindForecast } from '../retention/forecast.ts';
import type { KeptReport, Retention } from '../retention/retention.ts';
import type { StreamHub } from '../relay/stream-hub.ts';
import type { LatestValues } from '../telemetry/latest-values.ts';
import type { ReadingBatcher } from '../telemetry/reading-batcher.ts';
import type { Rollups } from '../telemetry/rollups.ts';
import type { SeriesCatalogue } from '../telemetry/series-catalogue.ts';
import type { TelemetryQueries } from '../telemetry/telemetry-query.ts';
import type { TierRetention } from '../telemetry/tier-retention.ts';
import type { ByteLedger } from './byte-ledger.ts';
import type { DiskWatch } from './disk-watch.ts';
import type { Guard } from './guard.ts';
import type { SheddingEvents } from './shedding-events.ts';
import type { OutageWatch } from '../timeline/outage-watch.ts';
import type { SensorSilence } from '../timeline/sensor-silence.ts';
import type { Timelines } from '../timeline/timeline.ts';
import { PRESSURE_LEVELS } from './levels.ts';
import type { Readiness } from './readiness.ts';
import type { Vitals } from './vitals.ts';
import type { TelemetryExports } from '../telemetry/telemetry-exports.ts';

import type { DiscoveredValues } from '../foreign/discovered-values.ts';
import type { SealStore } from '../evidence/seal-store.ts';
import type { UnmappedSamples } from '../foreign/unmapped-samples.ts';

const DAY_SECONDS = 86_400;

type Counters = Readonly<Record<string, number>>;

export interface MeteredParts {
  broker: Pick<DeviceBroker, 'counters' | 'connections' | 'heldBytes'>;
  relay: Pick<StreamHub, 'counters' | 'snapshot'>;
  messages: Pick<DeviceMessages, 'liveCounters'>;
  fleet: Pick<Fleet, 'counters'>;
  devices: Pick<Devices, 'counters'>;
  updates: Pick<UpdateHub, 'counters' | 'subscribers'>;
  intake: Pick<SnapshotIntake, 'counters' | 'stats'>;
  worker: Pick<SnapshotWorker, 'counters'>;
  clipIntake: Pick<ClipIntake, 'counters' | 'uploads'>;
  clipDownloads: Pick<ClipDownloads, 'counters' | 'active'>;
  mediaStore: Pick<MediaStore, 'counters'>;
  queue: Pick<JobQueue<object>, 'counters' | 'counts'>;
  uploads: Pick<PictureUploads, 'counters' | 'held'>;
  readings: Pick<ReadingBatcher, 'counters' | 'stats'>;
  samples: Pick<UnmappedSamples, 'counters'>;
  discovered: Pick<DiscoveredValues, 'counters'>;
  evidence: { seals: Pick<SealStore, 'counters'> };
  catalogue: Pick<SeriesCatalogue, 'counters' | 'size'>;
  rollups: Pick<Rollups, 'counters'>;
  tierRetention: Pick<TierRetention, 'counters'>;
  exports: Pick<TelemetryExports, 'counters' | 'active'>;
  queries: Pick<TelemetryQueries, 'counters'>;
  reports: Pick<Reports, 'counters' | 'isPaused'>;
  schedules: Pick<ReportSchedules, 'counters'>;
  reportQueue: Pick<JobQueue<object>, 'counters'>;
  retention: Pick<Retention, 'counters' | 'report'>;
  alerts: Pick<Alerts, 'counters' | 'stats'>;
  deliveries: Pick<Deliveries, 'counters' | 'counts'>;
  deliveryQueue: Pick<JobQueue<object>, 'counters'>;
  /** Of HTTP. */
  answers: { readonly counters: Counters };
  latest: Pick<LatestValues, 'seriesLeftOut' | 'size'>;
  outageWatch: Pick<OutageWatch, 'counters'>;
  silence: Pick<SensorSilence, 'counters'>;
  timelines: Pick<Timelines, 'counters'>;
  database: Pick<Database, 'counters' | 'stats'>;
  passwords: Pick<Passwords, 'counters'>;
  sessions: Pick<Sessions, 'counters'>;
  tokens: Pick<Tokens, 'counters'>;
  loginLimiter: Pick<LoginLimiter, 'refusals' | 'forgotten'>;
  guard: Pick<Guard, 'counters' | 'read'>;
  sheddingEvents: Pick<SheddingEvents, 'counters'>;
  vitals: Pick<Vitals, 'read'>;
  ledger: Pick<ByteLedger, 'read'>;
  disk: Pick<DiskWatch, 'read'>;
  readiness: Pick<Readiness, 'check'>;
}

/** By area: the name of a metric is `sitecast_{area}_{counter}_total`. */
export function countersOf(parts: MeteredParts): Record<string, Counters> {
  return {
    broker: { ...parts.broker.counters },
    live: parts.messages.liveCounters,
    relay: { ...parts.relay.counters },
    fleet: { ...parts.fleet.counters, ...parts.devices.counters },
    updates: parts.updates.counters,
    snapshots: {
      ...withoutPrefix('snapshots', { ...parts.intake.counters, ...parts.worker.counters }),
      heldUp: parts.intake.stats.heldUp,
      waitingRefused: parts.intake.stats.waitingRefused,
    },
    clips: { ...parts.clipIntake.counters, ...parts.clipDownloads.counters },
    media: parts.mediaStore.counters,
    uploads: parts.uploads.counters,
    queue: {
      ...parts.queue.counters,
      callsRefused: [parts.queue, parts.reportQueue, parts.deliveryQueue].reduce(
        (sum, { counters }) => sum + counters.callsRefused,
        0,
      ),
    },
    telemetry: {
      ...parts.readings.counters,
      ...parts.catalogue.counters,
      ...parts.rollups.counters,
      ...parts.tierRetention.counters,
      ...parts.exports.counters,
      ...parts.queries.counters,
      messagesRefused: parts.readings.stats.messagesRefused,
      seriesLeftOut: parts.latest.seriesLeftOut,
    },
    foreign: { ...parts.samples.counters, ...parts.discovered.counters },
    evidence: parts.evidence.seals.counters,
    http: parts.answers.counters,
    guard: { ...parts.guard.counters, ...parts.sheddingEvents.counters },
    reports: {
      ...parts.reports.counters,
      ...parts.schedules.counters,
      heldUp: parts.reportQueue.counters.jobsHeldUp,
    },
    retention: parts.retention.counters,
    timeline: parts.timelines.counters,
    outages: { ...parts.outageWatch.counters, ...parts.silence.counters },
    alerts: {
      ...parts.alerts.counters,
      ...parts.deliveries.counters,
      deliveriesHeldUp: parts.deliveryQueue.counters.jobsHeldUp,
    },
    postgres: { ...parts.database.counters },
    auth: {
      ...parts.passwords.counters,
      ...parts.sessions.counters,
      loginsForgotten: parts.sessions.counters.loginsForgotten + parts.tokens.counters.loginsForgotten,
      loginsRefused: parts.loginLimiter.refusals,
      failuresForgotten: parts.loginLimiter.forgotten,
    },
  };
}

/** What each gauge says; base units stand in the names. */
export const GAUGE_HELP = {
  live_streams: 'Live streams that take a slot.',
  live_streams_max: 'Slots for live streams (MAX_STREAMS).',
  live_stills_streams: 'Streams of still pictures, which take no slot.',
  live_viewers: 'Viewers of live streams.',
  live_viewers_max: 'Viewers that may be (MAX_VIEWERS).',
  live_viewers_waiting: 'Viewers that stand in line while the server is under pressure.',
  live_queued_bytes: 'Bytes held for the sockets of viewers.',
  live_cached_bytes: 'Bytes in the GOP caches of all streams.',
  broker_data_connections: 'Sockets on the data listener, logged in or not.',
  broker_media_connections: 'Sockets on the media listener, logged in or not.',
  broker_agents: 'Agents that are logged in.',
  broker_sensors: 'Sensors that are logged in.',
  broker_data_held_bytes: 'Bytes of messages being received or handled on the data listener.',
  broker_media_held_bytes: 'Bytes of messages being received or handled on the media listener.',
  updates_sockets: 'Pages that get updates.',
  snapshots_staged: 'Snapshots that are acknowledged and not filed yet.',
  snapshots_staged_max: 'Snapshots that may be staged (IMAGE_QUEUE_MAX); above it acknowledgements wait.',
  snapshots_waiting: 'Snapshots that wait to be staged, unacknowledged.',
  clips_uploads: 'Clips of which some chunks are here.',
  clips_downloads: 'Clips that are being read.',
  queue_jobs_waiting: 'Jobs of the image queue that wait. NaN while the store of the queue does not answer.',
  queue_jobs_active: 'Jobs of the image queue that are worked on.',
  uploads_active: 'Uploads of pictures under way.',
  uploads_held_bytes: 'Bytes of the pictures being uploaded.',
  telemetry_rows_waiting: 'Readings that wait to be written.',
  telemetry_waiting_bytes: 'Bytes of the messages with readings that wait to be written.',
  telemetry_exports: 'Exports of readings that are being sent.',
  telemetry_series: 'Series whose newest value is kept in memory.',
  reports_paused: 'Whether the guard has reports paused: 1 or 0.',
  alerts_firing: 'Alerts that fire.',
  alerts_deliveries_waiting: 'Messages about alerts that are on their way.',
  alerts_dead_letters:
    'Messages about alerts that could not be delivered, and that nobody has sent again or removed.',
  alerts_watched:
    'Subjects of rules that are looked at: those that are not well, and sensors that may fall silent.',
  postgres_connections: 'Connections of the pool to PostgreSQL.',
  postgres_connections_idle: 'Connections of the pool that nobody uses.',
  postgres_connections_max: 'Connections that the pool may have (PG_POOL_MAX).',
  postgres_callers_waiting: 'Callers that wait for a connection.',
  postgres_callers_waiting_max: 'Callers that may wait; the next one is refused.',
  memory_rss_bytes: 'Resident memory of the process.',
  memory_used_bytes:
    'What counts against the limit: of a container without the page cache, else the resident memory.',
  memory_stalled_ratio: 'Share of the last ten seconds in which some task waited for memory (PSI).',
  ledger_reserved_bytes: 'Bytes in all bounded buffers together.',
  ledger_budget_bytes: 'Bytes that all bounded buffers may hold together.',
  cpu_sustained_cores: 'Cores that the process used over five minutes.',
  cpu_baseline_cores: 'What the machine earns credits for, CPU_BASELINE_CORES; 0 where it has none.',
  cpu_stolen_ratio: 'Share of the time of the machine that its host gave to others, over five minutes.',
  memory_limit_bytes: 'Memory that the process may use: as configured, of its container, or of the machine.',
  pressure_level: 'Level of the guard: 0 normal, 1 elevated, 2 high, 3 critical.',
  pressure_shedding_steps: 'Steps of shedding in force.',
  event_loop_delay_p99_seconds: '99th percentile of the delay of the event loop over the last second.',
  disk_total_bytes: 'Size of the file system of DATA_DIR.',
  disk_free_bytes: 'Free space of the file system of DATA_DIR.',
  storage_items: 'Snapshots, clips and reports that are stored.',
  storage_bytes: 'Bytes of the snapshots, clips and reports that are stored.',
  storage_max_bytes:
    'Bytes that may be stored (MEDIA_MAX_BYTES, CLIPS_MAX_BYTES); +Inf: as the disk has room for.',
  storage_added_daily_bytes: 'Bytes that came a day over the last days. NaN before there is a whole one.',
  storage_until_full_seconds:
    'Seconds until the oldest media or clips must go, or until the disk has only MIN_FREE_DISK_BYTES left, as things go on now; +Inf: never.',
  storage_garbage_items: 'Items whose rows are deleted and whose files are not yet.',
  disk_free_min_bytes: 'Free space below which the server is not ready (MIN_FREE_DISK_BYTES).',
  ready: 'Whether each check of /readyz holds: 1 or 0.',
} as const;

type Gauges = Record<keyof typeof GAUGE_HELP, GaugeValue>;
/** A number, or one for each value of one label: `{check: {database: 1}}`. */
type GaugeValue = number | Record<string, Record<string, number>>;

export async function gaugesOf(parts: MeteredParts): Promise<Gauges> {
  const { max, active, slotsTaken, viewers, maxViewers, viewersWaiting, cachedBytes, queuedBytes } =
    parts.relay.snapshot();
  const { data, media, agents, sensors } = parts.broker.connections;
  const { memory, eventLoopP99Ms, cpu } = parts.vitals.read();
  const { level, shedding } = parts.guard.read();
  const { budgetBytes, reservedBytes } = parts.ledger.read();
  const pool = parts.database.stats();
  const [jobs, disk, checks] = await Promise.all([
    // A scrape must tell the rest while the store of the queue is away.
    parts.queue.counts().catch(() => ({ waiting: Number.NaN, active: Number.NaN })),
    parts.disk.read(),
    parts.readiness.check(),
  ]);
  return {
    live_streams: slotsTaken,
    live_streams_max: max,
    live_stills_streams: active.length - slotsTaken,
    live_viewers: viewers,
    live_viewers_max: maxViewers,
    live_viewers_waiting: viewersWaiting,
    live_cached_bytes: cachedBytes,
    live_queued_bytes: queuedBytes,
    broker_data_connections: data,
    broker_media_connections: media,
    broker_agents: agents,
    broker_sensors: sensors,
    broker_data_held_bytes: parts.broker.heldBytes.data,
    broker_media_held_bytes: parts.broker.heldBytes.media,
    updates_sockets: parts.updates.subscribers,
    snapshots_staged: parts.intake.stats.staged,
    snapshots_staged_max: parts.intake.stats.maxStaged,
    snapshots_waiting: parts.intake.stats.waiting,
    clips_uploads: parts.clipIntake.uploads,
    clips_downloads: parts.clipDownloads.active,
    queue_jobs_waiting: jobs.waiting,
    queue_jobs_active: jobs.active,
    uploads_active: parts.uploads.held.uploads,
    uploads_held_bytes: parts.uploads.held.bytes,
    telemetry_rows_waiting: parts.readings.stats.rows,
    telemetry_waiting_bytes: parts.readings.stats.bytes,
    telemetry_exports: parts.exports.active,
    telemetry_series: parts.latest.size,
    reports_paused: parts.reports.isPaused ? 1 : 0,
    alerts_firing: parts.alerts.stats.firing,
    alerts_deliveries_waiting: parts.deliveries.counts.waiting,
    alerts_dead_letters: parts.deliveries.counts.dead,
    alerts_watched: parts.alerts.stats.watched,
    postgres_connections: pool.total,
    postgres_connections_idle: pool.idle,
    postgres_connections_max: pool.max,
    postgres_callers_waiting: pool.waiting,
    postgres_callers_waiting_max: pool.waitingMax,
    memory_rss_bytes: memory.rssBytes,
    memory_used_bytes: memory.usedBytes,
    memory_limit_bytes: memory.limitBytes,
    memory_stalled_ratio: memory.stalled,
    ledger_reserved_bytes: reservedBytes,
    ledger_budget_bytes: budgetBytes,
    pressure_level: PRESSURE_LEVELS.indexOf(level),
    pressure_shedding_steps: shedding.length,
    cpu_sustained_cores: cpu.sustainedCores,
    cpu_baseline_cores: cpu.baselineCores,
    cpu_stolen_ratio: cpu.stolen,
    event_loop_delay_p99_seconds: eventLoopP99Ms / 1_000,
    disk_total_bytes: disk.totalBytes,
    disk_free_bytes: disk.freeBytes,
    ...storageGauges(parts.retention.report),
    disk_free_min_bytes: disk.minFreeBytes,
    ready: {
      check: Object.fromEntries(Object.entries(checks).map(([name, holds]) => [name, holds ? 1 : 0])),
    },
  };
}

function storageGauges(report: KeptReport | undefined) {
  const kinds = Object.entries(report?.kinds ?? {});
  const each = (of: (kind: KindForecast) => number | null, unknown = Number.NaN) => ({
    kind: Object.fromEntries(kinds.map(([name, kind]) => [name, of(kind) ?? unknown])),
  });
  const { media, clips, disk } = report ?? {};
  return {
    storage_items: each(({ items }) => items),
    storage_bytes: each(({ bytes }) => bytes),
    storage_max_bytes: {
      kind: {
        clips: report?.kinds.clips.maxBytes ?? Number.NaN,
        reports: report?.kinds.reports.maxBytes ?? Number.NaN,
        all: report ? (report.media.maxBytes ?? Infinity) : Number.NaN,
      },
    },
    storage_added_daily_bytes: each(({ bytesPerDay }) => bytesPerDay),
    storage_until_full_seconds: {
      what: Object.fromEntries(
        Object.entries({ media, clips, disk }).flatMap(([what, part]) =>
          part ? [[what, (part.fullInDays ?? Infinity) * DAY_SECONDS]] : [],
        ),
      ),
    },
    storage_garbage_items: report?.garbage.items ?? Number.NaN,
  };
}

/** `snapshotsFiled` of the area `snapshots` is told as `filed`. */
function withoutPrefix(prefix: string, counters: Counters): Counters {
  return Object.fromEntries(
    Object.entries(counters).map(([name, value]) => {
      const rest = name.startsWith(prefix) ? name.slice(prefix.length) : name;
      return [rest.charAt(0).toLowerCase() + rest.slice(1), value];
    }),
  );
}
