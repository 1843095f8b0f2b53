// Which part counts what under which name in /metrics. The counters of LIMITS.md are among them.

import type { LoginLimiter } from '../auth/login-limiter.ts';
import type { Passwords } from '../auth/passwords.ts';
import type { DeviceBroker } from '../broker/device-broker.ts';
import type { DeviceMessages } from '../fleet/device-messages.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { UpdateHub } from '../fleet/updates.ts';
import type { SnapshotIntake } from '../ingest/snapshot-intake.ts';
import type { SnapshotWorker } from '../ingest/snapshot-worker.ts';
import type { Database } from '../postgres/pool.ts';
import type { JobQueue } from '../queues/job-queue.ts';
import type { Reports } from '../reports/reports.ts';
import type { StreamHub } from '../relay/stream-hub.ts';
import type { LatestValues } from '../telemetry/latest-values.ts';
import type { ReadingBatcher } from '../telemetry/reading-batcher.ts';
import type { SeriesCatalogue } from '../telemetry/series-catalogue.ts';
import type { TelemetryExports } from '../telemetry/telemetry-exports.ts';
import { PRESSURE_LEVELS, type Pressure } from './pressure.ts';

type Counters = Readonly<Record<string, number>>;

export interface MeteredParts {
  broker: Pick<DeviceBroker, 'counters' | 'connections' | 'heldBytes'>;
  relay: Pick<StreamHub, 'counters' | 'snapshot'>;
  messages: Pick<DeviceMessages, 'liveCounters'>;
  fleet: Pick<Fleet, 'counters'>;
  updates: Pick<UpdateHub, 'counters' | 'subscribers'>;
  intake: Pick<SnapshotIntake, 'counters' | 'stats'>;
  worker: Pick<SnapshotWorker, 'counters'>;
  queue: Pick<JobQueue<object>, 'counters'>;
  readings: Pick<ReadingBatcher, 'counters' | 'stats'>;
  catalogue: Pick<SeriesCatalogue, 'counters' | 'size'>;
  exports: Pick<TelemetryExports, 'counters' | 'active'>;
  reports: Pick<Reports, 'counters' | 'isPaused'>;
  latest: Pick<LatestValues, 'seriesLeftOut' | 'size'>;
  database: Pick<Database, 'stats'>;
  passwords: Pick<Passwords, 'refused'>;
  loginLimiter: Pick<LoginLimiter, 'refusals'>;
  pressure: Pick<Pressure, 'read'>;
}

/** By area: the name of a metric is `sitecast_{area}_{counter}_total`. */
export function countersOf(parts: MeteredParts): Record<string, Counters> {
  return {
    broker: { ...parts.broker.counters },
    live: parts.messages.liveCounters,
    relay: { ...parts.relay.counters },
    fleet: parts.fleet.counters,
    updates: parts.updates.counters,
    snapshots: {
      ...withoutPrefix('snapshots', { ...parts.intake.counters, ...parts.worker.counters }),
      waitingRefused: parts.intake.stats.waitingRefused,
    },
    queue: { ...parts.queue.counters },
    telemetry: {
      ...parts.readings.counters,
      ...parts.catalogue.counters,
      ...parts.exports.counters,
      messagesRefused: parts.readings.stats.messagesRefused,
      seriesLeftOut: parts.latest.seriesLeftOut,
    },
    reports: parts.reports.counters,
    postgres: { callersRefused: parts.database.stats().callersRefused },
    auth: { hashesRefused: parts.passwords.refused, loginsRefused: parts.loginLimiter.refusals },
  };
}

export async function gaugesOf(parts: MeteredParts): Promise<Record<string, number>> {
  const { max, active, slotsTaken, viewers, maxViewers, cachedBytes } = parts.relay.snapshot();
  const { data, media, agents, sensors } = parts.broker.connections;
  const { rssBytes, limitBytes, eventLoopP99Ms, level } = parts.pressure.read();
  const pool = parts.database.stats();
  return {
    live_streams: slotsTaken,
    live_streams_max: max,
    live_stills_streams: active.length - slotsTaken,
    live_viewers: viewers,
    live_viewers_max: maxViewers,
    live_cached_bytes: cachedBytes,
    broker_data_connections: data,
    broker_media_connections: media,
    broker_agents: agents,
    broker_sensors: sensors,
    broker_data_held_bytes: parts.broker.heldBytes.data,
    broker_media_held_bytes: parts.broker.heldBytes.media,
    updates_sockets: parts.updates.subscribers,
    snapshots_staged: parts.intake.stats.staged,
    snapshots_waiting: parts.intake.stats.waiting,
    telemetry_rows_waiting: parts.readings.stats.rows,
    telemetry_bytes_waiting: parts.readings.stats.bytes,
    telemetry_exports: parts.exports.active,
    reports_paused: parts.reports.isPaused ? 1 : 0,
    telemetry_series: parts.latest.size,
    postgres_connections: pool.total,
    postgres_connections_idle: pool.idle,
    postgres_callers_waiting: pool.waiting,
    memory_rss_bytes: rssBytes,
    memory_limit_bytes: limitBytes,
    memory_pressure: PRESSURE_LEVELS.indexOf(level),
    event_loop_p99_ms: eventLoopP99Ms,
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
