import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { ulid } from 'ulid';
import { Fleet } from '../../src/fleet/fleet.ts';
import { openHttpHarness, type HttpHarness } from '../support/http-harness.ts';
import { useTestPostgres } from '../support/postgres.ts';
import { makeSnapshot } from '../support/snapshots.ts';

const postgres = useTestPostgres();

describe('access', () => {
  it('is refused on every route of the API but login and logout, without a login', async () => {
    await using harness = await openHttpHarness(postgres);
    const cookie = await harness.login('admin');
    const { paths } = (await harness.request(cookie, { url: '/api/v1/openapi.json' })).json<OpenApi>();
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ path, method: method.toUpperCase() as 'GET' })),
    );
    expect(routes.length).toBeGreaterThan(25);
    const open = Object.entries(paths).filter(([, methods]) =>
      Object.values(methods).some(({ security }) => security?.length === 0),
    );
    expect(open.map(([path]) => path).sort()).toEqual([
      '/api/v1/auth/login',
      '/api/v1/auth/logout',
      '/healthz',
      '/readyz',
    ]);
    for (const { path, method } of routes.filter(({ path }) => path.startsWith('/api/'))) {
      const url = path.replaceAll(/\{(\w+)\}/g, 'x');
      const { statusCode } = await harness.request(null, { method, url, payload: {} });
      const isOpen = /auth\/(login|logout)$/.test(path);
      expect({ path, method, isRefused: statusCode === 401 }).toEqual({ path, method, isRefused: !isOpen });
    }
  });

  it.each([
    ['viewer', 403, 403],
    ['operator', 409, 403],
    ['admin', 409, 201],
  ] as const)('of a %s: command answers %i, new device %i', async (role, command, device) => {
    await using harness = await openHttpHarness(postgres, {
      services: {
        takeSnapshot: () => Promise.reject(new AppError('AGENT_OFFLINE', 'gateway is not connected')),
      },
    });
    await addCamera(harness);
    const cookie = await harness.login(role);
    const snapshot = await harness.request(cookie, {
      method: 'POST',
      url: '/api/v1/cameras/yard/front/snapshot',
    });
    expect(snapshot.statusCode).toBe(command);
    const made = await harness.request(cookie, {
      method: 'POST',
      url: '/api/v1/devices',
      payload: { site: 'yard', id: 'boiler', kind: 'sensor' },
    });
    expect(made.statusCode).toBe(device);
  });

  it('ends at the sites of the user: others look as if they did not exist', async () => {
    await using harness = await openHttpHarness(postgres);
    await addCamera(harness);
    await harness.services.sites.create({ id: 'farm', name: 'Farm' });
    const { id } = await addSnapshot(harness);
    const stranger = await harness.login('operator', ['farm']);
    const get = async (url: string) => harness.request(stranger, { url: `/api/v1/${url}` });
    expect((await get('cameras')).json()).toEqual({ items: [], nextCursor: null });
    expect((await get('snapshots')).json()).toEqual({ items: [], nextCursor: null });
    expect((await get('sites')).json<{ items: unknown[] }>().items).toMatchObject([{ id: 'farm' }]);
    for (const url of [
      'cameras/yard/front',
      'cameras/yard/front/snapshots',
      `snapshots/${id}`,
      `snapshots/${id}/thumbnail`,
      'snapshots?site=yard',
      'events?site=yard',
      'telemetry/latest?site=yard',
      'telemetry/query?site=yard&sensor=x&from=2026-01-01T00:00:00Z',
      'agents/yard/gateway',
      'sites/yard',
    ]) {
      expect([url, (await get(url)).statusCode]).toEqual([url, 404]);
    }
    const owner = await harness.login('viewer', ['yard']);
    expect((await harness.request(owner, { url: `/api/v1/snapshots/${id}` })).statusCode).toBe(200);
  });

  it('with a cookie is refused from another origin when it would change something', async () => {
    await using harness = await openHttpHarness(postgres);
    const cookie = await harness.login('admin');
    const post = (headers: Record<string, string>) =>
      harness.request(cookie, {
        method: 'POST',
        url: '/api/v1/sites',
        headers,
        payload: { id: `site-${Math.random().toString(36).slice(2, 8)}`, name: 'Site' },
      });
    const forged = await post({ origin: 'https://evil.example' });
    expect(forged.statusCode).toBe(403);
    expect(forged.json()).toMatchObject({ error: { code: 'ORIGIN_REFUSED' } });
    expect((await post({ origin: 'http://localhost:80', host: 'localhost:80' })).statusCode).toBe(201);
    expect((await post({})).statusCode).toBe(201);
  });
});

