import { onTestFinished, describe, expect, it } from 'vitest';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { AlertsWorld, HOUR_MS, MINUTE_MS, TOO_HOT } from '../support/alerts.ts';
import { useTestPostgres } from '../support/postgres.ts';
import { waitFor } from '../support/wait-for.ts';

const postgres = useTestPostgres();
const GIB = 1024 ** 3;

describe('a rule with a threshold', () => {
  it('fires once the limit was passed for long enough, and is resolved below the value where it is over', async () => {
    const world = await openWorld();
    const rule = await world.rule(TOO_HOT, { forMs: 5 * MINUTE_MS });
    await world.read('tank', 'temperature', 31);
    expect(statesOf(world, rule.id)).toEqual([['tank/temperature', 'pending']]);
    await world.pass(4 * MINUTE_MS);
    await world.read('tank', 'temperature', 30);
    expect(statesOf(world, rule.id)).toEqual([]);
    await world.pass(MINUTE_MS);
    expect(await world.found()).toEqual([]);

    const beganAt = new Date(world.clock.nowMs());
    await world.read('tank', 'temperature', 32.5);
    await world.pass(5 * MINUTE_MS);
    const { items } = await world.alerts.list({ limit: 10 });
    expect(items).toMatchObject([
      {
        ruleId: rule.id,
        site: 'yard',
        kind: 'threshold',
        subject: 'tank/temperature',
        severity: 'warning',
        state: 'firing',
        value: 32.5,
        pendingAt: beganAt,
        firedAt: new Date(beganAt.getTime() + 5 * MINUTE_MS),
        resolvedAt: null,
      },
    ]);
    // Between the limit and where it is over nothing changes, for however long.
    await world.read('tank', 'temperature', 29);
    await world.pass(10 * MINUTE_MS);
    expect(statesOf(world, rule.id)).toEqual([['tank/temperature', 'firing']]);
    await world.read('tank', 'temperature', 27);
    expect(await world.found()).toMatchObject([{ state: 'firing' }]);
    await world.pass(MINUTE_MS);
    expect(await world.found()).toEqual([
      { subject: 'tank/temperature', state: 'resolved', endReason: 'cleared' },
    ]);
    expect(world.changes.map(({ state }) => state)).toEqual(['firing', 'resolved']);
  });

  it('makes one alert of a value that dances around its limits', async () => {
    const world = await openWorld();
    await world.rule(TOO_HOT);
    for (let step = 0; step < 50; step += 1) {
      await world.read('tank', 'temperature', step % 2 === 0 ? 31 : 20);
      await world.pass(5_000);
    }
    expect(await world.found()).toMatchObject([{ state: 'firing' }]);
    await world.pass(2 * MINUTE_MS);
    expect(await world.found()).toMatchObject([{ state: 'resolved' }]);
    expect(world.alerts.counters).toMatchObject({ fired: 1, resolved: 1 });
  });

  it('counts values that were there before it, has an alert for each sensor, and looks at no other site', async () => {
    const world = await openWorld();
    await world.read('tank', 'temperature', 40);
    await world.read('shed', 'temperature', 41);
    await world.rule({ ...TOO_HOT, sensor: 'tank' });
    await world.rule(TOO_HOT, { site: 'farm' });
    await world.alerts.look();
    expect(await world.found()).toMatchObject([{ subject: 'tank/temperature' }]);
    await world.rule({ ...TOO_HOT, direction: 'below', limit: 0, clearAt: 2 });
    await world.read('shed', 'temperature', -1);
    await world.read('tank', 'temperature', -1);
    expect((await world.found()).length).toBe(3);
  });
});

