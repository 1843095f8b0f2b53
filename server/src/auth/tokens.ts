// API tokens: `Authorization: Bearer sct_...` acts as the user who made it. Owns the `tokens` table.

import { ulid } from 'ulid';
import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import { limitReached } from '../errors.ts';
import type { Database } from '../postgres/pool.ts';
import { PrincipalCache } from './principal-cache.ts';
import type { Principal } from './principal.ts';
import { hashSecret, newSecret } from './secrets.ts';
import { toPrincipal, type PrincipalRow } from './sessions.ts';

/** Makes a leaked token recognisable to secret scanners. */
const PREFIX = 'sct_';
export const MAX_TOKENS_PER_USER = 50;

export interface Token {
  id: string;
  name: string;
  createdAt: Date;
  lastUsedAt: Date | null;
  expiresAt: Date | null;
}

interface TokenRow {
  id: string;
  name: string;
  created_at: Date;
  last_used_at: Date | null;
  expires_at: Date | null;
}

export interface TokensOptions {
  database: Database;
  clock?: Clock;
}

export class Tokens {
  readonly #database: Database;
  readonly #cache: PrincipalCache;

  constructor({ database, clock = systemClock }: TokensOptions) {
    this.#database = database;
    this.#cache = new PrincipalCache(clock);
  }

  get counters(): Readonly<Record<'loginsForgotten', number>> {
    return this.#cache.counters;
  }

  /**
   * @returns the token and, this once, its secret.
   * @throws {AppError} LIMIT_REACHED when the user has MAX_TOKENS_PER_USER.
   */
  async create(
    userId: string,
    given: { name: string; expiresAt: Date | null },
  ): Promise<{ token: Token; secret: string }> {
    const secret = PREFIX + newSecret();
    const [row] = await this.#database.query<TokenRow>(
      `insert into tokens (id, name, token_hash, user_id, created_at, expires_at)
       select $1, $2, $3, $4::ulid, now(), $5
       where (select count(*) from tokens where user_id = $4::ulid) < ${MAX_TOKENS_PER_USER}
       returning *`,
      [ulid(), given.name, hashSecret(secret), userId, given.expiresAt],
    );
    if (!row) throw limitReached('tokens', MAX_TOKENS_PER_USER);
    return { token: toToken(row), secret };
  }

  async list(userId: string): Promise<Token[]> {
    const rows = await this.#database.query<TokenRow>(
      'select * from tokens where user_id = $1 order by created_at desc',
      [userId],
    );
    return rows.map(toToken);
  }

  /** @returns false when the user has no such token. */
  async revoke(userId: string, id: string): Promise<boolean> {
    const rows = await this.#database.query(
      'delete from tokens where id = $1 and user_id = $2 returning id',
      [id, userId],
    );
    this.#cache.forgetUser(userId);
    return rows.length > 0;
  }

  async authenticate(secret: string): Promise<Principal | undefined> {
    if (!secret.startsWith(PREFIX)) return undefined;
    const hash = hashSecret(secret);
    return this.#cache.get(hash.toString('hex'), () => this.#load(hash));
  }

  async #load(hash: Buffer): Promise<Principal | undefined> {
    const [row] = await this.#database.query<PrincipalRow>(
      `with used as (
         update tokens set last_used_at = now()
         where token_hash = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')
       )
       select u.id, u.username, u.role, u.sites from tokens t join users u on u.id = t.user_id
       where t.token_hash = $1 and (t.expires_at is null or t.expires_at > now())`,
      [hash],
    );
    return row && toPrincipal(row);
  }
}

function toToken(row: TokenRow): Token {
  return {
    id: row.id,
    name: row.name,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
  };
}
