// The embedded MQTT 3.1.1 broker: two listeners, one protocol engine, and the rules of PROTOCOL.md.
// Owns the listeners, their sockets and the engine. What devices publish goes to the handlers and is not routed; the only
// messages that travel through the engine are the server's own, to one device each.

import type { Socket } from 'node:net';
import type { Logger } from '@sitecast/shared/node/logger';
import type { AgentAddress } from '@sitecast/shared/protocol/topics';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import { Lifetime } from '@sitecast/shared/runtime/lifetime';
import { maySubscribe, type ListenerName } from './access.ts';
import { AedesEngine, type EngineClient, type EngineLogin } from './aedes-engine.ts';
import { DeviceConnections, isLoggedIn, type Connection } from './device-connections.ts';
import type { Authenticate, ConnectionChange, DeviceBrokerCounters, DeviceHandlers } from './device.ts';
import { DeviceInbox } from './device-inbox.ts';
import { DeviceShares } from './device-shares.ts';
import { DeviceListener } from '@sitecast/shared/node/device-listener';
import { ConnectRefusal, ConnectReturnCode, loginDevice } from './device-login.ts';
import { BROKER_LIMITS, type BrokerLimits } from './limits.ts';
import { HeldBytes, PacketGate, type HoldUp, type Refusal } from '@sitecast/shared/node/packet-gate';
import { ThrottledLog } from './throttled-log.ts';
import { TokenBucket } from '@sitecast/shared/runtime/token-bucket';

export interface DeviceBrokerOptions {
  host: string;
  /** 0 lets the system choose; see `dataPort`. */
  dataPort: number;
  mediaPort: number;
  authenticate: Authenticate;
  handlers: DeviceHandlers;
  limits?: BrokerLimits;
  logger: Logger;
  clock?: Clock;
}

export interface PublishOptions {
  qos?: 0 | 1;
}

const LOG_INTERVAL_MS = 10_000;

export class DeviceBroker {
  readonly #options: Required<DeviceBrokerOptions>;
  readonly #log: ThrottledLog;
  readonly #lifetime: Lifetime;
  readonly #connections = new WeakMap<EngineClient, Connection>();
  readonly #devices: DeviceConnections;
  readonly #shares: DeviceShares;
  readonly #inbox: DeviceInbox;
  readonly #held: Record<ListenerName, HeldBytes>;
  readonly #listeners = new Map<ListenerName, DeviceListener>();
  readonly #gates = new Set<PacketGate>();
  readonly #changeListeners = new Set<(change: ConnectionChange) => void>();
  #engine: AedesEngine | undefined;
  #watchTimer: Timer | undefined;
  #isClosing = false;

  readonly counters: DeviceBrokerCounters = {
    connectionsAccepted: 0,
    connectionsRefused: 0,
    loginsRefused: 0,
    readsHeldUp: 0,
    readsHeldUpOfDevice: 0,
    readsHeldUpByRate: 0,
    noticesDropped: 0,
    connectionsReplaced: 0,
    packetsTooLarge: 0,
    packetsTooSlow: 0,
    messagesAccepted: 0,
    messagesDropped: 0,
    messagesFailed: 0,
    liveFrames: 0,
    subscriptionsRefused: 0,
    deliveriesDropped: 0,
  };