describe('a site that is silenced', () => {
  it('fires all the same, and tells afterwards of what still does, also over a restart', async () => {
    const world = await openWorld();
    await world.rule(TOO_HOT);
    const until = new Date(world.clock.nowMs() + HOUR_MS);
    const silence = await world.alerts.silenceSite('yard', until, 'kim');
    expect(silence).toEqual({ site: 'yard', until, by: 'kim' });
    await world.read('tank', 'temperature', 31);
    expect(await toldOf(world)).toEqual([['tank/temperature', 'firing', false]]);
    await world.restart(0);
    expect(world.alerts.siteSilences()).toEqual([silence]);
    await world.read('shed', 'temperature', 31);
    await world.read('shed', 'temperature', 20);
    await world.pass(HOUR_MS - 5_000);
    expect(await toldOf(world)).toEqual([
      ['shed/temperature', 'resolved', false],
      ['tank/temperature', 'firing', false],
    ]);
    await world.pass(5_000);
    expect(await toldOf(world)).toEqual([
      ['shed/temperature', 'resolved', false],
      ['tank/temperature', 'firing', true],
    ]);
    expect(world.alerts.siteSilences()).toEqual([]);
  });

  it('is heard again at once when somebody ends it, and other sites are never silent', async () => {
    const world = await openWorld();
    await world.rule(TOO_HOT);
    const until = new Date(world.clock.nowMs() + HOUR_MS);
    await world.alerts.silenceSite('farm', until, 'kim');
    await world.read('tank', 'temperature', 31);
    expect(await toldOf(world)).toEqual([['tank/temperature', 'firing', true]]);
    await world.alerts.silenceSite('yard', until, 'kim');
    await world.read('shed', 'temperature', 31);
    await world.alerts.silenceSite('yard', null, 'lee');
    await world.alerts.look();
    expect(await toldOf(world)).toEqual([
      ['shed/temperature', 'firing', true],
      ['tank/temperature', 'firing', true],
    ]);
    expect(world.alerts.siteSilences().map(({ site }) => site)).toEqual(['farm']);
  });

  it('is so for 30 days at most, and leaves no row behind', async () => {
    const world = await openWorld();
    const inDays = (days: number): Date => new Date(world.clock.nowMs() + days * 24 * HOUR_MS);
    await expect(world.alerts.silenceSite('yard', inDays(30.1), 'kim')).rejects.toMatchObject({
      code: 'BAD_REQUEST',
    });
    await expect(world.alerts.silenceSite('nowhere', inDays(1), 'kim')).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await world.alerts.silenceSite('yard', inDays(30), 'kim');
    world.clock.advance(31 * 24 * HOUR_MS);
    expect(world.alerts.siteSilences()).toEqual([]);
    await world.alerts.silenceSite('farm', inDays(1), 'kim');
    expect(await world.database.query('select site from site_silences')).toEqual([{ site: 'farm' }]);
  });
});

describe('readings that come together', () => {
  it('all count: a spike before the last one fires, says when it was, and is over by the times of those after it', async () => {
    const world = await openWorld();
    const rule = await world.rule(TOO_HOT);
    const spikeMs = world.clock.nowMs() - 3 * HOUR_MS;
    await world.readAll('tank', 'temperature', [
      [spikeMs - MINUTE_MS, 20],
      [spikeMs, 45],
      [spikeMs + 10_000, 20],
    ]);
    const { items } = await world.alerts.list({ limit: 10 });
    expect(items).toMatchObject([{ state: 'firing', value: 45, pendingAt: new Date(spikeMs) }]);
    await world.readAll('tank', 'temperature', [[spikeMs + 2 * MINUTE_MS, 21]]);
    expect(await world.found()).toMatchObject([{ state: 'resolved', endReason: 'cleared' }]);
    expect(statesOf(world, rule.id)).toEqual([]);
  });

  it('last as long as lies between them, and not from then to now', async () => {
    const world = await openWorld();
    await world.rule(TOO_HOT, { forMs: 5 * MINUTE_MS });
    const fromMs = world.clock.nowMs() - 2 * HOUR_MS;
    await world.readAll('tank', 'temperature', [
      [fromMs, 31],
      [fromMs + 4 * MINUTE_MS, 32],
    ]);
    await world.pass(30_000);
    expect(await world.found()).toEqual([]);
    await world.readAll('tank', 'temperature', [[fromMs + 4.5 * MINUTE_MS, 20]]);
    expect(await world.found()).toEqual([]);
    await world.readAll('tank', 'temperature', [
      [fromMs + 10 * MINUTE_MS, 33],
      [fromMs + 16 * MINUTE_MS, 20],
    ]);
    const { items } = await world.alerts.list({ limit: 10 });
    expect(items).toMatchObject([{ value: 33, pendingAt: new Date(fromMs + 10 * MINUTE_MS) }]);
  });

  it('count once, and not when a newer one is known', async () => {
    const world = await openWorld();
    await world.rule(TOO_HOT);
    const nowMs = world.clock.nowMs();
    await world.readAll('tank', 'temperature', [[nowMs, 20]]);
    await world.readAll('tank', 'temperature', [
      [nowMs, 45],
      [nowMs - MINUTE_MS, 45],
    ]);
    expect(await world.found()).toEqual([]);
  });

  it('are counted by our clock where the clock of the sensor is wrong all the time', async () => {
    const world = await openWorld();
    await world.rule(TOO_HOT, { forMs: 5 * MINUTE_MS });
    for (const wrongMs of [-2 * HOUR_MS, 2 * HOUR_MS]) {
      const sensor = wrongMs < 0 ? 'behind' : 'ahead';
      for (let minute = 0; minute < 4; minute += 1) {
        await world.readAll(sensor, 'temperature', [[world.clock.nowMs() + wrongMs, 40]]);
        await world.pass(MINUTE_MS);
      }
      expect((await world.found()).map(({ subject }) => subject)).not.toContain(`${sensor}/temperature`);
      await world.pass(MINUTE_MS);
      expect((await world.found()).map(({ subject }) => subject)).toContain(`${sensor}/temperature`);
    }
  });
});

