// The agent: what is opened, in which order, and how the parts are wired. Read it top to bottom; it closes bottom to top.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { topics, type AgentAddress } from '@sitecast/shared/protocol/topics';
import { encodeJson } from '@sitecast/shared/protocol/json-message';
import { Lifetime } from '@sitecast/shared/runtime/lifetime';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import type { Logger } from '@sitecast/shared/node/logger';
import { openClips } from './agent-clips.ts';
import { Encoders } from './camera/encoder/encoders.ts';
import { findFfmpeg, type FfmpegBinary } from './camera/ffmpeg-binary.ts';
import { sweepOrphans } from './camera/process-record.ts';
import type { Clips } from './clips/clips.ts';
import { ConfigReload } from './config-reload.ts';
import type { AgentConfig } from './config.ts';
import { CommandDesk } from './control/command-desk.ts';
import { operationsOf } from './control/operations.ts';
import { DataDirLock } from './data-dir-lock.ts';
import { Sealer } from './evidence/sealer.ts';
import { SigningKey } from './evidence/signing-key.ts';
import { ClockWatch } from './health/clock-watch.ts';
import { healthReader } from './health/health-reader.ts';
import { HealthReport } from './health/health-report.ts';
import { QuietLog } from './health/quiet-log.ts';
import { SnapshotMaker } from './imaging/snapshot-maker.ts';
import { LivePublisher } from './live/live-publisher.ts';
import { CameraRack } from './rack/camera-rack.ts';
import { AgentStatusMessage } from './reporting/agent-status.ts';
import { DroppedNotices } from './reporting/dropped-notices.ts';
import { OpenEvents } from './reporting/open-events.ts';
import { RetainedMessage } from './reporting/retained-message.ts';
import { RuleEngine } from './rules/rule-engine.ts';
import { createSensors, createSiteBroker } from './sensor-parts.ts';
import {
  createDataConnection,
  createMediaConnection,
  openAdaptiveUplink,
  startAdaptiveUplink,
} from './uplink-parts.ts';
import type { AdaptiveUplink } from './uplink/adaptive-uplink.ts';
import type { MqttConnection } from './uplink/connection.ts';
import { GapTeller } from './uplink/gap-teller.ts';
import { maskGate } from './uplink/mask-gate.ts';
import { Outbox } from './uplink/outbox.ts';
import { SpoolSender } from './uplink/spool-sender.ts';
import { Spool } from './uplink/spool.ts';

const INVENTORY_COALESCE_MS = 500;
const GOODBYE_MS = 1_000;

export interface AgentOptions {
  config: AgentConfig;
  /** Again, for a reload. @throws {AppError} CONFIG_INVALID */
  readConfig: () => Promise<AgentConfig>;
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
  readonly #reload: ConfigReload;

