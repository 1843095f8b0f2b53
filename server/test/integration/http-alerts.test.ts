import { onTestFinished, describe, expect, it } from 'vitest';
import type { Role } from '../../src/auth/principal.ts';
import { AlertsWorld, draftOf, TOO_HOT } from '../support/alerts.ts';
import { openHttpHarness } from '../support/http-harness.ts';
import { useTestPostgres } from '../support/postgres.ts';

const postgres = useTestPostgres();
type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

describe('rules over HTTP', () => {
  it('are made, changed and removed by admins, of the sites that they see', async () => {
    const { call, world } = await openApi();
    const { channels: _, ...draft } = draftOf(TOO_HOT);
    expect((await call('operator', null, 'POST', 'rules', draft)).statusCode).toBe(403);
    expect((await call('admin', ['farm'], 'POST', 'rules', draft)).statusCode).toBe(404);
    const made = await call('admin', ['yard'], 'POST', 'rules', draft);
    expect([made.statusCode, made.json()]).toMatchObject([
      201,
      { ...draft, state: 'ok', subjects: [], silencedUntil: null },
    ]);
    const { id } = made.json<{ id: string }>();
    const wrong = await call('admin', null, 'PATCH', `rules/${id}`, {
      condition: { ...TOO_HOT, clearAt: 99 },
    });
    expect([wrong.statusCode, wrong.json()]).toMatchObject([400, { error: { code: 'BAD_REQUEST' } }]);
    const patched = await call('admin', ['yard'], 'PATCH', `rules/${id}`, { name: 'Tank too hot' });
    expect(patched.json()).toMatchObject({ ...draft, name: 'Tank too hot' });
    await world.read('tank', 'temperature', 31);
    expect((await call('viewer', null, 'GET', `rules/${id}`)).json()).toMatchObject({
      state: 'firing',
      subjects: [{ subject: 'tank/temperature', state: 'firing' }],
    });
    expect((await call('viewer', ['farm'], 'GET', `rules/${id}`)).statusCode).toBe(404);
    expect((await call('operator', ['yard'], 'DELETE', `rules/${id}`)).statusCode).toBe(403);
    expect((await call('admin', ['farm'], 'DELETE', `rules/${id}`)).statusCode).toBe(404);
    expect((await call('admin', ['yard'], 'DELETE', `rules/${id}`)).statusCode).toBe(204);
    expect((await call('admin', ['yard'], 'GET', `rules/${id}`)).statusCode).toBe(404);
  });

  it('about the server itself are of those who see all sites', async () => {
    const { call, world } = await openApi();
    const { channels: _, ...draft } = draftOf({ kind: 'pressure', level: 'high' });
    expect((await call('admin', ['yard'], 'POST', 'rules', draft)).statusCode).toBe(404);
    expect((await call('admin', null, 'POST', 'rules', draft)).statusCode).toBe(201);
    world.pressure = { level: 'critical', causes: ['memory'] };
    await world.alerts.look();
    for (const path of ['rules', 'alerts']) {
      expect((await call('viewer', ['yard'], 'GET', path)).json()).toMatchObject({ items: [] });
      expect((await call('viewer', null, 'GET', path)).json<{ items: object[] }>().items).toHaveLength(1);
    }
  });

  it('come in pages, in the order in which they were made', async () => {
    const { call, world } = await openApi();
    const ids: string[] = [];
    for (let n = 0; n < 5; n += 1) ids.push((await world.rule(TOO_HOT)).id);
    const seen: string[] = [];
    let path = 'rules?limit=2';
    for (;;) {
      const page = (await call('viewer', null, 'GET', path)).json<{
        items: { id: string }[];
        nextCursor: string | null;
      }>();
      seen.push(...page.items.map(({ id }) => id));
      if (page.nextCursor === null) break;
      path = `rules?limit=2&cursor=${page.nextCursor}`;
    }
    expect(seen).toEqual(ids);
  });

  it('are silenced by operators', async () => {
    const { call, world } = await openApi();
    const rule = await world.rule(TOO_HOT);
    const until = new Date(Date.now() + 3_600_000).toISOString();
    expect((await call('viewer', null, 'POST', `rules/${rule.id}/silence`, { until })).statusCode).toBe(403);
    const silenced = await call('operator', ['yard'], 'POST', `rules/${rule.id}/silence`, { until });
    expect(silenced.json()).toMatchObject({ silencedUntil: until });
    expect(silenced.json<{ silencedBy: string }>().silencedBy).toMatch(/^operator-/);
    const tooLong = { until: new Date(Date.now() + 400 * 86_400_000).toISOString() };
    expect((await call('operator', null, 'POST', `rules/${rule.id}/silence`, tooLong)).statusCode).toBe(400);
    const ended = await call('operator', null, 'POST', `rules/${rule.id}/silence`, { until: null });
    expect(ended.json()).toMatchObject({ silencedUntil: null, silencedBy: null });
  });
});

