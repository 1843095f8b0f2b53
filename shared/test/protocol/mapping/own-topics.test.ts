import { describe, expect, it } from 'vitest';
import { METRIC_PATTERN } from '../../../src/protocol/ids.ts';
import { mapOwnTopic } from '../../../src/protocol/mapping/own-topics.ts';
import { SensorMapper, type Mapping } from '../../../src/protocol/mapping/sensor-mapper.ts';

const mapper = SensorMapper.of();
const map = (topic: string, payload: unknown): Mapping =>
  mapOwnTopic(mapper, {
    sensor: 'plug',
    topic,
    payload: Buffer.from(JSON.stringify(payload)),
    arrivalMs: 1.8e12,
  });

describe('a device below a topic of its own', () => {
  it.each([
    [
      'events/rpc',
      { method: 'NotifyStatus', params: { 'switch:0': { apower: 3 } } },
      { 'switch:0.apower': 3 },
    ],
    ['status/switch:0', { output: true }, { 'switch:0.output': 1 }],
    ['tele/SENSOR', { ENERGY: { Power: 5 } }, { 'ENERGY.Power': 5 }],
    ['sensor/temperature/state', 21.5, { temperature: 21.5 }],
    ['zigbee2mqtt/plug', { power: 1 }, { power: 1 }],
    ['zigbee2mqtt/kitchen', { power: 1 }, { 'kitchen.power': 1 }],
    ['tele/attic/SENSOR', { DS18B20: { Temperature: 2 } }, { 'attic.DS18B20.Temperature': 2 }],
    [
      'shelly-x/events/rpc',
      { method: 'NotifyStatus', params: { 'input:0': { state: false } } },
      { 'shelly-x.input:0.state': 0 },
    ],
  ])('%s stays under its id', (topic, payload, values) => {
    expect(map(topic, payload)).toMatchObject({ kind: 'readings', sensor: 'plug', readings: [{ values }] });
  });

  it('keeps metrics of devices with long names apart, and names', () => {
    const mapping = map(`zigbee2mqtt/${'x'.repeat(60)}`, { temperature: 1, humidity: 2 });
    const metrics = mapping.kind === 'readings' ? Object.keys(mapping.readings[0]?.values ?? {}) : [];
    expect(new Set(metrics).size).toBe(2);
    for (const metric of metrics) expect(metric).toMatch(METRIC_PATTERN);
  });

  it('says the same of what holds no reading as anywhere', () => {
    expect(map('tele/LWT', 'Online')).toMatchObject({ kind: 'ignored', rule: 'tasmota' });
    expect(map('zigbee2mqtt/bridge/state', 'online')).toMatchObject({ kind: 'ignored', rule: 'zigbee2mqtt' });
    expect(map('what/ever', 1)).toMatchObject({ kind: 'refused', rule: undefined });
    expect(map('tele/SENSOR', 'x')).toMatchObject({ kind: 'refused', rule: 'tasmota' });
  });
});
