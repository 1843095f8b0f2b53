// The agent: what is opened, in which order, and how the parts are wired. Read it top to bottom; it closes bottom to top.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MIB } from '@sitecast/shared/protocol/limits';
import { topics, type AgentAddress } from '@sitecast/shared/protocol/topics';
import { encodeJson } from '@sitecast/shared/protocol/json-message';
import { Lifetime } from '@sitecast/shared/runtime/lifetime';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { redact, type Logger } from '@sitecast/shared/node/logger';
import { openClips } from './agent-clips.ts';
import { Camera } from './camera/camera.ts';
import { Encoders } from './camera/encoder/encoders.ts';
import { findFfmpeg, type FfmpegBinary } from './camera/ffmpeg-binary.ts';
import { GOP_RING_MAX_BYTES } from './camera/gop-ring.ts';
import { LiveCamera } from './camera/live-camera.ts';
import { privacyMasks } from './camera/privacy-masks.ts';
import { sweepOrphans } from './camera/process-record.ts';
import type { Clips } from './clips/clips.ts';
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
import { createSenses } from './reporting/camera-senses.ts';
import { CameraSnapshots } from './reporting/camera-snapshots.ts';
import { DroppedNotices } from './reporting/dropped-notices.ts';
import { OpenEvents } from './reporting/open-events.ts';
import { RetainedMessage } from './reporting/retained-message.ts';
import { RuleEngine } from './rules/rule-engine.ts';
import { DemoSensor } from './sensors/demo-sensor.ts';
import { SiteBroker } from './sensors/site-broker.ts';
import { openAdaptiveUplink, startAdaptiveUplink } from './uplink-parts.ts';
import type { AckMeter } from './uplink/ack-meter.ts';
import type { AdaptiveUplink } from './uplink/adaptive-uplink.ts';
import { MqttConnection } from './uplink/connection.ts';
import { GapTeller } from './uplink/gap-teller.ts';
import type { Offer } from './uplink/offer.ts';
import { Outbox } from './uplink/outbox.ts';
import { SpoolSender } from './uplink/spool-sender.ts';
import { Spool } from './uplink/spool.ts';

/** GOP rings of all cameras together; with more than sixteen cameras each gets less than its usual bound. */
export const ALL_RINGS_MAX_BYTES = 256 * MIB;
/** Of the second stream of a camera, while it is leased. */
export const SUB_STREAM_RING_MAX_BYTES = 4 * MIB;
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

  // Owned in this order, and closed in the opposite one: commands, site broker, sensors, rules, clips, cameras, live, spool sender, goodbye, uplink, disk.
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  lifetime.own('data directory lock', await DataDirLock.open(config.dataDir));
  const spool = lifetime.own('spool', await openSpool(options));
  const { spooledAtMs } = spool;
  const outbox = new Outbox({ address, spool, log });
  const uplink = lifetime.own('uplink', await openAdaptiveUplink({ config, outbox, logger, log }));
  const data = lifetime.own(
    'data connection',
    createDataConnection(options, status, notices.topic, uplink.data),
  );
  const media = lifetime.own('media connection', createMediaConnection(options));
  lifetime.onClose('goodbye', () => sayGoodbye(data, status));
  const { replayPercent } = config.spool;
  const sender = lifetime.own(
    'spool sender',
    new SpoolSender({
      spool,
      connection: data,
      replayPercent,
      mayPass: (lane) => uplink.mayPass(lane),
      logger,
    }),
  );
  const gaps = lifetime.own('gaps', createGapTeller(spool, outbox, sender, data, log));
  const ffmpeg = await prepareFfmpeg(options);
  const cameras = ffmpeg ? createCameras(options, ffmpeg) : [];
  const encoders = ffmpeg && lifetime.own('encoders', createEncoders(options, ffmpeg));
  const sources = encoders ? createSources(options, ffmpeg, cameras, encoders, uplink) : [];
  lifetime.onClose(
    'sub-streams',
    async () => void (await Promise.all(sources.map((source) => source.close()))),
  );
  const live = lifetime.own('live publisher', createLivePublisher(options, sources, media, uplink));
  const online = lifetime.own('status', createOnline(status, data, log));
  const inventory = lifetime.own('inventory', createInventory(address, sources, data, log));
  const maker = lifetime.own('snapshot maker', new SnapshotMaker());
  lifetime.onClose('cameras', async () => void (await Promise.all(cameras.map((camera) => camera.close()))));
  const snapshots = createSnapshots(options, cameras, maker, outbox, uplink, log);
  for (const taker of snapshots.values()) lifetime.own('snapshots', taker);
  const openEvents = createOpenEvents(options, outbox, log);
  const tell = openEvents.tell.bind(openEvents);
  const clips = await openClips({ config, cameras, encoders, spool, outbox, notices, tell, logger, log });
  if (clips) lifetime.own('clips', clips);
  const rules = lifetime.own('rules', createRules(options, snapshots, clips, tell, log));
  const senses = createSenses(config.cameras, cameras, {
    snapshots,
    tell: (camera, event) => {
      rules.seeEvent(camera, event);
      return tell(camera, event);
    },
    log,
  });
  for (const sense of senses.values()) lifetime.own('picture sense', sense);
  const sensors = createSensors(options, outbox, rules);
  for (const sensor of sensors) lifetime.own('sensor', sensor);
  const siteBroker = createSiteBroker(options, outbox, rules);
  if (siteBroker) lifetime.own('site broker', siteBroker);
  const clockWatch = lifetime.own('clock watch', createClockWatch(outbox, logger));
  const read = healthReader({
    config,
    spool,
    sender,
    clockWatch,
    data,
    media,
    uplink,
    live,
    encoders,
    cameras,
    sources,
    snapshots,
    senses,
    notices,
    rules,
    siteBroker,
    clips,
  });
  const health = lifetime.own(
    'health',
    new HealthReport({ address, connection: data, read, onSend: (at) => clockWatch.asked(at), log }),
  );

  const publish = data.publish.bind(data);
  const operations = operationsOf({ cameras: sources, snapshots, clips, clock: clockWatch, live });
  const desk = new CommandDesk({ address, publish, operations, onRestart, logger });
  const unsubscribe = data.onMessage(({ topic, payload }) => {
    if (topic === desk.topic) desk.receive(payload);
    else if (topic === notices.topic) notices.receive(payload);
  });
  lifetime.onClose('commands', unsubscribe);
  followReports(cameras, inventory, outbox, rules);
  await openEvents.endLeft();
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
  encoders?.start();
  startAdaptiveUplink(uplink, { data, media, live, encoders, inventory, sender });
  clips?.start();
  for (const part of [data, media, ...snapshots.values(), ...senses.values(), ...cameras, ...sensors])
    part.start();
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
  acks: AckMeter,
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
    onAcked: (bytes, roundTripMs) => acks.acked(bytes, roundTripMs),
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
  sources: LiveCamera[],
  media: MqttConnection,
  uplink: AdaptiveUplink,
): LivePublisher {
  return new LivePublisher({
    address: config,
    sources,
    media,
    stillsEpoch: Math.floor(Date.now() / 1_000),
    stillsIntervalMs: () => uplink.offer.stillsIntervalMs,
    onAcked: (bytes, roundTripMs) => uplink.media.acked(bytes, roundTripMs),
    logger,
  });
}

