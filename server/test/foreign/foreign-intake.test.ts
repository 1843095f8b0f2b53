import { describe, expect, it } from 'vitest';
import { FOREIGN_MESSAGES } from '../../../shared/test/foreign-messages.ts';
import { DISCOVERED_PER_DEVICE_MAX, DiscoveredValues } from '../../src/foreign/discovered-values.ts';
import type { DeviceMapping } from '../../src/foreign/device-mapping.ts';
import { ForeignIntake } from '../../src/foreign/foreign-intake.ts';
import { UnmappedSamples } from '../../src/foreign/unmapped-samples.ts';

const noDatabase = { query: async () => [] };
const ARRIVAL_MS = Date.UTC(2026, 2, 1);

describe('what a foreign device publishes straight to the server', () => {
  it.each(FOREIGN_MESSAGES)('has the values and units of $what of $project', async (foreign) => {
    const { say } = opened(foreign.sensor);
    const { tsMs = ARRIVAL_MS, values, units } = foreign;
    const expected = units === undefined ? { tsMs, values } : { tsMs, values, units };
    expect(await say(foreign.topic, foreign.payload)).toEqual([expected]);
  });

  it('gets the units that it told by discovery, and the names of the ready rules', async () => {
    const { say } = opened();
    const settings = {
      stat_t: 'zigbee2mqtt/kitchen',
      val_tpl: '{{ value_json.voc_index }}',
      unit_of_meas: 'points',
    };
    expect(await say('homeassistant/sensor/0x1/voc/config', settings)).toEqual([]);
    expect(await say('zigbee2mqtt/kitchen', { voc_index: 12, temperature: 21 })).toEqual([
      {
        tsMs: ARRIVAL_MS,
        values: { 'kitchen.voc_index': 12, 'kitchen.temperature': 21 },
        units: { 'kitchen.voc_index': 'points', 'kitchen.temperature': '°C' },
      },
    ]);
  });

  it('gets the labels that it told by discovery, behind a bridge and by itself', async () => {
    const { say } = opened();
    const settings = {
      stat_t: 'zigbee2mqtt/kitchen',
      val_tpl: '{{ value_json.voc_index }}',
      name: 'Air quality',
      dev: { name: 'Kitchen' },
    };
    await say('homeassistant/sensor/0x1/voc/config', settings);
    expect(await say('zigbee2mqtt/kitchen', { voc_index: 12, temperature: 21 })).toMatchObject([
      { labels: { 'kitchen.voc_index': 'Kitchen Air quality' } },
    ]);
    await say('homeassistant/sensor/plant/flow/config', {
      stat_t: 'plant/7',
      val_tpl: '{{ value_json.flow }}',
      name: '유량',
    });
    expect(await say('plant/7', { flow: 3 })).toEqual([
      { tsMs: ARRIVAL_MS, values: { 'plant.flow': 3 }, labels: { 'plant.flow': '유량' } },
    ]);
  });

  it('gets the unit and the label of a value that is the whole message, as of ESPHome', async () => {
    const { say } = opened();
    const settings = {
      stat_t: 'esp/sensor/temp/state',
      unit_of_meas: '°C',
      name: 'Temp',
      dev: { name: 'Esp' },
    };
    await say('homeassistant/sensor/esp/temp/config', settings);
    expect(await say('esp/sensor/temp/state', '23.50')).toEqual([
      {
        tsMs: ARRIVAL_MS,
        values: { 'esp.temp': 23.5 },
        units: { 'esp.temp': '°C' },
        labels: { 'esp.temp': 'Esp Temp' },
      },
    ]);
    await say('homeassistant/sensor/kitchen/link/config', { ...settings, stat_t: 'zigbee2mqtt/kitchen' });
    const [reading] = await say('zigbee2mqtt/kitchen', { voc_index: 12, temperature: 21 });
    expect(reading?.labels).toBeUndefined();
    expect(reading?.units).toEqual({ 'kitchen.temperature': '°C' });
  });

  it('is read by what it told of itself where no rule knows its topic', async () => {
    const { say, samples } = opened();
    const told = {
      '~': 'sitecast/v1/yard/sensors/boiler/foreign/plant',
      cmps: {
        flow: {
          p: 'sensor',
          stat_t: '~/state',
          val_tpl: '{{ value_json.flow.rate }}',
          unit_of_meas: 'l/min',
        },
        pump: {
          p: 'binary_sensor',
          stat_t: '~/state',
          val_tpl: '{{ value_json.pump }}',
          pl_on: 'run',
          pl_off: 'stop',
        },
      },
    };
    await expect(say('plant/state', { flow: { rate: 3.5 }, pump: 'run' })).rejects.toThrow(
      'no rule has this topic',
    );
    await say('homeassistant/device/plant/config', told);
    expect(await say('plant/state', { flow: { rate: 3.5 }, pump: 'run' })).toEqual([
      {
        tsMs: ARRIVAL_MS,
        values: { 'plant.flow': 3.5, 'plant.pump': 1 },
        units: { 'plant.flow': 'l/min' },
      },
    ]);
    await say('homeassistant/device/plant/config', '');
    await expect(say('plant/state', { flow: { rate: 3.5 } })).rejects.toThrow('no rule has this topic');
    expect(samples.list()).toMatchObject([{ topic: 'plant/state', count: 2 }]);
  });

  it('is kept as a sample with the reason where nothing reads it', async () => {
    const { say, samples } = opened();
    await expect(say('tele/SENSOR', '21')).rejects.toThrow('tasmota: Tasmota publishes a JSON object here');
    await say('homeassistant/sensor/x/config', { stat_t: 'a/b', val_tpl: '{{ value | float }}' });
    await say('homeassistant/light/x/config', { stat_t: 'a/b', val_tpl: '{{ value | float }}' });
    expect(samples.list()).toMatchObject([
      { topic: 'homeassistant/sensor/x/config', reason: expect.stringMatching(/^x: value_template is more/) },
      { site: 'yard', device: 'boiler', topic: 'tele/SENSOR', payload: '21', payloadBytes: 2, count: 1 },
    ]);
  });

  it('is read by the rules that the device was given, and by no other', async () => {
    const { say } = opened('boiler', {
      topics: ['plant'],
      rules: [
        {
          topic: 'plant/{device}/raw',
          sensor: 'boiler',
          values: [{ path: '$.t', metric: 'temp', unit: '°C' }],
        },
      ],
    });
    expect(await say('plant/7/raw', { t: 3 })).toEqual([
      { tsMs: ARRIVAL_MS, values: { temp: 3 }, units: { temp: '°C' } },
    ]);
    await expect(say('zigbee2mqtt/kitchen', { temperature: 3 })).rejects.toThrow('no rule has this topic');
  });

  it('of others neither names nor units what is of this device', async () => {
    const { intake, say } = opened();
    const payload = Buffer.from(JSON.stringify({ stat_t: 'plant/state', unit_of_meas: 'bar' }));
    const topic = 'homeassistant/sensor/x/config';
    await intake.readingsOf({ site: 'yard', sensor: 'other', topic, payload, arrivalMs: ARRIVAL_MS });
    await expect(say('plant/state', '3')).rejects.toThrow('no rule has this topic');
  });
});

