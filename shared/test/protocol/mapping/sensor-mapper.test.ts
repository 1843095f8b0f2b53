import { describe, expect, it } from 'vitest';
import { ID_PATTERN, METRIC_PATTERN } from '../../../src/protocol/ids.ts';
import { MAX_VALUE_MAGNITUDE, MAX_VALUES_PER_READING } from '../../../src/protocol/limits.ts';
import {
  MAX_LEFT_OUT_NAMED,
  MAX_MAPPED_DEPTH,
  MAX_MAPPED_NAME_CHARACTERS,
  MAX_MAPPED_VALUES,
} from '../../../src/protocol/mapping/bounds.ts';
import { toMetric, toSensorId } from '../../../src/protocol/mapping/names.ts';
import {
  mappingRuleSettings,
  type MappingRuleSettings,
} from '../../../src/protocol/mapping/rule-settings.ts';
import { SensorMapper, type Mapping } from '../../../src/protocol/mapping/sensor-mapper.ts';
import { isReadingTime } from '../../../src/protocol/telemetry.ts';
import { FOREIGN_MESSAGES } from '../../foreign-messages.ts';
import { mutated, seededRandom, type Random } from '../../random.ts';

const ARRIVAL = Date.UTC(2026, 2, 1, 9, 0, 3);
const ready = SensorMapper.of();
const map = (topic: string, payload: unknown, mapper = ready): Mapping =>
  mapper.map(topic, Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)), ARRIVAL);

const own = (rule: MappingRuleSettings): SensorMapper => SensorMapper.of([mappingRuleSettings.parse(rule)]);

