// Whether what is stored of a site in a period is what its agents signed. Reads only, but for temporary tables of its own.

import { AppError } from '@sitecast/shared/runtime/app-error';
import type { MediaStore } from '../media-store/media-store.ts';
import type { Database, Queryable } from '../postgres/pool.ts';
import { checkReadings } from './check-readings.ts';
import { SealCheck, SEAL_TABLES, type Period } from './check-seals.ts';
import { SnapshotCheck } from './check-snapshots.ts';
import { ProofBook, type Proof } from './proof.ts';
import { READING_TABLES } from './sealed-readings.ts';
import { keysOf, type KnownKey } from './signing-keys.ts';
import { Trust } from './trust.ts';

const VERIFY_MAX_DAYS = 31;
const DAY_MS = 86_400_000;

export interface VerifyOptions extends Period {
  database: Database;
  /** Files are not looked at without it. */
  media?: Pick<MediaStore, 'open'> | undefined;
  /** Public keys that somebody kept elsewhere: then no other one is believed, whatever the database says. */
  trustedKeys?: readonly string[] | undefined;
}

/** @throws {AppError} BAD_REQUEST for a period that is none, PERIOD_TOO_LONG, NOT_FOUND for a site that is none, STORE_UNAVAILABLE. */
export async function verifyEvidence({
  database,
  media,
  trustedKeys,
  ...period
}: VerifyOptions): Promise<Proof> {
  const { site, from, to } = period;
  if (!(from < to)) throw new AppError('BAD_REQUEST', 'the period must begin before it ends');
  if (to.getTime() - from.getTime() > VERIFY_MAX_DAYS * DAY_MS)
    throw new AppError('PERIOD_TOO_LONG', `at most ${VERIFY_MAX_DAYS} days at once`);
  const book = new ProofBook();
  return database.transaction(async (client) => {
    // Files are read between two statements.
    await client.query(`set local idle_in_transaction_session_timeout = '10min'`);
    for (const statement of [SEAL_TABLES, READING_TABLES].join(';').split(';')) await client.query(statement);
    await expectSite(client, site);
    const keys = await keysOf(client, site);
    const trust = trustIn(keys, await newestSeals(client, site), trustedKeys);
    if (trust.size === 0) book.found('nothing-signed', `site ${site}`);
    for (const key of trustedKeys ?? [])
      if (!keys.some(({ publicKey }) => publicKey === key)) book.found('key-missing', `key ${key}`);
    await new SealCheck(client, period, trust, book).run();
    await checkReadings(client, period, trust, book);
    await new SnapshotCheck({ client, period, trust, book, media }).run();
    return book.proof({
      site,
      from: from.toISOString(),
      to: to.toISOString(),
      agents: [...trust.keys()],
    });
  });
}

async function expectSite(client: Queryable, site: string): Promise<void> {
  const found = await client.query('select from sites where id = $1', [site]);
  if (found.length === 0) throw new AppError('NOT_FOUND', `site ${site} does not exist`);
}

/** By agent, ms since 1970. */
async function newestSeals(client: Queryable, site: string): Promise<Map<string, number>> {
  const rows = await client.query<{ agent: string; at: Date }>(
    'select agent, max(at) as at from seals where site = $1 group by agent',
    [site],
  );
  return new Map(rows.map(({ agent, at }) => [agent, at.getTime()]));
}

/** An agent whose keys are gone is none that never signed: its seals are there, and nobody believes them. */
function trustIn(
  keys: readonly KnownKey[],
  newest: ReadonlyMap<string, number>,
  trusted?: readonly string[],
): Map<string, Trust> {
  const agents = new Set([...keys.map(({ agent }) => agent), ...newest.keys()]);
  const believed = keys.filter(({ publicKey }) => trusted?.includes(publicKey) ?? true);
  return new Map(
    [...agents].map((agent) => {
      const own = believed.filter((key) => key.agent === agent);
      return [agent, new Trust(own, newest.get(agent) ?? -Infinity)];
    }),
  );
}