describe('values known by discovery', () => {
  it('of one device are as many as there may be, and what was known stays', async () => {
    const discovered = new DiscoveredValues(noDatabase);
    const value = { metric: 'm', path: '$', unit: null, label: null, on: null, off: null };
    const tell = (toldBy: string, count: number): Promise<boolean> =>
      discovered.put(
        'boiler',
        toldBy,
        Array.from({ length: count }, (_, n) => ({ ...value, stateTopic: `${toldBy}/${n}` })),
      );
    expect(await tell('a', DISCOVERED_PER_DEVICE_MAX)).toBe(true);
    expect(await tell('b', 1)).toBe(false);
    expect(discovered.of('boiler', 'a/0')).toHaveLength(1);
    expect(discovered.counters.discoveriesRefused).toBe(1);
    expect(await tell('a', 10)).toBe(true);
    expect(await tell('b', 1)).toBe(true);
  });
});

function opened(sensor = 'boiler', own?: DeviceMapping) {
  const samples = new UnmappedSamples();
  const intake = new ForeignIntake({ samples, discovered: new DiscoveredValues(noDatabase) });
  const say = (topic: string, payload: unknown) => {
    const bytes = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
    return intake.readingsOf({ site: 'yard', sensor, topic, payload: bytes, arrivalMs: ARRIVAL_MS }, own);
  };
  return { intake, samples, say };
}
