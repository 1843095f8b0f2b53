// Rules for projects whose messages are documented. Each says which of their topics hold readings, which do not, and what in a
// payload is no measurement.
//
//   zigbee2mqtt  https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html
//   Tasmota      https://tasmota.github.io/docs/MQTT/
//   Shelly       https://shelly-api-docs.shelly.cloud/gen2/ComponentsAndServices/Mqtt
//   ESPHome      https://esphome.io/components/mqtt.html

import { isJsonObject, leavesOf, memberOf } from './payload.ts';
import type { Content, MappingRule, NoContent } from './rule.ts';
import { parseTopicPattern, type Pieces, type TopicPattern } from './topic-pattern.ts';
import { shellyUnit, tasmotaUnit, zigbeeUnit } from './units.ts';

export const READY_RULES = ['zigbee2mqtt', 'tasmota', 'shelly', 'esphome'] as const;
export type ReadyRule = (typeof READY_RULES)[number];

/** What stands first in the topics of a project whose settings were left alone; Shelly and ESPHome have nothing like it. */
const DEFAULT_PREFIX: Readonly<Partial<Record<ReadyRule, string>>> = {
  zigbee2mqtt: 'zigbee2mqtt',
  tasmota: 'tele',
};

const MAKERS: Readonly<Record<ReadyRule, (prefix: string) => Omit<MappingRule, 'name' | 'sensor'>>> = {
  zigbee2mqtt,
  tasmota,
  shelly,
  esphome,
};

/**
 * @param prefix replaces what stands first in the topics: the `base_topic` of zigbee2mqtt, the telemetry prefix of Tasmota.
 * @throws {AppError} BAD_REQUEST when the prefix makes no topic.
 */
export function readyRule(
  ready: ReadyRule,
  { prefix = DEFAULT_PREFIX[ready] ?? '', sensor = '{device}' }: { prefix?: string; sensor?: string } = {},
): MappingRule {
  return { name: ready, sensor, ...MAKERS[ready](prefix) };
}

function zigbee2mqtt(base: string): Omit<MappingRule, 'name' | 'sensor'> {
  const notReadings = ['bridge/{rest...}', '{device...}/availability'];
  const commands = ['{device...}/set', '{device...}/set/+', '{device...}/get', '{device...}/get/+'];
  return {
    topics: [{ pattern: parseTopicPattern(`${base}/{device...}`), read: readZigbee }],
    ignored: patterns(...[...notReadings, ...commands].map((topic) => `${base}/${topic}`)),
  };
}

// Of the firmware of the device and its radio link rather than of what it measures.
const ZIGBEE_BESIDES: ReadonlySet<string> = new Set([
  'last_seen',
  'elapsed',
  'update',
  'update_available',
  'device',
]);

function readZigbee(value: unknown): Content | NoContent {
  if (!isJsonObject(value))
    return { refused: 'zigbee2mqtt publishes JSON objects: set "output: json" there' };
  const leaves = leavesOf(value).filter(({ path: [first = ''] }) => !ZIGBEE_BESIDES.has(first));
  return { leaves, time: memberOf(value, 'last_seen'), unitOf: zigbeeUnit };
}

// `%prefix%/%topic%/` is the FullTopic that Tasmota comes with, `%topic%/%prefix%/` the other one that is common.
function tasmota(prefix: string): Omit<MappingRule, 'name' | 'sensor'> {
  const both = (last: string): string[] => [`${prefix}/{device...}/${last}`, `{device...}/${prefix}/${last}`];
  const reading = (last: string, read: (value: unknown) => Content | NoContent): MappingRule['topics'] =>
    both(last).map((topic) => ({ pattern: parseTopicPattern(topic), read }));
  return {
    topics: [...reading('SENSOR', readTasmotaSensor), ...reading('STATE', readTasmotaState)],
    ignored: patterns(
      ...['LWT', 'INFO1', 'INFO2', 'INFO3'].flatMap(both),
      'cmnd/{rest...}',
      'stat/{rest...}',
      'tasmota/discovery/{rest...}',
    ),
  };
}

