// Which device is connected where: hands out the ids under which aedes knows connections, and says who came and went.
// A device has a few numbered places on each listener, and only its own connections meet there.

import type { Clock } from '@sitecast/shared/runtime/clock';
import { Repetition } from '@sitecast/shared/runtime/repetition';
import type { EngineClient } from './aedes-engine.ts';
import type { DeviceIdentity } from './device.ts';
import type { ListenerName } from './access.ts';
import type { PacketGate } from '@sitecast/shared/node/packet-gate';
import type { Allowance } from './device-shares.ts';

export interface Connection {
  readonly listener: ListenerName;
  readonly gate: PacketGate;
  readonly client: EngineClient;
  /** As the client chose it. */
  clientId: string;
  /** Set at login. */
  device: DeviceIdentity | undefined;
  /** Set when CONNACK has been sent. */
  allowance: Allowance | undefined;
  isReady: boolean;
}

type LoggedIn = Connection & { device: DeviceIdentity };

export function isLoggedIn(connection: Connection): connection is LoggedIn {
  return connection.device !== undefined;
}

interface Places {
  byNumber: Map<number, Connection>;
  replacements: Repetition;
  isAnnounced: boolean;
}

export interface DeviceConnectionsOptions {
  maxPerSensor: number;
  onChange: (device: DeviceIdentity, isOnline: boolean) => void;
  onReplaced: () => void;
  /** An agent takes the place of its own connection again and again: there may be two of it. */
  onRivals: (agent: DeviceIdentity) => void;
  clock: Clock;
}

const RIVALS = { times: 3, withinMs: 60_000 };

export class DeviceConnections {
  readonly #options: DeviceConnectionsOptions;
  readonly #places = new Map<string, Places>();

  constructor(options: DeviceConnectionsOptions) {
    this.#options = options;
  }

  /**
   * Takes a place for a connection that has logged in; whoever held it is closed by the engine, which finds it under the
   * same id.
   * @returns the id for the engine.
   */
  claim(connection: LoggedIn): string {
    const key = `${connection.listener}/${connection.device.id}`;
    const places = this.#places.get(key) ?? this.#newPlaces();
    this.#places.set(key, places);
    const number = this.#choosePlace(places.byNumber, connection);
    // Deleted first: the order of a Map is how the oldest is found.
    if (places.byNumber.delete(number)) this.#noteReplacement(connection, places);
    places.byNumber.set(number, connection);
    return `${key}/${number}`;
  }

  ready(connection: LoggedIn): void {
    connection.isReady = true;
    if (connection.listener !== 'data') return;
    const places = this.#places.get(`data/${connection.device.id}`);
    if (!places || (places.isAnnounced && connection.device.kind === 'sensor')) return;
    places.isAnnounced = true;
    this.#options.onChange(connection.device, true);
  }

  release(connection: Connection): void {
    if (!connection.device) return;
    const key = `${connection.listener}/${connection.device.id}`;
    const places = this.#places.get(key);
    const number = places && numberOf(places.byNumber, connection);
    if (!places || number === undefined) return;
    places.byNumber.delete(number);
    if (places.byNumber.size > 0) return;
    this.#places.delete(key);
    if (places.isAnnounced) this.#options.onChange(connection.device, false);
  }

  /** Whether another connection has taken this one's place. */
  isReplaced(connection: LoggedIn): boolean {
    const places = this.#places.get(`${connection.listener}/${connection.device.id}`);
    return !places || numberOf(places.byNumber, connection) === undefined;
  }

  /** Connections of one device on both listeners. */
  of(id: string): Connection[] {
    return (['data', 'media'] as const).flatMap((listener) => [
      ...(this.#places.get(`${listener}/${id}`)?.byNumber.values() ?? []),
    ]);
  }

  count(isCounted: (connection: LoggedIn) => boolean): number {
    let found = 0;
    for (const { byNumber } of this.#places.values()) {
      for (const connection of byNumber.values())
        if (isLoggedIn(connection) && isCounted(connection)) found += 1;
    }
    return found;
  }

  #newPlaces(): Places {
    const replacements = new Repetition({ ...RIVALS, clock: this.#options.clock });
    return { byNumber: new Map(), replacements, isAnnounced: false };
  }

  #noteReplacement({ listener, device }: LoggedIn, { replacements }: Places): void {
    this.#options.onReplaced();
    const mayBeRival = listener === 'data' && device.kind === 'agent';
    if (mayBeRival && replacements.happened()) this.#options.onRivals(device);
  }

  #choosePlace(taken: Map<number, Connection>, { device, clientId }: LoggedIn): number {
    if (device.kind === 'agent') return 0;
    for (const [number, other] of taken) if (clientId !== '' && other.clientId === clientId) return number;
    for (let number = 0; number < this.#options.maxPerSensor; number += 1) {
      if (!taken.has(number)) return number;
    }
    // The newest wins: a sensor behind a bad line leaves dead connections, and must not be locked out by them.
    const [oldest = 0] = taken.keys();
    return oldest;
  }
}

function numberOf(places: Map<number, Connection>, connection: Connection): number | undefined {
  for (const [number, other] of places) if (other === connection) return number;
  return undefined;
}