describe('the ready rules', () => {
  it.each(FOREIGN_MESSAGES)('read $what of $project as its documentation has it', (message) => {
    const { topic, payload, project, sensor, values, units = {}, tsMs = ARRIVAL } = message;
    const mapping = map(topic, payload);
    expect(mapping).toMatchObject({ kind: 'readings', rule: project, sensor, readings: [{ tsMs }], units });
    const { readings, units: found } = mapping as Extract<Mapping, { kind: 'readings' }>;
    expect(readings[0]?.values).toEqual(values);
    expect(found).toEqual(units);
  });

  it.each([
    ['zigbee2mqtt/bridge/state', '{"state":"online"}', 'zigbee2mqtt'],
    ['zigbee2mqtt/hallway/availability', '{"state":"online"}', 'zigbee2mqtt'],
    ['zigbee2mqtt/kitchen/floor_light/set', '{"state":"ON"}', 'zigbee2mqtt'],
    ['tele/tasmota/LWT', 'Online', 'tasmota'],
    ['stat/tasmota/RESULT', '{"POWER":"ON"}', 'tasmota'],
    ['shellyplus1-x/online', 'true', 'shelly'],
    ['shellyplus1-x/events/rpc', '{"method":"NotifyEvent","params":{"ts":1}}', 'shelly'],
    ['livingroom/status', 'online', 'esphome'],
    ['livingroom/sensor/outside_temperature/state', 'nan', 'esphome'],
    ['homeassistant/sensor/x/config', '{"name":"x"}', 'esphome'],
  ])('know that %s holds no reading', (topic, payload, rule) => {
    expect(map(topic, payload)).toMatchObject({ kind: 'ignored', rule });
  });

  it.each([
    ['plant/boiler', '21', undefined, 'no rule has this topic'],
    ['zigbee2mqtt/switch', '{"action":"single"}', 'zigbee2mqtt', 'action is a text, not a number'],
    ['zigbee2mqtt/switch/temperature', '21.5', 'zigbee2mqtt', 'output: json'],
    ['zigbee2mqtt/switch', '{}', 'zigbee2mqtt', 'no number in it'],
    ['tele/x/SENSOR', '[1]', 'tasmota', 'a JSON object'],
    ['x/events/rpc', '{"method":"Reboot"}', 'shelly', 'not a notification'],
    ['x/sensor/y/state', 'unknown', 'esphome', 'y is a text, not a number'],
    ['x\u0000/sensor/y/state', '1', undefined, 'not a topic'],
  ])('say why %s with %s gives nothing', (topic, payload, rule, reason) => {
    const mapping = map(topic, payload);
    expect(mapping).toMatchObject({ kind: 'refused', rule });
    expect((mapping as { reason: string }).reason).toContain(reason);
  });

  it('refuse bytes that are no text', () => {
    expect(ready.map('tele/x/SENSOR', Uint8Array.of(0xff, 0xfe), ARRIVAL)).toMatchObject({
      kind: 'refused',
      reason: 'the payload is not UTF-8',
    });
  });

  it('name what they leave out beside what they take', () => {
    expect(map('zigbee2mqtt/plug', { temperature: 20, action: 'single', mode: null })).toMatchObject({
      readings: [{ values: { temperature: 20 } }],
      leftOut: [
        { metric: 'action', reason: 'a text, not a number' },
        { metric: 'mode', reason: 'null, not a number' },
      ],
      leftOutCount: 2,
    });
  });

  it('take a time that can be believed, and that of the arrival otherwise', () => {
    const tsOf = (lastSeen: unknown): number | undefined => {
      const mapping = map('zigbee2mqtt/x', { temperature: 1, last_seen: lastSeen });
      return mapping.kind === 'readings' ? mapping.readings[0]?.tsMs : undefined;
    };
    expect(tsOf('2026-03-01T09:00:00.500Z')).toBe(ARRIVAL - 2_500);
    expect(tsOf(ARRIVAL - 1_000)).toBe(ARRIVAL - 1_000);
    expect(tsOf(ARRIVAL / 1_000 - 1)).toBe(ARRIVAL - 1_000);
    for (const wrong of ['2026-03-01T09:00:00', '1970-01-01T00:00:00Z', 0, null, 9e15, 'soon', [], {}]) {
      expect(tsOf(wrong)).toBe(ARRIVAL);
    }
  });

  it('know a project under another prefix, and give it another name', () => {
    const mapper = own({ ready: 'zigbee2mqtt', prefix: 'site/z2m', sensor: 'z-{device}' });
    expect(map('site/z2m/hallway', { occupancy: false }, mapper)).toMatchObject({
      sensor: 'z-hallway',
      readings: [{ values: { occupancy: 0 } }],
    });
    expect(map('zigbee2mqtt/hallway', { occupancy: false }, mapper)).toMatchObject({ kind: 'refused' });
  });
});

