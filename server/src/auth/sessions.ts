// Browser sessions: the cookie holds a random secret, the `sessions` table its SHA-256. Owns that table.

import { systemClock, type Clock } from '@sitecast/shared/runtime/clock';
import type { Database } from '../postgres/pool.ts';
import { PrincipalCache } from './principal-cache.ts';
import type { Principal, Role } from './principal.ts';
import { hashSecret, newSecret } from './secrets.ts';

export const SESSION_DAYS = 30;
/** Of one user; a new login above it ends the oldest. */
export const MAX_SESSIONS_PER_USER = 20;

export interface SessionsOptions {
  database: Database;
  clock?: Clock;
}

export class Sessions {
  readonly #database: Database;
  readonly #cache: PrincipalCache;
  readonly #counters = { sessionsEnded: 0 };

  constructor({ database, clock = systemClock }: SessionsOptions) {
    this.#database = database;
    this.#cache = new PrincipalCache(clock);
  }

  /** `sessionsEnded`: by a newer login of the same user. */
  get counters(): Readonly<Record<'sessionsEnded' | 'loginsForgotten', number>> {
    return { ...this.#counters, ...this.#cache.counters };
  }

  /** @returns the secret for the cookie; only its hash is kept. */
  async begin(userId: string): Promise<string> {
    const secret = newSecret();
    const [begun] = await this.#database.query<{ ended: number }>(
      `with ended as (
         delete from sessions where expires_at < now() or id_hash in (
           select id_hash from sessions where user_id = $2
           order by created_at desc offset ${MAX_SESSIONS_PER_USER - 1})
         returning expires_at
       )
       insert into sessions (id_hash, user_id, created_at, expires_at, last_seen_at)
       values ($1, $2, now(), now() + interval '${SESSION_DAYS} days', now())
       returning (select count(*) from ended where expires_at >= now()) as ended`,
      [hashSecret(secret), userId],
    );
    this.#counters.sessionsEnded += begun?.ended ?? 0;
    return secret;
  }

  /** @returns who the session belongs to, or undefined when it is unknown or over. */
  authenticate(secret: string): Promise<Principal | undefined> {
    const hash = hashSecret(secret);
    return this.#cache.get(hash.toString('hex'), () => this.#load(hash));
  }

  async end(secret: string): Promise<void> {
    const hash = hashSecret(secret);
    await this.#database.query('delete from sessions where id_hash = $1', [hash]);
    // Afterwards: a request that comes meanwhile would have it cached again.
    this.#cache.forget(hash.toString('hex'));
  }

  /** Ends all sessions of a user but the one of `keepSecret`. */
  async endOthers(userId: string, keepSecret: string | undefined): Promise<void> {
    await this.#database.query(
      'delete from sessions where user_id = $1 and ($2::bytea is null or id_hash <> $2)',
      [userId, keepSecret === undefined ? null : hashSecret(keepSecret)],
    );
    this.#cache.forgetUser(userId);
  }

  async #load(hash: Buffer): Promise<Principal | undefined> {
    const [row] = await this.#database.query<PrincipalRow>(
      `with seen as (
         update sessions set last_seen_at = now()
         where id_hash = $1 and last_seen_at < now() - interval '1 minute'
       )
       select u.id, u.username, u.role, u.sites from sessions s join users u on u.id = s.user_id
       where s.id_hash = $1 and s.expires_at > now()`,
      [hash],
    );
    return row && toPrincipal(row);
  }
}

export interface PrincipalRow {
  id: string;
  username: string;
  role: Role;
  sites: string[] | null;
}

export function toPrincipal({ id, username, role, sites }: PrincipalRow): Principal {
  return { userId: id, username, role, sites };
}
