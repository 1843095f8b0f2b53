// Messages in the language of another project into readings (PROTOCOL.md, section 12). What gives none is kept as a sample.

import {
  parseDiscovery,
  type DiscoveredValue,
  type Discovery,
} from '@sitecast/shared/protocol/mapping/home-assistant';
import { parseJsonPath, selectNodes } from '@sitecast/shared/protocol/mapping/json-path';
import { mapOwnTopic } from '@sitecast/shared/protocol/mapping/own-topics';
import { decodePayload } from '@sitecast/shared/protocol/mapping/payload';
import { toMetric } from '@sitecast/shared/protocol/mapping/names';
import {
  readingsOf,
  readingsWithUnits,
  SensorMapper,
  type Mapping,
} from '@sitecast/shared/protocol/mapping/sensor-mapper';
import type { Reading } from '@sitecast/shared/protocol/telemetry';
import { topics } from '@sitecast/shared/protocol/topics';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { DeviceMapping } from './device-mapping.ts';
import type { DiscoveredValues } from './discovered-values.ts';
import type { UnmappedSamples } from './unmapped-samples.ts';

export interface ForeignIntakeOptions {
  samples: UnmappedSamples;
  discovered: DiscoveredValues;
}

/** A message of a device that speaks for itself, without what is its own in the topic. */
export interface ForeignMessage {
  site: string;
  /** The device, and the sensor that all of it is. */
  sensor: string;
  topic: string;
  payload: Uint8Array;
  arrivalMs: number;
}

export class ForeignIntake {
  readonly #options: ForeignIntakeOptions;
  readonly #mapper = SensorMapper.of();
  /** Lives as long as the connections that have it. */
  readonly #mappers = new WeakMap<DeviceMapping, SensorMapper>();

  constructor(options: ForeignIntakeOptions) {
    this.#options = options;
  }

