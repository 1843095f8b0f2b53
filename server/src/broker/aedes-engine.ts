// aedes as this server uses it: an MQTT 3.1.1 protocol engine that asks us four questions and routes nothing of devices.
// The only importer of aedes. Owns the aedes instance; its traps and the reasons for each setting are in the comments.

import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { Aedes, type AedesOptions, type Client, type PublishPacket } from 'aedes';
import type { Logger } from '@sitecast/shared/node/logger';
import type { BrokerLimits } from './limits.ts';

/** One connection, as the engine knows it. */
export interface EngineClient {
  readonly closed: boolean;
  close(): void;
}

export interface Publication {
  topic: string;
  payload: Buffer;
  qos: 0 | 1 | 2;
}

/** `taken`: acknowledge. `hang-up`: close without an acknowledgement, so that it comes again. */
export type Outcome = 'taken' | 'hang-up';

export interface EngineHooks {
  /** @returns the id for this connection; an older connection of the same id is closed. Rejects with a ConnectRefusal. */
  login(client: EngineClient, request: EngineLogin): Promise<string>;
  /** CONNACK is out. */
  ready(client: EngineClient): void;
  /** @returns undefined for `taken` at once. */
  publish(client: EngineClient, publication: Publication): Promise<Outcome> | undefined;
  /** The Will of a connection that broke. */
  will(client: EngineClient, publication: Publication): void;
  maySubscribe(client: EngineClient, filter: string): boolean;
  deliveryDropped(): void;
}

export interface EngineLogin {
  clientId: string;
  username: string | undefined;
  password: Buffer | undefined;
}

export interface AedesEngineOptions {
  hooks: EngineHooks;
  limits: BrokerLimits;
  logger: Logger;
}

/** What CONNECT brought and aedes is not shown. */
interface Connect {
  clientId: string;
  /** Compared by identity only. */
  will: object | undefined;
}

/** Where a message goes that has been taken: nobody can subscribe to it. */
const TAKEN_TOPIC = '$taken';
const NO_BYTES = Buffer.alloc(0);

export class AedesEngine {
  readonly #options: AedesEngineOptions;
  readonly #connects = new WeakMap<Client, Connect>();
  readonly #aedes: Aedes;

  private constructor(options: AedesEngineOptions) {
    this.#options = options;
    this.#aedes = new Aedes(this.#aedesOptions());
  }

  static async open(options: AedesEngineOptions): Promise<AedesEngine> {
    const engine = new AedesEngine(options);
    engine.#listenToEvents();
    await engine.#aedes.listen();
    return engine;
  }

  handle(socket: Socket): EngineClient {
    return this.#aedes.handle(socket);
  }

  /** To whoever is subscribed now. */
  publish(topic: string, payload: Uint8Array, qos: 0 | 1): void {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    const packet = { cmd: 'publish', topic, payload: bytes, qos, retain: false, dup: false } as const;
    this.#aedes.publish(packet, () => undefined);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#aedes.close(resolve));
  }

  #listenToEvents(): void {
    const { hooks, logger } = this.#options;
    this.#aedes.on('clientReady', (client) => hooks.ready(client));
    // Both are also how a refused login and a cut cable end, so neither is worth more than a debug line.
    this.#aedes.on('clientError', (client, error) => {
      logger.debug({ client: client.id, error: error.message }, 'connection error');
    });
    this.#aedes.on('connectionError', (_client, error) => {
      logger.debug({ error: error.message }, 'connection error');
    });
    const emitter: EventEmitter = this.#aedes;
    emitter.on('error', (error: Error) => logger.error({ error: error.message }, 'broker error'));
  }

  #aedesOptions(): AedesOptions {
    const { hooks, limits } = this.#options;
    return {
      connectTimeout: limits.connectTimeoutMs,
      drainTimeout: limits.drainTimeoutMs,
      maxInflightInbound: 20,
      // As many as aedes can match. What goes beyond is cut off without a word; a topic that is only not allowed is told.
      maxTopicLevels: 100,
      // Ids are ours by then; MQTT 3.1 allows 23 characters.
      maxClientsIdLength: 128,
      preConnect: (client, packet, done) => {
        this.#connects.set(client, { clientId: packet.clientId, will: packet.will });
        // The id that a client chose never reaches aedes, which keeps some state per id for ever and lets any client take over
        // another's; `login` gives it one of ours.
        packet.clientId = '';
        // No session outlives its connection: an offline queue would be one more thing to bound.
        packet.clean = true;
        done(null, true);
      },
      authenticate: (client, username, password, done) => {
        this.#login(client, username, password).then(
          () => done(null, true),
          (error: Parameters<typeof done>[0]) => done(error, false),
        );
      },
      authorizePublish: (client, packet, done) => this.#takePublish(client, packet, done),
      authorizeSubscribe: (client, subscription, done) => {
        done(null, hooks.maySubscribe(client, subscription.topic) ? subscription : null);
      },
      // One device that does not read would hold up the messages to all others.
      authorizeForward: (client, packet) => {
        if (client.conn.writableLength <= limits.maxQueuedBytesToDevice) return packet;
        hooks.deliveryDropped();
        return null;
      },
    };
  }

  async #login(client: Client, username: string | undefined, password: Buffer | undefined): Promise<void> {
    const clientId = this.#connects.get(client)?.clientId ?? '';
    client.id = await this.#options.hooks.login(client, { clientId, username, password });
  }

  // PUBACK can be withheld here and nowhere else: aedes sends it before anything that comes after this hook.
  #takePublish(client: Client | null, packet: PublishPacket, done: (error?: Error | null) => void): void {
    const { hooks } = this.#options;
    const isWill = client !== null && this.#connects.get(client)?.will === (packet as object);
    const publication = empty(packet);
    // aedes itself publishes without a client: Wills of brokers that are gone.
    if (!client) return done();
    if (isWill) {
      hooks.will(client, publication);
      return done();
    }
    const outcome = hooks.publish(client, publication);
    if (!outcome) return done();
    // PUBACKs leave as messages become durable. MQTT-4.6.0-2 asks for the order of receipt; clients match packet ids, and
    // in order one snapshot that waits for the disk would hold back every reading behind it.
    void outcome.then((result) => {
      if (client.closed) return;
      done(result === 'taken' ? null : new Error('a message could not be stored; the device sends it again'));
    });
  }
}

/** Takes the content out of a packet, so that aedes acknowledges it and then has nothing to retain, route or keep. */
function empty(packet: PublishPacket): Publication {
  const { topic, payload, qos } = packet;
  packet.topic = TAKEN_TOPIC;
  packet.payload = NO_BYTES;
  packet.retain = false;
  return { topic, payload: typeof payload === 'string' ? Buffer.from(payload) : payload, qos };
}
