// The broker on the LAN of a site: sensors publish here, and what they say goes through the spool. Nobody gets anything from it.
// Owns the listener, its sockets and the engine.

import type { Socket } from 'node:net';
import { DeviceListener } from '@sitecast/shared/node/device-listener';
import type { Logger } from '@sitecast/shared/node/logger';
import { HeldBytes, PacketGate, type Refusal } from '@sitecast/shared/node/packet-gate';
import type { AgentHealth } from '@sitecast/shared/protocol/status';
import { SensorMapper } from '@sitecast/shared/protocol/mapping/sensor-mapper';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import { TokenBucket } from '@sitecast/shared/runtime/token-bucket';
import type { SiteBrokerConfig } from '../config.ts';
import { QuietLog } from '../health/quiet-log.ts';
import { SeriesBook } from './series-book.ts';
import {
  SiteEngine,
  type EngineClient,
  type EngineLogin,
  type Outcome,
  type Publication,
} from './site-engine.ts';
import { SiteInbox, type SiteInboxOptions } from './site-inbox.ts';
import { SITE_LIMITS, type SiteLimits } from './site-limits.ts';
import { ConnectRefusal, ConnectReturnCode, mayPublish, SiteLogin, type SiteUser } from './site-login.ts';
import { SitePlaces } from './site-places.ts';
import { UnmappedTopics } from './unmapped-topics.ts';

export interface SiteBrokerOptions {
  site: string;
  config: SiteBrokerConfig;
  /** Sensor ids that others use already. */
  reserved: readonly string[];
  /** Resolves when the readings are durable. */
  keep: SiteInboxOptions['keep'];
  logger: Logger;
  limits?: SiteLimits;
  clock?: Clock;
}

interface Connection {
  gate: PacketGate;
  /** Set at login. */
  user: SiteUser | undefined;
}

/** `idle` until `start()`, then it listens, or tries to again and again; `closed` for good. */
export class SiteBroker {
  readonly #options: Required<SiteBrokerOptions>;
  readonly #log: QuietLog;
  readonly #login: SiteLogin;
  readonly #inbox: SiteInbox;
  readonly #book: SeriesBook;
  readonly #unmapped = new UnmappedTopics();
  readonly #places = new SitePlaces();
  readonly #held: HeldBytes;
  readonly #connections = new Map<EngineClient, Connection>();
  #engine: SiteEngine | undefined;
  #listener: DeviceListener | undefined;
  #opening: Promise<void> | undefined;
  #retryTimer: Timer | undefined;
  #watchTimer: Timer | undefined;
  #isClosed = false;
  #connectionsRefused = 0;
  #loginsRefused = 0;
  #packetsTooLarge = 0;
  #packetsTooSlow = 0;

  constructor(options: SiteBrokerOptions) {
    this.#options = { limits: SITE_LIMITS, clock: systemClock, ...options };
    const { site, config, reserved, keep, logger, clock, limits } = this.#options;
    this.#log = new QuietLog(logger, clock);
    this.#login = new SiteLogin({ credentials: config.credentials, isAnonymous: config.anonymous });
    this.#book = new SeriesBook({ maxSensors: config.maxSensors, maxSeries: config.maxSeries, reserved });
    this.#held = new HeldBytes(limits.maxHeldBytes);
    const mapper = SensorMapper.of(config.rules);
    const { unmapped, log } = { unmapped: this.#unmapped, log: this.#log };
    this.#inbox = new SiteInbox({ site, mapper, book: this.#book, unmapped, keep, log, clock });
  }

  /** The port that it listens on; 0 while it does not. */
  get port(): number {
    return this.#listener?.isListening ? this.#listener.port : 0;
  }

  start(): void {
    this.#watchPackets();
    this.#listen();
  }

  #listen(): void {
    this.#opening = this.#open().catch((error: unknown) => this.#retryLater(error));
  }