describe('errors', () => {
  it('name every problem of a request, by key', async () => {
    await using harness = await openHttpHarness(postgres);
    const answer = await harness.request(await harness.login('admin'), {
      method: 'POST',
      url: '/api/v1/devices',
      payload: { site: 'Not A Site', id: 'ok', kind: 'toaster' },
    });
    expect(answer.statusCode).toBe(400);
    const { error } = answer.json<{ error: { code: string; detail: { problems: { key: string }[] } } }>();
    expect(error.code).toBe('BAD_REQUEST');
    expect(error.detail.problems.map(({ key }) => key).sort()).toEqual(['kind', 'site']);
  });

  it('say what is wrong with a body that cannot be read', async () => {
    await using harness = await openHttpHarness(postgres);
    const answer = await harness.request(await harness.login('admin'), {
      method: 'POST',
      url: '/api/v1/devices',
      headers: { 'content-type': 'application/json' },
      payload: '{"site":',
    });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({
      error: { code: 'BAD_REQUEST', detail: { reason: expect.stringMatching(/JSON/) as string } },
    });
  });

  it('tell a name that is taken from a list that is full, and count what was not granted', async () => {
    await using harness = await openHttpHarness(postgres);
    const cookie = await harness.login('admin');
    const make = async (id: string) => {
      const payload = { site: 'yard', id, kind: 'sensor' };
      const answer = await harness.request(cookie, { method: 'POST', url: '/api/v1/devices', payload });
      return answer.json<{ error?: { code: string; detail: object } }>().error;
    };
    // The harness allows five.
    for (let n = 1; n <= 5; n += 1) expect(await make(`boiler-${n}`)).toBeUndefined();
    expect(await make('boiler-1')).toMatchObject({ code: 'CONFLICT' });
    expect(await make('boiler-6')).toMatchObject({ code: 'LIMIT_REACHED', detail: { limit: 5 } });
    expect(await make('Not A Name')).toMatchObject({ code: 'BAD_REQUEST' });
    const { body } = await harness.request(null, { url: '/metrics' });
    for (const [code, count] of Object.entries({
      CONFLICT: 1,
      LIMIT_REACHED: 1,
      BAD_REQUEST: 1,
      QUEUE_FULL: 0,
    }))
      expect(body).toContain(`sitecast_http_errors_total{code="${code}"} ${count}`);
  });

  it('have the same body where the head of a request is too large to be read', async () => {
    await using harness = await openHttpHarness(postgres);
    const url = await harness.app.listen({ host: '127.0.0.1', port: 0 });
    const answer = await fetch(`${url}/healthz`, { headers: { 'x-long': 'a'.repeat(20_000) } });
    expect(answer.status).toBe(431);
    expect(await answer.json()).toMatchObject({
      error: { code: 'BAD_REQUEST', messageKo: expect.any(String) as string },
    });
  });

  it('never carry text that we did not write', async () => {
    await using harness = await openHttpHarness(postgres, {
      services: { takeSnapshot: () => Promise.reject(new Error('rtsp://root:hunter2@10.0.0.1 refused')) },
    });
    await addCamera(harness);
    const answer = await harness.request(await harness.login('operator'), {
      method: 'POST',
      url: '/api/v1/cameras/yard/front/snapshot',
    });
    expect(answer.statusCode).toBe(500);
    expect(answer.json()).toEqual({
      error: {
        code: 'INTERNAL',
        message: 'Something went wrong on the server.',
        messageKo: '서버에 문제가 발생했습니다.',
        detail: {},
      },
    });
  });

  it('of a store that is away are 503 with Retry-After, and say nothing of the store', async () => {
    const outage = new AppError('STORE_UNAVAILABLE', 'PostgreSQL at 10.1.2.3 is not reachable', {
      retryable: true,
      detail: { sqlState: '57P01', retryAfterMs: 1500 },
    });
    await using harness = await openHttpHarness(postgres, {
      services: { queryTelemetry: () => Promise.reject(outage) },
    });
    const answer = await harness.request(await harness.login('viewer'), {
      url: '/api/v1/telemetry/query?site=yard&sensor=x&from=2026-01-01T00:00:00Z',
    });
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '2']);
    expect(answer.body).not.toMatch(/10\.1\.2\.3|57P01/);
  });

  it('says how many series of a sensor with too many have no place in an answer', async () => {
    await using harness = await openHttpHarness(postgres, {
      services: { countSeriesLeftOut: async ({ series }, shown) => 100 * series.length - shown },
    });
    const answer = await harness.request(await harness.login('viewer'), {
      url: '/api/v1/telemetry/query?site=yard&sensor=x&from=2026-01-01T00:00:00Z',
    });
    expect(answer.json()).toEqual({ series: [], seriesLeftOut: 100 });
  });

  it('asks for curves of several series by sensor:metric, repeated, with the days of a zone', async () => {
    const asked: unknown[] = [];
    await using harness = await openHttpHarness(postgres, {
      services: { queryTelemetry: async (query) => (asked.push(query), []) },
    });
    const cookie = await harness.login('viewer');
    const get = async (rest: string) =>
      (await harness.request(cookie, { url: `/api/v1/telemetry/query?site=yard&${rest}` })).statusCode;
    const range = 'from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z';
    expect(await get(`${range}&series=a:temp&series=b-1:em:0.act&tz=Asia/Seoul&aggregate=1d`)).toBe(200);
    expect(await get(`${range}&series=a:temp&sensor=c`)).toBe(200);
    expect(asked).toMatchObject([
      {
        series: [
          { sensor: 'a', metric: 'temp' },
          { sensor: 'b-1', metric: 'em:0.act' },
        ],
        timeZone: 'Asia/Seoul',
        tier: '1d',
        maxPoints: 600,
      },
      { series: [{ sensor: 'c' }, { sensor: 'a', metric: 'temp' }] },
    ]);
    for (const refused of ['series=a', 'series=A:temp', 'series=a:', 'maxPoints=5001&sensor=a', ''])
      expect([refused, await get(`${range}&${refused}`)]).toEqual([refused, 400]);
  });

  it.each([
    ['an unknown path', { url: '/api/v1/nothing' }, 404, 'NOT_FOUND'],
    [
      'broken JSON',
      {
        method: 'POST',
        url: '/api/v1/auth/login',
        headers: { 'content-type': 'application/json' },
        payload: '{',
      },
      400,
      'BAD_REQUEST',
    ],
    [
      'a body that is too large',
      {
        method: 'POST',
        url: '/api/v1/auth/login',
        payload: { username: 'x'.repeat(100_000), password: 'y' },
      },
      413,
      'PAYLOAD_TOO_LARGE',
    ],
  ] as const)('for %s have a code', async (_what, options, status, code) => {
    await using harness = await openHttpHarness(postgres);
    const answer = await harness.request(null, options);
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toMatchObject({ error: { code } });
  });

  it('come with 429 above the requests of a minute', async () => {
    await using harness = await openHttpHarness(postgres, { app: { requestsPerMinute: 3 } });
    const codes: number[] = [];
    for (let index = 0; index < 4; index += 1) {
      codes.push((await harness.request(null, { url: '/api/v1/auth/me' })).statusCode);
    }
    expect(codes).toEqual([401, 401, 401, 429]);
  });
});

