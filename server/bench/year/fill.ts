// A year of readings, written as fast as PostgreSQL takes them: raw values, and the tiers that follow from them.

import type pg from 'pg';
import { BinaryRows, copyIn } from '../harness/copy-in.ts';

export const SERIES = 200;
const MINUTES_OF_DAY = 1_440;
export const ROWS_OF_DAY = SERIES * MINUTES_OF_DAY;
export const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const HOURS = 24;

const FOLD = ['int4', 'timestamptz', 'int4', 'float8', 'float8', 'float8'] as const;
const raw = new BinaryRows(['int4', 'timestamptz', 'float8'], ROWS_OF_DAY);
const minutes = new BinaryRows([...FOLD], ROWS_OF_DAY);
const hours = new BinaryRows([...FOLD], SERIES * HOURS);
const days = new BinaryRows([...FOLD], SERIES);

/** Of the days from `fromMs` on that are in one month. Rows that nobody could see half way are written without a log. */
export async function fillMonth(client: pg.Client, dayBegins: number[]): Promise<void> {
  const month = suffixOf(dayBegins[0]!, 6);
  const tables = ['telemetry_1m', 'telemetry_1h'].map((parent) => ({ parent, name: `${parent}_${month}` }));
  await client.query('begin');
  for (const { parent, name } of tables) await client.query(bareTable(name, parent));
  for (const dayMs of dayBegins) {
    fold(dayMs);
    await fillDay(client, dayMs);
    await copyIn(client, `telemetry_1m_${month}`, minutes, { isNew: true });
    await copyIn(client, `telemetry_1h_${month}`, hours, { isNew: true });
    await copyIn(client, 'telemetry_1d', days);
  }
  const [beginMs, endMs] = monthOf(dayBegins[0]!);
  for (const { parent, name } of tables)
    await attach(client, { name, parent, key: 'bucket' }, beginMs, endMs);
  await client.query('commit');
}

async function fillDay(client: pg.Client, dayMs: number): Promise<void> {
  const name = `telemetry_${suffixOf(dayMs, 8)}`;
  await client.query(bareTable(name, 'telemetry'));
  await copyIn(client, name, raw, { isNew: true });
  await attach(client, { name, parent: 'telemetry', key: 'ts' }, dayMs, dayMs + DAY_MS);
}

const bareTable = (name: string, parent: string): string =>
  `create table ${name} (like ${parent} including all excluding indexes)`;

async function attach(
  client: pg.Client,
  { name, parent, key }: { name: string; parent: string; key: string },
  fromMs: number,
  toMs: number,
): Promise<void> {
  await client.query(`alter table ${name} add primary key (series_id, ${key})`);
  const [from, to] = [fromMs, toMs].map((ms) => new Date(ms).toISOString());
  await client.query(
    `alter table ${parent} attach partition ${name} for values from ('${from}') to ('${to}')`,
  );
}

/** One value a minute of each series; now and then one is silent for two hours. */
function fold(dayMs: number): void {
  for (const rows of [raw, minutes, hours, days]) rows.clear();
  const day = dayMs / DAY_MS;
  for (let series = 1; series <= SERIES; series += 1) {
    const silentHour = (day + series) % 50 === 0 ? series % (HOURS - 2) : undefined;
    const ofDay = new Fold();
    for (let hour = 0; hour < HOURS; hour += 1) {
      if (silentHour !== undefined && (hour === silentHour || hour === silentHour + 1)) continue;
      const ofHour = new Fold();
      for (let minute = hour * 60; minute < (hour + 1) * 60; minute += 1) {
        const value = valueAt(series, day, minute);
        const ms = dayMs + minute * MINUTE_MS;
        raw.add(series, ms, value);
        minutes.add(series, ms, 1, value, value, value);
        ofHour.take(value);
        ofDay.take(value);
      }
      hours.add(series, dayMs + hour * 60 * MINUTE_MS, ofHour.count, ofHour.sum, ofHour.min, ofHour.max);
    }
    days.add(series, dayMs, ofDay.count, ofDay.sum, ofDay.min, ofDay.max);
  }
}

class Fold {
  count = 0;
  sum = 0;
  min = Infinity;
  max = -Infinity;

  take(value: number): void {
    this.count += 1;
    this.sum += value;
    this.min = Math.min(this.min, value);
    this.max = Math.max(this.max, value);
  }
}

const SINE = Array.from({ length: MINUTES_OF_DAY }, (_, n) => Math.sin((2 * Math.PI * n) / MINUTES_OF_DAY));

/** A curve of the day, a drift, and noise; in eighths. */
const valueAt = (series: number, day: number, minute: number): number =>
  Math.round(8 * (20 + (series % 7) * SINE[minute]! + ((day * 13 + series) % 29) / 10)) / 8 +
  ((minute * 7 + series * 3 + day) % 5) / 8;

const suffixOf = (ms: number, digits: number): string =>
  new Date(ms).toISOString().slice(0, 10).replaceAll('-', '').slice(0, digits);

function monthOf(ms: number): [beginMs: number, endMs: number] {
  const date = new Date(ms);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return [Date.UTC(year, month), Date.UTC(year, month + 1)];
}
