// Messages of foreign devices into readings (PROTOCOL.md, "Foreign devices"). The same rules on the gateway and on the server.

import { MAX_TELEMETRY_PAYLOAD_BYTES, MAX_VALUE_MAGNITUDE, MAX_VALUES_PER_READING } from '../limits.ts';
import { isReadingTime, parseIsoTime, type Reading } from '../telemetry.ts';
import { MAX_LEFT_OUT_NAMED, MAX_MAPPED_NAME_CHARACTERS, MAX_MAPPED_VALUES } from './bounds.ts';
import { toMetric, toSensorId } from './names.ts';
import { decodePayload, numberOf, whyNoNumber } from './payload.ts';
import { READY_RULES, readyRule } from './ready-rules.ts';
import { compileRule, type MappingRuleSettings } from './rule-settings.ts';
import type { Content, MappingRule, TopicReading } from './rule.ts';
import { matchTopic, splitTopic, type Pieces } from './topic-pattern.ts';

export interface LeftOut {
  metric: string;
  reason: string;
}

export interface MappedReadings {
  kind: 'readings';
  /** Name of the rule. */
  rule: string;
  /** Its id (PR-2). */
  sensor: string;
  /** Which device that is, in the words of the rule: two that get the same id differ in this. */
  source: string;
  /** All of one time, and of at most MAX_VALUES_PER_READING values each. */
  readings: Reading[];
  /** By metric, where it is known. */
  units: Record<string, string>;
  /** The first of those values that were left out. */
  leftOut: LeftOut[];
  leftOutCount: number;
}

/** `ignored`: known to hold no reading. `refused`: no rule fits, or the payload is not what the rule expects. */
export type Mapping =
  | MappedReadings
  | { kind: 'ignored'; rule: string; reason: string }
  | { kind: 'refused'; rule: string | undefined; reason: string };

interface Match {
  rule: MappingRule;
  /** Undefined: one of the topics of the rule that hold no readings. */
  topic: TopicReading | undefined;
  pieces: Pieces;
}

export class SensorMapper {
  readonly #rules: readonly MappingRule[];

  /** @param rules in the order in which they are tried; the first whose topic fits decides. */
  constructor(rules: readonly MappingRule[]) {
    this.#rules = rules;
  }

  /** @param settings the ready rules for all known projects without it. */
  static of(settings?: readonly MappingRuleSettings[]): SensorMapper {
    return new SensorMapper(
      settings ? settings.map(compileRule) : READY_RULES.map((ready) => readyRule(ready)),
    );
  }

  /**
   * Never throws.
   * @param arrivalMs stands in where the payload carries no believable time, ms since 1970.
   * @param unitOf what else is known of the unit of the value at a path; it wins over what the rule knows.
   */
  map(topic: string, payload: Uint8Array, arrivalMs: number, unitOf?: Content['unitOf']): Mapping {
    const levels = splitTopic(topic);
    const match = levels && this.#match(levels);
    if (!match) return refused(undefined, levels ? 'no rule has this topic' : 'not a topic');
    const { rule, topic: matched, pieces } = match;
    if (!matched) return { kind: 'ignored', rule: rule.name, reason: 'this topic holds no readings' };
    if (payload.length > MAX_TELEMETRY_PAYLOAD_BYTES) {
      return refused(rule.name, `${payload.length} bytes are above ${MAX_TELEMETRY_PAYLOAD_BYTES}`);
    }
    const value = decodePayload(payload);
    if (value === undefined) return refused(rule.name, 'the payload is not UTF-8');
    const content = matched.read(value, pieces);
    if ('refused' in content) return refused(rule.name, content.refused);
    if ('ignored' in content) return { kind: 'ignored', rule: rule.name, reason: content.ignored };
    return readingsOf(
      rule,
      pieces,
      unitOf ? { ...content, unitOf: eitherOf(unitOf, content.unitOf) } : content,
      arrivalMs,
    );
  }

  #match(levels: readonly string[]): Match | undefined {
    for (const rule of this.#rules) {
      if (rule.ignored.some((pattern) => matchTopic(pattern, levels)))
        return { rule, topic: undefined, pieces: {} };
      for (const topic of rule.topics) {
        const pieces = matchTopic(topic.pattern, levels);
        if (pieces) return { rule, topic, pieces };
      }
    }
    return undefined;
  }
}