  /** Stops reading, waits a moment for readings that are being written so that their PUBACK leaves, then closes. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#retryTimer?.cancel();
    this.#watchTimer?.cancel();
    await this.#opening;
    this.#listener?.stopAccepting();
    for (const { gate } of this.#connections.values()) gate.close();
    await this.#settle();
    await this.#listener?.close();
    await this.#engine?.close();
  }

  health(): NonNullable<AgentHealth['siteBroker']> {
    return {
      isListening: this.port !== 0,
      connections: this.#listener?.connections ?? 0,
      connectionsRefused: this.#connectionsRefused,
      connectionsReplaced: this.#places.connectionsReplaced,
      loginsRefused: this.#loginsRefused,
      packetsTooLarge: this.#packetsTooLarge,
      packetsTooSlow: this.#packetsTooSlow,
      ...this.#inbox.counters,
      sensors: this.#book.sensors,
      series: this.#book.series,
      seriesRefused: this.#book.seriesRefused,
      unmapped: this.#unmapped.list(),
    };
  }

  async #open(): Promise<void> {
    const { config, limits, logger, clock } = this.#options;
    this.#engine ??= await SiteEngine.open({
      limits,
      logger,
      hooks: {
        login: (client, request) => this.#admit(client, request),
        publish: (client, publication) => this.#take(client, publication),
      },
    });
    const engine = this.#engine;
    const { connectsPerSecond: perSecond, connectsBurst: burst } = limits;
    this.#listener = await DeviceListener.open({
      host: config.listen,
      port: config.port,
      maxConnections: config.maxConnections,
      rate: new TokenBucket({ perSecond, burst, clock }),
      onConnection: (socket) => this.#accept(socket, engine),
      onRefused: (reason) => {
        this.#connectionsRefused += 1;
        this.#log.warn('SITE_CONNECTION_REFUSED', { reason }, 'the site broker refused a connection');
      },
    });
    logger.info({ host: config.listen, port: this.port }, 'the site broker listens');
  }

  // Cameras and the uplink are not to wait for a port that another program has.
  #retryLater(error: unknown): void {
    const { config, clock, limits } = this.#options;
    const fields = { host: config.listen, port: config.port, reason: messageOf(error) };
    this.#log.warn('PORT_IN_USE', fields, 'the site broker does not listen; it is tried again');
    if (!this.#isClosed) this.#retryTimer = clock.after(limits.retryListenMs, () => this.#listen());
  }

  #settle(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(this.#options.limits.closeGraceMs, resolve);
      void this.#inbox.settled().finally(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #accept(socket: Socket, engine: SiteEngine): void {
    // The gate first: the engine reads through it.
    const gate = this.#guard(socket, () => connection.user !== undefined);
    const connection: Connection = { gate, user: undefined };
    const client = engine.handle(socket);
    this.#connections.set(client, connection);
    socket.once('close', () => {
      this.#connections.delete(client);
      this.#places.release(client);
    });
  }

  #guard(socket: Socket, isLoggedIn: () => boolean): PacketGate {
    const { limits, config } = this.#options;
    return new PacketGate({
      socket,
      held: this.#held,
      maxPacketBytes: () => (isLoggedIn() ? config.maxPacketBytes : limits.maxPacketBytesBeforeLogin),
      maxHeldBytes: limits.maxHeldBytesPerConnection,
      maxHeldMessages: limits.maxHeldMessagesPerConnection,
      onHeldUp: () => undefined,
      onRefused: (reason) => this.#cut(socket, reason),
    });
  }

  #cut(socket: Socket, reason: Refusal): void {
    if (reason === 'too-slow') this.#packetsTooSlow += 1;
    else this.#packetsTooLarge += 1;
    const fields = { reason, from: socket.remoteAddress };
    this.#log.warn('SITE_PACKET_REFUSED', fields, 'the site broker refused a packet and cut the connection');
    socket.destroy();
  }

  // Whoever begins a packet and does not end it holds bytes that others wait for.
  #watchPackets(): void {
    const { clock, limits } = this.#options;
    const { packetWatchMs, packetMs, packetSilenceMs: silenceMs } = limits;
    this.#watchTimer = clock.after(packetWatchMs, () => {
      for (const { gate } of this.#connections.values()) gate.watch(packetWatchMs, { packetMs, silenceMs });
      this.#watchPackets();
    });
  }

  #admit(client: EngineClient, request: EngineLogin): string {
    const connection = this.#connections.get(client);
    try {
      const user = this.#login.check(request);
      if (!connection || client.closed || this.#isClosed) {
        throw new ConnectRefusal(ConnectReturnCode.serverUnavailable, 'the connection is closing');
      }
      connection.user = user;
      connection.gate.letIn();
      return this.#places.claim(client, user.name, request.clientId);
    } catch (error) {
      this.#loginsRefused += 1;
      const fields = { user: request.username?.slice(0, 64), reason: messageOf(error) };
      this.#log.warn('SITE_LOGIN_REFUSED', fields, 'the site broker refused a login');
      throw error;
    }
  }

  async #take(client: EngineClient, publication: Publication): Promise<Outcome> {
    const connection = this.#connections.get(client);
    // Gone in the meantime: what is not acknowledged comes again.
    if (!connection?.user) return 'hang-up';
    const release = connection.gate.hold(publication.payload.length);
    try {
      if (mayPublish(connection.user, publication.topic)) return await this.#inbox.take(publication);
      return await this.#inbox.refuse(publication, `user "${connection.user.name}" may not publish here`);
    } finally {
      release();
    }
  }
}
