// Discovery messages of Home Assistant: what a device says of its own values, so that they have a name and a unit.
//
//   homeassistant/{component}/[{node}/]{object}/config   one value; the payload is its settings
//   homeassistant/device/[{node}/]{object}/config        several; the settings of each are in `components`
//
// https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery

import { isUnit } from '../telemetry.ts';
import { MAX_DISCOVERED_PER_MESSAGE, MAX_LABEL_CHARACTERS, MAX_TOPIC_CHARACTERS } from './bounds.ts';
import { parseJsonPath, type JsonPath } from './json-path.ts';
import { toMetric } from './names.ts';
import { decodePayload, isJsonObject, memberOf } from './payload.ts';
import { matchTopic, parseTopicPattern, splitTopic } from './topic-pattern.ts';

/** One value that a device has told of. */
export interface DiscoveredValue {
  /** The name of its series where no rule has one. */
  metric: string;
  /** Where its payloads come. */
  stateTopic: string;
  /** JSON path to it in a payload. */
  path: string;
  unit: string | null;
  /** For people: the names of the device and of the value. */
  label: string | null;
  /** Texts that count as 1 and 0. */
  on: string | null;
  off: string | null;
}

export interface RefusedValue {
  metric: string;
  reason: string;
}

export type Discovery =
  | { kind: 'values'; values: DiscoveredValue[]; refused: RefusedValue[] }
  | { kind: 'refused'; reason: string };

/** Components whose state is a number, or on and off. Others, such as `light` or `climate`, hold settings rather than readings. */
const COMPONENTS: ReadonlySet<string> = new Set(['sensor', 'binary_sensor', 'number', 'switch']);
const PATTERNS = [
  'homeassistant/{component}/{object}/config',
  'homeassistant/{component}/{node}/{object}/config',
].map(parseTopicPattern);

/** The keys that are read here, by their abbreviation. */
const ABBREVIATED: Readonly<Record<string, string>> = {
  stat_t: 'state_topic',
  unit_of_meas: 'unit_of_measurement',
  val_tpl: 'value_template',
  dev: 'device',
  cmps: 'components',
  p: 'platform',
  pl_on: 'payload_on',
  pl_off: 'payload_off',
};

type Settings = Readonly<Record<string, unknown>>;

/**
 * Never throws.
 * @returns undefined for any other topic. No values where the message takes back what it told before.
 */
export function parseDiscovery(topic: string, payload: Uint8Array): Discovery | undefined {
  const pieces = piecesOf(topic);
  if (!pieces) return undefined;
  if (payload.length === 0) return { kind: 'values', values: [], refused: [] };
  const value = decodePayload(payload);
  if (!isJsonObject(value)) return { kind: 'refused', reason: 'a discovery message holds a JSON object' };
  const { component = '', node, object = '' } = pieces;
  const name = node === undefined ? object : `${node}.${object}`;
  const settings = inFull(value);
  if (component !== 'device') return read([[name, { platform: component, ...settings }]]);
  if (!isJsonObject(settings.components))
    return { kind: 'refused', reason: 'a device tells of its values in "components"' };
  const parts = Object.entries(settings.components).slice(0, MAX_DISCOVERED_PER_MESSAGE);
  return read(
    parts.flatMap(([key, part]): [string, Settings][] => {
      const own = inFull(part);
      // One that says nothing but its platform is taken back.
      return Object.keys(own).length < 2 ? [] : [[`${name}.${key}`, { ...settings, name: null, ...own }]];
    }),
  );
}

/**
 * JSON path of a template that only names a place: `{{ value_json.a.b }}`, `{{ value_json['a'][0] }}`, `{{ value }}`.
 * @returns undefined for anything more.
 */
export function pathOfTemplate(template: string): string | undefined {
  const [, place] =
    /^\s*\{\{-?\s*(value(?:_json)?[^|{}]*?)\s*(?:\|\s*is_defined\s*)?-?\}\}\s*$/.exec(template) ?? [];
  if (place === undefined) return undefined;
  const path =
    place === 'value' ? '$' : place.startsWith('value_json') ? `$${place.slice('value_json'.length)}` : '';
  return pathOf(path) && !path.includes('*') ? path : undefined;
}

function read(told: [name: string, settings: Settings][]): Discovery {
  const values: DiscoveredValue[] = [];
  const refused: RefusedValue[] = [];
  for (const [name, settings] of told) {
    const metric = toMetric(name);
    const one = readOne(metric, settings);
    if (typeof one === 'string') refused.push({ metric, reason: one });
    else if (one) values.push(one);
  }
  return { kind: 'values', values, refused };
}

/** @returns why it cannot be understood; undefined for what holds no reading. */
function readOne(metric: string, settings: Settings): DiscoveredValue | string | undefined {
  const { platform, state_topic: topic, value_template: template = '{{ value }}' } = settings;
  if (typeof platform !== 'string' || !COMPONENTS.has(platform) || topic === undefined) return undefined;
  const stateTopic = typeof topic === 'string' ? withBase(topic, settings['~']) : '';
  if (!splitTopic(stateTopic) || /[+#]/.test(stateTopic))
    return `state_topic is no topic of at most ${MAX_TOPIC_CHARACTERS} characters`;
  const path = typeof template === 'string' ? pathOfTemplate(template) : undefined;
  if (path === undefined)
    return 'value_template is more than a place in the message, such as {{ value_json.temperature }}';
  const { unit_of_measurement: unit, payload_on: on, payload_off: off } = settings;
  return {
    metric,
    stateTopic,
    path,
    unit: isUnit(unit) ? unit : null,
    label: labelOf(settings),
    on: textOf(on),
    off: textOf(off),
  };
}

function labelOf({ device, name }: Settings): string | null {
  const names = [memberOf(device, 'name'), name].filter((text) => typeof text === 'string' && text !== '');
  const label = names
    .join(' ')
    .replace(/[\p{Cc}\p{Cs}]/gu, '?')
    .slice(0, MAX_LABEL_CHARACTERS);
  return label === '' ? null : label.replace(/\p{Cs}$/u, '');
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value).slice(0, 32)
    : null;
}

/** `~` stands for the base at the begin or the end of a topic. */
function withBase(topic: string, base: unknown): string {
  if (typeof base !== 'string') return topic;
  if (topic.startsWith('~')) return `${base}${topic.slice(1)}`;
  return topic.endsWith('~') ? `${topic.slice(0, -1)}${base}` : topic;
}

function inFull(settings: unknown): Settings {
  if (!isJsonObject(settings)) return {};
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [
      Object.hasOwn(ABBREVIATED, key) ? (ABBREVIATED[key] ?? key) : key,
      value,
    ]),
  );
}

function piecesOf(topic: string): Readonly<Record<string, string>> | undefined {
  const levels = topic.startsWith('homeassistant/') ? splitTopic(topic) : undefined;
  if (!levels) return undefined;
  for (const pattern of PATTERNS) {
    const pieces = matchTopic(pattern, levels);
    if (pieces) return pieces;
  }
  return undefined;
}

function pathOf(text: string): JsonPath | undefined {
  try {
    return parseJsonPath(text);
  } catch {
    return undefined;
  }
}
