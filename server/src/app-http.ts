// The last steps of the start: the system report, and the HTTP server on top of everything.

import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import {
  clipResult,
  clipUploadResult,
  snapshotResult,
  type ClipResult,
  type ClipUploadResult,
  type SnapshotResult,
} from '@sitecast/shared/protocol/commands';
import { formatAddress, type Address } from '@sitecast/shared/protocol/ids';
import type { AgentAddress } from '@sitecast/shared/protocol/topics';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { systemClock } from '@sitecast/shared/runtime/clock';
import type { Alerts } from './alerts/alerts.ts';
import type { ChannelStore } from './alerts/channels/channel-store.ts';
import type { Deliveries } from './alerts/channels/deliveries.ts';
import type { Mail } from './alerts/channels/mail.ts';
import { LoginLimiter } from './auth/login-limiter.ts';
import { DeviceBroker } from './broker/device-broker.ts';
import { AgentCommands } from './fleet/agent-commands.ts';
import { Fleet } from './fleet/fleet.ts';
import { Presence } from './fleet/presence.ts';
import { UpdateHub } from './fleet/updates.ts';
import type { SigningKeys } from './evidence/signing-keys.ts';
import type { ForeignIntake } from './foreign/foreign-intake.ts';
import type { UnmappedSamples } from './foreign/unmapped-samples.ts';
import type { DiskWatch } from './guard/disk-watch.ts';
import { countersOf, GAUGE_HELP, gaugesOf, type MeteredParts } from './guard/metric-sources.ts';
import { knownCounts, SystemReporter, type SystemReporterOptions } from './guard/system-report.ts';
import { ClipDownloads } from './ingest/clip-downloads.ts';
import type { ClipIntake } from './ingest/clip-intake.ts';
import { ClipStore } from './ingest/clip-store.ts';
import { EventStore } from './ingest/event-store.ts';
import { PictureUploads } from './ingest/picture-uploads.ts';
import { SnapshotIntake, type SnapshotJob } from './ingest/snapshot-intake.ts';
import { SnapshotStore } from './ingest/snapshot-store.ts';
import { MediaStore } from './media-store/media-store.ts';
import { maxHttpConnections, maxWebSockets } from './plugins/http-limits.ts';
import { Metrics } from './plugins/metrics.ts';
import { type Database } from './postgres/pool.ts';
import { type JobQueue } from './queues/job-queue.ts';
import type { ReportSchedules } from './reports/report-schedules.ts';
import type { ReportJob, Reports } from './reports/reports.ts';
import type { Retention } from './retention/retention.ts';
import { StreamHub } from './relay/stream-hub.ts';
import { LatestValues } from './telemetry/latest-values.ts';
import { ReadingBatcher } from './telemetry/reading-batcher.ts';
import type { TelemetryExports } from './telemetry/telemetry-exports.ts';
import type { TelemetryQueries } from './telemetry/telemetry-query.ts';
import type { Timelines } from './timeline/timeline.ts';
import { buildHttpApp, type HttpServices } from './routes/http-app.ts';
import type { Opening } from './app-opening.ts';
import type { HttpAnswers } from './plugins/http-answers.ts';
import type { HttpBodies } from './plugins/http-bodies.ts';

const TELL_SYSTEM_MS = 5_000;
/** Requests that are being answered may finish within this. */
const HTTP_GRACE_MS = 1_500;

type SystemNeeds = MeteredParts &
  Pick<SystemReporterOptions, 'limits' | 'guard' | 'vitals' | 'ledger'> & {
    broker: DeviceBroker;
    relay: StreamHub;
    presence: Presence;
    disk: DiskWatch;
    queue: JobQueue<SnapshotJob>;
    reportQueue: JobQueue<ReportJob>;
    intake: SnapshotIntake;
    readings: ReadingBatcher;
    updates: UpdateHub;
    database: Database;
  };

export function openSystem({ config, lifetime, version }: Opening, needs: SystemNeeds): SystemReporter {
  const { broker, relay, presence, queue, reportQueue, intake, readings, updates, database, disk } = needs;
  const system = new SystemReporter({
    ...needs,
    version,
    relay: () => relay.snapshot(),
    queues: async () => {
      const [images, reports] = await Promise.all([knownCounts(queue), knownCounts(reportQueue)]);
      return { snapshots: { ...images, ...intake.stats }, readings: readings.stats, reports };
    },
    pool: () => database.stats(),
    devices: () => ({ connected: presence.connected, max: config.maxDevices }),
    disk: () => disk.read(),
    storage: () => needs.retention.report,
    endpoints: () => ({ mqttPort: broker.dataPort, mediaPort: broker.mediaPort }),
    clock: systemClock,
  });
  // Pages see pressure rise without asking.
  const timer = setInterval(
    () => updates.publish({ type: 'system', system: { ...system.readBrief() } }),
    TELL_SYSTEM_MS,
  );
  lifetime.onClose('system updates', () => clearInterval(timer));
  return system;
}

