// One try of an MQTT connection, from the socket to its end; never used again after that. The only importer of mqtt.
//
// A session is thrown away instead of reconnected: mqtt.js would resend from a store of its own, in memory, one message a
// round trip. What must survive is in the spool, and is sent again from there.

import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { MqttClient } from 'mqtt';
import type { AgentErrorCode } from '../errors.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const KEEPALIVE_SECONDS = 30;
const CLOSE_GRACE_MS = 500;

/** CONNACK codes of MQTT 3.1.1 (3.2.2.3) that mean "wrong credentials" rather than "not now". */
const REFUSED_CREDENTIALS = new Set([2, 4, 5]);

export interface Will {
  topic: string;
  payload: Uint8Array;
}

export interface SessionOptions {
  /** `mqtt://` or `mqtts://`. */
  url: string;
  caPem?: string | undefined;
  clientId: string;
  username: string;
  password: string;
  /** Retained, QoS 1. */
  will?: Will | undefined;
  /** Topics to hold, QoS 1; open means that all of them are granted. */
  subscriptions: string[];
  onOpen: () => void;
  onMessage: (topic: string, payload: Uint8Array) => void;
  /** Once; nothing is called afterwards. */
  onEnd: (reason: AppError<AgentErrorCode>) => void;
}

export class MqttSession {
  readonly #options: SessionOptions;
  #client: MqttClient | undefined;
  #socket: Socket | undefined;
  #failure: AppError<AgentErrorCode> | undefined;
  #hasEnded = false;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  start(): void {
    try {
      this.#client = this.#open();
    } catch (error) {
      // Only a PEM file that is none gets here.
      this.#failure = new AppError('UPLINK_OFFLINE', messageOf(error), { cause: error });
      this.#end();
    }
  }

  #open(): MqttClient {
    const { clientId, username, password, will } = this.#options;
    const client = new MqttClient(() => (this.#socket = this.#openSocket()), {
      clientId,
      username,
      password,
      clean: true,
      keepalive: KEEPALIVE_SECONDS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectPeriod: 0,
      queueQoSZero: false,
      // Saves 65,536 prepared two-byte buffers.
      writeCache: false,
      will: will && { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: true },
    });
    client.on('connect', () => this.#subscribe(client));
    client.on('message', (topic, payload) => {
      if (!this.#hasEnded) this.#options.onMessage(topic, payload);
    });
    client.on('error', (error) => this.abort(asAppError(error)));
    client.on('close', () => this.#end());
    return client;
  }

  /** Bytes handed over and not yet taken by the kernel. */
  get queuedBytes(): number {
    return this.#socket?.writableLength ?? 0;
  }

  /** Both ways since the start; stays when the session has ended. */
  get bytesMoved(): number {
    return (this.#socket?.bytesRead ?? 0) + (this.#socket?.bytesWritten ?? 0);
  }

  /** QoS 1. `onAck` may never come: the owner watches `onEnd` and the time. */
  publish(topic: string, payload: Uint8Array, retain: boolean, onAck: () => void): void {
    this.#client?.publish(topic, asBuffer(payload), { qos: 1, retain }, (error) => {
      if (!error) onAck();
    });
  }

  /** QoS 0, given to the socket before this returns. */
  send(topic: string, payload: Uint8Array): void {
    // No callback: mqtt.js would put a `drain` listener on the socket for each.
    this.#client?.publish(topic, asBuffer(payload), { qos: 0 });
  }

  /** Cuts the connection: the broker then publishes the Will. */
  abort(reason: AppError<AgentErrorCode>): void {
    this.#failure ??= reason;
    this.#socket?.destroy();
  }

  /** Says DISCONNECT, so that the Will is not published, and waits for the socket's end, half a second at most. */
  async close(): Promise<void> {
    const client = this.#client;
    this.#failure ??= new AppError('SHUTTING_DOWN', 'the agent closed the connection');
    if (!client || this.#hasEnded) return;
    // With un-acked messages mqtt.js would wait for them, for ever: forget them first, nobody listens any more.
    client.outgoing = {};
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, CLOSE_GRACE_MS);
      client.end(false, {}, () => {
        clearTimeout(timer);
        resolve();
      });
    });
    this.#socket?.destroy();
    this.#end();
  }

  #openSocket(): Socket {
    const { url, caPem } = this.#options;
    const { protocol, hostname, port } = new URL(url);
    const host = hostname.replace(/^\[|\]$/g, '');
    const isTls = protocol === 'mqtts:';
    const target = { host, port: Number(port || (isTls ? 8883 : 1883)) };
    const socket = isTls ? connectTls({ ...target, servername: host, ca: caPem }) : connectTcp(target);
    return socket.setNoDelay(true);
  }

  #subscribe(client: MqttClient): void {
    const { subscriptions, onOpen } = this.#options;
    if (subscriptions.length === 0) return onOpen();
    client.subscribe(subscriptions, { qos: 1 }, (error, grants) => {
      const isRefused = error !== null || grants?.some(({ qos }) => qos === 128);
      if (this.#hasEnded) return;
      if (!isRefused) return onOpen();
      this.abort(new AppError('UNAUTHORIZED', `the broker refused to subscribe ${subscriptions.join(', ')}`));
    });
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#options.onEnd(
      this.#failure ??
        new AppError('UPLINK_OFFLINE', 'the broker closed the connection', {
          retryable: true,
          detail: { isClosedByBroker: true },
        }),
    );
  }
}

/** A view: mqtt.js takes Buffers only, and copies nothing. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function asAppError(error: Error & { code?: unknown }): AppError<AgentErrorCode> {
  return typeof error.code === 'number' && REFUSED_CREDENTIALS.has(error.code)
    ? new AppError('UNAUTHORIZED', `the broker refused the id or the secret (CONNACK ${error.code})`)
    : new AppError('UPLINK_OFFLINE', messageOf(error), { cause: error, retryable: true });
}
