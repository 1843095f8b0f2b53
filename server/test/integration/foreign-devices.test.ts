// Foreign devices through the HTTP side and the database: samples, rules that are tried, units of series.

import { describe, expect, it } from 'vitest';
import { createDevice } from '../../src/fleet/devices.ts';
import { DiscoveredValues } from '../../src/foreign/discovered-values.ts';
import type { Database } from '../../src/postgres/pool.ts';
import { ForeignIntake } from '../../src/foreign/foreign-intake.ts';
import { UnmappedSamples } from '../../src/foreign/unmapped-samples.ts';
import { LatestValues } from '../../src/telemetry/latest-values.ts';
import { ReadingIntake } from '../../src/telemetry/reading-intake.ts';
import { SeriesCatalogue } from '../../src/telemetry/series-catalogue.ts';
import { TelemetryQueries } from '../../src/telemetry/telemetry-query.ts';
import { openHttpHarness } from '../support/http-harness.ts';
import { useTestPostgres } from '../support/postgres.ts';

const postgres = useTestPostgres();
const HEARD = { site: 'yard', sensor: 'boiler', topic: 'plant/7', arrivalMs: Date.UTC(2026, 2, 1) };

describe('messages that gave no reading', () => {
  it('are shown to operators of the site, with the reason and the payload', async () => {
    const samples = new UnmappedSamples();
    await using harness = await openHttpHarness(postgres, { services: { samples } });
    const foreign = new ForeignIntake({ samples, discovered: new DiscoveredValues(harness.database) });
    const payload = Buffer.from('{"temp":{"value":71.5}}');
    await expect(foreign.readingsOf({ ...HEARD, payload })).rejects.toMatchObject({
      code: 'FRAME_MALFORMED',
    });
    const list = async (role: 'viewer' | 'operator', sites: string[] | null) =>
      harness.request(await harness.login(role, sites), { url: '/api/v1/unmapped-samples' });
    expect((await list('viewer', null)).statusCode).toBe(403);
    expect((await list('operator', ['elsewhere'])).json()).toEqual({ items: [], nextCursor: null });
    expect((await list('operator', ['yard'])).json()).toMatchObject({
      items: [
        {
          site: 'yard',
          device: 'boiler',
          isOfGateway: false,
          topic: 'plant/7',
          reason: 'no rule has this topic',
          payload: '{"temp":{"value":71.5}}',
          count: 1,
        },
      ],
    });
  });

  it('can be tried with a rule, which says what it makes of them or what is wrong with it', async () => {
    await using harness = await openHttpHarness(postgres);
    const cookie = await harness.login('operator', ['yard']);
    const attempt = (rules: unknown, site = 'yard') =>
      harness.request(cookie, {
        method: 'POST',
        url: '/api/v1/unmapped-samples/try',
        payload: {
          site,
          device: 'boiler',
          topic: 'plant/7',
          payload: '{"temp":{"value":71.5,"unit":"C"}}',
          rules,
        },
      });
    const values = [{ path: '$.temp.value', metric: 'temperature', unit: '°C' }];
    expect((await attempt([{ topic: 'plant/{device}', values }])).json()).toMatchObject({
      kind: 'readings',
      sensor: 'boiler',
      readings: [{ values: { '7.temperature': 71.5 } }],
      units: { '7.temperature': '°C' },
    });
    expect((await attempt([{ topic: 'plant/+', sensor: 'boiler', values }])).json()).toMatchObject({
      readings: [{ values: { temperature: 71.5 } }],
    });
    expect((await attempt([{ topic: 'other/{device}', values }])).json()).toMatchObject({
      kind: 'refused',
      reason: 'no rule has this topic',
    });
    const wrong = await attempt([{ topic: 'plant/{device}', values: [{ path: 'temp' }] }]);
    expect(wrong.statusCode).toBe(400);
    expect(JSON.stringify(wrong.json())).toContain('rules');
    expect((await attempt([{ topic: 'plant/{device}', values }], 'elsewhere')).statusCode).toBe(404);
  });
});