describe('a rule of a configuration', () => {
  it('picks values by their paths, with names, units and a time', () => {
    const mapper = own({
      topic: 'plant/{line}/boiler/{boiler}',
      sensor: 'boiler-{boiler}',
      values: [
        { path: '$.temp.value', metric: 'temperature', unit: '°C' },
        { path: '$["in flow"]' },
        { path: '$.pumps[*].rpm', metric: 'rpm', unit: '1/min' },
        { path: '$.flags[-1]', metric: 'alarm' },
      ],
      time: '$.at',
    });
    const payload = {
      temp: { value: 71.5 },
      'in flow': 3,
      pumps: [{ rpm: 900 }, { rpm: 0 }],
      flags: [false, true],
      at: ARRIVAL - 5,
    };
    expect(map('plant/a/boiler/2', payload, mapper)).toMatchObject({
      rule: 'plant/{line}/boiler/{boiler}',
      sensor: 'boiler-2',
      readings: [
        {
          tsMs: ARRIVAL - 5,
          values: { temperature: 71.5, [toMetric('in flow')]: 3, 'rpm.0': 900, 'rpm.1': 0, alarm: 1 },
        },
      ],
      units: { temperature: '°C', 'rpm.0': '1/min', 'rpm.1': '1/min' },
    });
  });

  it('takes a bare word, and says when no path fits', () => {
    const mapper = own({ topic: 'doors/{door}', values: [{ path: '$', metric: 'open' }] });
    expect(map('doors/front', 'ON', mapper)).toMatchObject({
      sensor: 'front',
      readings: [{ values: { open: 1 } }],
    });
    const other = own({ topic: 'doors/{door}', values: [{ path: '$.open' }] });
    expect(map('doors/front', '1', other)).toMatchObject({
      kind: 'refused',
      reason: 'none of the paths of the rule leads to anything in this payload',
    });
  });

  it.each([
    [{}, 'topic'],
    [{ topic: 'a/#', values: [{ path: '$' }] }, 'topic'],
    [{ topic: '{a...}/{b...}', values: [{ path: '$' }] }, 'topic'],
    [{ topic: 'a/{b}' }, 'values'],
    [{ topic: 'a/b', values: [{ path: '$' }] }, 'sensor'],
    [{ topic: 'a/{b}', sensor: '{c}', values: [{ path: '$' }] }, 'sensor'],
    [{ topic: 'a/{b}', values: [{ path: '$..a' }] }, 'values.0.path'],
    [{ topic: 'a/{b}', values: [{ path: '$', metric: '-' }] }, 'values.0.metric'],
    [{ ready: 'tasmota', topic: 'a/{b}' }, 'topic'],
    [{ ready: 'tasmota', prefix: 'a/#' }, 'prefix'],
    [{ ready: 'tasmota', sensor: '{room}' }, 'sensor'],
    [{ ready: 'homebrew' }, 'ready'],
  ])('is refused as %j, naming the key', (rule, key) => {
    const checked = mappingRuleSettings.safeParse(rule);
    expect(checked.success).toBe(false);
    expect(checked.error?.issues.map(({ path }) => path.join('.'))).toContain(key);
  });
});

describe('names', () => {
  it('stay when they are ids and metrics, and are made into some otherwise: two texts, two names', () => {
    expect(toSensorId('front-door')).toBe('front-door');
    expect(toMetric('pm2.5')).toBe('pm2.5');
    const texts = [
      'Front-Door',
      'front_door',
      'front door',
      '현관',
      '거실',
      '',
      '-',
      'sensor/',
      'x'.repeat(64),
    ];
    const ids = texts.map(toSensorId);
    const metrics = [...texts, '__proto__', 'constructor', '%'].map(toMetric);
    for (const id of ids) expect(id).toMatch(ID_PATTERN);
    for (const metric of metrics) expect(metric).toMatch(METRIC_PATTERN);
    expect(new Set([...ids, 'front-door']).size).toBe(texts.length + 1);
    expect(new Set(metrics).size).toBe(metrics.length);
    expect(toSensorId('현관')).toBe(toSensorId('현관'));
  });
});

