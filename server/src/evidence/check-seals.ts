// The seals of a site: each is signed, and follows the one before it. The pictures that they name go into a temporary table, to be
// compared with what is stored.

import { sealBody, sealText, type SealBody } from '@sitecast/shared/protocol/evidence';
import { sha256Of } from '@sitecast/shared/node/signing';
import type { Queryable } from '../postgres/pool.ts';
import type { ProofBook } from './proof.ts';
import type { Trust } from './trust.ts';

const PAGE_ROWS = 100;

export interface Period {
  site: string;
  from: Date;
  to: Date;
}

export interface SealRow {
  agent: string;
  chain: string;
  sequence: number;
  at: Date;
  body: string;
  signature: string;
}

/** The seal before, or where retention cut the chain. */
interface Link {
  agent: string;
  chain: string;
  sequence: number;
  sha256: string;
  atMs: number;
}

interface Hole {
  trust: Trust;
  what: string;
  detail: string;
  /** When the seal before it was made; undefined where there is none. */
  sinceMs: number | undefined;
  atMs: number;
}

/** Made by whoever verifies, in the transaction that it reads in. */
export const SEAL_TABLES = `
  create temporary table sealed_snapshots (agent text, camera text, id text, sha256 text) on commit drop;
  create temporary table seal_edges (agent text, chain text, before int, after int, primary key (agent, chain)) on commit drop`;

// Once for all pages: it looks at every seal of the site.
const EDGES = `
  insert into seal_edges
  select agent, chain, max(sequence) filter (where at < $2), min(sequence) filter (where at >= $3)
  from seals where site = $1 group by agent, chain`;

// Of the period, with one on each side of it for the links; and those that name readings of it, or tell what was lost.
const SEALS = `
  select seals.agent, seals.chain, seals.sequence, seals.at, seals.body, seals.signature
  from seals join seal_edges as edge using (agent, chain)
  where site = $1
    and ((at >= $2 and at < $3) or sequence = edge.before or sequence = edge.after
      or (last_ts >= $2 and first_ts < $3) or (has_gaps and at >= $2))
    and (seals.agent, seals.chain, seals.sequence) > ($4, $5, $6)
  order by seals.agent, seals.chain, seals.sequence limit ${PAGE_ROWS}`;

export class SealCheck {
  readonly #client: Queryable;
  readonly #period: Period;
  readonly #trust: ReadonlyMap<string, Trust>;
  readonly #book: ProofBook;
  #last: Link | undefined;
  /** Where seals are missing: what was lost is told by later seals. */
  readonly #holes: Hole[] = [];

  constructor(client: Queryable, period: Period, trust: ReadonlyMap<string, Trust>, book: ProofBook) {
    this.#client = client;
    this.#period = period;
    this.#trust = trust;
    this.#book = book;
  }

  async run(): Promise<void> {
    const { site, from, to } = this.#period;
    await this.#client.query(EDGES, [site, from, to]);
    let after: [string, string, number] = ['', '', 0];
    for (;;) {
      const rows = await this.#client.query<SealRow>(SEALS, [site, from, to, ...after]);
      for (const row of rows) await this.#check(row);
      const last = rows.at(-1);
      if (!last || rows.length < PAGE_ROWS) break;
      after = [last.agent, last.chain, last.sequence];
    }
    for (const { trust, what, detail, sinceMs, atMs } of this.#holes) {
      if (sinceMs !== undefined && trust.isLost('telemetry', sinceMs, atMs))
        this.#book.noted('lost-on-the-way');
      else this.#book.found('seal-missing', what, detail);
    }
  }

