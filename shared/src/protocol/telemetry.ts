// Readings of a sensor: every payload form that a device may send, into one (PROTOCOL.md, "Telemetry").

import * as z from 'zod';
import { AppError } from '../runtime/app-error.ts';
import { METRIC_PATTERN } from './ids.ts';
import { parseJson } from './json-message.ts';
import {
  MAX_READING_AHEAD_MS,
  MAX_READINGS_PER_MESSAGE,
  MAX_TELEMETRY_PAYLOAD_BYTES,
  MAX_UNIT_CHARACTERS,
  MAX_VALUE_MAGNITUDE,
  MAX_VALUES_PER_READING,
} from './limits.ts';

export interface Reading {
  /** ms since 1970. */
  tsMs: number;
  /** Numbers within MAX_VALUE_MAGNITUDE by metric. */
  values: Record<string, number>;
  /** By metric, where the sender says one: 1 to MAX_UNIT_CHARACTERS characters for people. */
  units?: Record<string, string>;
  /** By metric, what people call it: in no payload, but known of devices that told of their values by discovery. */
  labels?: Record<string, string>;
}

/** Before 2000-01-01 is a gateway whose clock was never set. */
const MIN_TS_MS = Date.UTC(2000, 0, 1);
const ISO_TIME = z.regexes.datetime({ offset: true, local: true });
// The column that keeps it counts characters, not code units.
const UNIT_PATTERN = new RegExp(`^[^\\p{Cc}\\p{Cs}]{1,${MAX_UNIT_CHARACTERS}}$`, 'u');
const OFFSET = /(?:Z|[+-]\d\d:\d\d)$/;

/**
 * Reads a bare number (metric `value`), a flat object of numbers, `{ts?, values}`, or an array of the latter two.
 * An array holds no bare numbers: all of them would be of one metric at one time, and only one could be kept.
 * Booleans count as 1 and 0; other values that are no numbers are left out, unless nothing is left.
 * @param arrivalMs stands in for a missing `ts`, ms since 1970.
 * @throws {AppError} PAYLOAD_TOO_LARGE or FRAME_MALFORMED, naming the first value that is wrong.
 */
export function parseReadings(payload: Uint8Array, arrivalMs: number): Reading[] {
  if (payload.length > MAX_TELEMETRY_PAYLOAD_BYTES) {
    throw new AppError(
      'PAYLOAD_TOO_LARGE',
      `${payload.length} bytes are above ${MAX_TELEMETRY_PAYLOAD_BYTES}`,
    );
  }
  const message = parseJson(payload);
  const items = Array.isArray(message) ? (message as unknown[]) : [message];
  if (items.length === 0 || items.length > MAX_READINGS_PER_MESSAGE) {
    throw new AppError(
      'FRAME_MALFORMED',
      `1 to ${MAX_READINGS_PER_MESSAGE} readings a message, got ${items.length}`,
    );
  }
  if (typeof message === 'number') return [{ tsMs: arrivalMs, values: { value: bounded('value', message) } }];
  return items.map((item) => parseReading(item, arrivalMs));
}

function parseReading(item: unknown, arrivalMs: number): Reading {
  if (!isObject(item)) {
    throw new AppError(
      'FRAME_MALFORMED',
      `a reading is an object, or a number by itself, got ${describe(item)}`,
    );
  }
  const { ts, ...rest } = item;
  const tsMs = parseTime(ts, arrivalMs);
  if (!isObject(item.values)) return { tsMs, values: numbersOf(rest) };
  const reading = { tsMs, values: numbersOf(item.values) };
  const units = isObject(item.units) ? unitsIn(item.units, reading.values) : {};
  return Object.keys(units).length === 0 ? reading : { ...reading, units };
}

/** Left out where it is no unit: what a device writes beside its values must not cost it the values. */
function unitsIn(units: Record<string, unknown>, values: Record<string, number>): Record<string, string> {
  const known: Record<string, string> = {};
  for (const metric of Object.keys(values)) {
    const unit = Object.hasOwn(units, metric) ? units[metric] : undefined;
    if (isUnit(unit)) known[metric] = unit;
  }
  return known;
}

export function isUnit(unit: unknown): unit is string {
  return typeof unit === 'string' && UNIT_PATTERN.test(unit);
}

function numbersOf(values: Record<string, unknown>): Record<string, number> {
  const numbers: Record<string, number> = {};
  let kept = 0;
  for (const [metric, value] of Object.entries(values)) {
    const number = typeof value === 'boolean' ? Number(value) : value;
    if (typeof number !== 'number') continue;
    if (!METRIC_PATTERN.test(metric))
      throw new AppError('FRAME_MALFORMED', `metric ${quote(metric)} is not a name`);
    numbers[metric] = bounded(metric, number);
    kept += 1;
  }
  if (kept === 0) throw new AppError('FRAME_MALFORMED', 'a reading must hold at least one number');
  if (kept > MAX_VALUES_PER_READING) {
    throw new AppError('FRAME_MALFORMED', `at most ${MAX_VALUES_PER_READING} values a reading, got ${kept}`);
  }
  return numbers;
}

function parseTime(ts: unknown, arrivalMs: number): number {
  if (ts === undefined || ts === null) return arrivalMs;
  const tsMs =
    typeof ts === 'number' ? Math.round(ts) : typeof ts === 'string' ? parseIsoTime(ts) : Number.NaN;
  if (!isReadingTime(tsMs, arrivalMs)) {
    throw new AppError('FRAME_MALFORMED', `ts ${describe(ts)} is not a time between 2000 and tomorrow`);
  }
  return tsMs;
}

/** Whether a reading may have this time (PR-30). */
export function isReadingTime(tsMs: number, arrivalMs: number): boolean {
  return tsMs >= MIN_TS_MS && tsMs <= arrivalMs + MAX_READING_AHEAD_MS;
}

/**
 * Stricter than Date.parse, which takes "5" for May 2001, and a time without an offset for the server's local time.
 * @returns ms since 1970, NaN for what is no ISO 8601 time.
 */
export function parseIsoTime(text: string): number {
  const strict = text.replace(' ', 'T').replace(/([+-]\d\d)(\d\d)$/, '$1:$2');
  if (!ISO_TIME.test(strict)) return Number.NaN;
  return Date.parse(OFFSET.test(strict) ? strict : `${strict}Z`);
}

// JSON has no NaN, but 1e999 parses to Infinity.
function bounded(metric: string, value: number): number {
  if (Math.abs(value) > MAX_VALUE_MAGNITUDE) {
    throw new AppError('FRAME_MALFORMED', `${metric} is above ${MAX_VALUE_MAGNITUDE} or below its negative`);
  }
  return Math.abs(value) < 1 / MAX_VALUE_MAGNITUDE ? 0 : value;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const quote = (text: string): string => JSON.stringify(text.slice(0, 80));

// Never String() or JSON.stringify() of a whole value: `{"toString":1}` and deep nesting make them throw.
function describe(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return Array.isArray(value) ? 'an array' : value === null ? 'null' : 'an object';
}