describe('any message', () => {
  it('costs at most what the bounds say', () => {
    const wide = Object.fromEntries(Array.from({ length: 3_000 }, (_, n) => [`v${n}`, n]));
    const mapping = map('zigbee2mqtt/wide', wide);
    expect(mapping).toMatchObject({ kind: 'readings', leftOutCount: 3_000 - MAX_MAPPED_VALUES });
    const { readings, leftOut } = mapping as Extract<Mapping, { kind: 'readings' }>;
    expect(readings.map(({ values }) => Object.keys(values).length)).toEqual([64, 64, 64, 64]);
    expect(leftOut).toHaveLength(MAX_LEFT_OUT_NAMED);

    const deep = `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`.slice(0, 64 * 1024);
    expect(map('zigbee2mqtt/deep', deep)).toMatchObject({ kind: 'refused' });
    const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    expect(map('zigbee2mqtt/nested', nested(MAX_MAPPED_DEPTH))).toMatchObject({ kind: 'readings' });
    expect(map('zigbee2mqtt/nested', nested(MAX_MAPPED_DEPTH + 1))).toMatchObject({ kind: 'refused' });
    expect(map('zigbee2mqtt/big', 'x'.repeat(64 * 1024 + 1))).toMatchObject({ kind: 'refused' });
  });

  it('has no value that is called by more than a person would read, which each value of it would cost', () => {
    const long = 'k'.repeat(MAX_MAPPED_NAME_CHARACTERS);
    const payload = {
      a: 1,
      [long]: Object.fromEntries(Array.from({ length: 4_000 }, (_, n) => [`b${n}`, n])),
    };
    expect(map('zigbee2mqtt/x', payload)).toMatchObject({
      kind: 'readings',
      readings: [{ values: { a: 1 } }],
      leftOut: Array.from({ length: MAX_LEFT_OUT_NAMED }, () => ({
        metric: 'value',
        reason: `called by more than ${MAX_MAPPED_NAME_CHARACTERS} characters`,
      })),
      leftOutCount: 4_000,
    });
  });

  it('never makes the mapper throw, nor leave the bounds: random JSON, random and nearly right bytes', () => {
    const everything = SensorMapper.of([
      {
        topic: 'own/{a}',
        values: [{ path: '$' }, { path: '$.*', metric: 'x' }, { path: '$[*][0]' }],
        time: '$.ts',
      },
      ...(['zigbee2mqtt', 'tasmota', 'shelly', 'esphome'] as const).map((name) => ({ ready: name })),
    ]);
    const random = seededRandom(20_261_126);
    const topicOf = (): string => {
      const { topic } = random.pick(FOREIGN_MESSAGES);
      return random.pick([topic, topic, 'own/thing', String.fromCharCode(...random.bytes(12)), `${topic}/x`]);
    };
    const payloadOf = (): Uint8Array => {
      const kind = random.int(3);
      if (kind === 0) return Buffer.from(JSON.stringify(randomJson(random, 6)) ?? '');
      if (kind === 1) return mutated(random, Buffer.from(random.pick(FOREIGN_MESSAGES).payload));
      return random.bytes(random.int(40));
    };
    let mapped = 0;
    for (let round = 0; round < 20_000; round += 1) {
      const mapping = everything.map(topicOf(), payloadOf(), ARRIVAL);
      expectBounded(mapping);
      if (mapping.kind === 'readings') mapped += 1;
    }
    expect(mapped).toBeGreaterThan(1_000);
  });
});

function expectBounded(mapping: Mapping): void {
  if (mapping.kind !== 'readings') {
    expect(mapping.reason.length).toBeLessThan(300);
    return;
  }
  expect(mapping.sensor).toMatch(ID_PATTERN);
  expect(mapping.leftOut.length).toBeLessThanOrEqual(MAX_LEFT_OUT_NAMED);
  expect(mapping.readings.length).toBeGreaterThan(0);
  let count = 0;
  for (const { tsMs, values } of mapping.readings) {
    expect(isReadingTime(tsMs, ARRIVAL)).toBe(true);
    expect(Object.keys(values).length).toBeLessThanOrEqual(MAX_VALUES_PER_READING);
    for (const [metric, value] of Object.entries(values)) {
      count += 1;
      if (!METRIC_PATTERN.test(metric) || !(Math.abs(value) <= MAX_VALUE_MAGNITUDE)) {
        expect.fail(`${metric}: ${value}`);
      }
    }
  }
  expect(count).toBeLessThanOrEqual(MAX_MAPPED_VALUES);
}

const KEYS = [
  'a',
  'temperature',
  '__proto__',
  'constructor',
  'a.b',
  '한',
  '',
  'Time',
  'params',
  'method',
  'x y',
];

function randomJson(random: Random, depth: number): unknown {
  const kind = random.int(depth > 0 ? 8 : 6);
  if (kind === 0) return random.pick([null, true, false]);
  if (kind === 1) return random.pick(['ON', 'off', 'NotifyStatus', '', '\ud800', 'x'.repeat(500)]);
  if (kind < 6) return random.pick([0, -1, 1e308, 5e-324, random.next() * 100, Number.NaN]);
  const size = random.int(6);
  if (kind === 6) return Array.from({ length: size }, () => randomJson(random, depth - 1));
  const entries = Array.from(
    { length: size },
    () => [random.pick(KEYS), randomJson(random, depth - 1)] as const,
  );
  return Object.fromEntries(entries);
}