  async #check(row: SealRow): Promise<void> {
    const { site } = this.#period;
    const { agent, chain, sequence } = row;
    const trust = this.#trust.get(agent);
    if (!trust) return;
    this.#book.checked.seals += 1;
    const text = sealText({ site, agent }, row.body);
    const what = `seal ${sequence} of ${agent} (${row.at.toISOString()})`;
    const { doubt, body } = readSeal(site, row, trust);
    if (body) {
      trust.learn(body);
      await this.#checkLink(row, body, trust, what);
      await this.#keep(agent, body);
    } else this.#book.found(doubt === undefined || doubt === 'changed' ? 'seal-changed' : doubt, what);
    this.#last = { agent, chain, sequence, sha256: sha256Of(text), atMs: row.at.getTime() };
  }

  async #checkLink(row: SealRow, body: SealBody, trust: Trust, what: string): Promise<void> {
    const before = await this.#before(row);
    const atMs = row.at.getTime();
    if (body.sequence === 1) return this.#book.noted('chain-begun');
    if (before === 'elsewhere') return;
    if (before?.sequence === body.sequence - 1) {
      if (before.sha256 !== body.previousSha256) this.#book.found('seal-out-of-order', what);
      return;
    }
    const first = (before?.sequence ?? 0) + 1;
    const detail = `before it, of the seals ${first} to ${body.sequence - 1} none is stored`;
    this.#holes.push({ trust, what, detail, sinceMs: before?.atMs, atMs });
  }

  /** `elsewhere`: the seal was read for its readings alone, and what is before it is not looked at. */
  async #before({ agent, chain, sequence, at }: SealRow): Promise<Link | 'elsewhere' | undefined> {
    const { site, from, to } = this.#period;
    const last = this.#last;
    if (last?.agent === agent && last.chain === chain && last.sequence === sequence - 1) return last;
    const [anchor] = await this.#client.query<Link>(
      `select agent, chain, sequence, sha256, extract(epoch from at)::float8 * 1000 as "atMs" from seal_anchors
       where site = $1 and agent = $2 and chain = $3 and sequence = $4`,
      [site, agent, chain, sequence - 1],
    );
    if (anchor) return anchor;
    const [neighbour] = await this.#client.query<SealRow>(
      `select agent, chain, sequence, at, body, signature from seals
       where site = $1 and agent = $2 and chain = $3 and sequence < $4 order by sequence desc limit 1`,
      [site, agent, chain, sequence],
    );
    if (neighbour && neighbour.sequence < sequence - 1 && (neighbour.at >= to || at < from))
      return 'elsewhere';
    if (!neighbour) return at < from ? 'elsewhere' : undefined;
    const sha256 = sha256Of(sealText({ site, agent }, neighbour.body));
    return { agent, chain, sequence: neighbour.sequence, sha256, atMs: neighbour.at.getTime() };
  }

  async #keep(agent: string, body: SealBody): Promise<void> {
    if (body.snapshots.length === 0) return;
    await this.#client.query(
      `insert into sealed_snapshots select $1, camera, id, sha256 from unnest($2::text[], $3::text[], $4::text[]) as given (camera, id, sha256)`,
      [
        agent,
        body.snapshots.map(([camera]) => camera),
        body.snapshots.map(([, id]) => id),
        body.snapshots.map(([, , sha256]) => sha256),
      ],
    );
  }
}

/** Its body when it is believed, or why it is not. */
export function readSeal(
  site: string,
  row: SealRow,
  trust: Trust,
): { doubt?: ReturnType<Trust['doubt']> | undefined; body?: SealBody | undefined } {
  const { agent, body, signature, at } = row;
  const doubt = trust.doubt(sealText({ site, agent }, body), signature, at.getTime());
  return doubt === undefined ? { body: bodyOf(row) } : { doubt };
}

/** @returns undefined when its columns are not those that were signed, or it is none. */
function bodyOf({ chain, sequence, at, body }: SealRow): SealBody | undefined {
  const { data } = sealBody.safeParse(JSON.parse(body));
  const isSame = data?.chain === chain && data.sequence === sequence && Date.parse(data.at) === at.getTime();
  return isSame ? data : undefined;
}