type HttpNeeds = SystemNeeds &
  Pick<
    HttpServices,
    'users' | 'sessions' | 'tokens' | 'cookieSecret' | 'devices' | 'sites' | 'onRevoked' | 'onDeviceChanged'
  > & {
    uploads: PictureUploads;
    loginLimiter: LoginLimiter;
    fleet: Fleet;
    latest: LatestValues;
    evidence: { keys: SigningKeys };
    foreign: ForeignIntake;
    samples: UnmappedSamples;
    mediaStore: MediaStore;
    exports: TelemetryExports;
    queries: TelemetryQueries;
    reports: Reports;
    timelines: Timelines;
    schedules: ReportSchedules;
    alerts: Alerts;
    channels: ChannelStore;
    deliveries: Deliveries;
    mail: Mail;
    snapshots: SnapshotStore;
    retention: Retention;
    clips: ClipStore;
    clipIntake: ClipIntake;
    clipDownloads: ClipDownloads;
    events: EventStore;
    commands: AgentCommands;
    broker: DeviceBroker;
    system: SystemReporter;
    bodies: HttpBodies;
    answers: HttpAnswers;
  };

/**
 * Last: whoever finds the port open finds a server that works.
 * @returns the port.
 */
export async function openHttp(
  { config, lifetime, logger, version }: Opening,
  needs: HttpNeeds,
): Promise<number> {
  const { http, webSocket } = config;
  const { relay, presence, commands, fleet, system, mediaStore, readiness } = needs;
  const app = await buildHttpApp({
    services: {
      ...needs,
      signingKeys: needs.evidence.keys,
      dataDir: config.dataDir,
      publicUrl: http.publicUrl,
      maxUpdateSockets: webSocket.maxUpdateSockets,
      pictures: mediaStore,
      removeMedia: (kind, id) => needs.retention.removeOne(kind, id),
      rules: needs.alerts,
      siteSilences: needs.alerts,
      testRule: (rule) => needs.deliveries.test(rule),
      hasMail: () => needs.mail.isConfigured,
      findDevice: (id) => needs.devices.get(id),
      queryTelemetry: (query) => needs.queries.answer(query),
      countSeriesLeftOut: (query, shown) => needs.queries.leftOut(query, shown),
      isConnected: (id) => presence.isConnected(id),
      restartAgent: (agent) => commands.request(agent, 'restart', {}),
      takeSnapshot: (camera) => takeSnapshot(camera, fleet, commands),
      recordClip: (camera, upload) => recordClip(camera, upload, fleet, commands),
      uploadClip: (camera, clipId) => uploadClip(camera, clipId, fleet, commands),
      authenticateDevice: (id, secret) => needs.devices.authenticate(id, secret),
      join: (request) => relay.join(request),
      readSystem: () => system.read(),
      readiness: () => readiness.check(),
      metrics: new Metrics({
        counters: () => countersOf(needs),
        gauges: () => gaugesOf(needs),
        gaugeHelp: GAUGE_HELP,
      }),
    },
    bodies: needs.bodies,
    answers: needs.answers,
    logger,
    version,
    trustProxy: http.trustProxy,
    requestsPerMinute: http.requestsPerMinute,
    maxConnections: maxHttpConnections(config),
    connectionsPerAddress: http.connectionsPerAddress,
    metricsToken: http.metricsToken,
    webSocket: { ...webSocket, maxSockets: maxWebSockets(config) },
  });
  lifetime.onClose('http', () => closeHttp(app));
  return listen(app, http);
}

async function listen(app: FastifyInstance, { host, port }: { host: string; port: number }): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    throw new AppError('PORT_IN_USE', `port ${port} (PORT) is taken by another program`, {
      cause,
      detail: { port },
    });
  }
  return (app.server.address() as AddressInfo).port;
}

async function closeHttp(app: FastifyInstance): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), HTTP_GRACE_MS);
  await app.close();
  clearTimeout(timer);
}

/** @throws {AppError} NOT_FOUND, PROFILE_UNSUPPORTED, and what the agent answers, or that it does not. */
export async function takeSnapshot(
  camera: Address,
  fleet: Fleet,
  commands: AgentCommands,
): Promise<SnapshotResult> {
  const agent = agentOf(camera, fleet);
  return snapshotResult.parse(await commands.request(agent, 'snapshot', { camera: camera.id }));
}

async function recordClip(
  camera: Address,
  upload: boolean,
  fleet: Fleet,
  commands: AgentCommands,
): Promise<ClipResult> {
  const agent = agentOf(camera, fleet);
  return clipResult.parse(await commands.request(agent, 'clip', { camera: camera.id, upload }));
}

async function uploadClip(
  camera: Address,
  clipId: string,
  fleet: Fleet,
  commands: AgentCommands,
): Promise<ClipUploadResult> {
  const agent = agentOf(camera, fleet);
  return clipUploadResult.parse(await commands.request(agent, 'clip.upload', { clipId }));
}

/** @throws {AppError} NOT_FOUND; PROFILE_UNSUPPORTED where nobody can be asked. */
function agentOf(camera: Address, fleet: Fleet): AgentAddress {
  const agent = fleet.agentOf(camera);
  if (!agent) throw new AppError('NOT_FOUND', `camera ${formatAddress(camera)} does not exist`);
  if (!fleet.hasAgent(camera))
    throw new AppError('PROFILE_UNSUPPORTED', `camera ${formatAddress(camera)} only uploads pictures`);
  return agent;
}
