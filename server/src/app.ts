// Composition root: what the server opens, in order, and closes in the reverse one. `#start` is the story.

import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { snapshotResult, type SnapshotResult } from '@sitecast/shared/protocol/commands';
import { formatAddress, type Address } from '@sitecast/shared/protocol/ids';
import type { Logger } from '@sitecast/shared/node/logger';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock } from '@sitecast/shared/runtime/clock';
import { Lifetime } from '@sitecast/shared/runtime/lifetime';
import { ensureFirstAdmin } from './auth/first-login.ts';
import { LoginLimiter } from './auth/login-limiter.ts';
import { Passwords } from './auth/passwords.ts';
import { sessionSecret } from './auth/session-secret.ts';
import { Sessions } from './auth/sessions.ts';
import { Tokens } from './auth/tokens.ts';
import { Users } from './auth/users.ts';
import { DeviceBroker } from './broker/device-broker.ts';
import type { ServerConfig } from './config.ts';
import { AgentCommands, type CommandChannel } from './fleet/agent-commands.ts';
import { createAgentPort } from './fleet/agent-port.ts';
import { DeviceMessages } from './fleet/device-messages.ts';
import { Devices } from './fleet/devices.ts';
import { Fleet } from './fleet/fleet.ts';
import { Presence } from './fleet/presence.ts';
import { RevocationSweep } from './fleet/revocation-sweep.ts';
import { Sites } from './fleet/sites.ts';
import { UpdateHub } from './fleet/updates.ts';
import { findMemoryLimit } from './guard/memory-limit.ts';
import { countersOf, gaugesOf, type MeteredParts } from './guard/metric-sources.ts';
import { Pressure } from './guard/pressure.ts';
import { SystemReporter, type SystemReporterOptions } from './guard/system-report.ts';
import { EventStore } from './ingest/event-store.ts';
import { SnapshotIntake, type SnapshotJob } from './ingest/snapshot-intake.ts';
import { SnapshotStore } from './ingest/snapshot-store.ts';
import { SnapshotWorker } from './ingest/snapshot-worker.ts';
import { checkFit, limitRows, sumOf } from './limits.ts';
import { MediaStore } from './media-store/media-store.ts';
import { Staging } from './media-store/staging.ts';
import { Metrics } from './plugins/metrics.ts';
import { migrate } from './postgres/migrate.ts';
import { openPool, type Database } from './postgres/pool.ts';
import { openQueue, type JobQueue } from './queues/job-queue.ts';
import { RELAY_LIMITS } from './relay/limits.ts';
import { StreamHub } from './relay/stream-hub.ts';
import { LatestValues } from './telemetry/latest-values.ts';
import { Partitions } from './telemetry/partitions.ts';
import { ReadingBatcher } from './telemetry/reading-batcher.ts';
import { SeriesCatalogue } from './telemetry/series-catalogue.ts';
import { queryTelemetry } from './telemetry/telemetry-query.ts';
import { TelemetryStore } from './telemetry/telemetry-store.ts';
import { buildHttpApp, type HttpServices } from './routes/http-app.ts';

export interface AppOptions {
  config: ServerConfig;
  logger: Logger;
  version: string;
}

/** What every step of the start needs; what it opens goes to `lifetime`. */
interface Opening extends AppOptions {
  lifetime: Lifetime;
}

const CLOSE_STEP_MS = 3_000;
const TELL_SYSTEM_MS = 5_000;
/** Requests that are being answered may finish within this. */
const HTTP_GRACE_MS = 1_500;

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
    const guard = await openGuard(opening);
    const database = await openDatabase(opening);
    const identity = await openIdentity(opening, database);
    const fleet = await openFleet(opening, database);
    const ingest = await openIngest(opening, database, fleet);
    const telemetry = await openTelemetry(opening, database, fleet);
    const live = await openLive(opening, { ...fleet, ...ingest, ...telemetry });
    const metered = { ...guard, ...identity, ...fleet, ...ingest, ...telemetry, ...live, database };
    const system = openSystem(opening, metered);
    const http = await openHttp(opening, { ...metered, system });
    this.#ports = { http, data: live.broker.dataPort, media: live.broker.mediaPort };
    opening.logger.info({ host: opening.config.http.host, ...this.#ports }, 'serving');
  }
}