function createGapTeller(
  spool: Spool,
  outbox: Outbox,
  sender: SpoolSender,
  data: MqttConnection,
  log: QuietLog,
): GapTeller {
  const keep = outbox.gap.bind(outbox);
  return new GapTeller({
    spool,
    keep,
    isOnline: () => data.isOnline,
    onReady: (tell) => sender.onSettled(tell),
    log,
  });
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
  sources: LiveCamera[],
  connection: MqttConnection,
  log: QuietLog,
): RetainedMessage {
  return new RetainedMessage({
    topic: topics.cameras(address),
    encode: () => encodeJson({ cameras: sources.map((source) => source.report()) }),
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
  uplink: AdaptiveUplink,
  log: QuietLog,
): Map<string, CameraSnapshots> {
  const takers = cameras.map((camera, index) => {
    const intervalMs = (config.cameras[index]?.snapshotIntervalSeconds ?? 0) * 1_000;
    return new CameraSnapshots({
      camera,
      intervalMs,
      isHeld: () => !uplink.offer.hasSnapshots,
      make: (picture, reason) =>
        maker.make({ camera: camera.id, maskVersion: camera.masks.version, picture, reason }),
      keep: (envelope) => outbox.snapshot(envelope),
      log,
    });
  });
  return new Map(takers.map((taker) => [taker.cameraId, taker]));
}

function createOpenEvents({ config }: AgentOptions, outbox: Outbox, log: QuietLog): OpenEvents {
  const put = outbox.event.bind(outbox);
  return new OpenEvents({ path: join(config.dataDir, 'open-events.json'), put, log });
}

function createRules(
  { config }: AgentOptions,
  snapshots: ReadonlyMap<string, CameraSnapshots>,
  clips: Clips | undefined,
  tell: OpenEvents['tell'],
  log: QuietLog,
): RuleEngine {
  return new RuleEngine({
    rules: config.rules,
    // The configuration was checked: there are no rules with other cameras, and none with clips where there are none.
    takeSnapshot: (camera) => snapshots.get(camera)!.take('rule'),
    recordClip: (camera, request) => clips!.record(camera, request),
    tell,
    log,
  });
}

function createSensors({ config }: AgentOptions, outbox: Outbox, rules: RuleEngine): DemoSensor[] {
  return config.sensors.map(
    ({ id, source, intervalSeconds }) =>
      new DemoSensor({
        kind: source === 'demo:climate' ? 'climate' : 'power',
        intervalMs: intervalSeconds * 1_000,
        onReading: (reading) => {
          rules.seeReadings(id, [reading]);
          // The outbox counts and logs a failure; there is nobody else to tell.
          void outbox.reading(id, reading).catch(() => {});
        },
      }),
  );
}

function createSiteBroker(
  { config, logger }: AgentOptions,
  outbox: Outbox,
  rules: RuleEngine,
): SiteBroker | undefined {
  if (!config.siteBroker) return undefined;
  return new SiteBroker({
    site: config.site,
    config: config.siteBroker,
    reserved: config.sensors.map(({ id }) => id),
    keep: (sensor, readings, how) => {
      rules.seeReadings(sensor, readings);
      return outbox.readings(sensor, readings, how);
    },
    logger,
  });
}

function followReports(
  cameras: Camera[],
  inventory: RetainedMessage,
  outbox: Outbox,
  rules: RuleEngine,
): void {
  const events = new CameraEvents((camera, event) => {
    rules.seeEvent(camera, event);
    void outbox.event(camera, event).catch(() => {});
  });
  for (const camera of cameras) {
    camera.onReport((report) => {
      inventory.changed();
      events.report(report);
    });
  }
}

/** @returns undefined where no camera needs one. */
async function prepareFfmpeg({
  config,
  searchPath,
  logger,
}: AgentOptions): Promise<FfmpegBinary | undefined> {
  if (config.cameras.length === 0) return undefined;
  await sweepOrphans({ runDir: runDirOf(config), logger });
  const ffmpeg = await findFfmpeg({ configuredPath: config.ffmpegPath, searchPath, dataDir: config.dataDir });
  logger.info({ ffmpeg: ffmpeg.path, version: ffmpeg.version, origin: ffmpeg.origin }, 'ffmpeg found');
  if (!ffmpeg.canHideUrl && config.cameras.some(hasPassword)) {
    logger.warn(
      { version: ffmpeg.version },
      'with an ffmpeg before 5.0 the passwords of cameras can be seen in the list of processes of this gateway',
    );
  }
  return ffmpeg;
}

function createCameras({ config, logger }: AgentOptions, ffmpeg: FfmpegBinary): Camera[] {
  const runDir = runDirOf(config);
  const ringKeepMs = (config.clips?.preRollSeconds ?? 0) * 1_000;
  const ringMaxBytes = Math.min(GOP_RING_MAX_BYTES, Math.floor(ALL_RINGS_MAX_BYTES / config.cameras.length));
  return config.cameras.map(
    ({ id, name = id, source, transport, masks: areas }) =>
      new Camera({
        id,
        name,
        source,
        transport,
        masks: privacyMasks(areas),
        ffmpeg,
        runDir,
        ringMaxBytes,
        ringKeepMs,
        logger,
      }),
  );
}

function createSources(
  { config, logger }: AgentOptions,
  ffmpeg: FfmpegBinary,
  cameras: Camera[],
  encoders: Encoders,
  uplink: AdaptiveUplink,
): LiveCamera[] {
  const runDir = runDirOf(config);
  return cameras.map((camera, index) => {
    const { id, name = id, subStream, transport } = config.cameras[index]!;
    const { epochs, masks } = camera;
    const shared = { id, name, transport, masks, ffmpeg, runDir, epochs, logger };
    const ofSubStream = { hasPictures: false, ringMaxBytes: SUB_STREAM_RING_MAX_BYTES };
    const createSubStream = subStream && (() => new Camera({ ...shared, ...ofSubStream, source: subStream }));
    const offer = (): Offer => uplink.offer;
    return new LiveCamera({ camera, encoders, offer, createSubStream: createSubStream || undefined, logger });
  });
}

function createEncoders({ config, logger }: AgentOptions, ffmpeg: FfmpegBinary): Encoders {
  const { encoder: setting, encoders } = config;
  return new Encoders({ ffmpeg, setting, ...encoders, runDir: runDirOf(config), logger });
}

function hasPassword({ source, subStream = '' }: AgentConfig['cameras'][number]): boolean {
  return [source, subStream].some((url) => redact(url) !== url);
}

function runDirOf({ dataDir }: AgentConfig): string {
  return join(dataDir, 'run');
}

/** A clean DISCONNECT keeps the Will back, so offline has to be said. */
async function sayGoodbye(data: MqttConnection, status: AgentStatusMessage): Promise<void> {
  if (!data.isOnline) return;
  const said = data.publish(status.topic, status.encode('offline'), { retain: true }).catch(() => {});
  await Promise.race([said, new Promise((resolve) => setTimeout(resolve, GOODBYE_MS).unref())]);
}