  private constructor(options: DeviceBrokerOptions) {
    this.#options = { clock: systemClock, limits: BROKER_LIMITS, ...options };
    const { handlers, logger, clock, limits } = this.#options;
    this.#log = new ThrottledLog({ logger, clock, intervalMs: LOG_INTERVAL_MS });
    this.#lifetime = new Lifetime({
      onCloseError: (name, error) => logger.error({ name, error: messageOf(error) }, 'not closed cleanly'),
    });
    this.#held = {
      data: new HeldBytes(limits.data.maxHeldBytes),
      media: new HeldBytes(limits.media.maxHeldBytes),
    };
    this.#shares = new DeviceShares({ limits, clock });
    this.#devices = new DeviceConnections({
      maxPerSensor: limits.maxConnectionsPerSensor,
      onChange: (device, isOnline) => this.#announce({ device, isOnline, atMs: clock.nowMs() }),
      onReplaced: () => (this.counters.connectionsReplaced += 1),
      onRivals: ({ site, id }) =>
        this.#log.warn(
          'an agent is thrown out again and again by another connection with its id and secret; two agents may be using the same',
          () => ({ site, device: id }),
        ),
      clock,
    });
    this.#inbox = new DeviceInbox({
      handlers,
      counters: this.counters,
      publish: (topic, payload) => this.publish(topic, payload),
      clock,
      log: this.#log,
    });
  }

  /**
   * Listens on both ports.
   * @throws {AppError} PORT_IN_USE, with the port in `detail`.
   */
  static async open(options: DeviceBrokerOptions): Promise<DeviceBroker> {
    const broker = new DeviceBroker(options);
    try {
      await broker.#open();
    } catch (error) {
      await broker.close();
      throw error;
    }
    return broker;
  }

  get dataPort(): number {
    return this.#listeners.get('data')?.port ?? 0;
  }

  get mediaPort(): number {
    return this.#listeners.get('media')?.port ?? 0;
  }

  /** Whether devices can connect, on both listeners. */
  get isListening(): boolean {
    const listeners = [...this.#listeners.values()];
    return !this.#isClosing && listeners.length === 2 && listeners.every(({ isListening }) => isListening);
  }

  /** Sockets of each listener, logged in or not, and devices that are logged in on the data listener. */
  get connections(): { data: number; media: number; agents: number; sensors: number } {
    return {
      data: this.#listeners.get('data')?.connections ?? 0,
      media: this.#listeners.get('media')?.connections ?? 0,
      agents: this.#devices.count(({ device, listener }) => listener === 'data' && device.kind === 'agent'),
      sensors: this.#devices.count(({ device }) => device.kind === 'sensor'),
    };
  }

  /** Being received or in handlers. */
  get heldBytes(): Record<ListenerName, number> {
    return { data: this.#held.data.bytes, media: this.#held.media.bytes };
  }

  /** To whoever is subscribed now; nothing is kept for later, and nothing is queued behind a socket that does not drain. */
  publish(topic: string, payload: Uint8Array, { qos = 0 }: PublishOptions = {}): void {
    if (!this.#isClosing) this.#engine?.publish(topic, payload, qos);
  }

  /** Whether the agent's data connection is up. */
  isConnected({ site, agent }: AgentAddress): boolean {
    return this.#devices
      .of(agent)
      .some(({ listener, isReady, device }) => listener === 'data' && isReady && device?.site === site);
  }

  /** Cuts every connection of a device, on both listeners. */
  disconnectDevice(id: string): void {
    for (const { client } of this.#devices.of(id)) client.close();
  }

  /** @returns a function that ends the subscription. */
  onConnection(listener: (change: ConnectionChange) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  /**
   * Stops reading, waits a moment for messages that are being stored so that their PUBACK leaves, then closes everything.
   * Idempotent.
   */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#watchTimer?.cancel();
    await this.#lifetime.close();
  }

  async #open(): Promise<void> {
    const { limits, logger } = this.#options;
    const engine = await AedesEngine.open({
      limits,
      logger,
      hooks: {
        login: (client, request) => this.#login(client, request),
        ready: (client) => this.#becomeReady(client),
        publish: (client, publication) => this.#inbox.take(this.#connectionOf(client), publication),
        will: (client, publication) => {
          const connection = this.#connectionOf(client);
          if (this.#isWillOfGone(connection)) void this.#inbox.takeWill(connection, publication);
        },
        maySubscribe: (client, filter) => this.#maySubscribe(this.#connectionOf(client), filter),
        deliveryDropped: () => (this.counters.deliveriesDropped += 1),
      },
    });
    this.#engine = this.#lifetime.own('engine', engine);
    for (const name of ['data', 'media'] as const) await this.#listen(name, engine);
    this.#watchPackets();
    this.#lifetime.onClose('messages in hand', () => this.#drain());
  }

  // One timer for all connections: a packet begins far too often for one of its own.
  #watchPackets(): void {
    const { clock, limits } = this.#options;
    const { packetWatchMs, packetMs, packetSilenceMs: silenceMs } = limits;
    if (this.#isClosing) return;
    this.#watchTimer = clock.after(packetWatchMs, () => {
      for (const gate of this.#gates) gate.watch(packetWatchMs, { packetMs, silenceMs });
      this.#shares.forgetUnused();
      this.#watchPackets();
    });
  }

  async #listen(name: ListenerName, engine: AedesEngine): Promise<void> {
    const { host, dataPort, mediaPort, limits } = this.#options;
    const listener = await DeviceListener.open({
      host,
      port: name === 'data' ? dataPort : mediaPort,
      maxConnections: limits[name].maxConnections,
      rate: this.#bucket(limits.connectsPerSecond, limits.connectsBurst),
      onConnection: (socket) => this.#accept(name, socket, engine),
      onRefused: (reason) => {
        this.counters.connectionsRefused += 1;
        this.#log.warn('a connection was refused', () => ({ listener: name, reason }));
      },
    });
    this.#listeners.set(name, this.#lifetime.own(`${name} listener`, listener));
  }

  async #drain(): Promise<void> {
    const { clock, limits } = this.#options;
    for (const listener of this.#listeners.values()) listener.stopAccepting();
    for (const gate of this.#gates) gate.close();
    await new Promise<void>((resolve) => {
      const timer = clock.after(limits.closeGraceMs, resolve);
      void this.#inbox.settled().finally(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #accept(listener: ListenerName, socket: Socket, engine: AedesEngine): void {
    this.counters.connectionsAccepted += 1;
    // The gate first: the engine reads through it.
    const gate = this.#guard(listener, socket, () => connection);
    const connection: Connection = {
      listener,
      gate,
      client: engine.handle(socket),
      clientId: '',
      device: undefined,
      allowance: undefined,
      isReady: false,
    };
    this.#connections.set(connection.client, connection);
    this.#gates.add(gate);
    socket.once('close', () => {
      this.#gates.delete(gate);
      this.#devices.release(connection);
      if (connection.device && connection.allowance) this.#shares.release(listener, connection.device.id);
    });
  }

  #guard(listener: ListenerName, socket: Socket, connection: () => Connection): PacketGate {
    const { limits } = this.#options;
    return new PacketGate({
      socket,
      held: this.#held[listener],
      maxPacketBytes: () =>
        isLoggedIn(connection()) ? limits[listener].maxPacketBytes : limits.maxPacketBytesBeforeLogin,
      maxHeldBytes: limits.maxHeldBytesPerConnection,
      maxHeldMessages: limits.maxHeldMessagesPerConnection,
      onHeldUp: (by) => this.#countHoldUp(by),
      onRefused: (reason) => {
        this.#countRefusal(reason);
        this.#log.warn('a packet was refused', () => ({ listener, device: connection().device?.id, reason }));
        socket.destroy();
      },
    });
  }

  #countHoldUp(by: HoldUp): void {
    if (by === 'rate') this.counters.readsHeldUpByRate += 1;
    else if (by === 'share') this.counters.readsHeldUpOfDevice += 1;
    else this.counters.readsHeldUp += 1;
  }

  #countRefusal(reason: Refusal): void {
    if (reason === 'too-slow') this.counters.packetsTooSlow += 1;
    else this.counters.packetsTooLarge += 1;
  }

  async #login(client: EngineClient, { clientId, username, password }: EngineLogin): Promise<string> {
    const connection = this.#connectionOf(client);
    connection.clientId = clientId;
    const { authenticate, limits, clock } = this.#options;
    try {
      connection.device = await loginDevice(
        { listener: connection.listener, clientId, username, password },
        { authenticate, timeoutMs: limits.authenticateTimeoutMs, clock },
      );
      if (!client.closed && !this.#isClosing && isLoggedIn(connection))
        return this.#devices.claim(connection);
      throw new ConnectRefusal(ConnectReturnCode.serverUnavailable, 'the connection is closing');
    } catch (error) {
      this.counters.loginsRefused += 1;
      this.#log.warn('a login was refused', () => ({
        username: username?.slice(0, 64),
        reason: messageOf(error),
      }));
      throw error;
    }
  }

  #becomeReady(client: EngineClient): void {
    const connection = this.#connectionOf(client);
    if (client.closed || !isLoggedIn(connection)) return;
    // Not at the login: what is read before CONNACK is out the engine can only queue.
    connection.allowance = this.#shares.claim(connection.listener, connection.device.id);
    connection.gate.letIn(connection.allowance.share);
    this.#devices.ready(connection);
  }

  // The Will of a connection that made room for a newer one of the same device must not say that the device is offline.
  #isWillOfGone(connection: Connection): boolean {
    if (this.#isClosing || !isLoggedIn(connection) || connection.listener !== 'data') return false;
    return !this.#devices.isReplaced(connection);
  }

  #maySubscribe({ device, listener, allowance }: Connection, filter: string): boolean {
    if (device && maySubscribe(device, listener, filter)) return true;
    this.counters.subscriptionsRefused += 1;
    allowance?.share.spendOnWorthless();
    this.#log.warn('a subscription was refused', () => ({ device: device?.id }));
    return false;
  }

  #connectionOf(client: EngineClient): Connection {
    const connection = this.#connections.get(client);
    if (!connection) throw new TypeError('the engine asked about a client that was never accepted');
    return connection;
  }

  #announce(change: ConnectionChange): void {
    for (const listener of this.#changeListeners) {
      try {
        listener(change);
      } catch (error) {
        this.#options.logger.error({ error: messageOf(error) }, 'a connection listener failed');
      }
    }
  }

  #bucket(perSecond: number, burst: number): TokenBucket {
    return new TokenBucket({ perSecond, burst, clock: this.#options.clock });
  }
}