describe('a rule about missing data', () => {
  it('fires for a sensor that fell silent, for one that never spoke, and is over when it speaks again', async () => {
    const world = await openWorld();
    await world.read('tank', 'temperature', 20);
    await world.rule({ kind: 'missing', sensor: null, metric: null }, { forMs: 10 * MINUTE_MS });
    await world.rule({ kind: 'missing', sensor: 'pump', metric: 'flow' }, { forMs: 20 * MINUTE_MS });
    for (let minute = 0; minute < 15; minute += 1) {
      await world.pass(MINUTE_MS);
      await world.read('tank', 'temperature', 20);
    }
    expect(await world.found()).toEqual([]);
    await world.pass(10 * MINUTE_MS);
    expect((await world.found()).map(({ subject }) => subject).toSorted()).toEqual(['pump/flow', 'tank']);
    await world.read('tank', 'temperature', 20);
    await world.pass(MINUTE_MS);
    expect(await world.found()).toContainEqual({ subject: 'tank', state: 'resolved', endReason: 'cleared' });
  });

  it('does not take an outage of the server for a silence of the sensor, and counts on what it had counted', async () => {
    const world = await openWorld();
    await world.read('tank', 'temperature', 20);
    await world.rule({ kind: 'missing', sensor: 'tank', metric: null }, { forMs: 10 * MINUTE_MS });
    await world.pass(6 * MINUTE_MS);
    await world.restart(3 * HOUR_MS);
    await world.pass(3 * MINUTE_MS);
    expect(await world.found()).toEqual([]);
    await world.pass(MINUTE_MS);
    expect(await world.found()).toMatchObject([{ subject: 'tank', state: 'firing' }]);
  });

  it('says since when it is silent, not since when that was noticed', async () => {
    const world = await openWorld();
    await world.read('tank', 'temperature', 20);
    const heardAt = new Date(world.clock.nowMs());
    await world.rule({ kind: 'missing', sensor: 'tank', metric: null }, { forMs: MINUTE_MS });
    await world.pass(MINUTE_MS + 7_000);
    const { items } = await world.alerts.list({ limit: 1 });
    expect(items).toMatchObject([{ state: 'firing', pendingAt: heardAt }]);
  });

  it('does not miss sensors that were gone long before it began', async () => {
    const world = await openWorld();
    await world.read('old', 'temperature', 20);
    world.clock.advance(72 * HOUR_MS);
    await world.rule({ kind: 'missing', sensor: null, metric: null }, { forMs: 10 * MINUTE_MS });
    await world.pass(20 * MINUTE_MS);
    expect(await world.found()).toEqual([]);
  });
});

