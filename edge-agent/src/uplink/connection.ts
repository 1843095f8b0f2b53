// An MQTT connection that comes back: back-off with jitter, a window of un-acked messages, deadlines for PUBACKs.

import { AppError } from '@sitecast/shared/runtime/app-error';
import { Backoff } from '@sitecast/shared/runtime/backoff';
import { BoundedQueue } from '@sitecast/shared/runtime/bounded-queue';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import { MAX_UPLINK_IN_FLIGHT, MIB } from '@sitecast/shared/protocol/limits';
import type { Logger } from '@sitecast/shared/node/logger';
import { Repetition } from '@sitecast/shared/runtime/repetition';
import { Listeners } from '@sitecast/shared/runtime/listeners';
import type { AgentErrorCode } from '../errors.ts';
import { QuietLog } from '../health/quiet-log.ts';
import { MqttSession, type Will } from './mqtt-session.ts';

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 60_000;
/** A connection this old was a success: the next failure starts the back-off anew. */
const STABLE_AFTER_MS = 30_000;
/** Closed by the broker so often right after it was online: as when two agents throw each other out. MQTT 3.1.1 gives no reason. */
const CUT_OFF = { times: 3, withinMs: 60_000 };
const ACK_TIMEOUT_MS = 60_000;

/** Messages that wait for a place among the un-acked: replies, health, and what the spool sender was allowed. Policy: reject. */
export const WAITING_MAX_MESSAGES = 40;
export const WAITING_MAX_BYTES = 3 * MIB;
/** Live bytes that the kernel has not taken. Policy: refuse the frame; the publisher then drops a GOP. */
export const LIVE_SOCKET_MAX_BYTES = 4 * MIB;

export interface ConnectionOptions {
  /** For log lines: `data` or `media`. */
  name: string;
  url: string;
  caPem?: string | undefined;
  clientId: string;
  username: string;
  password: string;
  /** Made anew for each try, so that it can carry the time. */
  will?: () => Will;
  subscriptions: string[];
  /** A PUBACK came for so many bytes of payload, so long after they were given to the socket. */
  onAcked?: (bytes: number, roundTripMs: number) => void;
  logger: Logger;
  clock?: Clock;
  random?: () => number;
}

export interface ConnectionCounters {
  /** Connections that were opened. */
  connects: number;
  /** PUBACKs received. */
  acked: number;
  /** Refused because too many small messages waited. */
  messagesRefused: number;
  liveBytesSent: number;
}

/** `offline` (a retry is due or under way), `online` (CONNACK and all SUBACKs are in), `closed` (for good). */
export type ConnectionState = 'offline' | 'online' | 'closed';

interface InFlight {
  deadline: Timer;
  sentAtMs: number;
}

interface Publication {
  topic: string;
  payload: Uint8Array;
  retain: boolean;
  resolve: () => void;
  reject: (error: AppError<AgentErrorCode>) => void;
}