describe('a device of another project', () => {
  const mapping = { topics: ['zigbee2mqtt', 'plant/hall-7'], rules: [{ ready: 'zigbee2mqtt' }] };

  it('is given topics and rules by an admin, has to connect again, and loses them when it is revoked', async () => {
    await using harness = await openHttpHarness(postgres);
    const cookie = await harness.login('admin');
    const ask = (method: 'POST' | 'PATCH' | 'DELETE' | 'GET', path: string, payload?: object) =>
      harness.request(cookie, { method, url: `/api/v1/devices${path}`, ...(payload && { payload }) });
    const bridge = { site: 'yard', id: 'bridge', kind: 'sensor' };
    const { secret } = (await ask('POST', '', bridge)).json<{ secret: string }>();
    const changed = await ask('PATCH', '/bridge', { mapping });
    expect(changed.json()).toMatchObject({ id: 'bridge', mapping });
    expect(harness.disconnected).toEqual(['bridge']);
    expect(await harness.services.devices.authenticate('bridge', secret)).toEqual({ ...bridge, mapping });
    expect((await ask('GET', '')).json()).toMatchObject({ items: [{ id: 'bridge', mapping }] });
    await ask('PATCH', '/bridge', { mapping: null });
    expect(await harness.services.devices.authenticate('bridge', secret)).toEqual(bridge);
    await ask('PATCH', '/bridge', { mapping });
    await ask('DELETE', '/bridge');
    const again = (await ask('POST', '', bridge)).json<{ secret: string }>();
    expect(await harness.services.devices.authenticate('bridge', again.secret)).toEqual(bridge);
  });

  it.each([
    [{ topics: ['sitecast/v1/yard/sensors/other'] }],
    [{ topics: ['#'] }],
    [{ topics: ['$SYS'] }],
    [{ topics: ['a//b'] }],
    [{ topics: Array.from({ length: 9 }, (_, n) => `t${n}`) }],
    [{ rules: [{ topic: 'x/{device}', values: [{ path: 'nowhere' }] }] }],
    [{ prefix: 'zigbee2mqtt' }],
  ])('is refused %j', async (wrong) => {
    await using harness = await openHttpHarness(postgres);
    const cookie = await harness.login('admin');
    const payload = { site: 'yard', id: 'bridge', kind: 'sensor', mapping: wrong };
    const made = await harness.request(cookie, { method: 'POST', url: '/api/v1/devices', payload });
    expect(made.statusCode).toBe(400);
    const gateway = { site: 'yard', id: 'gateway', kind: 'agent', mapping };
    const agent = await harness.request(cookie, { method: 'POST', url: '/api/v1/devices', payload: gateway });
    expect(agent.statusCode).toBe(400);
  });

  it('is still understood by what it told of itself after the server started anew, until it takes it back', async () => {
    await using test = await postgres.createDatabase();
    const { database } = test;
    await createDevice(database, { kind: 'sensor', site: 'yard', id: 'boiler' });
    const started = async (): Promise<ForeignIntake> => {
      const discovered = new DiscoveredValues(database);
      await discovered.load();
      return new ForeignIntake({ samples: new UnmappedSamples(), discovered });
    };
    const say = (intake: ForeignIntake, topic: string, text: string) =>
      intake.readingsOf({ ...HEARD, topic, payload: Buffer.from(text) });
    const config = 'homeassistant/sensor/plant/flow/config';
    const first = await started();
    await say(first, config, '{"stat_t":"plant/7","val_tpl":"{{ value_json.flow }}","unit_of_meas":"l/min"}');
    const second = await started();
    expect(await say(second, 'plant/7', '{"flow":3}')).toMatchObject([
      { values: { 'plant.flow': 3 }, units: { 'plant.flow': 'l/min' } },
    ]);
    await say(second, config, '');
    await expect(say(await started(), 'plant/7', '{"flow":3}')).rejects.toThrow('no rule has this topic');
  });
});

