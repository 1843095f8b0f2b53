import { describe, expect, it } from 'vitest';
import { MAX_JSON_MESSAGE_BYTES } from '../../../src/protocol/limits.ts';
import { MAX_DISCOVERED_PER_MESSAGE, MAX_TEMPLATE_CHARACTERS } from '../../../src/protocol/mapping/bounds.ts';
import {
  parseDiscovery,
  pathOfTemplate,
  type DiscoveredValue,
  type Discovery,
} from '../../../src/protocol/mapping/home-assistant.ts';

const discover = (topic: string, settings: unknown): Discovery | undefined =>
  parseDiscovery(topic, Buffer.from(JSON.stringify(settings)));

const VALUE: DiscoveredValue = {
  metric: 'bedroom.temperature',
  stateTopic: 'home/bedroom/state',
  path: '$.climate.temperature',
  unit: '°C',
  label: 'Bedroom Temperature',
  on: null,
  off: null,
};

describe('a discovery message of Home Assistant', () => {
  it.each([
    [
      'with full keys',
      {
        name: 'Temperature',
        device_class: 'temperature',
        state_topic: 'home/bedroom/state',
        unit_of_measurement: '°C',
        value_template: '{{ value_json.climate.temperature }}',
        unique_id: 'temp01ae',
        device: { identifiers: ['01ad'], name: 'Bedroom' },
      },
    ],
    [
      'with abbreviated keys and a base topic',
      {
        '~': 'home/bedroom',
        name: 'Temperature',
        dev_cla: 'temperature',
        stat_t: '~/state',
        unit_of_meas: '°C',
        val_tpl: "{{value_json['climate'].temperature}}",
        uniq_id: 'temp01ae',
        dev: { ids: ['01ad'], name: 'Bedroom' },
      },
    ],
  ])('%s names, places and units one value', (_how, settings) => {
    const path = 'val_tpl' in settings ? "$['climate'].temperature" : VALUE.path;
    expect(discover('homeassistant/sensor/bedroom/temperature/config', settings)).toEqual({
      kind: 'values',
      values: [{ ...VALUE, path }],
      refused: [],
    });
  });

  it('of a device tells of several values, which share what stands beside them', () => {
    const settings = {
      dev: { ids: 'ea334450945afc', name: 'Kitchen' },
      o: { name: 'bla2mqtt' },
      cmps: {
        temp: { p: 'sensor', unit_of_meas: '°C', val_tpl: '{{ value_json.temperature }}', uniq_id: 't' },
        door: { p: 'binary_sensor', name: 'Door', stat_t: 'kitchen/door', pl_on: 'open', pl_off: 'closed' },
        gone: { p: 'sensor' },
        lamp: { p: 'light', cmd_t: 'kitchen/lamp/set' },
      },
      state_topic: 'kitchen/state',
    };
    expect(discover('homeassistant/device/0AFFD2/config', settings)).toEqual({
      kind: 'values',
      values: [
        {
          metric: '0AFFD2.temp',
          stateTopic: 'kitchen/state',
          path: '$.temperature',
          unit: '°C',
          label: 'Kitchen',
          on: null,
          off: null,
        },
        {
          metric: '0AFFD2.door',
          stateTopic: 'kitchen/door',
          path: '$',
          unit: null,
          label: 'Kitchen Door',
          on: 'open',
          off: 'closed',
        },
      ],
      refused: [],
    });
  });

  it('takes back what it told when it is empty', () => {
    expect(parseDiscovery('homeassistant/sensor/bedroom/config', new Uint8Array())).toEqual({
      kind: 'values',
      values: [],
      refused: [],
    });
  });

  it.each([
    '{{ value_json.temperature | float / 10 }}',
    '{{ value_json.a + value_json.b }}',
    "{% if value == 'x' %}1{% endif %}",
    '{{ states("sensor.x") }}',
    '{{ value_json.readings[*] }}',
    '{{ value_jsonx }}',
    'value_json.temperature',
  ])('is refused with its reason where its template is more than a place: %s', (template) => {
    expect(pathOfTemplate(template)).toBeUndefined();
    const settings = { stat_t: 'a/b', val_tpl: template };
    expect(discover('homeassistant/sensor/x/config', settings)).toMatchObject({
      values: [],
      refused: [{ metric: 'x', reason: expect.stringContaining('value_template') }],
    });
  });

  it.each([
    ['{{ value_json.a.b }}', '$.a.b'],
    ['{{value_json.a[0]}}', '$.a[0]'],
    ['{{ value_json["a b"] }}', '$["a b"]'],
    ['{{ value_json.a | is_defined }}', '$.a'],
    ['{{- value -}}', '$'],
  ])('reads the place of %s', (template, path) => {
    expect(pathOfTemplate(template)).toBe(path);
  });

  it('does not look for a place in a template that is longer than any place', () => {
    expect(pathOfTemplate(`{{ value${' '.repeat(200)}}}`)).toBe('$');
    expect(pathOfTemplate(`{{ value${' '.repeat(MAX_TEMPLATE_CHARACTERS)}}}`)).toBeUndefined();
    expect(pathOfTemplate(`{{ value${' '.repeat(30_000)}x`)).toBeUndefined();
  });

  it('is refused unread above the size of a message', () => {
    const message = (bytes: number) => {
      const start = '{"stat_t":"a/b","rest":"';
      return Buffer.from(`${start}${'x'.repeat(bytes - start.length - 2)}"}`);
    };
    const topic = 'homeassistant/sensor/x/config';
    expect(parseDiscovery(topic, message(MAX_JSON_MESSAGE_BYTES))).toMatchObject({ kind: 'values' });
    expect(parseDiscovery(topic, message(MAX_JSON_MESSAGE_BYTES + 1))).toEqual({
      kind: 'refused',
      reason: `${MAX_JSON_MESSAGE_BYTES + 1} bytes are above ${MAX_JSON_MESSAGE_BYTES}`,
    });
  });

  it('never throws, and is bounded, whatever it holds', () => {
    const cmps = Object.fromEntries(
      Array.from({ length: 1_000 }, (_, n) => [`c${n}`, { p: 'sensor', stat_t: 'a/b' }]),
    );
    const all = discover('homeassistant/device/x/config', { cmps });
    expect(all).toMatchObject({ kind: 'values' });
    expect(all?.kind === 'values' && all.values).toHaveLength(MAX_DISCOVERED_PER_MESSAGE);
    for (const payload of [
      '',
      '{',
      '[]',
      '1',
      '{"cmps":1}',
      '{"stat_t":{"toString":1}}',
      '{"stat_t":"#"}',
      '\xff',
    ])
      for (const topic of ['homeassistant/sensor/x/config', 'homeassistant/device/x/config'])
        expect(() => parseDiscovery(topic, Buffer.from(payload, 'latin1'))).not.toThrow();
  });

  it('is none on any other topic', () => {
    for (const topic of ['homeassistant/status', 'homeassistant/sensor/config', 'home/sensor/x/config', ''])
      expect(discover(topic, {})).toBeUndefined();
  });
});