const TASMOTA_BESIDES: ReadonlySet<string> = new Set([
  'Time',
  'TempUnit',
  'PressureUnit',
  'Id',
  'TotalStartTime',
]);
// The rest of STATE is about the module itself: heap, sleep, counts of connections.
const TASMOTA_STATE = /^(POWER\d{0,2}|Dimmer\d{0,2}|CT|Vcc|Wifi\.(RSSI|Signal))$/;

function readTasmotaSensor(value: unknown): Content | NoContent {
  if (!isJsonObject(value)) return { refused: 'Tasmota publishes a JSON object here' };
  const units = { temperature: memberOf(value, 'TempUnit'), pressure: memberOf(value, 'PressureUnit') };
  return {
    leaves: leavesOf(value).filter(({ path }) => !TASMOTA_BESIDES.has(path.at(-1) ?? '')),
    time: memberOf(value, 'Time'),
    unitOf: (path) => tasmotaUnit(path, units),
  };
}

function readTasmotaState(value: unknown): Content | NoContent {
  const content = readTasmotaSensor(value);
  if (!('leaves' in content)) return content;
  return { ...content, leaves: content.leaves.filter(({ path }) => TASMOTA_STATE.test(path.join('.'))) };
}

function shelly(): Omit<MappingRule, 'name' | 'sensor'> {
  return {
    topics: [
      { pattern: parseTopicPattern('{device...}/events/rpc'), read: readShellyNotification },
      { pattern: parseTopicPattern('{device...}/status/{component}'), read: readShellyStatus },
    ],
    ignored: patterns('{device...}/online', '{device...}/command', '{device...}/announce'),
  };
}

// Components that tell of the device's own links and programs.
const SHELLY_BESIDES = /^(sys|cloud|mqtt|ws|ble|eth|bthome|ht_ui|plugs_ui|schedule|script:\d+)$/;
const SHELLY_BESIDES_WITHIN: ReadonlySet<string> = new Set(['id', 'ts', 'minute_ts', 'by_minute', 'source']);

function readShellyNotification(value: unknown): Content | NoContent {
  const method = memberOf(value, 'method');
  if (method === 'NotifyEvent') return { ignored: 'an event, not a reading' };
  if (method !== 'NotifyStatus' && method !== 'NotifyFullStatus') {
    return { refused: 'not a notification of a Shelly: "method" is none of theirs' };
  }
  const params = memberOf(value, 'params');
  return { leaves: shellyLeaves(params, []), time: memberOf(params, 'ts'), unitOf: shellyUnit };
}

function readShellyStatus(value: unknown, { component = '' }: Pieces): Content | NoContent {
  if (!isJsonObject(value)) return { refused: 'a Shelly publishes a JSON object here' };
  return { leaves: shellyLeaves(value, [component]), unitOf: shellyUnit };
}

function shellyLeaves(value: unknown, prefix: readonly string[]): Content['leaves'] {
  return leavesOf(value, prefix).filter(
    ({ path }) =>
      !SHELLY_BESIDES.test(path[0] ?? '') && !path.some((name) => SHELLY_BESIDES_WITHIN.has(name)),
  );
}

function esphome(): Omit<MappingRule, 'name' | 'sensor'> {
  const readings = ['sensor', 'binary_sensor', 'switch', 'number', 'light'];
  return {
    topics: readings.map((component) => ({
      pattern: parseTopicPattern(`{device...}/${component}/{object}/state`),
      read: readEsphome,
    })),
    ignored: patterns(
      '{device...}/text_sensor/+/state',
      '{device...}/button/+/state',
      '{device...}/status',
      '{device...}/debug',
      'esphome/discover/{rest...}',
      'homeassistant/{rest...}',
    ),
  };
}

function readEsphome(value: unknown, { object = '' }: Pieces): Content | NoContent {
  // What ESPHome publishes before the first measurement.
  if (value === 'nan' || value === 'NAN') return { ignored: 'no measurement yet' };
  return { leaves: leavesOf(value, [object]) };
}

function patterns(...topics: string[]): TopicPattern[] {
  return topics.map(parseTopicPattern);
}