  private constructor(lifetime: Lifetime, reload: ConfigReload) {
    this.#lifetime = lifetime;
    this.#reload = reload;
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
      return new Agent(lifetime, await startAll(options, lifetime));
    } catch (error) {
      await lifetime.close();
      throw error;
    }
  }

  /** Reads the configuration again: cameras and rules that are other ones change, nothing else does. Never rejects; one at a time. */
  reload(): Promise<void> {
    return this.#reload.reload();
  }

  /** Cameras stop, the spool is flushed, the server gets a goodbye; at most some seconds. Idempotent. */
  close(): Promise<void> {
    return this.#lifetime.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function startAll(options: AgentOptions, lifetime: Lifetime): Promise<ConfigReload> {
  const { config, readConfig, version, bootId, logger, onRestart } = options;
  const address: AgentAddress = { site: config.site, agent: config.agent };
  const log = new QuietLog(logger);
  const notices = new DroppedNotices(address, log);

  // Owned in this order, and closed in the opposite one: commands, sensors, rules, clips, live, cameras, open events, spool sender, goodbye, uplink, disk.
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  lifetime.own('data directory lock', await DataDirLock.open(config.dataDir));
  const spool = lifetime.own('spool', await openSpool(options));
  const { spooledAtMs } = spool;
  const outbox = new Outbox({ address, spool, log });
  const sealer = config.signing ? await openSealer(options, outbox, log) : undefined;
  if (sealer) lifetime.own('seals', sealer);
  else await Sealer.leaveOut(config.dataDir);
  const status = new AgentStatusMessage({ address, version, bootId, publicKey: sealer?.publicKey });
  const uplink = lifetime.own('uplink', await openAdaptiveUplink({ config, outbox, logger, log }));
  const data = lifetime.own(
    'data connection',
    createDataConnection({ config, logger }, status, notices.topic, uplink.data),
  );
  const media = lifetime.own('media connection', createMediaConnection({ config, logger }));
  lifetime.onClose('goodbye', () => sayGoodbye(data, status));
  const { replayPercent } = config.spool;
  const sender = lifetime.own(
    'spool sender',
    new SpoolSender({
      spool,
      connection: data,
      replayPercent,
      mayPass: (lane) => uplink.mayPass(lane),
      mayLeave: maskGate((camera) => rack.get(camera)?.camera.masks),
      logger,
    }),
  );
  const gaps = lifetime.own('gaps', createGapTeller(spool, outbox, sender, data, log));
  const openEvents = lifetime.own('open events', createOpenEvents(options, outbox, log));
  const tell = openEvents.tell.bind(openEvents);
  const ffmpeg = await prepareFfmpeg(options);
  const encoders = ffmpeg && lifetime.own('encoders', createEncoders(options, ffmpeg));
  const video = ffmpeg && encoders && { ffmpeg, encoders };
  const maker = lifetime.own('snapshot maker', new SnapshotMaker());
  const rack = lifetime.own('cameras', createRack(options, { video, maker, outbox, tell, uplink, log }));
  rack.exchange(config.cameras);
  const live = lifetime.own('live publisher', createLivePublisher(options, rack, media, uplink));
  const online = lifetime.own('status', createOnline(status, data, log));
  const inventory = lifetime.own('inventory', createInventory(address, rack, data, log));
  const clips = await openClips({ config, rack, encoders, spool, outbox, notices, tell, logger, log });
  if (clips) lifetime.own('clips', clips);
  const rules = lifetime.own('rules', createRules(options, rack, clips, tell, log));
  rack.onReport(() => inventory.changed());
  rack.onEvent(({ camera, event }) => rules.seeEvent(camera, event));
  const sensors = createSensors(config, outbox, rules);
  for (const sensor of sensors) lifetime.own('sensor', sensor);
  const siteBroker = createSiteBroker({ config, outbox, rules, logger });
  if (siteBroker) lifetime.own('site broker', siteBroker);
  const clockWatch = lifetime.own('clock watch', createClockWatch(outbox, logger));
  const reload = lifetime.own(
    'reload',
    new ConfigReload({ config, read: readConfig, rack, live, clips, rules, inventory, logger }),
  );
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
    cameras: rack,
    notices,
    rules,
    siteBroker,
    clips,
    reload,
  });
  const health = lifetime.own(
    'health',
    new HealthReport({ address, connection: data, read, onSend: (at) => clockWatch.asked(at), log }),
  );

  const publish = data.publish.bind(data);
  const operations = operationsOf({ cameras: rack, clips, clock: clockWatch, live });
  const serverNowMs = (): number => clockWatch.serverNowMs();
  const desk = new CommandDesk({ address, publish, operations, serverNowMs, onRestart, logger });
  const unsubscribe = data.onMessage(({ topic, payload }) => {
    if (topic === desk.topic) desk.receive(payload);
    else if (topic === notices.topic) notices.receive(payload);
  });
  lifetime.onClose('commands', unsubscribe);
  await openEvents.endLeft((event) => clips?.endOfLeft(event) ?? event);
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
  startAdaptiveUplink(uplink, { data, media, live, encoders, inventory, sender });
  clips?.start();
  for (const part of [data, media, ...rack, ...sensors]) part.start();
  siteBroker?.start();
  sealer?.start();
  clockWatch.start(spooledAtMs);
  return reload;
}

function openSpool({ config, logger }: AgentOptions): Promise<Spool> {
  return Spool.open({ folder: join(config.dataDir, 'spool'), lanes: config.spool.lanes, logger });
}