describe('devices', () => {
  it('show their secret once, can log in with it, and are cut off when revoked', async () => {
    await using harness = await openHttpHarness(postgres);
    const cookie = await harness.login('admin');
    const made = await harness.request(cookie, {
      method: 'POST',
      url: '/api/v1/devices',
      payload: { site: 'yard', id: 'boiler', kind: 'sensor' },
    });
    expect(made.statusCode).toBe(201);
    const { id, secret } = made.json<{ id: string; secret: string }>();
    const { devices } = harness.services;
    expect(await devices.authenticate(id, secret)).toEqual({ kind: 'sensor', site: 'yard', id: 'boiler' });
    expect(await devices.authenticate(id, `${secret}x`)).toBeUndefined();
    const list = await harness.request(cookie, { url: '/api/v1/devices' });
    expect(list.json()).toMatchObject({
      items: [{ id: 'boiler', site: 'yard', connected: false }],
      nextCursor: null,
    });
    expect(list.body).not.toContain(secret);
    expect((await harness.request(cookie, { url: '/api/v1/sites' })).json()).toMatchObject({
      items: [{ id: 'yard' }],
    });

    expect(
      (await harness.request(cookie, { method: 'DELETE', url: '/api/v1/devices/boiler' })).statusCode,
    ).toBe(204);
    expect(harness.disconnected).toEqual(['boiler']);
    expect(await devices.authenticate(id, secret)).toBeUndefined();
    const again = await harness.request(cookie, { method: 'DELETE', url: '/api/v1/devices/boiler' });
    expect(again.statusCode).toBe(404);
  });

  it('are refused twice under one id, under the reserved id, and above MAX_DEVICES', async () => {
    await using harness = await openHttpHarness(postgres);
    const cookie = await harness.login('admin');
    const make = async (id: string) => {
      const payload = { site: 'yard', id, kind: 'agent' };
      return (await harness.request(cookie, { method: 'POST', url: '/api/v1/devices', payload })).statusCode;
    };
    expect([await make('one'), await make('one'), await make('sensors')]).toEqual([201, 409, 400]);
    for (const id of ['two', 'three', 'four', 'five']) expect(await make(id)).toBe(201);
    expect(await make('six')).toBe(409);
  });
});

