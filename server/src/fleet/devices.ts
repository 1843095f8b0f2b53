// Devices (agents and sensors that speak for themselves) and their secrets. Owns the `devices` table.

import { AppError } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import { isId } from '@sitecast/shared/protocol/ids';
import { hashSecret, newSecret, secretMatches } from '../auth/secrets.ts';
import { limitReached } from '../errors.ts';
import type { DeviceMapping } from '../foreign/device-mapping.ts';
import { Coalesced } from '../postgres/coalesced.ts';
import type { Database } from '../postgres/pool.ts';

export type DeviceKind = 'agent' | 'sensor';

export interface DeviceAddress {
  kind: DeviceKind;
  site: string;
  id: string;
  /** Of a sensor that speaks the language of another project. */
  mapping?: DeviceMapping;
}

export interface Device extends DeviceAddress {
  createdAt: Date;
  lastSeenAt: Date | null;
}

/** The topic level of sensors that speak for themselves, so no agent may have it. */
const RESERVED_ID = 'sensors';
/** A device that was revoked or renewed by another process is noticed after this long at the latest. */
const CACHED_MS = 30_000;

interface DeviceRow {
  id: string;
  site: string;
  kind: DeviceKind;
  secret_hash: Buffer;
  created_at: Date;
  last_seen_at: Date | null;
  mapping: DeviceMapping | null;
}

export interface NewDevice extends DeviceAddress {
  /** Give an existing device of the same site and kind a new secret instead of failing with CONFLICT. */
  renew?: boolean;
  maxDevices?: number;
}

/**
 * Makes a device, and its site when that is new. Also for programs beside the server, such as the launcher.
 * @returns the secret, this once: only its hash is kept.
 * @throws {AppError} ID_INVALID, CONFLICT (ids are unique in the whole installation), LIMIT_REACHED above `maxDevices`.
 */
export async function createDevice(
  database: Database,
  { kind, site, id, mapping, renew = false, maxDevices = 500 }: NewDevice,
): Promise<{ id: string; secret: string }> {
  if (!isId(site) || !isId(id) || id === RESERVED_ID) {
    throw new AppError(
      'ID_INVALID',
      `site ${JSON.stringify(site)}, device ${JSON.stringify(id)}: not both names`,
    );
  }
  const secret = newSecret();
  const rows = await database.query<{ id: string }>(
    `with new_site as (
       insert into sites (id, name) values ($2::text, $2::text) on conflict (id) do nothing returning id
     )
     insert into devices (id, site, kind, secret_hash, created_at, mapping)
     select $1::text, coalesce((select id from new_site), $2::text), $3, $4, now(), $7::jsonb
     where (select count(*) from devices where revoked_at is null and id <> $1::text) < $6::int
     on conflict (id) do update set secret_hash = excluded.secret_hash, created_at = now(), revoked_at = null,
       site = excluded.site, kind = excluded.kind,
       mapping = case when devices.revoked_at is null then coalesce(excluded.mapping, devices.mapping) else excluded.mapping end
       where devices.revoked_at is not null
          or ($5::boolean and devices.site = excluded.site and devices.kind = excluded.kind)
     returning id`,
    [id, site, kind, hashSecret(secret), renew, maxDevices, mapping ? JSON.stringify(mapping) : null],
  );
  if (rows.length > 0) return { id, secret };
  const [taken] = await database.query('select 1 from devices where id = $1 and revoked_at is null', [id]);
  if (taken) throw new AppError('CONFLICT', `device ${id} exists already`);
  throw limitReached('devices', maxDevices);
}

export interface DevicesOptions {
  database: Database;
  maxDevices: number;
  clock?: Clock;
}

interface CachedDevice {
  row: DeviceRow;
  readAtMs: number;
}

export class Devices {
  readonly #database: Database;
  readonly #maxDevices: number;
  readonly #clock: Clock;
  /** Bound: MAX_DEVICES, drop-oldest. */
  readonly #cache = new Map<string, CachedDevice>();
  readonly #rows = new Coalesced<string, DeviceRow | undefined>((ids) => this.#find(ids));
  readonly #seen = new Coalesced<string, void>((ids) => this.#saveSeen(ids));

  constructor({ database, maxDevices, clock = systemClock }: DevicesOptions) {
    this.#database = database;
    this.#maxDevices = maxDevices;
    this.#clock = clock;
  }