/** Closed when nothing is put any more, and before the spool is. */
async function openSealer({ config }: AgentOptions, outbox: Outbox, log: QuietLog): Promise<Sealer> {
  const { site, agent, dataDir } = config;
  const sealer = await Sealer.open({
    dataDir,
    address: { site, agent },
    key: await SigningKey.open(dataDir),
    put: (seal) => outbox.seal(seal),
    log,
  });
  outbox.signWith(sealer);
  return sealer;
}

interface RackNeeds {
  video: { ffmpeg: FfmpegBinary; encoders: Encoders } | undefined;
  maker: SnapshotMaker;
  outbox: Outbox;
  tell: OpenEvents['tell'];
  uplink: AdaptiveUplink;
  log: QuietLog;
}

function createRack(
  { config, logger }: AgentOptions,
  { video, maker, outbox, tell, uplink, log }: RackNeeds,
): CameraRack {
  return new CameraRack({
    video,
    runDir: runDirOf(config),
    ringKeepMs: (config.clips?.preRollSeconds ?? 0) * 1_000,
    offer: () => uplink.offer,
    maker,
    keepSnapshot: (envelope) => outbox.snapshot(envelope),
    tell,
    put: (camera, event) => outbox.event(camera, event),
    logger,
    log,
  });
}

function createLivePublisher(
  { config, logger }: AgentOptions,
  rack: CameraRack,
  media: MqttConnection,
  uplink: AdaptiveUplink,
): LivePublisher {
  return new LivePublisher({
    address: config,
    sources: { get: (id) => rack.get(id)?.live },
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
  rack: CameraRack,
  connection: MqttConnection,
  log: QuietLog,
): RetainedMessage {
  return new RetainedMessage({
    topic: topics.cameras(address),
    encode: () => encodeJson({ cameras: [...rack].map(({ live }) => live.report()) }),
    connection,
    coalesceMs: INVENTORY_COALESCE_MS,
    log,
  });
}

function createOpenEvents({ config }: AgentOptions, outbox: Outbox, log: QuietLog): OpenEvents {
  const put = outbox.event.bind(outbox);
  return new OpenEvents({ path: join(config.dataDir, 'open-events.json'), put, log });
}

function createRules(
  { config }: AgentOptions,
  rack: CameraRack,
  clips: Clips | undefined,
  tell: OpenEvents['tell'],
  log: QuietLog,
): RuleEngine {
  return new RuleEngine({
    rules: config.rules,
    takeSnapshot: async (camera) => {
      const unit = rack.get(camera);
      if (!unit) throw new AppError('NOT_FOUND', `there is no camera "${camera}"`);
      return unit.snapshots.take('rule');
    },
    recordClip: async (camera, request) => {
      // The configuration was checked, but that clips are recorded needs a restart.
      if (!clips) throw new AppError('NOT_SUPPORTED', 'no clips are recorded before a restart');
      return clips.record(camera, request);
    },
    tell,
    log,
  });
}

/**
 * @returns undefined where none runs: without cameras that is no reason not to start.
 * @throws {AppError} CONFIG_INVALID
 */
async function prepareFfmpeg({
  config,
  searchPath,
  logger,
}: AgentOptions): Promise<FfmpegBinary | undefined> {
  await sweepOrphans({ runDir: runDirOf(config), logger });
  const { ffmpegPath: configuredPath, dataDir } = config;
  try {
    const ffmpeg = await findFfmpeg({ configuredPath, searchPath, dataDir });
    logger.info({ ffmpeg: ffmpeg.path, version: ffmpeg.version, origin: ffmpeg.origin }, 'ffmpeg found');
    return ffmpeg;
  } catch (error) {
    if (config.cameras.length > 0) throw error;
    logger.warn({ reason: messageOf(error) }, 'there is no ffmpeg, which cameras would need');
    return undefined;
  }
}

function createEncoders({ config, logger }: AgentOptions, ffmpeg: FfmpegBinary): Encoders {
  const { encoder: setting, encoders } = config;
  return new Encoders({ ffmpeg, setting, ...encoders, runDir: runDirOf(config), logger });
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