/** First, because a server that cannot fit its memory must not begin to take anything in. */
async function openGuard({ config, lifetime, logger }: Opening) {
  const limits = limitRows(config);
  const memory = await findMemoryLimit(config.memoryLimitBytes);
  if (memory.source !== 'machine') checkFit(limits, memory);
  else if (sumOf(limits) > memory.bytes) {
    logger.warn({ sumBytes: sumOf(limits), machineBytes: memory.bytes }, 'all limits together are above the memory');
  }
  const pressure = lifetime.own('pressure', new Pressure({ limitBytes: memory.bytes }));
  pressure.start();
  return { limits, pressure };
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
  const updates = lifetime.own('updates', new UpdateHub());
  const fleet = new Fleet({ database, updates });
  await fleet.load();
  const devices = new Devices({ database, maxDevices: config.maxDevices });
  return { updates, fleet, devices, sites: new Sites({ database }) };
}

async function openIngest({ config, lifetime, logger }: Opening, database: Database, { fleet }: { fleet: Fleet }) {
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
    logger,
  });
  const { concurrency, queueMax: maxStaged } = images;
  const intake = new SnapshotIntake({ staging, queue, worker, concurrency, maxStaged, logger });
  lifetime.own('snapshot intake', intake);
  await intake.start();
  return { mediaStore, queue, snapshots, worker, intake, events: new EventStore(database) };
}

async function openTelemetry({ lifetime, logger }: Opening, database: Database, { updates }: { updates: UpdateHub }) {
  const partitions = lifetime.own('partitions', new Partitions({ database, logger }));
  await partitions.start();
  const latest = new LatestValues();
  await latest.load(database);
  const catalogue = new SeriesCatalogue({ database });
  const readings = new ReadingBatcher({
    catalogue,
    store: new TelemetryStore({ database, partitions }),
    latest,
    onStored: (values) => updates.publish({ type: 'readings', values }),
  });
  lifetime.own('readings', readings);
  return { latest, catalogue, readings };
}

interface LiveNeeds {
  fleet: Fleet;
  updates: UpdateHub;
  devices: Devices;
  intake: SnapshotIntake;
  events: EventStore;
  readings: ReadingBatcher;
}

/** Commands, relay and broker need each other: the broker is the last to open, so it is bound late. */
async function openLive({ config, lifetime, logger }: Opening, needs: LiveNeeds) {
  const { fleet, devices } = needs;
  let broker: DeviceBroker | undefined;
  const channel: CommandChannel = {
    publish: (topic, payload, options) => broker?.publish(topic, payload, options),
    isConnected: (agent) => broker?.isConnected(agent) ?? false,
  };
  const commands = lifetime.own('commands', new AgentCommands({ channel }));
  const relay = new StreamHub({
    agents: createAgentPort({
      commands,
      publish: (topic, payload) => broker?.publish(topic, payload),
      agentOf: (camera) => fleet.agentOf(camera),
    }),
    limits: { ...RELAY_LIMITS, ...config.live },
    profilesOf: (camera) => fleet.camera(camera)?.report.profiles ?? [],
    logger,
  });
  const presence = new Presence({
    fleet,
    devices,
    onAgentConnected: ({ site }) => relay.agentConnected(site),
    onAgentGone: (agent) => commands.agentGone(agent),
    logger,
  });
  const messages = new DeviceMessages({ ...needs, commands, snapshots: needs.intake, live: relay });
  let letIn: () => void = () => undefined;
  const isWired = new Promise<void>((resolve) => (letIn = resolve));
  broker = await DeviceBroker.open({
    ...config.mqtt,
    // Its data listener is up a moment before presence listens: whoever logs in then would not be noticed.
    authenticate: (username, secret) => isWired.then(() => devices.authenticate(username, secret)),
    handlers: messages,
    logger,
  });
  lifetime.own('broker', broker);
  broker.onConnection(({ device, isOnline }) => presence.changed(device, isOnline));
  letIn();
  // After the broker in the list, so before it in the end: agents are told to stop sending.
  lifetime.own('relay', relay);
  const { disconnectDevice } = broker;
  const sweep = new RevocationSweep({ devices, disconnect: disconnectDevice.bind(broker), logger });
  lifetime.own('revocations', sweep).start();
  return { broker, relay, commands, presence, messages };
}

