// Rules, alerts and channels in the whole server: real PostgreSQL, real MQTT clients, real HTTP.

import { describe, expect, it } from 'vitest';
import { alertMessage, type AlertMessage } from '@sitecast/shared/protocol/alert-message';
import { command } from '@sitecast/shared/protocol/commands';
import { decodeMessage, encodeJson } from '@sitecast/shared/protocol/json-message';
import { topics } from '@sitecast/shared/protocol/topics';
import { openWebListener } from '../support/alert-listeners.ts';
import { draftOf, TOO_HOT } from '../support/alerts.ts';
import { useTestPostgres } from '../support/postgres.ts';
import { appStarter, type RunningApp } from '../support/running-app.ts';
import { waitFor } from '../support/wait-for.ts';

const postgres = useTestPostgres();
const start = appStarter(postgres);
const GATEWAY = { site: 'yard', agent: 'gateway' };
const SECRET = 'a secret of sixteen and more';
const SNAPSHOT_ID = '01JZ0000000000000000000000';

describe('an alert', () => {
  it('goes from a reading to a device of the site, with a snapshot, and no device can forge one', async () => {
    await using server = await start();
    await connectGateway(server);
    const tank = await server.connect('tank', await server.makeDevice('tank', 'sensor'));
    const siren = await server.connect('siren', await server.makeDevice('siren', 'sensor'));
    const heard: AlertMessage[] = [];
    siren.on('message', (_topic, payload) => heard.push(decodeMessage(alertMessage, payload)));
    const sirenTopic = topics.sensorAlerts('yard', 'siren');
    expect(await siren.subscribeAsync(sirenTopic, { qos: 1 })).toMatchObject([{ qos: 1 }]);
    await expect(siren.subscribeAsync(topics.sensorAlerts('yard', 'tank'))).rejects.toThrow();
    await expect(siren.subscribeAsync('sitecast/v1/yard/sensors/+/alerts')).rejects.toThrow();

    const channel = { site: 'yard', name: 'Siren', settings: { kind: 'mqtt', device: 'siren' } };
    const { id } = await server.post<{ id: string }>('alert-channels', channel);
    const rule = await server.post<{ id: string }>('rules', {
      ...draftOf({ ...TOO_HOT, sensor: 'tank' }),
      channels: [id],
      snapshotCamera: 'front',
    });
    await tank.publishAsync(topics.sensorTelemetry('yard', 'tank'), '{"temperature": 31}', { qos: 1 });
    await waitFor('the siren to hear it', () => heard.length > 0);
    expect(heard[0]).toMatchObject({
      event: 'firing',
      site: 'yard',
      rule: { id: rule.id },
      alert: { subject: 'tank/temperature', value: 31, snapshotId: SNAPSHOT_ID },
    });

    const forged = Buffer.from(JSON.stringify({ ...heard[0], message: 'forged' }));
    for (const forger of [tank, siren]) await forger.publishAsync(sirenTopic, forged, { qos: 1 });
    await server.post(`rules/${rule.id}/test`, {});
    await waitFor('the siren to hear the test', () => heard.some(({ event }) => event === 'test'));
    expect(heard.map(({ event }) => event)).toEqual(['firing', 'test']);

    const { items } = await server.get<{ items: { id: string }[] }>('alerts?state=firing');
    expect(items).toMatchObject([{ ruleId: rule.id, snapshotId: SNAPSHOT_ID, acknowledged: null }]);
    expect(await server.post(`alerts/${items[0]?.id}/acknowledge`, {})).toMatchObject({
      acknowledged: { by: 'admin', note: null },
    });
    expect(await server.metrics(['alerts_fired_total', 'alerts_firing', 'alerts_dead_letters'])).toEqual({
      alerts_fired_total: 1,
      alerts_firing: 1,
      alerts_dead_letters: 0,
    });
  });

  it('whose web server is private is a dead letter, seen and sent again over HTTP, without its secret', async () => {
    await using web = await openWebListener();
    await using server = await start();
    await server.post('sites', { id: 'yard', name: 'Yard' });
    const settings = { kind: 'webhook', url: web.url };
    const made = await server.post<{ id: string }>('alert-channels', {
      site: null,
      name: 'Pager',
      settings,
      secret: SECRET,
    });
    expect(made).toMatchObject({ name: 'Pager', settings, hasSecret: true });
    const rule = await server.post<{ id: string }>('rules', { ...draftOf(TOO_HOT), channels: [made.id] });
    await server.post(`rules/${rule.id}/test`, {});
    const [dead] = await waitFor('the dead letter', async () => {
      const { items } = await server.get<{ items: { id: string }[] }>('alert-deliveries?state=dead');
      return items.length > 0 ? items : undefined;
    });
    expect(dead).toMatchObject({
      channelName: 'Pager',
      event: 'test',
      error: { code: 'WEBHOOK_ADDRESS', message: expect.any(String), messageKo: expect.any(String) },
    });
    await waitFor('it to be measured', async () => (await server.metric('alerts_dead_letters')) === 1);
    await server.post(`alert-deliveries/${dead?.id}/send`, {});
    await waitFor('it to be tried again', async () => {
      return (await server.metric('alerts_deliveries_dead_total')) === 2;
    });
    expect(web.heard).toEqual([]);

    const patched = await server.fetch(`alert-channels/${made.id}`, {
      method: 'PATCH',
      body: JSON.stringify({ name: 'Pager 2' }),
    });
    const texts = await Promise.all(
      ['alert-channels', 'alert-deliveries', 'rules', 'system'].map(async (path) =>
        (await server.fetch(path)).text(),
      ),
    );
    const patchedText = await patched.text();
    expect(JSON.parse(patchedText)).toMatchObject({ name: 'Pager 2', hasSecret: true });
    expect(JSON.stringify(made) + texts.join() + patchedText).not.toContain(SECRET);
    expect((await server.fetch(`alert-deliveries/${dead?.id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await server.get<{ items: object[] }>('alert-deliveries')).items).toEqual([]);
  });
});

describe('a channel', () => {
  it('that cannot work is refused', async () => {
    await using server = await start();
    await server.makeDevice('siren', 'sensor');
    const refusalOf = async (channel: object): Promise<unknown> => {
      const body = JSON.stringify({ site: 'yard', name: 'x', ...channel });
      const answer = await server.fetch('alert-channels', { method: 'POST', body });
      return [answer.status, ((await answer.json()) as { error?: { code: string } }).error?.code];
    };
    const email = { settings: { kind: 'email', to: ['a@example.com'] } };
    expect(await refusalOf(email)).toEqual([409, 'MAIL_NOT_CONFIGURED']);
    const stranger = { settings: { kind: 'mqtt', device: 'nobody' } };
    expect(await refusalOf(stranger)).toEqual([400, 'BAD_REQUEST']);
    const everywhere = { site: null, settings: { kind: 'mqtt', device: 'siren' } };
    expect(await refusalOf(everywhere)).toEqual([400, 'BAD_REQUEST']);
    for (const url of ['ftp://example.com/', 'https://user:pass@example.com/', 'not a url'])
      expect(await refusalOf({ settings: { kind: 'webhook', url } })).toEqual([400, 'BAD_REQUEST']);
    const signed = { settings: { kind: 'mqtt', device: 'siren' }, secret: SECRET };
    expect(await refusalOf(signed)).toEqual([400, 'BAD_REQUEST']);
  });
});

/** An agent with a camera, which answers every command with a snapshot. */
async function connectGateway(server: RunningApp): Promise<void> {
  const agent = await server.connect('gateway', await server.makeDevice('gateway', 'agent'));
  agent.on('message', (_topic, payload) => {
    const { id } = decodeMessage(command, payload);
    const reply = encodeJson({ id, ok: true, result: { snapshotId: SNAPSHOT_ID } });
    agent.publish(topics.reply(GATEWAY), Buffer.from(reply), { qos: 1 });
  });
  await agent.subscribeAsync(topics.command(GATEWAY), { qos: 1 });
  const camera = {
    id: 'front',
    name: 'Front',
    state: 'live',
    reason: null,
    since: '2026-03-01T09:00:00.000Z',
    codec: 'avc1.64001f',
    width: 1280,
    height: 720,
    fps: 15,
    profiles: ['main', 'stills'],
  };
  const inventory = Buffer.from(encodeJson({ cameras: [camera] }));
  await agent.publishAsync(topics.cameras(GATEWAY), inventory, { qos: 1 });
}