describe('the silence of a site over HTTP', () => {
  it('is begun and ended by operators of the site, and seen by all who see it', async () => {
    const { call, world } = await openApi();
    const until = new Date(world.clock.nowMs() + 3_600_000).toISOString();
    const ask = (role: Role, sites: string[] | null, payload: object) =>
      call(role, sites, 'POST', 'sites/yard/silence', payload);
    expect((await ask('viewer', ['yard'], { until })).statusCode).toBe(403);
    expect((await ask('operator', ['farm'], { until })).statusCode).toBe(404);
    const begun = await ask('operator', ['yard'], { until });
    expect([begun.statusCode, begun.json()]).toEqual([
      200,
      { site: 'yard', until, by: expect.stringMatching(/^operator-/) as string },
    ]);
    const tooLong = new Date(world.clock.nowMs() + 31 * 86_400_000).toISOString();
    expect((await ask('operator', null, { until: tooLong })).statusCode).toBe(400);
    const seen = async (sites: string[] | null) =>
      (await call('viewer', sites, 'GET', 'site-silences')).json<{ items: object[] }>().items;
    expect(await seen(['yard'])).toEqual([begun.json()]);
    expect(await seen(['farm'])).toEqual([]);
    expect((await ask('operator', ['yard'], { until: null })).json()).toEqual({
      site: 'yard',
      until: null,
      by: null,
    });
    expect(await seen(null)).toEqual([]);
  });
});

describe('alerts over HTTP', () => {
  it('say in two languages what is the matter, and are taken on by operators of their site', async () => {
    const { call, world, database } = await openApi();
    await world.rule(TOO_HOT);
    await database.query(
      `insert into series (site, sensor, metric, unit, device) values ('yard', 'tank', 'temperature', '°C', 'gate')`,
    );
    await world.read('tank', 'temperature', 31.25);
    const listed = (await call('viewer', ['yard'], 'GET', 'alerts?state=firing&site=yard')).json<{
      items: { id: string }[];
    }>();
    expect(listed.items).toMatchObject([
      {
        subject: 'tank/temperature',
        message: 'tank/temperature is 31.25 °C, above 30 °C.',
        messageKo: 'tank/temperature: 31.25 °C (기준 30 °C 초과)',
        acknowledged: null,
        snapshotError: null,
      },
    ]);
    const id = listed.items[0]?.id ?? '';
    const taken = { note: 'On my way.' };
    await database.query(`update series set label = 'Tank 1'`);
    expect((await call('viewer', ['yard'], 'GET', `alerts/${id}`)).json()).toMatchObject({
      subject: 'tank/temperature',
      message: 'Tank 1 (tank/temperature) is 31.25 °C, above 30 °C.',
      messageKo: 'Tank 1 (tank/temperature): 31.25 °C (기준 30 °C 초과)',
    });
    expect((await call('viewer', null, 'POST', `alerts/${id}/acknowledge`, taken)).statusCode).toBe(403);
    expect((await call('operator', ['farm'], 'POST', `alerts/${id}/acknowledge`, taken)).statusCode).toBe(
      404,
    );
    const first = await call('operator', ['yard'], 'POST', `alerts/${id}/acknowledge`, taken);
    const { acknowledged } = first.json<{ acknowledged: { by: string; note: string } }>();
    expect(acknowledged).toMatchObject(taken);
    const second = await call('admin', null, 'POST', `alerts/${id}/acknowledge`, {});
    expect(second.json()).toMatchObject({ acknowledged });
    expect((await call('viewer', ['farm'], 'GET', `alerts/${id}`)).statusCode).toBe(404);
    expect((await call('viewer', ['farm'], 'GET', 'alerts')).json()).toMatchObject({ items: [] });
    for (const query of ['state=resolved', 'kind=missing', `to=${new Date(0).toISOString()}`])
      expect((await call('viewer', null, 'GET', `alerts?${query}`)).json()).toMatchObject({ items: [] });
  });
});

async function openApi() {
  const test = await postgres.createDatabase();
  onTestFinished(() => test[Symbol.asyncDispose]());
  const world = await AlertsWorld.open(test.database);
  onTestFinished(() => world.close());
  const { alerts } = world;
  const harness = await openHttpHarness(postgres, {
    services: { rules: alerts, alerts, siteSilences: alerts },
  });
  onTestFinished(() => harness[Symbol.asyncDispose]());
  const cookies = new Map<string, string>();
  const call = async (role: Role, sites: string[] | null, method: Method, path: string, payload?: object) => {
    const who = `${role} of ${sites?.join() ?? 'all'}`;
    const cookie = cookies.get(who) ?? (await harness.login(role, sites));
    cookies.set(who, cookie);
    return harness.request(cookie, { method, url: `/api/v1/${path}`, payload });
  };
  return { world, call, database: test.database };
}