  /**
   * @param own what an admin gave the device.
   * @returns none where the message is known to hold no reading.
   * @throws {AppError} FRAME_MALFORMED when nothing reads it; STORE_UNAVAILABLE (retryable).
   */
  async readingsOf(message: ForeignMessage, own?: DeviceMapping): Promise<Reading[]> {
    const discovery = parseDiscovery(message.topic, message.payload);
    if (discovery) {
      await this.#learn(message, discovery);
      return [];
    }
    const mapping = this.map(message, this.#mapperOf(own));
    if (mapping.kind === 'readings') return withLabels(readingsWithUnits(mapping), this.#toldOf(message));
    if (mapping.kind === 'ignored') return [];
    const error = new AppError('FRAME_MALFORMED', whyRefused(mapping));
    this.note(message, error.message);
    throw error;
  }

  /** What the message says by the rules, and by what the device told of itself before. Never throws. */
  map(message: ForeignMessage, mapper: SensorMapper = this.#mapper): Mapping {
    const { sensor, topic, payload, arrivalMs } = message;
    const told = this.#toldOf(message);
    const units = new Map(told.flatMap(({ path, unit }) => (unit === null ? [] : [[metricOf(path), unit]])));
    const whole = told.find(isWhole)?.unit ?? undefined;
    const unitOf = (path: readonly string[]): string | undefined =>
      units.get(toMetric(path.join('.'))) ?? whole;
    const mapping = mapOwnTopic(mapper, { sensor, topic, payload, arrivalMs, unitOf });
    const isUnknown = mapping.kind === 'refused' && mapping.rule === undefined;
    return isUnknown && told.length > 0 ? mapDiscovered(sensor, told, payload, arrivalMs) : mapping;
  }

  /** Keeps a message that gave no reading as a sample. */
  note({ site, sensor, topic, payload, arrivalMs }: ForeignMessage, reason: string): void {
    this.#options.samples.note({ site, id: sensor }, { topic, reason, payload, atMs: arrivalMs });
  }

  /** What is told of a payload as a whole is not told of its parts. */
  #toldOf({ site, sensor, topic, payload }: ForeignMessage): DiscoveredValue[] {
    const names = [topic, topics.sensorForeign(site, sensor, topic)];
    const told = names.flatMap((name) => this.#options.discovered.of(sensor, name));
    if (!told.some(isWhole) || typeof decodePayload(payload) !== 'object') return told;
    return told.filter((one) => !isWhole(one));
  }

  #mapperOf(own: DeviceMapping | undefined): SensorMapper {
    if (!own?.rules) return this.#mapper;
    const known = this.#mappers.get(own) ?? SensorMapper.of(own.rules);
    this.#mappers.set(own, known);
    return known;
  }

  // A house has hundreds of discovery messages, most of them of what is no reading: not to be understood costs a device nothing.
  async #learn(message: ForeignMessage, discovery: Discovery): Promise<void> {
    if (discovery.kind === 'refused') return this.note(message, discovery.reason);
    if (!(await this.#options.discovered.put(message.sensor, message.topic, discovery.values)))
      this.note(message, 'as many values are known by discovery as there may be');
    const [first] = discovery.refused;
    if (first) this.note(message, `${first.metric}: ${first.reason}`);
  }
}

/** In one line, for a person. */
export function whyRefused({ rule, reason }: { rule: string | undefined; reason: string }): string {
  return rule === undefined ? reason : `${rule}: ${reason}`;
}

const DISCOVERY_RULE = 'home-assistant';

function mapDiscovered(
  sensor: string,
  told: readonly DiscoveredValue[],
  payload: Uint8Array,
  arrivalMs: number,
): Mapping {
  const value = decodePayload(payload);
  const found = told.flatMap((one) => {
    const [node] = selectNodes(parseJsonPath(one.path), value, 1);
    return node ? [{ one, value: asNumber(one, node.value) }] : [];
  });
  if (found.length === 0)
    return {
      kind: 'refused',
      rule: DISCOVERY_RULE,
      reason: 'the place that was told of is not in this payload',
    };
  const units = new Map(told.map(({ metric, unit }) => [metric, unit]));
  const content = {
    leaves: found.map(({ one, value: leaf }) => ({ path: [one.metric], value: leaf })),
    unitOf: ([metric = '']: readonly string[]) => units.get(metric) ?? undefined,
  };
  return readingsOf({ name: DISCOVERY_RULE, sensor }, {}, content, arrivalMs);
}

/** A bare value, as of ESPHome: the message holds nothing else. */
function isWhole({ path }: Pick<DiscoveredValue, 'path'>): boolean {
  return path === '$';
}

function asNumber({ on, off }: DiscoveredValue, value: unknown): unknown {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return value;
  const text = String(value);
  return text === on ? 1 : text === off ? 0 : value;
}

function withLabels(readings: Reading[], told: readonly DiscoveredValue[]): Reading[] {
  const labelled = told.flatMap(({ label, metric, path }) =>
    label === null ? [] : [{ label, metric, place: metricOf(path), isWhole: isWhole({ path }) }],
  );
  if (labelled.length === 0) return readings;
  return readings.map((reading) => {
    const labels = Object.keys(reading.values).flatMap((metric): [string, string][] => {
      // A rule calls a value after its place in the payload, behind the name of the device that it is of.
      const of = labelled.find(
        (one) =>
          one.isWhole || one.metric === metric || one.place === metric || metric.endsWith(`.${one.place}`),
      );
      return of ? [[metric, of.label]] : [];
    });
    return labels.length === 0 ? reading : { ...reading, labels: Object.fromEntries(labels) };
  });
}

/** How the rules call what is at this place. */
function metricOf(path: string): string {
  const names = parseJsonPath(path).map((segment) =>
    segment.kind === 'name' ? segment.name : segment.kind === 'index' ? String(segment.index) : '',
  );
  return toMetric(names.join('.'));
}
