// The agent: what is opened, in which order, and how the parts are wired. Read it top to bottom; it closes bottom to top.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MIB } from '@sitecast/shared/protocol/limits';
import { topics, type AgentAddress } from '@sitecast/shared/protocol/topics';
import { encodeJson } from '@sitecast/shared/protocol/json-message';
import { Lifetime } from '@sitecast/shared/runtime/lifetime';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { redact, type Logger } from '@sitecast/shared/node/logger';
import { Camera } from './camera/camera.ts';
import { findFfmpeg } from './camera/ffmpeg-binary.ts';
import { GOP_RING_MAX_BYTES } from './camera/gop-ring.ts';
import { sweepOrphans } from './camera/process-record.ts';
import type { AgentConfig } from './config.ts';
import { CommandDesk } from './control/command-desk.ts';
import { operationsOf } from './control/operations.ts';
import { DataDirLock } from './data-dir-lock.ts';
import { ClockWatch } from './health/clock-watch.ts';
import { healthReader } from './health/health-reader.ts';
import { HealthReport } from './health/health-report.ts';
import { QuietLog } from './health/quiet-log.ts';
import { SnapshotMaker } from './imaging/snapshot-maker.ts';
import { LivePublisher } from './live/live-publisher.ts';
import { AgentStatusMessage } from './reporting/agent-status.ts';
import { CameraEvents } from './reporting/camera-events.ts';
import { CameraSnapshots } from './reporting/camera-snapshots.ts';
import { DroppedNotices } from './reporting/dropped-notices.ts';
import { RetainedMessage } from './reporting/retained-message.ts';
import { DemoSensor } from './sensors/demo-sensor.ts';
import { SiteBroker } from './sensors/site-broker.ts';
import { MqttConnection } from './uplink/connection.ts';
import { GapTeller } from './uplink/gap-teller.ts';
import { Outbox } from './uplink/outbox.ts';
import { SpoolSender } from './uplink/spool-sender.ts';
import { Spool } from './uplink/spool.ts';

/** GOP rings of all cameras together; with more than sixteen cameras each gets less than its usual bound. */
export const ALL_RINGS_MAX_BYTES = 256 * MIB;
const INVENTORY_COALESCE_MS = 500;
const GOODBYE_MS = 1_000;

export interface AgentOptions {
  config: AgentConfig;
  version: string;
  /** ULID of this run. */
  bootId: string;
  /** The value of PATH, where ffmpeg is looked for. */
  searchPath: string | undefined;
  logger: Logger;
  /** The server asked for a restart; the reply is delivered. */
  onRestart: () => void;
}

/** Owns everything that it opens. */
export class Agent {
  readonly #lifetime: Lifetime;

  private constructor(lifetime: Lifetime) {
    this.#lifetime = lifetime;
  }

  /**
   * @throws {AppError} CONFIG_INVALID when no ffmpeg runs, DATA_DIR_IN_USE; nothing is left open then. A server or a camera
   * that cannot be reached is no reason: the agent goes on trying.
   */
  static async open(options: AgentOptions): Promise<Agent> {
    const lifetime = new Lifetime({
      onCloseError: (name, error) =>
        options.logger.warn({ name, reason: messageOf(error) }, 'closing failed'),
    });
    try {
      await startAll(options, lifetime);
      return new Agent(lifetime);
    } catch (error) {
      await lifetime.close();
      throw error;
    }
  }

