// Seals as agents send them. Owns the tables `seals` and `seal_anchors`.

import { isSignedBy, keyIdIn } from '@sitecast/shared/node/signing';
import {
  readingsInSeal,
  sealBody,
  sealText,
  type SealBody,
  type SealMessage,
} from '@sitecast/shared/protocol/evidence';
import { decodeMessage } from '@sitecast/shared/protocol/json-message';
import type { AgentAddress } from '@sitecast/shared/protocol/topics';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Database } from '../postgres/pool.ts';
import { keysOf } from './signing-keys.ts';

/** What is older than it is kept ($1), so many at once ($2); notes where each chain was cut. For retention. */
export const DELETE_OLD_SEALS = `with old as (
    select site, agent, chain, sequence from seals where at < $1 order by at, sequence limit $2
  ), gone as (
    delete from seals using old
    where (seals.site, seals.agent, seals.chain, seals.sequence) = (old.site, old.agent, old.chain, old.sequence)
    returning seals.site, seals.agent, seals.chain, seals.sequence, seals.at, encode(sha256(convert_to(
      concat_ws(chr(10), 'sitecast-seal-1', seals.site, seals.agent, seals.body), 'UTF8')), 'hex') as sha256
  ), newest as (
    select distinct on (site, agent, chain) * from gone order by site, agent, chain, sequence desc
  ), noted as (
    insert into seal_anchors as known (site, agent, chain, sequence, sha256, at)
    select site, agent, chain, sequence, sha256, at from newest
    on conflict (site, agent, chain) do update
      set sequence = excluded.sequence, sha256 = excluded.sha256, at = excluded.at
      where excluded.sequence > known.sequence
  )
  select sequence from gone`;

export interface SealStoreOptions {
  database: Database;
}

export class SealStore {
  readonly #options: SealStoreOptions;
  readonly counters = { sealsStored: 0, sealsRefused: 0 };

  constructor(options: SealStoreOptions) {
    this.#options = options;
  }

  /**
   * Durable when it resolves; the same again changes nothing.
   * @throws {AppError} FRAME_MALFORMED; FORBIDDEN when a key that is known did not sign it; CONFLICT when another seal has its
   * place; STORE_UNAVAILABLE (retryable).
   */
  async accept(from: AgentAddress, seal: SealMessage): Promise<void> {
    const body = decodeMessage(sealBody, Buffer.from(seal.body));
    await this.#expectSigned(from, seal);
    if ((await this.#insert(from, body, seal)) !== seal.body) {
      this.counters.sealsRefused += 1;
      throw new AppError('CONFLICT', `seal ${body.sequence} of chain ${body.chain} is another one here`);
    }
    this.counters.sealsStored += 1;
  }

  // One that nobody accepted yet may be accepted later: what it signed is kept, and believed then.
  async #expectSigned(from: AgentAddress, seal: SealMessage): Promise<void> {
    const keys = await keysOf(this.#options.database, from.site, from.agent);
    const key = keys.find(({ keyId }) => keyId === keyIdIn(seal.signature));
    if (!key || isSignedBy(key.publicKey, sealText(from, seal.body), seal.signature)) return;
    this.counters.sealsRefused += 1;
    throw new AppError('FORBIDDEN', `the signature of a seal of ${from.site}/${from.agent} is wrong`);
  }

  /** @returns the body that has this place now. */
  async #insert({ site, agent }: AgentAddress, body: SealBody, seal: SealMessage): Promise<string> {
    const times = readingsInSeal(body).map(({ tsMs }) => tsMs);
    const first = times.reduce((one, other) => Math.min(one, other), Infinity);
    const last = times.reduce((one, other) => Math.max(one, other), -Infinity);
    const rows = await this.#options.database.query<{ body: string }>(
      `with made as (
         insert into seals (site, agent, chain, sequence, at, first_ts, last_ts, has_gaps, body, signature)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing returning body
       )
       select body from made union all
       select body from seals where site = $1 and agent = $2 and chain = $3 and sequence = $4`,
      [
        site,
        agent,
        body.chain,
        body.sequence,
        body.at,
        times.length === 0 ? null : new Date(first),
        times.length === 0 ? null : new Date(last),
        body.gaps.length > 0,
        seal.body,
        seal.signature,
      ],
    );
    return rows[0]?.body ?? '';
  }
}
