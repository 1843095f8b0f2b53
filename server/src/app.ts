// Composition root: what the server opens, in order, and closes in the reverse one. `#start` is the story.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock } from '@sitecast/shared/runtime/clock';
import { Lifetime } from '@sitecast/shared/runtime/lifetime';
import { AlertFeed } from './alerts/alert-feed.ts';
import { ensureFirstAdmin } from './auth/first-login.ts';
import { LoginLimiter } from './auth/login-limiter.ts';
import { Passwords } from './auth/passwords.ts';
import { sessionSecret } from './auth/session-secret.ts';
import { Sessions } from './auth/sessions.ts';
import { Tokens } from './auth/tokens.ts';
import { Users } from './auth/users.ts';
import { DeviceBroker } from './broker/device-broker.ts';
import { AgentCommands, type CommandChannel } from './fleet/agent-commands.ts';
import { AgentNotices } from './fleet/agent-notices.ts';
import { createAgentPort } from './fleet/agent-port.ts';
import { DeviceMessages } from './fleet/device-messages.ts';
import { Devices, type DeviceAddress } from './fleet/devices.ts';
import { Fleet } from './fleet/fleet.ts';
import { Presence } from './fleet/presence.ts';
import { RevocationSweep } from './fleet/revocation-sweep.ts';
import { Sites } from './fleet/sites.ts';
import { UpdateHub } from './fleet/updates.ts';
import { DiscoveredValues } from './foreign/discovered-values.ts';
import { SealStore } from './evidence/seal-store.ts';
import { SigningKeys } from './evidence/signing-keys.ts';
import { ForeignIntake } from './foreign/foreign-intake.ts';
import { UnmappedSamples } from './foreign/unmapped-samples.ts';
import { findMemoryLimit } from './guard/memory-limit.ts';
import { DiskWatch, hasRoom } from './guard/disk-watch.ts';
import { Readiness } from './guard/readiness.ts';
import { Vitals } from './guard/vitals.ts';
import { ClipDownloads } from './ingest/clip-downloads.ts';
import { ClipIntake } from './ingest/clip-intake.ts';
import { ClipStore } from './ingest/clip-store.ts';
import { EventStore } from './ingest/event-store.ts';
import { PictureUploads } from './ingest/picture-uploads.ts';
import { SnapshotIntake, type SnapshotJob } from './ingest/snapshot-intake.ts';
import { SnapshotStore } from './ingest/snapshot-store.ts';
import { SnapshotWorker } from './ingest/snapshot-worker.ts';
import { brokerLimits } from './broker/limits.ts';
import { checkFit, limitRows, sumOf } from './limits.ts';
import type { ClipFiles } from './media-store/clip-files.ts';
import { ClipParts } from './media-store/clip-parts.ts';
import { MediaStore } from './media-store/media-store.ts';
import { Staging } from './media-store/staging.ts';
import { migrate } from './postgres/migrate.ts';
import { openPool, type Database } from './postgres/pool.ts';
import { openQueue } from './queues/job-queue.ts';
import { RepeatedJobs } from './queues/repeated-jobs.ts';
import { RELAY_LIMITS } from './relay/limits.ts';
import { StreamHub } from './relay/stream-hub.ts';
import type { Retention } from './retention/retention.ts';
import { ReportFiles } from './reports/report-files.ts';
import { ReportSchedules } from './reports/report-schedules.ts';
import { Reports, REPORTS_WAITING_MAX, type ReportJob } from './reports/reports.ts';
import { SCHEDULES_MAX } from './reports/schedule-store.ts';
import { LatestValues } from './telemetry/latest-values.ts';
import { Partitions } from './telemetry/partitions.ts';
import { ReadingBatcher } from './telemetry/reading-batcher.ts';
import { ReadingIntake } from './telemetry/reading-intake.ts';
import { Rollups } from './telemetry/rollups.ts';
import { SeriesCatalogue } from './telemetry/series-catalogue.ts';
import { TelemetryExports } from './telemetry/telemetry-exports.ts';
import { TelemetryQueries } from './telemetry/telemetry-query.ts';
import { TelemetryStore } from './telemetry/telemetry-store.ts';
import { OutageStore } from './timeline/outage-store.ts';
import { TierRetention } from './telemetry/tier-retention.ts';
import { openAlerts } from './app-alerts.ts';
import { openGuard } from './app-guard.ts';
import { openHttp, openSystem } from './app-http.ts';
import { openRetention } from './app-retention.ts';
import type { AppOptions, Opening } from './app-opening.ts';
import { openTimeline } from './app-timeline.ts';
import { HttpAnswers } from './plugins/http-answers.ts';
import { HttpBodies } from './plugins/http-bodies.ts';

