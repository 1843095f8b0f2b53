// What pages are told as it happens: newest state per key, sent at most four times a second to all sockets at once.
// Owns the flush timer and the pending states; borrows the sockets.

import type { LatestValue, UpdateMessage } from '@sitecast/shared/protocol/viewer-messages';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';

const FLUSH_MS = 250;
/** Keys that wait for the next flush; above it the oldest waiting one is dropped (the page reads lists again on reconnect). */
export const MAX_PENDING_KEYS = 2_000;
export const MAX_PENDING_VALUES = 5_000;
/** Un-sent bytes of one socket; above it the socket is closed, and the page comes back. */
export const MAX_SOCKET_QUEUED_BYTES = 256 * 1024;

export interface UpdateSocket {
  sendText(text: string): void;
  queuedBytes(): number;
  /** Close code 1013: too slow. */
  closeSlow(): void;
}

/** Whose page it is. */
export interface Onlooker {
  userId: string;
  address: string;
  seesSite: (site: string) => boolean;
  /** What is of the server itself. */
  seesServer: boolean;
}

interface Subscriber extends Onlooker {
  socket: UpdateSocket;
}

/** Sockets of one user, and of one address. */
export interface OwnShare {
  maxPerUser: number;
  maxPerAddress: number;
}

export interface UpdateHubOptions {
  clock?: Clock;
  share: OwnShare;
}

export class UpdateHub {
  readonly #clock: Clock;
  readonly #subscribers = new Set<Subscriber>();
  readonly #messages = new Map<string, UpdateMessage>();
  readonly #values = new Map<string, LatestValue>();
  readonly #share: OwnShare;
  readonly #counters = {
    messagesSent: 0,
    keysDropped: 0,
    socketsClosedSlow: 0,
    socketsRefused: 0,
    socketsRefusedOfOwn: 0,
  };
  #timer: Timer | undefined;
  #isClosed = false;

  constructor({ clock = systemClock, share }: UpdateHubOptions) {
    this.#clock = clock;
    this.#share = share;
  }

  get counters(): Readonly<Record<string, number>> {
    return this.#counters;
  }

  get subscribers(): number {
    return this.#subscribers.size;
  }

  /** Un-sent, of all sockets. */
  get queuedBytes(): number {
    return [...this.#subscribers].reduce((sum, { socket }) => sum + socket.queuedBytes(), 0);
  }

  /**
   * One user, or one address, must not take the places of all others. To be asked before `join`.
   * @returns false when it has its share already, which is counted.
   */
  hasShareLeft({ userId, address }: Pick<Onlooker, 'userId' | 'address'>): boolean {
    const subscribers = [...this.#subscribers];
    const isLeft =
      subscribers.filter((other) => other.userId === userId).length < this.#share.maxPerUser &&
      subscribers.filter((other) => other.address === address).length < this.#share.maxPerAddress;
    if (!isLeft) this.#counters.socketsRefusedOfOwn += 1;
    return isLeft;
  }

  /** @returns the way to leave; idempotent. */
  join(socket: UpdateSocket, onlooker: Onlooker): () => void {
    const subscriber = { ...onlooker, socket };
    this.#subscribers.add(subscriber);
    return () => this.#subscribers.delete(subscriber);
  }

  /** For whoever turns one away because there are too many. */
  countRefused(): void {
    this.#counters.socketsRefused += 1;
  }

  /** Replaces what waits under the same key. Free while nobody watches. */
  publish(message: UpdateMessage): void {
    if (this.#subscribers.size === 0 || this.#isClosed) return;
    if (message.type === 'readings') {
      for (const value of message.values) {
        this.#put(this.#values, `${value.site}/${value.sensor}/${value.metric}`, value, MAX_PENDING_VALUES);
      }
    } else {
      this.#put(this.#messages, keyOf(message), message, MAX_PENDING_KEYS);
    }
    this.#timer ??= this.#clock.after(FLUSH_MS, () => this.#flush());
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#messages.clear();
    this.#values.clear();
    this.#subscribers.clear();
  }

  #put<T>(pending: Map<string, T>, key: string, value: T, max: number): void {
    const [oldest] = pending.keys();
    if (!pending.has(key) && pending.size >= max && oldest !== undefined) {
      pending.delete(oldest);
      this.#counters.keysDropped += 1;
    }
    pending.set(key, value);
  }

  #flush(): void {
    this.#timer = undefined;
    const texts = [...this.#messages.values()].map((message) => ({
      site: siteOf(message),
      text: JSON.stringify(message),
    }));
    const values = [...this.#values.values()];
    this.#messages.clear();
    this.#values.clear();
    const allReadings = readingsText(values);
    for (const { socket, seesSite, seesServer } of [...this.#subscribers]) {
      const seen = values.filter(({ site }) => seesSite(site));
      const readings = seen.length === values.length ? allReadings : readingsText(seen);
      for (const { site, text } of texts)
        if (site === undefined || (site === null ? seesServer : seesSite(site))) this.#send(socket, text);
      if (readings !== undefined) this.#send(socket, readings);
      if (socket.queuedBytes() > MAX_SOCKET_QUEUED_BYTES) {
        this.#counters.socketsClosedSlow += 1;
        socket.closeSlow();
      }
    }
  }

  #send(socket: UpdateSocket, text: string): void {
    socket.sendText(text);
    this.#counters.messagesSent += 1;
  }
}

function readingsText(values: LatestValue[]): string | undefined {
  return values.length === 0
    ? undefined
    : JSON.stringify({ type: 'readings', values } satisfies UpdateMessage);
}

/** Null: for those who see all of them. */
function siteOf(message: UpdateMessage): string | null | undefined {
  return 'site' in message ? message.site : undefined;
}

function keyOf(message: Exclude<UpdateMessage, { type: 'readings' }>): string {
  switch (message.type) {
    case 'agent':
    case 'camera':
      return `${message.type} ${message.site}/${message.id}`;
    case 'removed':
      return `${message.kind} ${message.site}/${message.id}`;
    case 'snapshot':
      return `snapshot ${message.site}/${message.camera}`;
    case 'alert':
      return `alert ${message.id}`;
    case 'event':
      // Events are facts, not states: each keeps its own key.
      return `event ${message.id}`;
    case 'system':
      return 'system';
  }
}