describe('a rule about cameras', () => {
  it('fires for each that gives no picture, says why, and ends with a camera that is removed', async () => {
    const world = await openWorld();
    world.cameras = [world.camera('gate', 'live'), world.camera('dock', 'waiting', 'SOURCE_UNREACHABLE')];
    world.cameras.push(world.camera('upload', 'stopped', 'UPLOADS_ONLY'), world.camera('off', 'stopped'));
    const rule = await world.rule({ kind: 'camera-offline', camera: null }, { forMs: MINUTE_MS });
    await world.pass(30_000);
    expect(statesOf(world, rule.id)).toEqual([['dock', 'pending']]);
    await world.pass(MINUTE_MS);
    const { items } = await world.alerts.list({ limit: 10 });
    expect(items).toMatchObject([{ subject: 'dock', reason: 'SOURCE_UNREACHABLE', state: 'firing' }]);
    world.cameras = [world.camera('gate', 'failed', 'SOURCE_UNAUTHORIZED'), world.camera('dock', 'live')];
    await world.pass(3 * MINUTE_MS);
    expect(await world.found()).toEqual([
      { subject: 'gate', state: 'firing', endReason: null },
      { subject: 'dock', state: 'resolved', endReason: 'cleared' },
    ]);
    world.cameras = [];
    await world.pass(5_000);
    expect((await world.found())[0]).toEqual({
      subject: 'gate',
      state: 'resolved',
      endReason: 'subject-gone',
    });
  });
});

describe('a rule about agents', () => {
  it('fires for one that is not connected, and gives all a moment to come back after a start', async () => {
    const world = await openWorld();
    world.agents = [world.agent('north', true), world.agent('south', true)];
    await world.rule({ kind: 'agent-offline', agent: null });
    await world.pass(10_000);
    world.agents = [world.agent('north', false), world.agent('south', false)];
    await world.restart(MINUTE_MS);
    await world.pass(30_000);
    world.agents = [world.agent('north', true), world.agent('south', false)];
    await world.pass(MINUTE_MS);
    expect(await world.found()).toEqual([{ subject: 'south', state: 'firing', endReason: null }]);
    world.agents = [world.agent('north', true), world.agent('south', true)];
    await world.pass(70_000);
    expect(await world.found()).toMatchObject([{ subject: 'south', state: 'resolved' }]);
  });
});

describe('a gateway that comes and goes', () => {
  it('is away all the time, however well the looks meet it', async () => {
    const world = await openWorld();
    await world.rule({ kind: 'agent-offline', agent: null }, { forMs: MINUTE_MS });
    const since = new Date(world.clock.nowMs());
    const flapping = world.agent('north', true);
    world.agents = [{ ...flapping, absence: { since, losses: 1 } }];
    await world.pass(10_000);
    expect(world.alerts.stats.watched).toBe(0);
    for (let look = 0; look < 14; look += 1) {
      const now = new Date(world.clock.nowMs());
      world.agents = [{ ...flapping, since: now, absence: { since, losses: 2 + look } }];
      await world.pass(5_000);
    }
    expect(await world.found()).toMatchObject([{ subject: 'north', state: 'firing' }]);
    await world.pass(90_000);
    expect(await world.found()).toMatchObject([{ subject: 'north', state: 'resolved' }]);
  });
});

describe('a rule about a disk', () => {
  it('fires when it will be full soon, as it fills now, and is over when it no longer does', async () => {
    const world = await openWorld();
    const condition = {
      kind: 'disk-forecast',
      agent: null,
      withinHours: 48,
      windowHours: 6,
    } as const;
    await world.rule(condition, { site: null });
    const fill = async (hours: number, bytesPerHour: number): Promise<void> => {
      for (let step = 0; step < hours * 6; step += 1) {
        world.freeBytes -= Math.round(bytesPerHour / 6);
        world.clock.advance(10 * MINUTE_MS);
        await world.alerts.look();
      }
    };
    await fill(8, GIB / 10);
    expect(await world.found()).toEqual([]);
    await fill(8, 5 * GIB);
    const { items } = await world.alerts.list({ limit: 10 });
    expect(items).toMatchObject([{ subject: 'server', kind: 'disk-forecast', site: null, state: 'firing' }]);
    expect(items[0]?.value).toBeGreaterThan(0);
    expect(items[0]?.value).toBeLessThanOrEqual(2);
    await fill(8, 0);
    expect(await world.found()).toMatchObject([{ state: 'resolved', endReason: 'cleared' }]);
  });
});