/** Where a setting of days is 0. */
const FOR_EVER_DAYS = 36_500;
const CLOSE_STEP_MS = 3_000;

/** Everything that the server is made of, from its first connection to PostgreSQL to its HTTP port. */
export class App {
  readonly #lifetime: Lifetime;
  #ports = { http: 0, data: 0, media: 0 };

  private constructor({ logger }: AppOptions) {
    this.#lifetime = new Lifetime({
      closeTimeoutMs: CLOSE_STEP_MS,
      onCloseError: (name, error) => logger.error({ name, reason: messageOf(error) }, 'closing failed'),
    });
  }

  /**
   * Resolves when the server serves.
   * @throws {AppError} LIMITS_DO_NOT_FIT, MIGRATION_FAILED, STORE_UNAVAILABLE, PORT_IN_USE, CONFIG_INVALID; what was opened
   * is closed again.
   */
  static async open(options: AppOptions): Promise<App> {
    const app = new App(options);
    try {
      await app.#start({ ...options, lifetime: app.#lifetime });
      return app;
    } catch (error) {
      await app.close();
      throw error;
    }
  }

  /** As listened on: of use where a setting was 0. */
  get ports(): Readonly<{ http: number; data: number; media: number }> {
    return this.#ports;
  }

  /** Idempotent. Stops taking requests, ends viewers, lets devices go, finishes what was taken in, closes the stores. */
  close(): Promise<void> {
    return this.#lifetime.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #start(opening: Opening): Promise<void> {
    const self = await openSelf(opening);
    const database = await openDatabase(opening);
    const identity = await openIdentity(opening, database);
    const fleet = await openFleet(opening, database);
    const notices = new AgentNotices();
    const ingest = await openIngest(opening, database, { ...fleet, notices });
    const kept = await openRetention(opening, database, { ...self, ...fleet, ...ingest });
    const clips = await openClips(opening, database, { ...self, ...kept });
    const feed = new AlertFeed();
    const telemetry = await openTelemetry(opening, database, { ...fleet, feed });
    const reports = await openReports(opening, database, ingest);
    const outages = new OutageStore(database);
    const evidence = openEvidence(opening, database);
    const needs = { ...fleet, ...ingest, ...clips, ...telemetry, outages, evidence };
    const live = await openLive(opening, needs);
    notices.sendThrough((topic, payload) => live.broker.publish(topic, payload));
    const parts = {
      ...self,
      ...identity,
      ...fleet,
      ...ingest,
      ...kept,
      ...clips,
      ...telemetry,
      ...reports,
      ...live,
      ...openTimeline(opening, { ...fleet, ...telemetry, outages, database }),
      evidence,
      database,
      feed,
    };
    const watched = { ...parts, ...(await openGuard(opening, parts)) };
    kept.retention.start();
    const guarded = { ...watched, ...(await openAlerts(opening, watched)) };
    const readiness = new Readiness({ ...guarded, clock: systemClock });
    const system = openSystem(opening, { ...guarded, readiness });
    const http = await openHttp(opening, { ...guarded, readiness, system });
    this.#ports = { http, data: live.broker.dataPort, media: live.broker.mediaPort };
    opening.logger.info({ host: opening.config.http.host, ...this.#ports }, 'serving');
  }
}

/** First, because a server that cannot fit its memory must not begin to take anything in. */
async function openSelf({ config, lifetime, logger }: Opening) {
  const limits = limitRows(config);
  const memory = await findMemoryLimit(config.memoryLimitBytes);
  if (memory.source !== 'machine') checkFit(limits, memory);
  else if (sumOf(limits) > memory.bytes) {
    logger.warn(
      { sumBytes: sumOf(limits), machineBytes: memory.bytes },
      'all limits together are above the memory',
    );
  }
  const { cpuBaselineCores, dataDir: dir, minFreeDiskBytes: minFreeBytes } = config;
  const vitals = await Vitals.open({ memoryLimit: memory, cpuBaselineCores, clock: systemClock });
  lifetime.own('vitals', vitals);
  return {
    limits,
    vitals,
    bodies: new HttpBodies(),
    answers: new HttpAnswers(),
    disk: new DiskWatch({ dir, minFreeBytes, clock: systemClock }),
  };
}

async function openDatabase({ config, lifetime, logger }: Opening): Promise<Database> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o750 });
  await migrate({ url: config.postgres.url, logger });
  return lifetime.own('postgres', openPool({ ...config.postgres, logger }));
}