describe('cameras', () => {
  it('show their report, a name of our own, and what is true while their agent is away', async () => {
    await using harness = await openHttpHarness(postgres);
    await addCamera(harness);
    const cookie = await harness.login('operator');
    const get = async () =>
      (await harness.request(cookie, { url: '/api/v1/cameras/yard/front' })).json<object>();
    expect(await get()).toMatchObject({
      name: 'Front door',
      state: 'live',
      online: true,
      lastSnapshot: null,
    });

    const renamed = await harness.request(cookie, {
      method: 'PATCH',
      url: '/api/v1/cameras/yard/front',
      payload: { name: '정문' },
    });
    expect(renamed.json()).toMatchObject({ name: '정문', customName: '정문' });
    await harness.fleet.connectionChanged({ site: 'yard', agent: 'gateway' }, false);
    expect(await get()).toMatchObject({
      name: '정문',
      state: 'waiting',
      reason: 'AGENT_OFFLINE',
      online: false,
    });
  });

  it('have gateways with names of their own, which an inventory or a restart does not take away', async () => {
    await using harness = await openHttpHarness(postgres);
    await addCamera(harness);
    const cookie = await harness.login('operator');
    await harness.services.devices.create({ site: 'yard', id: 'gateway', kind: 'agent' });
    const url = '/api/v1/agents/yard/gateway';
    await harness.fleet.connectionChanged({ site: 'yard', agent: 'gateway' }, true);
    const rename = (name: string | null) =>
      harness.request(cookie, { method: 'PATCH', url, payload: { name } });
    expect((await rename('Workshop')).json()).toMatchObject({ id: 'gateway', name: 'Workshop' });
    const status = { state: 'online', since: '2026-05-04T12:00:00Z', version: '1', bootId: ulid() } as const;
    await harness.fleet.applyStatus({ site: 'yard', agent: 'gateway' }, status);
    const next = new Fleet({ database: harness.database, updates: harness.services.updates });
    await next.load();
    expect(next.agent({ site: 'yard', id: 'gateway' })?.name).toBe('Workshop');
    expect((await rename(null)).json()).toMatchObject({ name: 'gateway' });
    expect((await rename('')).statusCode).toBe(400);
    const viewer = await harness.login('viewer');
    const refused = await harness.request(viewer, { method: 'PATCH', url, payload: { name: 'x' } });
    expect(refused.statusCode).toBe(403);
  });

  it('are listed of one site only when asked', async () => {
    await using harness = await openHttpHarness(postgres);
    for (const site of ['yard', 'dock']) {
      await harness.services.sites.create({ id: site, name: site });
      const agent = { site, agent: `gateway-${site}` };
      await harness.fleet.connectionChanged(agent, true);
      await harness.fleet.sensorSeen({ site, id: 'boiler' }, null);
    }
    const cookie = await harness.login('viewer');
    for (const list of ['agents', 'sensors']) {
      const answer = await harness.request(cookie, { url: `/api/v1/${list}?site=dock` });
      expect(answer.json<{ items: { site: string }[] }>().items.map(({ site }) => site)).toEqual(['dock']);
    }
  });

  it('are listed in pages', async () => {
    await using harness = await openHttpHarness(postgres);
    await addCamera(harness, ['a', 'b', 'c', 'd', 'e']);
    const cookie = await harness.login('viewer');
    const ids: string[] = [];
    let cursor = '';
    do {
      const answer = await harness.request(cookie, {
        url: `/api/v1/cameras?limit=2${cursor && `&cursor=${cursor}`}`,
      });
      const page = answer.json<{ items: { id: string }[]; nextCursor: string | null }>();
      ids.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor ?? '';
    } while (cursor !== '');
    expect(ids).toEqual(['a', 'b', 'c', 'd', 'e']);
    const forged = await harness.request(cookie, { url: '/api/v1/cameras?cursor=%00%00' });
    expect(forged.statusCode).toBe(400);
  });
});