/** The readings of a mapping, each with the units of its values. */
export function readingsWithUnits({ readings, units }: MappedReadings): Reading[] {
  return readings.map(({ tsMs, values }) => {
    const known = Object.keys(values).filter((metric) => Object.hasOwn(units, metric));
    if (known.length === 0) return { tsMs, values };
    return { tsMs, values, units: Object.fromEntries(known.map((metric) => [metric, units[metric] ?? ''])) };
  });
}

function eitherOf(
  first: NonNullable<Content['unitOf']>,
  second: Content['unitOf'],
): NonNullable<Content['unitOf']> {
  return (path) => first(path) ?? second?.(path);
}

/** What a payload says, as readings of the sensor that the rule names. */
export function readingsOf(
  rule: Pick<MappingRule, 'name' | 'sensor'>,
  pieces: Pieces,
  content: Content,
  arrivalMs: number,
): Mapping {
  const values = new Map<string, number>();
  const units: Record<string, string> = {};
  const leftOut: LeftOut[] = [];
  let leftOutCount = 0;
  for (const { path, value } of content.leaves) {
    const isLong = path.reduce((sum, { length }) => sum + length, 0) > MAX_MAPPED_NAME_CHARACTERS;
    const metric = isLong ? 'value' : toMetric(path.join('.'));
    const number = isLong
      ? `called by more than ${MAX_MAPPED_NAME_CHARACTERS} characters`
      : tryNumber(values, metric, value);
    if (typeof number === 'string') {
      leftOutCount += 1;
      if (leftOut.length < MAX_LEFT_OUT_NAMED) leftOut.push({ metric, reason: number });
      continue;
    }
    values.set(metric, number);
    const unit = content.unitOf?.(path);
    if (unit !== undefined) units[metric] = unit;
  }
  if (values.size === 0) return refused(rule.name, whyNothing(leftOut));
  const source = fill(rule.sensor, pieces);
  const readings = inReadings([...values], timeOf(content.time, arrivalMs) ?? arrivalMs);
  const sensor = toSensorId(source);
  return {
    kind: 'readings',
    rule: rule.name,
    sensor,
    source: `${rule.name}: ${source}`,
    readings,
    units,
    leftOut,
    leftOutCount,
  };
}

/** @returns the number, or why there is none. */
function tryNumber(taken: ReadonlyMap<string, number>, metric: string, value: unknown): number | string {
  const number = numberOf(value);
  if (number === undefined) return whyNoNumber(value);
  if (Math.abs(number) > MAX_VALUE_MAGNITUDE) return `beyond ${MAX_VALUE_MAGNITUDE}`;
  if (taken.has(metric)) return 'another value of this message has the same name';
  if (taken.size >= MAX_MAPPED_VALUES) return `above ${MAX_MAPPED_VALUES} values a message`;
  return Math.abs(number) < 1 / MAX_VALUE_MAGNITUDE ? 0 : number;
}

function inReadings(values: [metric: string, value: number][], tsMs: number): Reading[] {
  const readings: Reading[] = [];
  for (let from = 0; from < values.length; from += MAX_VALUES_PER_READING) {
    readings.push({ tsMs, values: Object.fromEntries(values.slice(from, from + MAX_VALUES_PER_READING)) });
  }
  return readings;
}

/** Above it a number counts milliseconds: as seconds it would be the year 5138. */
const MIN_MILLISECONDS = 1e11;

/** @returns undefined for what is no time, lies outside of what a reading may have, or is local time of nobody knows where. */
function timeOf(time: unknown, arrivalMs: number): number | undefined {
  const hasOffset = typeof time === 'string' && /(?:Z|[+-]\d\d:?\d\d)$/.test(time);
  const tsMs =
    typeof time === 'number'
      ? Math.round(time < MIN_MILLISECONDS ? time * 1_000 : time)
      : hasOffset
        ? parseIsoTime(time)
        : Number.NaN;
  return isReadingTime(tsMs, arrivalMs) ? tsMs : undefined;
}

function fill(template: string, pieces: Pieces): string {
  return template.replace(/\{([^{}]*)\}/g, (_, name: string) =>
    Object.hasOwn(pieces, name) ? (pieces[name] ?? '') : '',
  );
}

function whyNothing([first]: LeftOut[]): string {
  return first ? `no number in it; ${first.metric} is ${first.reason}` : 'no number in it';
}

function refused(rule: string | undefined, reason: string): Mapping {
  return { kind: 'refused', rule, reason };
}