async function openIdentity({ config, logger }: Opening, database: Database) {
  const { dataDir } = config;
  const passwords = new Passwords();
  const users = new Users({ database, passwords });
  await ensureFirstAdmin({ users, dataDir, logger });
  return {
    passwords,
    users,
    sessions: new Sessions({ database }),
    tokens: new Tokens({ database }),
    loginLimiter: new LoginLimiter(systemClock),
    cookieSecret: await sessionSecret(config.sessionSecret, dataDir),
  };
}

async function openFleet({ config, lifetime }: Opening, database: Database) {
  const updates = lifetime.own('updates', new UpdateHub({ share: config.updateShare }));
  const fleet = new Fleet({ database, updates });
  await fleet.load();
  const devices = new Devices({ database, maxDevices: config.maxDevices });
  return { updates, fleet, devices, sites: new Sites({ database }) };
}

async function openIngest(
  { config, lifetime, logger }: Opening,
  database: Database,
  { fleet, notices }: { fleet: Fleet; notices: AgentNotices },
) {
  const { dataDir, images, redisUrl, postgres } = config;
  const mediaStore = await MediaStore.open(join(dataDir, 'media'));
  const staging = await Staging.open(join(dataDir, 'staging'));
  const queue = await openQueue<SnapshotJob>({
    name: 'images',
    redisUrl,
    databaseUrl: postgres.url,
    maxWaiting: images.queueMax,
    logger,
  });
  lifetime.own('image queue', queue);
  const snapshots = new SnapshotStore(database);
  const worker = new SnapshotWorker({
    staging,
    mediaStore,
    snapshots,
    onStored: ({ site, camera, id, capturedAt, reason }) =>
      fleet.snapshotStored({ site, id: camera }, { id, capturedAt: new Date(capturedAt), reason }),
    onRefused: (refused) => notices.tellOfSnapshot(refused),
    logger,
  });
  const { concurrency, queueMax: maxStaged } = images;
  const intake = new SnapshotIntake({ staging, queue, worker, concurrency, maxStaged, logger });
  lifetime.own('snapshot intake', intake);
  await intake.start();
  const uploads = new PictureUploads({
    intake,
    snapshots,
    expectCamera: (device, camera, size) => fleet.uploadSeen(device, camera, size),
    maxUploads: images.maxUploads,
  });
  return { mediaStore, queue, snapshots, worker, intake, uploads, events: new EventStore(database) };
}

async function openClips(
  { config, lifetime, logger }: Opening,
  database: Database,
  { disk, retention, clipFiles: files }: { disk: DiskWatch; retention: Retention; clipFiles: ClipFiles },
) {
  const clips = new ClipStore(database);
  const clipIntake = new ClipIntake({
    parts: await ClipParts.open(join(config.dataDir, 'clips/parts')),
    files,
    clips,
    maxStoredBytes: config.clips.maxBytes,
    makeRoomFor: (bytes) => retention.makeRoomForClip(bytes),
    hasRoomFor: async (bytes) => {
      const reading = await disk.read();
      return hasRoom({ ...reading, freeBytes: reading.freeBytes - bytes });
    },
    logger,
  });
  lifetime.own('clip intake', clipIntake);
  await clipIntake.start();
  return { clips, clipIntake, clipDownloads: new ClipDownloads(files) };
}

async function openTelemetry(
  { config, lifetime, logger }: Opening,
  database: Database,
  { updates, feed }: { updates: UpdateHub; feed: AlertFeed },
) {
  const partitions = lifetime.own('partitions', new Partitions({ database, logger }));
  await partitions.start();
  const rollups = lifetime.own('rollups', new Rollups({ database, partitions, logger }));
  rollups.start();
  const { retention: kept } = config;
  const tierRetention = new TierRetention({ database, partitions, kept, logger });
  lifetime.own('retention of readings', tierRetention).start();
  const latest = new LatestValues();
  await latest.load(database);
  const catalogue = new SeriesCatalogue({ database });
  const readings = new ReadingBatcher({
    catalogue,
    store: new TelemetryStore({ database, partitions }),
    latest,
    lateMaxDays: kept.rawDays,
    onRows: (rows) => feed.heard(rows),
    onStored: (values) => {
      feed.valuesChanged(values);
      updates.publish({ type: 'readings', values });
    },
  });
  lifetime.own('readings', readings);
  const queries = new TelemetryQueries({ database });
  return {
    latest,
    catalogue,
    readings,
    rollups,
    tierRetention,
    queries,
    exports: new TelemetryExports({ database }),
    ...(await openForeign(database)),
  };
}