describe('snapshots', () => {
  it('are sent as they were stored, and kept by caches', async () => {
    await using harness = await openHttpHarness(postgres);
    await addCamera(harness);
    const stored = await addSnapshot(harness);
    const cookie = await harness.login('viewer');
    const list = await harness.request(cookie, { url: '/api/v1/cameras/yard/front/snapshots' });
    expect(list.json()).toMatchObject({ items: [{ id: stored.id, site: 'yard', camera: 'front' }] });
    expect(list.body).not.toContain('.jpg');

    const picture = await harness.request(cookie, { url: `/api/v1/snapshots/${stored.id}` });
    expect(picture.headers).toMatchObject({
      'content-type': 'image/jpeg',
      'content-length': String(stored.snapshot.length),
      'cache-control': 'private, max-age=31536000, immutable',
      etag: `"${createHash('sha256').update(stored.snapshot).digest('hex')}"`,
    });
    expect(picture.rawPayload.equals(stored.snapshot)).toBe(true);
    const cached = await harness.request(cookie, {
      url: `/api/v1/snapshots/${stored.id}`,
      headers: { 'if-none-match': `"other", W/${String(picture.headers.etag)}` },
    });
    expect([cached.statusCode, cached.body]).toEqual([304, '']);
    const head = await harness.request(cookie, { method: 'HEAD', url: `/api/v1/snapshots/${stored.id}` });
    expect([head.statusCode, head.headers['content-type']]).toEqual([200, 'image/jpeg']);
    const thumbnail = await harness.request(cookie, { url: `/api/v1/snapshots/${stored.id}/thumbnail` });
    expect(thumbnail.rawPayload.equals(stored.thumbnail)).toBe(true);
    expect((await harness.request(cookie, { url: `/api/v1/snapshots/${ulid()}` })).statusCode).toBe(404);
  });
});