  /** Cameras stop, the spool is flushed, the server gets a goodbye; at most some seconds. Idempotent. */
  close(): Promise<void> {
    return this.#lifetime.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function startAll(options: AgentOptions, lifetime: Lifetime): Promise<void> {
  const { config, version, bootId, logger, onRestart } = options;
  const address: AgentAddress = { site: config.site, agent: config.agent };
  const log = new QuietLog(logger);
  const status = new AgentStatusMessage({ address, version, bootId });
  const notices = new DroppedNotices(address, log);

  // Owned in this order, and closed in the opposite one: commands, site broker, sensors, cameras, live, spool sender, goodbye, uplink, disk.
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  lifetime.own('data directory lock', await DataDirLock.open(config.dataDir));
  const spool = lifetime.own('spool', await openSpool(options));
  const { spooledAtMs } = spool;
  const outbox = new Outbox({ address, spool, log });
  const data = lifetime.own('data connection', createDataConnection(options, status, notices.topic));
  const media = lifetime.own('media connection', createMediaConnection(options));
  lifetime.onClose('goodbye', () => sayGoodbye(data, status));
  const { replayPercent } = config.spool;
  const sender = lifetime.own(
    'spool sender',
    new SpoolSender({ spool, connection: data, replayPercent, logger }),
  );
  const gaps = lifetime.own('gaps', createGapTeller(spool, outbox, data, log));
  const cameras = await createCameras(options);
  const live = lifetime.own('live publisher', createLivePublisher(options, cameras, media));
  const online = lifetime.own('status', createOnline(status, data, log));
  const inventory = lifetime.own('inventory', createInventory(address, cameras, data, log));
  const maker = lifetime.own('snapshot maker', new SnapshotMaker());
  lifetime.onClose('cameras', async () => void (await Promise.all(cameras.map((camera) => camera.close()))));
  const snapshots = createSnapshots(options, cameras, maker, outbox, log);
  for (const taker of snapshots.values()) lifetime.own('snapshots', taker);
  const sensors = createSensors(options, outbox);
  for (const sensor of sensors) lifetime.own('sensor', sensor);
  const siteBroker = createSiteBroker(options, outbox);
  if (siteBroker) lifetime.own('site broker', siteBroker);
  const clockWatch = lifetime.own('clock watch', createClockWatch(outbox, logger));
  const read = healthReader({
    config,
    spool,
    sender,
    clockWatch,
    data,
    media,
    live,
    cameras,
    snapshots,
    notices,
    siteBroker,
  });
  const health = lifetime.own(
    'health',
    new HealthReport({ address, connection: data, read, onSend: (at) => clockWatch.asked(at), log }),
  );

  const publish = data.publish.bind(data);
  const operations = operationsOf({ cameras, snapshots, clock: clockWatch, live });
  const desk = new CommandDesk({ address, publish, operations, onRestart, logger });
  const unsubscribe = data.onMessage(({ topic, payload }) => {
    if (topic === desk.topic) desk.receive(payload);
    else if (topic === notices.topic) notices.receive(payload);
  });
  lifetime.onClose('commands', unsubscribe);
  followReports(cameras, inventory, outbox);
  // After an outage each waits for up to a minute by itself; who sees the site online shall not wait for its pictures.
  lifetime.onClose(
    'data after media',
    media.onOnline(() => data.retryNow()),
  );
  lifetime.onClose(
    'media after data',
    data.onOnline(() => media.retryNow()),
  );

  // From here on things happen by themselves. What speaks at each connect comes first, in the order in which it speaks.
  for (const part of [online, inventory, sender, gaps, health, live]) part.start();
  for (const part of [data, media, ...snapshots.values(), ...cameras, ...sensors]) part.start();
  siteBroker?.start();
  clockWatch.start(spooledAtMs);
}

function openSpool({ config, logger }: AgentOptions): Promise<Spool> {
  return Spool.open({ folder: join(config.dataDir, 'spool'), lanes: config.spool.lanes, logger });
}

function createDataConnection(
  { config, logger }: AgentOptions,
  status: AgentStatusMessage,
  noticesTopic: string,
): MqttConnection {
  return new MqttConnection({
    name: 'data',
    url: config.uplink.url,
    caPem: config.caPem,
    clientId: config.agent,
    username: config.agent,
    password: config.secret,
    will: () => ({ topic: status.topic, payload: status.encode('offline') }),
    subscriptions: [topics.command(config), noticesTopic],
    logger,
  });
}

function createMediaConnection({ config, logger }: AgentOptions): MqttConnection {
  return new MqttConnection({
    name: 'media',
    url: config.uplink.mediaUrl,
    caPem: config.caPem,
    clientId: `${config.agent}:media`,
    username: config.agent,
    password: config.secret,
    subscriptions: [topics.liveAck(config)],
    logger,
  });
}

function createLivePublisher(
  { config, logger }: AgentOptions,
  sources: Camera[],
  media: MqttConnection,
): LivePublisher {
  const stillsEpoch = Math.floor(Date.now() / 1_000);
  return new LivePublisher({ address: config, sources, media, stillsEpoch, logger });
}

function createGapTeller(spool: Spool, outbox: Outbox, connection: MqttConnection, log: QuietLog): GapTeller {
  return new GapTeller({ spool, keep: (lane, gap) => outbox.gap(lane, gap), connection, log });
}

function createClockWatch(outbox: Outbox, logger: Logger): ClockWatch {
  return new ClockWatch({ onStep: (event) => void outbox.agentEvent(event).catch(() => {}), logger });
}

function createOnline(
  status: AgentStatusMessage,
  connection: MqttConnection,
  log: QuietLog,
): RetainedMessage {
  const encode = (): Uint8Array => status.encode('online');
  return new RetainedMessage({ topic: status.topic, encode, connection, coalesceMs: 0, log });
}

function createInventory(
  address: AgentAddress,
  cameras: Camera[],
  connection: MqttConnection,
  log: QuietLog,
): RetainedMessage {
  return new RetainedMessage({
    topic: topics.cameras(address),
    encode: () => encodeJson({ cameras: cameras.map((camera) => camera.report()) }),
    connection,
    coalesceMs: INVENTORY_COALESCE_MS,
    log,
  });
}

function createSnapshots(
  { config }: AgentOptions,
  cameras: Camera[],
  maker: SnapshotMaker,
  outbox: Outbox,
  log: QuietLog,
): Map<string, CameraSnapshots> {
  const takers = cameras.map((camera, index) => {
    const intervalMs = (config.cameras[index]?.snapshotIntervalSeconds ?? 0) * 1_000;
    return new CameraSnapshots({
      camera,
      intervalMs,
      make: (picture, reason) => maker.make({ camera: camera.id, picture, reason }),
      keep: (envelope) => outbox.snapshot(envelope),
      log,
    });
  });
  return new Map(takers.map((taker) => [taker.cameraId, taker]));
}

function createSensors({ config }: AgentOptions, outbox: Outbox): DemoSensor[] {
  return config.sensors.map(
    ({ id, source, intervalSeconds }) =>
      new DemoSensor({
        kind: source === 'demo:climate' ? 'climate' : 'power',
        intervalMs: intervalSeconds * 1_000,
        // The outbox counts and logs a failure; there is nobody else to tell.
        onReading: (reading) => void outbox.reading(id, reading).catch(() => {}),
      }),
  );
}

function createSiteBroker({ config, logger }: AgentOptions, outbox: Outbox): SiteBroker | undefined {
  if (!config.siteBroker) return undefined;
  return new SiteBroker({
    site: config.site,
    config: config.siteBroker,
    reserved: config.sensors.map(({ id }) => id),
    keep: (sensor, readings, how) => outbox.readings(sensor, readings, how),
    logger,
  });
}

function followReports(cameras: Camera[], inventory: RetainedMessage, outbox: Outbox): void {
  const events = new CameraEvents((camera, event) => void outbox.event(camera, event).catch(() => {}));
  for (const camera of cameras) {
    camera.onReport((report) => {
      inventory.changed();
      events.report(report);
    });
  }
}

async function createCameras({ config, searchPath, logger }: AgentOptions): Promise<Camera[]> {
  if (config.cameras.length === 0) return [];
  const runDir = join(config.dataDir, 'run');
  await sweepOrphans({ runDir, logger });
  const ffmpeg = await findFfmpeg({ configuredPath: config.ffmpegPath, searchPath, dataDir: config.dataDir });
  logger.info({ ffmpeg: ffmpeg.path, version: ffmpeg.version, origin: ffmpeg.origin }, 'ffmpeg found');
  if (!ffmpeg.canHideUrl && config.cameras.some(({ source }) => redact(source) !== source)) {
    logger.warn(
      { version: ffmpeg.version },
      'with an ffmpeg before 5.0 the passwords of cameras can be seen in the list of processes of this gateway',
    );
  }
  const ringMaxBytes = Math.min(GOP_RING_MAX_BYTES, Math.floor(ALL_RINGS_MAX_BYTES / config.cameras.length));
  return config.cameras.map(
    ({ id, name = id, source, transport }) =>
      new Camera({ id, name, source, transport, ffmpeg, runDir, ringMaxBytes, logger }),
  );
}

/** A clean DISCONNECT keeps the Will back, so offline has to be said. */
async function sayGoodbye(data: MqttConnection, status: AgentStatusMessage): Promise<void> {
  if (!data.isOnline) return;
  const said = data.publish(status.topic, status.encode('offline'), { retain: true }).catch(() => {});
  await Promise.race([said, new Promise((resolve) => setTimeout(resolve, GOODBYE_MS).unref())]);
}