type SystemNeeds = MeteredParts &
  Pick<SystemReporterOptions, 'limits' | 'pressure'> & {
    relay: StreamHub;
    presence: Presence;
    mediaStore: MediaStore;
    queue: JobQueue<SnapshotJob>;
    intake: SnapshotIntake;
    readings: ReadingBatcher;
    updates: UpdateHub;
    database: Database;
  };

function openSystem({ config, lifetime, version }: Opening, needs: SystemNeeds): SystemReporter {
  const { broker, relay, presence, queue, intake, readings, updates, database, mediaStore } = needs;
  const system = new SystemReporter({
    ...needs,
    version,
    relay: () => relay.snapshot(),
    areas: () => ({
      gopCaches: relay.snapshot().cachedBytes,
      brokerData: broker.heldBytes.data,
      brokerMedia: broker.heldBytes.media,
      readings: readings.stats.bytes,
    }),
    queues: async () => ({
      snapshots: { ...(await queue.counts()), ...intake.stats },
      readings: readings.stats,
    }),
    pool: () => database.stats(),
    devices: () => ({ connected: presence.connected, max: config.maxDevices }),
    disk: () => mediaStore.disk(),
    clock: systemClock,
  });
  // Pages see pressure rise without asking.
  const timer = setInterval(() => updates.publish({ type: 'system', system: { ...system.readBrief() } }), TELL_SYSTEM_MS);
  lifetime.onClose('system updates', () => clearInterval(timer));
  return system;
}

type HttpNeeds = SystemNeeds &
  Pick<HttpServices, 'users' | 'sessions' | 'tokens' | 'cookieSecret' | 'devices' | 'sites'> & {
    loginLimiter: LoginLimiter;
    fleet: Fleet;
    latest: LatestValues;
    snapshots: SnapshotStore;
    events: EventStore;
    commands: AgentCommands;
    broker: DeviceBroker;
    system: SystemReporter;
  };

/**
 * Last: whoever finds the port open finds a server that works.
 * @returns the port.
 */
async function openHttp({ config, lifetime, logger, version }: Opening, needs: HttpNeeds): Promise<number> {
  const { http, webSocket } = config;
  const { broker, relay, presence, commands, fleet, system, mediaStore } = needs;
  const app = await buildHttpApp({
    services: {
      ...needs,
      dataDir: config.dataDir,
      publicUrl: http.publicUrl,
      maxUpdateSockets: webSocket.maxUpdateSockets,
      pictures: mediaStore,
      queryTelemetry: (query) => queryTelemetry(needs.database, query),
      isConnected: (id) => presence.isConnected(id),
      disconnect: (id) => broker.disconnectDevice(id),
      restartAgent: (agent) => commands.request(agent, 'restart', {}),
      takeSnapshot: (camera) => takeSnapshot(camera, fleet, commands),
      join: (request) => relay.join(request),
      readSystem: () => system.read(),
      readiness: () => readiness(needs),
      metrics: new Metrics({ counters: () => countersOf(needs), gauges: () => gaugesOf(needs) }),
    },
    logger,
    version,
    trustProxy: http.trustProxy,
    requestsPerMinute: http.requestsPerMinute,
    metricsToken: http.metricsToken,
    webSocket: { ...webSocket, maxSockets: config.live.maxViewers + webSocket.maxUpdateSockets },
  });
  lifetime.onClose('http', () => closeHttp(app));
  return listen(app, http);
}

async function listen(app: FastifyInstance, { host, port }: { host: string; port: number }): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    throw new AppError('PORT_IN_USE', `port ${port} (PORT) is taken by another program`, { cause, detail: { port } });
  }
  return (app.server.address() as AddressInfo).port;
}

async function closeHttp(app: FastifyInstance): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), HTTP_GRACE_MS);
  await app.close();
  clearTimeout(timer);
}

async function takeSnapshot(camera: Address, fleet: Fleet, commands: AgentCommands): Promise<SnapshotResult> {
  const agent = fleet.agentOf(camera);
  if (!agent) throw new AppError('NOT_FOUND', `camera ${formatAddress(camera)} does not exist`);
  return snapshotResult.parse(await commands.request(agent, 'snapshot', { camera: camera.id }));
}

async function readiness({ database, queue }: { database: Database; queue: JobQueue<SnapshotJob> }) {
  const works = (check: Promise<unknown>): Promise<boolean> =>
    check.then(
      () => true,
      () => false,
    );
  return { database: await works(database.query('select 1')), queue: await works(queue.counts()) };
}