/** Owns its session, the retry timer and the deadline of each un-acked message. */
export class MqttConnection {
  readonly counters: ConnectionCounters = { connects: 0, acked: 0, messagesRefused: 0, liveBytesSent: 0 };
  readonly #options: ConnectionOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #failureLog: QuietLog;
  readonly #backoff: Backoff;
  readonly #cutsOff: Repetition;
  readonly #inFlight = new Map<Publication, InFlight>();
  readonly #waiting = new BoundedQueue<Publication>({
    maxItems: WAITING_MAX_MESSAGES,
    maxBytes: WAITING_MAX_BYTES,
    policy: 'reject',
    bytesOf: ({ payload }) => payload.length,
  });
  readonly #onOnline: Listeners<void>;
  readonly #onOffline: Listeners<void>;
  readonly #onMessage: Listeners<{ topic: string; payload: Uint8Array }>;
  #state: ConnectionState = 'offline';
  #openedAtMs = 0;
  #session: MqttSession | undefined;
  /** Of sessions that have ended. */
  #bytesOfEarlier = 0;
  /** The next try while offline, the proof of stability while online. */
  #timer: Timer | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger;
    this.#failureLog = new QuietLog(options.logger, this.#clock);
    const { random = Math.random } = options;
    this.#backoff = new Backoff({ firstMs: RETRY_FIRST_MS, maxMs: RETRY_MAX_MS, random });
    this.#cutsOff = new Repetition({ ...CUT_OFF, clock: this.#clock });
    const onError = (error: unknown): void =>
      this.#logger.error({ err: error }, 'a listener of the uplink failed');
    this.#onOnline = new Listeners(onError);
    this.#onOffline = new Listeners(onError);
    this.#onMessage = new Listeners(onError);
  }

  get isOnline(): boolean {
    return this.#state === 'online';
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** On the sockets, both ways, since the start. */
  get bytesMoved(): number {
    return this.#bytesOfEarlier + (this.#session?.bytesMoved ?? 0);
  }

  start(): void {
    this.#connect();
  }

  /** Does not wait any longer for the next try: there is news that the server can be reached. */
  retryNow(): void {
    if (this.#state !== 'offline' || this.#session || !this.#timer) return;
    this.#timer.cancel();
    this.#connect();
  }

  onOnline(listener: () => void): () => void {
    return this.#onOnline.add(listener);
  }

  onOffline(listener: () => void): () => void {
    return this.#onOffline.add(listener);
  }

  onMessage(listener: (message: { topic: string; payload: Uint8Array }) => void): () => void {
    return this.#onMessage.add(listener);
  }

  /**
   * Sends with QoS 1, `MAX_UPLINK_IN_FLIGHT` un-acked at most; above that it waits for a place.
   * @returns when the broker has acknowledged.
   * @throws {AppError} UPLINK_OFFLINE when the connection is or gets lost (it is then unknown whether the message
   * arrived); QUEUE_FULL when too many wait.
   */
  publish(topic: string, payload: Uint8Array, { retain = false } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const publication = { topic, payload, retain, resolve, reject };
      if (!this.isOnline) return reject(offline(topic));
      if (this.#inFlight.size < MAX_UPLINK_IN_FLIGHT) return this.#transmit(publication);
      if (this.#waiting.push(publication)) return;
      this.counters.messagesRefused += 1;
      reject(
        new AppError('QUEUE_FULL', `too many messages wait to be sent to ${topic}`, { retryable: true }),
      );
    });
  }

  /** Sends with QoS 0. @returns false, and sends nothing, while offline or while the socket is full. */
  send(topic: string, payload: Uint8Array): boolean {
    if (!this.isOnline || !this.#session) return false;
    if (this.#session.queuedBytes + payload.length > LIVE_SOCKET_MAX_BYTES) return false;
    this.#session.send(topic, payload);
    this.counters.liveBytesSent += payload.length;
    return true;
  }

  /** Idempotent. Says goodbye, so that no Will is published; what is un-acked rejects with UPLINK_OFFLINE. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    const session = this.#session;
    this.#forgetSession();
    this.#leaveOnline();
    this.#state = 'closed';
    await session?.close();
  }

  #connect(): void {
    const { url, caPem, clientId, username, password, will, subscriptions } = this.#options;
    const session: MqttSession = new MqttSession({
      url,
      caPem,
      clientId,
      username,
      password,
      subscriptions,
      will: will?.(),
      // A session that `close()` let go of may still open or end.
      onOpen: () => {
        if (this.#session === session) this.#opened();
      },
      onMessage: (topic, payload) => this.#onMessage.emit({ topic, payload }),
      onEnd: (reason) => {
        if (this.#session === session) this.#ended(reason);
      },
    });
    this.#session = session;
    session.start();
  }

  #opened(): void {
    this.#state = 'online';
    this.#openedAtMs = this.#clock.monotonicMs();
    this.counters.connects += 1;
    this.#failureLog.clear();
    this.#timer = this.#clock.after(STABLE_AFTER_MS, () => this.#backoff.succeeded());
    this.#logger.info({ connection: this.#options.name, url: this.#options.url }, 'uplink connected');
    this.#onOnline.emit();
  }

  #ended(reason: AppError<AgentErrorCode>): void {
    this.#timer?.cancel();
    if (this.isOnline && reason.detail.isClosedByBroker === true) this.#noteCutOff();
    this.#forgetSession();
    this.#leaveOnline();
    const delayMs = this.#backoff.nextDelayMs();
    const { name, url } = this.#options;
    const fields = { connection: name, url, reason: reason.message, retryInMs: delayMs };
    this.#failureLog.warn(reason.code, fields, 'uplink is not connected');
    this.#timer = this.#clock.after(delayMs, () => this.#connect());
  }

  #noteCutOff(): void {
    if (this.#clock.monotonicMs() - this.#openedAtMs >= STABLE_AFTER_MS || !this.#cutsOff.happened()) return;
    const { name, url, username } = this.#options;
    this.#logger.warn(
      { connection: name, url, username },
      'the broker closes the connection again and again right after it was opened; ' +
        'another agent may be using the same id and secret',
    );
  }

  #forgetSession(): void {
    this.#bytesOfEarlier = this.bytesMoved;
    this.#session = undefined;
  }

  #leaveOnline(): void {
    if (!this.isOnline) return;
    this.#state = 'offline';
    const unsent = [...this.#inFlight.keys()];
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) unsent.push(next);
    for (const { deadline } of this.#inFlight.values()) deadline.cancel();
    this.#inFlight.clear();
    for (const { topic, reject } of unsent) reject(offline(topic));
    this.#onOffline.emit();
  }

  #transmit(publication: Publication): void {
    const { topic, payload, retain } = publication;
    const session = this.#session;
    // A broker that takes messages and acknowledges none looks alive to keepalive; only this notices.
    const deadline = this.#clock.after(ACK_TIMEOUT_MS, () => {
      const message = `no PUBACK for ${topic} within ${ACK_TIMEOUT_MS} ms`;
      session?.abort(new AppError('UPLINK_OFFLINE', message, { retryable: true }));
    });
    this.#inFlight.set(publication, { deadline, sentAtMs: this.#clock.monotonicMs() });
    session?.publish(topic, payload, retain, () => this.#acked(publication));
  }

  #acked(publication: Publication): void {
    const inFlight = this.#inFlight.get(publication);
    if (!inFlight) return;
    inFlight.deadline.cancel();
    this.#inFlight.delete(publication);
    this.counters.acked += 1;
    const roundTripMs = this.#clock.monotonicMs() - inFlight.sentAtMs;
    this.#options.onAcked?.(publication.payload.length, roundTripMs);
    const next = this.#waiting.shift();
    if (next) this.#transmit(next);
    publication.resolve();
  }
}

function offline(topic: string): AppError<AgentErrorCode> {
  return new AppError('UPLINK_OFFLINE', `${topic} was not acknowledged: the connection is down`, {
    retryable: true,
  });
}
