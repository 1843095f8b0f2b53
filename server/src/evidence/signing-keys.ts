// The keys with which agents sign. Owns the table `signing_keys`.

import { keyIdOf } from '@sitecast/shared/node/signing';
import type { AgentAddress } from '@sitecast/shared/protocol/topics';
import type { Database, Queryable } from '../postgres/pool.ts';

export interface KnownKey {
  site: string;
  agent: string;
  keyId: string;
  publicKey: string;
  seenAt: Date;
  acceptedAt: Date | null;
  retiredAt: Date | null;
}

const COLUMNS = `site, agent, key_id as "keyId", public_key as "publicKey", seen_at as "seenAt", accepted_at as "acceptedAt",
  retired_at as "retiredAt"`;

export class SigningKeys {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * The agent shows a key: the first one is accepted by that.
   * @returns the key when it is another one than before, and waits for somebody to accept it.
   */
  async seen({ site, agent }: AgentAddress, publicKey: string): Promise<KnownKey | undefined> {
    const rows = await this.#database.query<KnownKey>(
      `insert into signing_keys (site, agent, key_id, public_key, accepted_at)
       select $1::text, $2::text, $3, $4,
         case when exists (select 1 from signing_keys where site = $1::text and agent = $2::text) then null else now() end
       on conflict do nothing returning ${COLUMNS}`,
      [site, agent, keyIdOf(publicKey), publicKey],
    );
    return rows.find(({ acceptedAt }) => acceptedAt === null);
  }

  list(site: string, agent: string): Promise<KnownKey[]> {
    return keysOf(this.#database, site, agent);
  }

  /** Whichever it was until now signs no more. @returns undefined when there is no such key. */
  async accept({ site, agent }: AgentAddress, keyId: string): Promise<KnownKey | undefined> {
    return this.#database.transaction(async (client) => {
      const [accepted] = await client.query<KnownKey>(
        `update signing_keys set accepted_at = coalesce(accepted_at, now()), retired_at = null
         where site = $1 and agent = $2 and key_id = $3 returning ${COLUMNS}`,
        [site, agent, keyId],
      );
      if (!accepted) return undefined;
      await client.query(
        `update signing_keys set retired_at = now()
         where site = $1 and agent = $2 and key_id <> $3 and accepted_at is not null and retired_at is null`,
        [site, agent, keyId],
      );
      return accepted;
    });
  }
}

/** @param agent every one of the site when left out. */
export function keysOf(database: Queryable, site: string, agent?: string): Promise<KnownKey[]> {
  return database.query<KnownKey>(
    `select ${COLUMNS} from signing_keys where site = $1 and agent = coalesce($2, agent) order by agent, seen_at`,
    [site, agent ?? null],
  );
}