  get counters(): Readonly<Record<string, number>> {
    return { deviceLookupsRefused: this.#rows.refused + this.#seen.refused };
  }

  async create(device: DeviceAddress): Promise<{ id: string; secret: string }> {
    const made = await createDevice(this.#database, { ...device, maxDevices: this.#maxDevices });
    this.#cache.delete(device.id);
    return made;
  }

  async list(): Promise<Device[]> {
    const rows = await this.#database.query<DeviceRow>(
      `select * from devices where revoked_at is null order by site, id limit ${this.#maxDevices}`,
      [],
    );
    return rows.map((row) => ({
      ...toAddress(row),
      createdAt: row.created_at,
      lastSeenAt: row.last_seen_at,
    }));
  }

  async get(id: string): Promise<DeviceAddress | undefined> {
    const row = await this.#load(id);
    return row && toAddress(row);
  }

  /** In force from the next login on; cutting its connection is the caller's. @returns undefined when there is no such device. */
  async setMapping(id: string, mapping: DeviceMapping | null): Promise<Device | undefined> {
    const [row] = await this.#database.query<DeviceRow>(
      'update devices set mapping = $2 where id = $1 and revoked_at is null returning *',
      [id, mapping && JSON.stringify(mapping)],
    );
    this.#cache.delete(id);
    return row && { ...toAddress(row), createdAt: row.created_at, lastSeenAt: row.last_seen_at };
  }

  /** The device cannot log in again; cutting its connection is the caller's. @returns false when there is none. */
  async revoke(id: string): Promise<boolean> {
    const rows = await this.#database.query<{ id: string }>(
      'update devices set revoked_at = now() where id = $1 and revoked_at is null returning id',
      [id],
    );
    this.#cache.delete(id);
    return rows.length > 0;
  }

  /** Devices that anybody revoked since then. `until` is where to go on, by the clock of the database. */
  async revokedSince(since: Date): Promise<{ revoked: DeviceAddress[]; until: Date }> {
    const rows = await this.#database.query<(DeviceRow | { id: null }) & { until: Date }>(
      `select d.*, t.until from (select now() - interval '5 seconds' as until) t left join devices d on d.revoked_at >= $1`,
      [since],
    );
    const revoked = rows.flatMap((row) => (row.id === null ? [] : [toAddress(row)]));
    for (const { id } of revoked) this.#cache.delete(id);
    return { revoked, until: rows[0]?.until ?? since };
  }

  /**
   * Who logs in with these, or undefined. A cached secret is tried first, so that a site that comes back while PostgreSQL
   * is away is let in; a wrong one is checked against the table, as it may have been renewed.
   * @throws {AppError} STORE_UNAVAILABLE
   */
  async authenticate(username: string, secret: string): Promise<DeviceAddress | undefined> {
    if (!isId(username)) return undefined;
    const cached = this.#cache.get(username);
    if (cached && this.#isFresh(cached) && secretMatches(secret, cached.row.secret_hash))
      return toAddress(cached.row);
    const row = await this.#load(username).catch((error: unknown) => {
      if (cached && secretMatches(secret, cached.row.secret_hash)) return cached.row;
      throw error;
    });
    if (!row || !secretMatches(secret, row.secret_hash)) return undefined;
    return toAddress(row);
  }

  /** Remembers that the device was here; at most once a connection. */
  seen(id: string): Promise<void> {
    return this.#seen.ask(id);
  }

  #keep(row: DeviceRow): void {
    const [oldest] = this.#cache.keys();
    if (this.#cache.size >= this.#maxDevices && oldest !== undefined) this.#cache.delete(oldest);
    this.#cache.set(row.id, { row, readAtMs: this.#clock.monotonicMs() });
  }

  #isFresh({ readAtMs }: CachedDevice): boolean {
    return this.#clock.monotonicMs() - readAtMs < CACHED_MS;
  }

  async #load(id: string): Promise<DeviceRow | undefined> {
    const row = await this.#rows.ask(id);
    this.#cache.delete(id);
    if (row) this.#keep(row);
    return row;
  }

  async #find(ids: string[]): Promise<(DeviceRow | undefined)[]> {
    const rows = await this.#database.query<DeviceRow>(
      'select * from devices where id = any($1) and revoked_at is null',
      [ids],
    );
    const found = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => found.get(id));
  }

  async #saveSeen(ids: string[]): Promise<void[]> {
    await this.#database.query('update devices set last_seen_at = now() where id = any($1)', [ids]);
    return [];
  }
}

function toAddress({ kind, site, id, mapping }: DeviceRow): DeviceAddress {
  return { kind, site, id, ...(mapping && { mapping }) };
}