describe('units of readings', () => {
  it('reach the series and the newest values, follow the device, and are written when they change', async () => {
    await using test = await postgres.createDatabase();
    const { database, catalogue, latest, intake } = await openIntake(test.database);
    const say = (tsMs: number, units?: Record<string, string>): Promise<void> =>
      intake.add('yard', 'boiler', { id: 'boiler' }, [
        { tsMs, values: { temperature: 21, door: 1 }, ...(units && { units }) },
      ]);
    const unitsNow = async (): Promise<unknown> => [
      await database.query('select metric, unit from series order by metric', []),
      latest.of({ site: 'yard', id: 'boiler' }).map(({ unit }) => unit),
    ];
    await say(1);
    await say(2, { temperature: '°C', unknown: 'x' });
    const celsius = [
      [
        { metric: 'door', unit: null },
        { metric: 'temperature', unit: '°C' },
      ],
      ['°C', null],
    ];
    expect(await unitsNow()).toEqual(celsius);
    await say(3);
    expect(await unitsNow()).toEqual(celsius);
    await say(4, { temperature: '°F' });
    expect(latest.answer({ sites: null }).toString()).toContain('"unit":"°F"');
    expect(await catalogue.tellUnits('yard', 'boiler', { temperature: '°F' })).toEqual({});
    expect(await catalogue.tellUnits('yard', 'boiler', { temperature: 'K' })).toEqual({ temperature: 'K' });
  });

  it('and what it calls its values reach the series and the newest values, also after a restart', async () => {
    await using test = await postgres.createDatabase();
    const { database, latest, intake } = await openIntake(test.database);
    const say = (tsMs: number, labels?: Record<string, string>): Promise<void> =>
      intake.add('yard', 'boiler', { id: 'boiler' }, [
        { tsMs, values: { temperature: 21, door: 1 }, ...(labels && { labels }) },
      ]);
    const labelsNow = async (): Promise<unknown> => [
      await database.query('select metric, label from series order by metric', []),
      latest.of({ site: 'yard', id: 'boiler' }).map(({ label }) => label),
    ];
    await say(1, { temperature: '보일러 온도', unknown: 'x' });
    const named = [
      [
        { metric: 'door', label: null },
        { metric: 'temperature', label: '보일러 온도' },
      ],
      ['보일러 온도', null],
    ];
    expect(await labelsNow()).toEqual(named);
    await say(2);
    expect(await labelsNow()).toEqual(named);
    await say(3, { temperature: 'Boiler' });
    expect(latest.answer({ sites: null }).toString()).toContain('"label":"Boiler"');
    const stored = [new Date(Date.UTC(2026, 2, 1))];
    await database.query('select ensure_telemetry_partitions($1::timestamptz::date)', stored);
    await database.query(
      `insert into telemetry select id, $1, 21 from series where metric = 'temperature'`,
      stored,
    );
    const restarted = new LatestValues();
    await restarted.load(database);
    expect(restarted.of({ site: 'yard', id: 'boiler' })).toMatchObject([{ label: 'Boiler' }]);
    const [curve] = await new TelemetryQueries({ database }).answer({
      ...{ site: 'yard', series: [{ sensor: 'boiler', metric: 'temperature' }] },
      ...{ from: new Date(Date.UTC(2026, 2, 1)), to: new Date(Date.UTC(2026, 2, 2)) },
    });
    expect(curve).toMatchObject({ label: 'Boiler' });
  });
});

/** Readings on their way into newest values, without the writer in between. */
async function openIntake(database: Database) {
  await database.query(`insert into sites (id, name) values ('yard', 'Yard')`, []);
  const catalogue = new SeriesCatalogue({ database });
  const latest = new LatestValues();
  const add: (...given: Parameters<ReadingIntake['add']>) => Promise<void> = async (
    site,
    sensor,
    { id },
    readings,
  ) => {
    const metrics = Object.keys(readings[0]?.values ?? {});
    const series = await catalogue.resolve(site, sensor, metrics, id);
    latest.accept(
      metrics.map((metric) => ({
        site,
        sensor,
        metric,
        unit: series.get(metric)?.unit ?? null,
        tsMs: readings[0]?.tsMs ?? 0,
        value: readings[0]?.values[metric] ?? 0,
      })),
    );
  };
  const intake = new ReadingIntake({ batcher: { add }, catalogue, latest });
  return { database, catalogue, latest, intake };
}