/** Devices that speak the language of another project. */
async function openForeign(database: Database) {
  const samples = new UnmappedSamples();
  const discovered = new DiscoveredValues(database);
  await discovered.load();
  return { samples, discovered, foreign: new ForeignIntake({ samples, discovered }) };
}

function openEvidence({ config }: Opening, database: Database) {
  const seals = new SealStore({ database, keepDays: config.retention.sealsDays });
  return { seals, keys: new SigningKeys(database) };
}

async function openReports(
  { config, lifetime, logger }: Opening,
  database: Database,
  { mediaStore: pictures }: { mediaStore: MediaStore },
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
      ...{ database, queue: reportQueue, files, pictures, logger },
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

interface LiveNeeds {
  fleet: Fleet;
  updates: UpdateHub;
  devices: Devices;
  intake: SnapshotIntake;
  clipIntake: ClipIntake;
  events: EventStore;
  readings: ReadingBatcher;
  catalogue: SeriesCatalogue;
  latest: LatestValues;
  foreign: ForeignIntake;
  discovered: DiscoveredValues;
  outages: OutageStore;
  evidence: { seals: SealStore; keys: SigningKeys };
}

/**
 * Commands, relay and broker need each other. The broker opens last, and lets nobody in before all is wired: until then
 * nothing reaches for it.
 */
async function openLive({ config, lifetime, logger }: Opening, needs: LiveNeeds) {
  const { fleet, devices } = needs;
  const channel: CommandChannel = {
    publish: (topic, payload, options) => broker.publish(topic, payload, options),
    isConnected: (agent) => broker.isConnected(agent),
  };
  const commands = lifetime.own('commands', new AgentCommands({ channel }));
  const relay = new StreamHub({
    agents: createAgentPort({
      commands,
      publish: (topic, payload) => broker.publish(topic, payload),
      agentOf: (camera) => fleet.agentOf(camera),
      hasAgent: (camera) => fleet.hasAgent(camera),
    }),
    limits: { ...RELAY_LIMITS, ...config.live },
    profilesOf: (camera) => fleet.camera(camera)?.report.profiles ?? [],
    limitOf: (camera) => fleet.camera(camera)?.report.limitedBy,
    logger,
  });
  const presence = new Presence({
    fleet,
    devices,
    onAgentConnected: ({ site }) => relay.agentsChanged(site),
    onAgentGone: (agent) => commands.agentGone(agent),
    logger,
  });
  const { intake: snapshots, clipIntake: clips } = needs;
  const readings = new ReadingIntake({ ...needs, batcher: needs.readings });
  const messages = new DeviceMessages({ ...needs, readings, commands, snapshots, clips, live: relay });
  let letIn: () => void = () => undefined;
  const isWired = new Promise<void>((resolve) => (letIn = resolve));
  const broker: DeviceBroker = await DeviceBroker.open({
    host: config.mqtt.host,
    dataPort: config.mqtt.dataPort,
    mediaPort: config.mqtt.mediaPort,
    limits: brokerLimits(config.mqtt),
    authenticate: (username, secret) => isWired.then(() => devices.authenticate(username, secret)),
    handlers: messages,
    logger,
  });
  lifetime.own('broker', broker);
  broker.onConnection(({ device, isOnline }) => presence.changed(device, isOnline));
  letIn();
  // After the broker in the list, so before it in the end: agents are told to stop sending.
  lifetime.own('relay', relay);
  const onRevoked = async (device: DeviceAddress): Promise<void> => {
    broker.disconnectDevice(device.id);
    if (device.kind !== 'agent') return needs.discovered.forget(device.id);
    await fleet.forgetAgent(device);
    relay.agentsChanged(device.site);
  };
  lifetime.own('revocations', new RevocationSweep({ devices, onRevoked, logger })).start();
  const onDeviceChanged = (id: string): void => broker.disconnectDevice(id);
  return { broker, relay, commands, presence, messages, onRevoked, onDeviceChanged };
}
