// The readings that the seals of a site name, a stretch of time after the other, in a temporary table: a month of them would fill the
// disk that PostgreSQL has for what is temporary.

import { readingsInSeal, type SealedReading } from '@sitecast/shared/protocol/evidence';
import type { Queryable } from '../postgres/pool.ts';
import { readSeal, type Period, type SealRow } from './check-seals.ts';
import type { Trust } from './trust.ts';

const PAGE_SEALS = 100;
/** Of one statement. */
const BATCH_READINGS = 5_000;

/** Made by whoever verifies, in the transaction that it reads in. */
export const READING_TABLES = `
  create temporary table sealed (agent text, series_id int, sensor text, metric text, ts timestamptz, value float8) on commit drop;
  create index on sealed (series_id, ts)`;

// Along the index of the times that they name.
const SEALS = `
  select agent, chain, sequence, at, body, signature, last_ts as last
  from seals
  where site = $1 and last_ts >= $2 and first_ts < $3 and (last_ts, agent, chain, sequence) > ($4, $5, $6, $7)
  order by last_ts, agent, chain, sequence limit ${PAGE_SEALS}`;

const KEEP = `
  insert into sealed
  select given.agent, series.id, given.sensor, given.metric, timestamptz 'epoch' + ms * interval '1 millisecond', value
  from unnest($2::text[], $3::text[], $4::text[], $5::int8[], $6::float8[]) as given (agent, sensor, metric, ms, value)
  left join series on series.site = $1 and series.sensor = given.sensor and series.metric = given.metric`;

type Named = SealedReading & { agent: string };

/**
 * In place of those of the stretch before. Of seals that are not believed, none.
 * @returns how many there are.
 */
export async function keepSealed(
  client: Queryable,
  { site, from, to }: Period,
  trust: ReadonlyMap<string, Trust>,
): Promise<number> {
  await client.query('truncate sealed');
  let kept = 0;
  let waiting: Named[] = [];
  for await (const { row, of } of believable(client, { site, from, to }, trust)) {
    const { body } = readSeal(site, row, of);
    const readings = body ? readingsInSeal(body) : [];
    for (const reading of readings)
      if (reading.tsMs >= from.getTime() && reading.tsMs < to.getTime())
        waiting.push({ ...reading, agent: row.agent });
    if (waiting.length < BATCH_READINGS) continue;
    kept += await keep(client, site, waiting);
    waiting = [];
  }
  return kept + (await keep(client, site, waiting));
}

/** Seals that name readings of that time, of agents that sign. */
async function* believable(
  client: Queryable,
  { site, from, to }: Period,
  trust: ReadonlyMap<string, Trust>,
): AsyncGenerator<{ row: SealRow; of: Trust }> {
  let after: [Date, string, string, number] = [from, '', '', 0];
  for (;;) {
    const rows = await client.query<SealRow & { last: Date }>(SEALS, [site, from, to, ...after]);
    for (const row of rows) {
      const of = trust.get(row.agent);
      if (of) yield { row, of };
    }
    const newest = rows.at(-1);
    if (!newest || rows.length < PAGE_SEALS) return;
    after = [newest.last, newest.agent, newest.chain, newest.sequence];
  }
}

async function keep(client: Queryable, site: string, readings: readonly Named[]): Promise<number> {
  if (readings.length === 0) return 0;
  await client.query(KEEP, [
    site,
    readings.map(({ agent }) => agent),
    readings.map(({ sensor }) => sensor),
    readings.map(({ metric }) => metric),
    readings.map(({ tsMs }) => tsMs),
    readings.map(({ value }) => value),
  ]);
  return readings.length;
}
