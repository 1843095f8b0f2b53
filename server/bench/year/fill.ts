// A year of readings, written as fast as PostgreSQL takes them: raw values, and the tiers that follow from them. Rows lie as a server
// leaves them that took them in one by one: by time, those of all series beside each other.

import type pg from 'pg';
import { BinaryRows, copyIn } from '../harness/copy-in.ts';

export const SERIES = 200;
const MINUTES_OF_DAY = 1_440;
export const ROWS_OF_DAY = SERIES * MINUTES_OF_DAY;
export const DAY_MS = 86_400_000;
export const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const HOURS = 24;

const FOLD = ['int4', 'timestamptz', 'int4', 'float8', 'float8', 'float8'] as const;
const RAW_KEY = '(series_id, ts) include (value)';
const FOLD_KEY = '(series_id, bucket) include (count, sum, min, max)';
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
    await attach(client, { name, parent, key: FOLD_KEY }, beginMs, endMs);
  await client.query('commit');
}

async function fillDay(client: pg.Client, dayMs: number): Promise<void> {
  const name = `telemetry_${suffixOf(dayMs, 8)}`;
  await client.query(bareTable(name, 'telemetry'));
  await copyIn(client, name, raw, { isNew: true });
  await attach(client, { name, parent: 'telemetry', key: RAW_KEY }, dayMs, dayMs + DAY_MS);
}

const bareTable = (name: string, parent: string): string =>
  `create table ${name} (like ${parent} including all excluding indexes)`;

async function attach(
  client: pg.Client,
  { name, parent, key }: { name: string; parent: string; key: string },
  fromMs: number,
  toMs: number,
): Promise<void> {
  await client.query(`alter table ${name} add primary key ${key}`);
  const [from, to] = [fromMs, toMs].map((ms) => new Date(ms).toISOString());
  await client.query(
    `alter table ${parent} attach partition ${name} for values from ('${from}') to ('${to}')`,
  );
}

/** One value a minute of each series; now and then one is silent for two hours. */
function fold(dayMs: number): void {
  for (const rows of [raw, minutes, hours, days]) rows.clear();
  const day = dayMs / DAY_MS;
  const all = Array.from({ length: SERIES }, (_, n) => n + 1);
  const ofDay = new Map(all.map((series) => [series, new Fold()]));
  for (let hour = 0; hour < HOURS; hour += 1) {
    const heard = all.filter((series) => !isSilent(series, day, hour));
    const ofHour = new Map(heard.map((series) => [series, new Fold()]));
    for (let minute = hour * 60; minute < (hour + 1) * 60; minute += 1) {
      const ms = dayMs + minute * MINUTE_MS;
      for (const series of heard) {
        const value = valueAt(series, day, minute);
        raw.add(series, ms, value);
        minutes.add(series, ms, 1, value, value, value);
        ofHour.get(series)!.take(value);
        ofDay.get(series)!.take(value);
      }
    }
    addFolds(hours, ofHour, dayMs + hour * HOUR_MS);
  }
  addFolds(days, ofDay, dayMs);
}

function addFolds(rows: BinaryRows, folds: ReadonlyMap<number, Fold>, ms: number): void {
  for (const [series, { count, sum, min, max }] of folds) rows.add(series, ms, count, sum, min, max);
}

export function isSilent(series: number, day: number, hour: number): boolean {
  const first = series % (HOURS - 2);
  return (day + series) % 50 === 0 && (hour === first || hour === first + 1);
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
export const valueAt = (series: number, day: number, minute: number): number =>
  Math.round(8 * (20 + (series % 7) * SINE[minute]! + ((day * 13 + series) % 29) / 10)) / 8 +
  ((minute * 7 + series * 3 + day) % 5) / 8;

const suffixOf = (ms: number, digits: number): string =>
  new Date(ms).toISOString().slice(0, 10).replaceAll('-', '').slice(0, digits);

function monthOf(ms: number): [beginMs: number, endMs: number] {
  const date = new Date(ms);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return [Date.UTC(year, month), Date.UTC(year, month + 1)];
}
