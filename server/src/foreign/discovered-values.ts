// What devices told of their own values by discovery messages of Home Assistant. Owns the table `discovered_values`.

import type { DiscoveredValue } from '@sitecast/shared/protocol/mapping/home-assistant';
import type { Queryable } from '../postgres/pool.ts';

/** Values that are known, of one device and in all. Policy: `reject`. */
export const DISCOVERED_PER_DEVICE_MAX = 512;
export const DISCOVERED_MAX = 4_096;

interface Told extends DiscoveredValue {
  /** Topic of the discovery message. */
  toldBy: string;
}

export class DiscoveredValues {
  readonly #database: Queryable;
  readonly #devices = new Map<string, readonly Told[]>();
  readonly counters = { discoveriesRefused: 0 };
  #size = 0;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /** From the table, at start. @throws {AppError} STORE_UNAVAILABLE (retryable). */
  async load(): Promise<void> {
    const rows = await this.#database.query<{ device: string; told_by: string; told: DiscoveredValue[] }>(
      `select device, told_by, told from discovered_values order by told_at limit ${DISCOVERED_MAX}`,
      [],
    );
    for (const { device, told_by, told } of rows) this.#remember(device, told_by, told);
  }

  /**
   * Replaces what the same message told before; durable when it resolves.
   * @returns false when there is no room for all of them: then it is as it was.
   * @throws {AppError} STORE_UNAVAILABLE (retryable).
   */
  async put(device: string, toldBy: string, values: readonly DiscoveredValue[]): Promise<boolean> {
    const before = this.#toldBy(device, toldBy);
    // Every start of a device tells the same again.
    if (JSON.stringify(before) === JSON.stringify(values)) return true;
    if (!this.#remember(device, toldBy, values)) {
      this.counters.discoveriesRefused += 1;
      return false;
    }
    try {
      await this.#save(device, toldBy, values);
    } catch (error) {
      this.#remember(device, toldBy, before);
      throw error;
    }
    return true;
  }

  /** Those whose payloads come on this topic. */
  of(device: string, stateTopic: string): DiscoveredValue[] {
    return (this.#devices.get(device) ?? []).filter((value) => value.stateTopic === stateTopic);
  }

  /** The device is revoked. */
  async forget(device: string): Promise<void> {
    this.#size -= this.#devices.get(device)?.length ?? 0;
    this.#devices.delete(device);
    await this.#database.query('delete from discovered_values where device = $1', [device]);
  }

  #toldBy(device: string, toldBy: string): DiscoveredValue[] {
    const own = (this.#devices.get(device) ?? []).filter((value) => value.toldBy === toldBy);
    return own.map(({ toldBy: _, ...value }) => value);
  }

  #remember(device: string, toldBy: string, values: readonly DiscoveredValue[]): boolean {
    const known = this.#devices.get(device) ?? [];
    const others = known.filter((value) => value.toldBy !== toldBy);
    const now = [...others, ...values.map((value) => ({ ...value, toldBy }))];
    const grown = now.length - known.length;
    if (grown > 0 && (now.length > DISCOVERED_PER_DEVICE_MAX || this.#size + grown > DISCOVERED_MAX))
      return false;
    this.#size += grown;
    if (now.length === 0) this.#devices.delete(device);
    else this.#devices.set(device, now);
    return true;
  }

  async #save(device: string, toldBy: string, values: readonly DiscoveredValue[]): Promise<void> {
    if (values.length === 0) {
      await this.#database.query('delete from discovered_values where device = $1 and told_by = $2', [
        device,
        toldBy,
      ]);
      return;
    }
    await this.#database.query(
      `insert into discovered_values (device, told_by, told) values ($1, $2, $3)
       on conflict (device, told_by) do update set told = excluded.told, told_at = now()`,
      [device, toldBy, JSON.stringify(values)],
    );
  }
}
