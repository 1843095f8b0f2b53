// aedes as the site broker uses it: it speaks MQTT 3.1.1 to sensors, asks us who may come in and what becomes of a message, and
// delivers nothing to anybody. The only importer of aedes in the agent. Owns the aedes instance.

import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { Aedes, type AedesOptions, type Client, type PublishPacket } from 'aedes';
import type { Logger } from '@sitecast/shared/node/logger';
import type { SiteLimits } from './site-limits.ts';

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

export interface EngineLogin {
  clientId: string;
  username: string | undefined;
  password: Buffer | undefined;
}

export interface EngineHooks {
  /** @returns the id for this connection; an older one with the same id is closed. Throws a ConnectRefusal. */
  login(client: EngineClient, request: EngineLogin): string;
  publish(client: EngineClient, publication: Publication): Promise<Outcome>;
}

export interface SiteEngineOptions {
  hooks: EngineHooks;
  limits: SiteLimits;
  logger: Logger;
}

const MAX_TOPIC_LEVELS = 32;
/** Where a message goes that has been taken: nobody is subscribed to it. */
const TAKEN_TOPIC = '$taken';
/** What everybody is subscribed to who asks for anything: nothing is ever published to it. */
const SILENT_TOPIC = '$silent';
const NO_BYTES = Buffer.alloc(0);

/** What CONNECT brought and aedes is not shown. */
interface Connect {
  clientId: string;
  /** Compared by identity only. */
  will: object | undefined;
}

export class SiteEngine {
  readonly #options: SiteEngineOptions;
  readonly #connects = new WeakMap<Client, Connect>();
  readonly #aedes: Aedes;

  private constructor(options: SiteEngineOptions) {
    this.#options = options;
    this.#aedes = new Aedes(this.#aedesOptions());
  }

  static async open(options: SiteEngineOptions): Promise<SiteEngine> {
    const engine = new SiteEngine(options);
    engine.#listenToEvents();
    await engine.#aedes.listen();
    return engine;
  }

  handle(socket: Socket): EngineClient {
    return this.#aedes.handle(socket);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#aedes.close(resolve));
  }

  #listenToEvents(): void {
    const { logger } = this.#options;
    // Both are also how a refused login and a cut cable end, so neither is worth more than a debug line.
    this.#aedes.on('clientError', (client, error) => {
      logger.debug({ client: client.id, error: error.message }, 'connection error of a sensor');
    });
    this.#aedes.on('connectionError', (_client, error) => {
      logger.debug({ error: error.message }, 'connection error of a sensor');
    });
    const emitter: EventEmitter = this.#aedes;
    emitter.on('error', (error: Error) => logger.error({ error: error.message }, 'site broker error'));
  }

  #aedesOptions(): AedesOptions {
    const { hooks, limits } = this.#options;
    return {
      connectTimeout: limits.connectTimeoutMs,
      drainTimeout: limits.drainTimeoutMs,
      maxInflightInbound: 20,
      maxTopicLevels: MAX_TOPIC_LEVELS,
      maxClientsIdLength: 128,
      preConnect: (client, packet, done) => {
        this.#connects.set(client, { clientId: packet.clientId, will: packet.will });
        // aedes keeps some state per id for ever; `login` gives it one of a few of ours.
        packet.clientId = '';
        // No session outlives its connection: nothing is ever queued for anybody.
        packet.clean = true;
        done(null, true);
      },
      authenticate: (client, username, password, done) => {
        try {
          const clientId = this.#connects.get(client)?.clientId ?? '';
          client.id = hooks.login(client, { clientId, username, password });
          done(null, true);
        } catch (error) {
          done(error as Parameters<typeof done>[0], false);
        }
      },
      authorizePublish: (client, packet, done) => this.#takePublish(client, packet, done),
      // Granted, because many a device does not go on without; one subscription a connection, whatever it asks for, so that
      // filters cost no memory and a message is never multiplied.
      authorizeSubscribe: (_client, subscription, done) =>
        done(null, { ...subscription, topic: SILENT_TOPIC }),
      authorizeForward: () => null,
    };
  }

  // PUBACK can be withheld here and nowhere else: aedes sends it before anything that comes after this hook.
  #takePublish(client: Client | null, packet: PublishPacket, done: (error?: Error | null) => void): void {
    // aedes itself publishes without a client; a Will says that a sensor is gone, which is no reading.
    const isWill = client !== null && this.#connects.get(client)?.will === (packet as object);
    const publication = empty(packet);
    if (!client || isWill) return done();
    void this.#options.hooks.publish(client, publication).then((outcome) => {
      if (client.closed) return;
      done(outcome === 'taken' ? null : new Error('a reading could not be kept; the sensor sends it again'));
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