describe('a rule about pressure', () => {
  it('fires at its level and above, and says what is short', async () => {
    const world = await openWorld();
    await world.rule({ kind: 'pressure', level: 'high' }, { forMs: MINUTE_MS });
    world.pressure = { level: 'elevated', causes: ['memory'] };
    await world.pass(2 * MINUTE_MS);
    expect(await world.found()).toEqual([]);
    world.pressure = { level: 'critical', causes: ['memory', 'disk'] };
    await world.pass(2 * MINUTE_MS);
    const { items } = await world.alerts.list({ limit: 10 });
    expect(items).toMatchObject([{ subject: 'server', site: null, reason: 'memory, disk', state: 'firing' }]);
    world.pressure = { level: 'normal', causes: [] };
    await world.pass(2 * MINUTE_MS);
    expect(await world.found()).toMatchObject([{ state: 'resolved' }]);
  });
});

describe('alerts', () => {
  it('go on after a restart where they were, with what was counted before', async () => {
    const world = await openWorld();
    const rule = await world.rule(TOO_HOT, { forMs: 10 * MINUTE_MS });
    await world.read('tank', 'temperature', 31);
    await world.pass(4 * MINUTE_MS);
    await world.restart(2 * MINUTE_MS);
    expect(statesOf(world, rule.id)).toEqual([['tank/temperature', 'pending']]);
    await world.pass(3 * MINUTE_MS);
    expect(await world.found()).toEqual([]);
    await world.pass(MINUTE_MS);
    expect(await world.found()).toMatchObject([{ state: 'firing' }]);
    const [firing] = (await world.alerts.list({ limit: 1 })).items;
    await world.restart(HOUR_MS);
    await world.pass(2 * MINUTE_MS);
    expect(await world.found()).toHaveLength(1);
    await world.read('tank', 'temperature', 20);
    await world.pass(2 * MINUTE_MS);
    expect((await world.alerts.get(firing?.id ?? '')).state).toBe('resolved');
    expect(await world.database.query('select from alert_states')).toEqual([]);
  });

  it('are over when their rule is changed, switched off or removed, and stay in the history', async () => {
    const world = await openWorld();
    await world.read('tank', 'temperature', 40);
    const [changed, off, removed] = [
      await world.rule(TOO_HOT),
      await world.rule(TOO_HOT),
      await world.rule(TOO_HOT),
    ];
    await world.read('tank', 'temperature', 41);
    expect(await world.found()).toHaveLength(3);
    await world.alerts.replaceRule(changed.id, { ...changed, name: 'Another name' });
    await world.alerts.look();
    expect((await world.found()).map(({ state }) => state)).toEqual(['firing', 'firing', 'firing']);
    await world.alerts.replaceRule(changed.id, {
      ...changed,
      condition: { ...TOO_HOT, limit: 50, clearAt: 45 },
    });
    await world.alerts.replaceRule(off.id, { ...off, enabled: false });
    await world.alerts.removeRule(removed.id);
    await world.alerts.look();
    const { items } = await world.alerts.list({ limit: 10 });
    expect(items.map(({ ruleId, state, endReason }) => [ruleId, state, endReason]).toSorted()).toEqual(
      [
        [changed.id, 'resolved', 'rule-changed'],
        [off.id, 'resolved', 'rule-changed'],
        [null, 'resolved', 'rule-removed'],
      ].toSorted(),
    );
  });

  it('ask the camera of their rule for a snapshot, and say why there is none', async () => {
    const world = await openWorld();
    await world.rule(TOO_HOT, { snapshotCamera: 'gate' });
    await world.read('tank', 'temperature', 31);
    const withPicture = async (subject: string) =>
      (await world.alerts.list({ limit: 10 })).items.find(
        (alert) => alert.subject === subject && (alert.snapshotId ?? alert.snapshotError) !== null,
      );
    const taken = await waitFor('the alert to name its snapshot', () => withPicture('tank/temperature'));
    expect(taken).toMatchObject({ snapshotId: '01JZ0000000000000000000000', snapshotError: null });
    world.takeSnapshot = () => Promise.reject(new AppError('AGENT_OFFLINE', 'the gateway is away'));
    await world.read('shed', 'temperature', 31);
    const refused = await waitFor('the alert to say why not', () => withPicture('shed/temperature'));
    expect(refused).toMatchObject({ snapshotId: null, snapshotError: 'AGENT_OFFLINE' });
    expect(world.pictures).toEqual(['yard/gate', 'yard/gate']);
  });

  it('that are over are kept up to a bound, those that fire for ever', async () => {
    const world = await openWorld();
    world.more = { maxKept: 2 };
    await world.restart(0);
    await world.pass(2 * MINUTE_MS);
    const rule = await world.rule(TOO_HOT);
    for (const sensor of ['a', 'b', 'c', 'd']) await world.read(sensor, 'temperature', 31);
    for (const sensor of ['b', 'c', 'd']) await world.read(sensor, 'temperature', 20);
    await world.pass(2 * MINUTE_MS);
    world.clock.advance(2 * HOUR_MS);
    await world.alerts.look();
    expect((await world.found()).map(({ state }) => state).toSorted()).toEqual([
      'firing',
      'resolved',
      'resolved',
    ]);
    expect(world.alerts.counters).toMatchObject({ dropped: 1 });
    expect(statesOf(world, rule.id)).toEqual([['a/temperature', 'firing']]);
  });

  it('that are over are kept up to the bound however many there were, as soon as somebody looks', async () => {
    const world = await openWorld();
    world.more = { maxKept: 2 };
    await world.restart(0);
    const rule = await world.rule(TOO_HOT);
    await world.database.query(
      `insert into alerts (id, site, rule_id, rule_name, kind, subject, severity, state, condition, pending_at, fired_at,
         resolved_at, end_reason)
       select '01JZ' || lpad(n::text, 22, '0'), 'yard', $1, 'r', 'threshold', 's', 'warning', 'resolved', '{}', at, at, at, 'cleared'
       from generate_series(1, 2500) as n, lateral (select timestamptz '2026-01-01' + n * interval '1 s' as at) as times`,
      [rule.id],
    );
    world.clock.advance(2 * MINUTE_MS);
    await world.alerts.look();
    expect(await world.found()).toHaveLength(2);
    expect(world.alerts.counters).toMatchObject({ dropped: 2_498 });
  });

  it('have no more subjects than may be watched, and the one too many is counted', async () => {
    const world = await openWorld();
    world.more = { maxWatches: 2 };
    await world.restart(0);
    await world.pass(2 * MINUTE_MS);
    await world.rule(TOO_HOT);
    for (const sensor of ['a', 'b', 'c']) await world.read(sensor, 'temperature', 31);
    expect(await world.found()).toHaveLength(2);
    expect(world.alerts.counters.subjectsRefused).toBeGreaterThan(0);
  });

  it('are refused rules that make no sense', async () => {
    const world = await openWorld();
    const refused = { code: 'BAD_REQUEST' };
    await expect(world.rule({ ...TOO_HOT, clearAt: 31 })).rejects.toMatchObject(refused);
    await expect(world.rule(TOO_HOT, { site: null })).rejects.toMatchObject(refused);
    await expect(world.rule(TOO_HOT, { site: 'nowhere' })).rejects.toMatchObject(refused);
    await expect(world.rule({ kind: 'pressure', level: 'high' }, { site: 'yard' })).rejects.toMatchObject(
      refused,
    );
    await expect(world.rule({ kind: 'missing', sensor: null, metric: null })).rejects.toMatchObject(refused);
  });
});

async function openWorld(): Promise<AlertsWorld> {
  const test = await postgres.createDatabase();
  onTestFinished(() => test[Symbol.asyncDispose]());
  const world = await AlertsWorld.open(test.database);
  onTestFinished(() => world.close());
  return world;
}

async function toldOf({ database, alerts }: AlertsWorld): Promise<[string, string, boolean][]> {
  await alerts.look();
  const rows = await database.query<{ subject: string; state: string; notified: boolean }>(
    'select subject, state, notified from alerts order by subject',
  );
  return rows.map(({ subject, state, notified }) => [subject, state, notified]);
}

function statesOf({ alerts }: AlertsWorld, ruleId: string): [string, string][] {
  return alerts.standingsOf(ruleId).map(({ subject, standing }) => [subject, standing.phase]);
}
