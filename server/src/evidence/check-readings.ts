// The readings of the agents that sign: each that was sealed is stored as it was, and none is stored that was not.

import type { Queryable } from '../postgres/pool.ts';
import type { Period } from './check-seals.ts';
import type { ProofBook } from './proof.ts';
import { keepSealed } from './sealed-readings.ts';
import type { Trust } from './trust.ts';

/** At a time, so that no statement takes long. */
const STEP_MS = 60 * 60 * 1000;

// A time that was sealed twice with two values is right when the one that came first is stored.
const DIFFERENT = `
  select sealed.agent, sealed.sensor, sealed.metric, sealed.ts, min(sealed.value) as signed, stored.value as stored,
    to_regclass('telemetry_' || to_char(sealed.ts at time zone 'UTC', 'YYYYMMDD')) is null as "isDropped"
  from sealed left join telemetry as stored
    on stored.series_id = sealed.series_id and stored.ts = sealed.ts and stored.ts >= $1 and stored.ts < $2
  group by 1, 2, 3, 4, 6 having stored.value is null or not bool_or(sealed.value = stored.value) order by 2, 3, 4`;

const ADDED = `
  select series.device as agent, series.sensor, series.metric, stored.ts, stored.value as stored
  from series join telemetry as stored on stored.series_id = series.id
  where series.site = $3 and series.device = any($4::text[]) and stored.ts >= $1 and stored.ts < $2
    and not exists (select 1 from sealed where sealed.series_id = stored.series_id and sealed.ts = stored.ts)
  order by 2, 3, 4`;

interface Row {
  agent: string;
  sensor: string;
  metric: string;
  ts: Date;
  signed?: number;
  stored: number | null;
  isDropped?: boolean;
}

export async function checkReadings(
  client: Queryable,
  { site, from, to }: Period,
  trust: ReadonlyMap<string, Trust>,
  book: ProofBook,
): Promise<void> {
  for (let fromMs = from.getTime(); fromMs < to.getTime(); fromMs += STEP_MS) {
    const [begin, end] = [new Date(fromMs), new Date(Math.min(fromMs + STEP_MS, to.getTime()))];
    const step = [begin, end];
    book.checked.readings += await keepSealed(client, { site, from: begin, to: end }, trust);
    const different = await client.query<Row>(DIFFERENT, step);
    for (const row of different) tellDifferent(row, different, trust, book);
    const added = await client.query<Row>(ADDED, [...step, site, [...trust.keys()]]);
    for (const row of added) tellAdded(row, trust, book);
  }
}

function tellDifferent(
  row: Row,
  all: readonly Row[],
  trust: ReadonlyMap<string, Trust>,
  book: ProofBook,
): void {
  const { agent, stored, signed, isDropped, ts } = row;
  if (stored === null) {
    if (isDropped) return book.noted('deleted-by-retention');
    if (trust.get(agent)?.isLost('telemetry', ts.getTime())) return book.noted('lost-on-the-way');
    return book.found('reading-missing', nameOf(row), `${signed} was signed, nothing is stored`);
  }
  const other = all.find(
    (one) =>
      one.sensor === row.sensor &&
      one.metric === row.metric &&
      one.stored === signed &&
      one.signed === stored,
  );
  if (other)
    return book.found(
      'reading-swapped',
      nameOf(row),
      `it has the value of ${other.ts.toISOString()}: ${stored}`,
    );
  book.found('reading-changed', nameOf(row), `${signed} was signed, ${stored} is stored`);
}

function tellAdded(row: Row, trust: ReadonlyMap<string, Trust>, book: ProofBook): void {
  const of = trust.get(row.agent);
  const atMs = row.ts.getTime();
  if (!of || of.isBeforeSigning(atMs)) return book.noted('before-signing');
  if (of.isUnsealed(atMs)) return book.noted('not-sealed');
  if (of.isLost('telemetry', atMs)) return book.noted('lost-on-the-way');
  book.found('reading-added', nameOf(row), `${row.stored} is stored, and was never signed`);
}

function nameOf({ sensor, metric, ts }: Row): string {
  return `${sensor} ${metric} ${ts.toISOString()}`;
}