describe('outside the API', () => {
  it('probes need no login', async () => {
    let isUp = true;
    await using harness = await openHttpHarness(postgres, {
      services: { readiness: async () => ({ database: isUp, broker: true }) },
    });
    expect((await harness.request(null, { url: '/healthz' })).json()).toEqual({ ok: true });
    expect((await harness.request(null, { url: '/readyz' })).statusCode).toBe(200);
    isUp = false;
    const notReady = await harness.request(null, { url: '/readyz' });
    expect(notReady.statusCode).toBe(503);
    expect(notReady.json()).toEqual({ ready: false, checks: { database: false, broker: true } });
  });

  it('metrics need the token, or this machine without a proxy between', async () => {
    const token = 'a token for prometheus';
    await using harness = await openHttpHarness(postgres, {
      app: { metricsToken: token.replaceAll(' ', '-') },
    });
    const scrape = (headers: Record<string, string>, remoteAddress: string) =>
      harness.request(null, { url: '/metrics', headers, remoteAddress });
    const own = await scrape({}, '127.0.0.1');
    expect(own.headers['content-type']).toContain('text/plain');
    expect(own.body).toContain('sitecast_relay_frames_sent_total 7');
    expect(own.body).toContain('sitecast_live_viewers 2');
    expect((await scrape({}, '10.0.0.7')).statusCode).toBe(401);
    expect((await scrape({ 'x-forwarded-for': '203.0.113.5' }, '127.0.0.1')).statusCode).toBe(401);
    expect((await scrape({ authorization: 'Bearer a-token-for-prometheus' }, '10.0.0.7')).statusCode).toBe(
      200,
    );
    expect((await scrape({ authorization: 'Bearer a-token-for-prometheux' }, '10.0.0.7')).statusCode).toBe(
      401,
    );
  });

  it.each(['/api/v1/cameras/%zz', `/api/v1/sites/${'a'.repeat(200)}`])(
    '%.24s is refused like all else',
    async (url) => {
      await using harness = await openHttpHarness(postgres);
      const answer = await harness.request(null, { url });
      expect(answer.statusCode).toBe(400);
      expect(answer.json()).toMatchObject({
        error: { code: 'BAD_REQUEST', messageKo: expect.any(String) as string },
      });
    },
  );

  it('every answer forbids foreign scripts and frames', async () => {
    await using harness = await openHttpHarness(postgres);
    const { headers } = await harness.request(null, { url: '/healthz' });
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|upgrade-insecure/);
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['strict-transport-security']).toBeUndefined();
  });
});

interface OpenApi {
  paths: Record<string, Record<string, { security?: unknown[] }>>;
}

const REPORT: Omit<CameraReport, 'id'> = {
  name: 'Front door',
  state: 'live',
  reason: null,
  detail: null,
  since: '2026-01-01T00:00:00.000Z',
  codec: 'avc1.64001f',
  width: 1280,
  height: 720,
  fps: 25,
  profiles: ['main', 'stills'],
};

async function addCamera({ fleet, services }: HttpHarness, ids = ['front']): Promise<void> {
  const gateway = { site: 'yard', agent: 'gateway' };
  await services.sites.create({ id: 'yard', name: 'Yard' });
  await fleet.connectionChanged(gateway, true);
  await fleet.applyInventory(gateway, { cameras: ids.map((id) => ({ ...REPORT, id })) });
}

async function addSnapshot({ mediaStore, services }: HttpHarness) {
  const made = makeSnapshot();
  const paths = await mediaStore.put('yard', made);
  const snapshots = services.snapshots as unknown as { insert(given: object): Promise<unknown> };
  await snapshots.insert({
    site: 'yard',
    agent: 'gateway',
    receivedAt: new Date(),
    header: made.header,
    ...paths,
  });
  return { id: made.header.id, ...made };
}
