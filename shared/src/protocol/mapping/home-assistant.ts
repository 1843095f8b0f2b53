// Discovery messages of Home Assistant: what a device says of its own values, so that they have a name and a unit.
//
//   homeassistant/{component}/[{node}/]{object}/config   one value; the payload is its settings
//   homeassistant/device/[{node}/]{object}/config        several; the settings of each are in `components`
//
// https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery

import { MAX_JSON_MESSAGE_BYTES } from '../limits.ts';
import { isUnit } from '../telemetry.ts';
import {
  MAX_DISCOVERED_PER_MESSAGE,
  MAX_LABEL_CHARACTERS,
  MAX_TEMPLATE_CHARACTERS,
  MAX_TOPIC_CHARACTERS,
} from './bounds.ts';
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

/** The keys that are read here, with their abbreviations. */
const KEYS: Readonly<Record<string, string | undefined>> = {
  state_topic: 'stat_t',
  unit_of_measurement: 'unit_of_meas',
  value_template: 'val_tpl',
  device: 'dev',
  components: 'cmps',
  platform: 'p',
  payload_on: 'pl_on',
  payload_off: 'pl_off',
  name: undefined,
  '~': undefined,
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
  if (payload.length > MAX_JSON_MESSAGE_BYTES)
    return { kind: 'refused', reason: `${payload.length} bytes are above ${MAX_JSON_MESSAGE_BYTES}` };
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
      // One that says nothing but its platform is taken back.
      if (!isJsonObject(part) || Object.keys(part).length < 2) return [];
      return [[`${name}.${key}`, { ...settings, name: null, ...inFull(part) }]];
    }),
  );
}

/**
 * JSON path of a template that only names a place: `{{ value_json.a.b }}`, `{{ value_json['a'][0] }}`, `{{ value }}`.
 * @returns undefined for anything more.
 */
export function pathOfTemplate(template: string): string | undefined {
  // A regular expression for all of it takes time by the square of its length, and a device may write what it likes.
  if (template.length > MAX_TEMPLATE_CHARACTERS) return undefined;
  const text = template.trim();
  if (!text.startsWith('{{') || !text.endsWith('}}')) return undefined;
  const [place = '', filter = 'is_defined', ...more] = text
    .slice(2, -2)
    .replace(/^-/, '')
    .replace(/-$/, '')
    .split('|')
    .map((part) => part.trim());
  if (filter !== 'is_defined' || more.length > 0 || /[{}]/.test(place)) return undefined;
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

/** The settings that are read here, whatever else is beside them: they are laid over each part of a device. */
function inFull(settings: Settings): Settings {
  const read: Record<string, unknown> = {};
  for (const [key, short = key] of Object.entries(KEYS)) {
    const value = memberOf(settings, key) ?? memberOf(settings, short);
    if (value !== undefined) read[key] = value;
  }
  return read;
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
