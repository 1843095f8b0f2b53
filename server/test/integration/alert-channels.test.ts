import { createHmac } from 'node:crypto';
import { onTestFinished, describe, expect, it } from 'vitest';
import { createLogger } from '@sitecast/shared/node/logger';
import { alertMessage, type AlertMessage } from '@sitecast/shared/protocol/alert-message';
import type { ChannelDraft, ChannelSettings } from '../../src/alerts/channels/channel.ts';
import { ChannelStore } from '../../src/alerts/channels/channel-store.ts';
import { Deliveries, type DeliveryJob } from '../../src/alerts/channels/deliveries.ts';
import { DeliveryStore, type Delivery } from '../../src/alerts/channels/delivery-store.ts';
import { Mail, type MailSettings } from '../../src/alerts/channels/mail.ts';
import { WebAddresses } from '../../src/alerts/channels/web-addresses.ts';
import { Webhook } from '../../src/alerts/channels/webhook.ts';
import { openQueue } from '../../src/queues/job-queue.ts';
import { openDrippingMailServer, openMailListener, openWebListener } from '../support/alert-listeners.ts';
import { AlertsWorld, MINUTE_MS, TOO_HOT } from '../support/alerts.ts';
import { useTestPostgres } from '../support/postgres.ts';
import { waitFor } from '../support/wait-for.ts';

const postgres = useTestPostgres();
const SECRET = 'a secret of sixteen and more';
const PUBLIC_URL = new URL('https://sitecast.example.com');

describe('a webhook', () => {
  it('is told, signed, that an alert fires and that it is over', async () => {
    await using web = await openWebListener();
    const { world, channel } = await openTold();
    const { id } = await channel({ kind: 'webhook', url: web.url }, { secret: SECRET });
    const rule = await world.rule(TOO_HOT, { channels: [id] });
    await world.read('tank', 'temperature', 31);
    await waitFor('the begin to be told', () => web.heard.length === 1);
    await world.read('tank', 'temperature', 20);
    await world.pass(MINUTE_MS);
    await waitFor('the end to be told', () => web.heard.length === 2);
    const [begin, end] = web.heard.map(({ body }) => alertMessage.parse(JSON.parse(body)));
    expect(begin).toMatchObject({
      version: 1,
      event: 'firing',
      site: 'yard',
      rule: { id: rule.id, name: rule.name },
      message: 'tank/temperature is 31, above 30.',
      alert: { kind: 'threshold', subject: 'tank/temperature', value: 31, state: 'firing', resolvedAt: null },
      url: 'https://sitecast.example.com/alerts',
    });
    expect(end).toMatchObject({ event: 'resolved', alert: { id: begin?.alert?.id, state: 'resolved' } });
    for (const { headers, body } of web.heard) {
      const timestamp = String(headers['sitecast-timestamp']);
      const digest = createHmac('sha256', SECRET).update(`${timestamp}.${body}`).digest('hex');
      expect(headers['sitecast-signature']).toBe(`v1=${digest}`);
      expect(Math.abs(Date.now() / 1_000 - Number(timestamp))).toBeLessThan(600);
      expect(headers).toMatchObject({
        'content-type': 'application/json',
        'sitecast-delivery': (JSON.parse(body) as AlertMessage).id,
      });
    }
  });

  it('that fails is tried again, then is a dead letter, which a person sends again', async () => {
    await using web = await openWebListener();
    web.status = 500;
    const { world, channel, deliveries, settled, log } = await openTold();
    const { id } = await channel({ kind: 'webhook', url: web.url }, { secret: SECRET });
    await world.rule(TOO_HOT, { channels: [id] });
    await world.read('tank', 'temperature', 31);
    const [dead] = await settled(1);
    expect(dead).toMatchObject({
      state: 'dead',
      attempts: 3,
      errorCode: 'DELIVERY_FAILED',
      error: 'the web server answered that it did not take it (500)',
    });
    expect(web.heard).toHaveLength(3);
    // The receiver can tell that it is the same.
    expect(new Set(web.heard.map(({ headers }) => headers['sitecast-delivery'])).size).toBe(1);
    await waitFor('it to be counted', () => deliveries.counts.dead === 1);
    expect(deliveries.counters).toMatchObject({ deliveriesSent: 0, deliveriesFailed: 3, deliveriesDead: 1 });
    // Neither what it is signed with nor the path, which may be a secret of its own.
    expect(log()).toContain('could not be told');
    for (const secret of [SECRET, 'of-a-secret-path']) expect(log()).not.toContain(secret);
    expect(JSON.stringify(dead)).not.toContain('of-a-secret-path');

    web.status = 200;
    await deliveries.sendAgain(dead?.id ?? '');
    const [sent] = await waitFor('it to be sent', async () => {
      const all = await settled(1);
      return all[0]?.state === 'sent' ? all : undefined;
    });
    expect(sent).toMatchObject({ attempts: 1, errorCode: null, error: null });
    await waitFor('no dead letter to be counted', () => deliveries.counts.dead === 0);
  });

  it('follows no redirect, and does not wait for ever', async () => {
    await using web = await openWebListener();
    await using elsewhere = await openWebListener();
    web.status = 307;
    web.location = elsewhere.url;
    const { world, channel, settled } = await openTold({ timeoutMs: 200 });
    const { id } = await channel({ kind: 'webhook', url: web.url });
    await world.rule(TOO_HOT, { channels: [id] });
    await world.read('tank', 'temperature', 31);
    const [redirected] = await settled(1);
    expect(redirected).toMatchObject({ state: 'dead', attempts: 1 });
    expect(redirected?.error).toContain('redirect');
    expect([web.heard.length, elsewhere.heard.length]).toEqual([1, 0]);
    web.status = 0;
    await world.read('shed', 'temperature', 31);
    const all = await settled(2);
    expect(all.map(({ error }) => error)).toContain('the web server did not answer within 200 ms');
  });

  it('reaches no private address unless the settings allow it, by no name and no spelling', async () => {
    await using web = await openWebListener();
    const { port } = new URL(web.url);
    const { world, channel, settled } = await openTold({ allowPrivate: false });
    const hosts = [
      '127.0.0.1',
      'localhost',
      '2130706433',
      '0x7f.1',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '0.0.0.0',
    ];
    const ids: string[] = [];
    for (const host of hosts)
      ids.push((await channel({ kind: 'webhook', url: `http://${host}:${port}/` })).id);
    await world.rule(TOO_HOT, { channels: ids });
    await world.read('tank', 'temperature', 31);
    const refused = await settled(hosts.length);
    expect(refused.map(({ state, errorCode, attempts }) => [state, errorCode, attempts])).toEqual(
      hosts.map(() => ['dead', 'WEBHOOK_ADDRESS', 1]),
    );
    expect(web.heard).toEqual([]);
  });
});

describe('a mail', () => {
  it('is sent in the language of its channel', async () => {
    await using server = await openMailListener();
    const { world, channel, settled } = await openTold({
      mail: mailSettings(server.port, 'hunter-2-hunter'),
    });
    const en = await channel({ kind: 'email', to: ['a@example.com', 'b@example.com'] });
    const ko = await channel({ kind: 'email', to: ['c@example.com'] }, { language: 'ko' });
    await world.rule(TOO_HOT, { channels: [en.id, ko.id], name: 'Tank\ntoo hot' });
    await world.read('tank', 'temperature', 31);
    const sent = await settled(2);
    expect(sent.map(({ state }) => state)).toEqual(['sent', 'sent']);
    const english = server.mails.find(({ to }) => to.includes('a@example.com'));
    expect(english).toMatchObject({ from: 'alerts@example.com', to: ['a@example.com', 'b@example.com'] });
    expect(english?.text).toContain('Subject: [Sitecast] Alert: yard: Tank too hot');
    expect(english?.text).toContain('tank/temperature is 31, above 30.');
    expect(english?.text).toContain('https://sitecast.example.com/alerts');
    const korean = server.mails.find(({ to }) => to.includes('c@example.com'));
    expect(korean?.text).toMatch(/Subject: =\?UTF-8\?/);
    expect(decoded(korean?.text ?? '')).toContain('기준 30 초과');
  });

  it('that the server refuses is tried again and then a dead letter, and the password is told nowhere', async () => {
    await using server = await openMailListener();
    const { world, channel, settled, log } = await openTold({
      mail: mailSettings(server.port, 'wrong-password'),
    });
    const { id } = await channel({ kind: 'email', to: ['a@example.com'] });
    await world.rule(TOO_HOT, { channels: [id] });
    await world.read('tank', 'temperature', 31);
    const [dead] = await settled(1);
    expect(dead).toMatchObject({ state: 'dead', attempts: 3, errorCode: 'DELIVERY_FAILED' });
    expect(dead?.error).toContain('EAUTH 535');
    expect(log()).toContain('could not be told');
    expect(log() + JSON.stringify(dead)).not.toContain('wrong-password');
    expect(server.mails).toEqual([]);
  });

  it('has a time in which the server must take it, however often that says a little', async () => {
    await using server = await openDrippingMailServer();
    const mail = mailSettings(server.port, 'hunter-2-hunter');
    const { world, channel, settled } = await openTold({ mail, timeoutMs: 400 });
    const { id } = await channel({ kind: 'email', to: ['a@example.com'] });
    await world.rule(TOO_HOT, { channels: [id] });
    await world.read('tank', 'temperature', 31);
    const [dead] = await settled(1);
    expect(dead).toMatchObject({
      state: 'dead',
      attempts: 3,
      error: 'the mail server did not take it within 400 ms',
    });
    await waitFor('its connections to be closed', () => server.connections.size === 0);
  });
});

describe('channels', () => {
  it('wait for none but themselves: a mail server that never comes to an end keeps no webhook waiting', async () => {
    await using server = await openDrippingMailServer();
    await using web = await openWebListener();
    const mail = mailSettings(server.port, 'hunter-2-hunter');
    const { world, channel, store } = await openTold({ mail, timeoutMs: 60_000 });
    const mails = [
      await channel({ kind: 'email', to: ['a@example.com'] }),
      await channel({ kind: 'email', to: ['b@example.com'] }),
    ];
    const { id } = await channel({ kind: 'webhook', url: web.url });
    await world.rule(TOO_HOT, { channels: mails.map((one) => one.id) });
    await world.read('tank', 'temperature', 31);
    await waitFor('a mail to be on its way', () => server.connections.size > 0);
    await world.rule({ ...TOO_HOT, metric: 'pressure' }, { channels: [id] });
    for (const sensor of ['tank', 'shed', 'hall']) await world.read(sensor, 'pressure', 31);
    await waitFor('the webhooks to be told', () => web.heard.length === 3);
    expect(server.connections.size).toBe(1);
    const { items } = await store.list({ limit: 10, state: 'waiting' });
    expect(items.map(({ channelId }) => channelId).sort()).toEqual(mails.map((one) => one.id).sort());
  });

  it('wait for none but themselves: webhooks that never answer keep no other one waiting', async () => {
    await using silent = await openWebListener();
    silent.status = 0;
    await using web = await openWebListener();
    const { world, channel } = await openTold({ timeoutMs: 120_000 });
    const hanging: string[] = [];
    for (const _ of 'abc') hanging.push((await channel({ kind: 'webhook', url: silent.url })).id);
    const { id } = await channel({ kind: 'webhook', url: web.url });
    await world.rule(TOO_HOT, { channels: hanging });
    for (const sensor of ['tank', 'shed', 'hall']) await world.read(sensor, 'temperature', 31);
    await waitFor('one message of each to be on its way', () => silent.heard.length === hanging.length);
    await world.rule({ ...TOO_HOT, metric: 'pressure' }, { channels: [id] });
    for (const sensor of ['tank', 'shed', 'hall']) await world.read(sensor, 'pressure', 31);
    await waitFor('the other one to be told', () => web.heard.length === 3);
    expect(silent.heard).toHaveLength(hanging.length);
  });

  it('are told of nothing while the rule is silenced, and afterwards of what still fires', async () => {
    await using web = await openWebListener();
    const { world, channel } = await openTold();
    const { id } = await channel({ kind: 'webhook', url: web.url });
    const rule = await world.rule(TOO_HOT, { channels: [id] });
    await world.alerts.silence(rule.id, new Date(world.clock.nowMs() + 10 * MINUTE_MS), 'kim');
    for (const sensor of ['tank', 'shed', 'hall']) await world.read(sensor, 'temperature', 31);
    await world.read('shed', 'temperature', 20);
    await world.pass(5 * MINUTE_MS);
    const { items } = await world.alerts.list({ limit: 10 });
    const hall = items.find(({ subject }) => subject === 'hall/temperature');
    await world.alerts.acknowledge(hall?.id ?? '', 'kim', null);
    expect(await world.database.query('select from alert_deliveries')).toEqual([]);
    await world.pass(6 * MINUTE_MS);
    await waitFor('the one that still fires to be told', () => web.heard.length > 0);
    await world.pass(MINUTE_MS);
    const deliveries = await world.database.query('select event from alert_deliveries');
    expect(deliveries).toEqual([{ event: 'firing' }]);
    expect(web.heard[0]?.body).toContain('tank/temperature');
  });

  it('of other sites, and those that are switched off or removed, are skipped', async () => {
    await using web = await openWebListener();
    const { world, channel, channels, settled } = await openTold();
    const settings: ChannelSettings = { kind: 'webhook', url: web.url };
    const [farm, off, gone, yard] = [
      await channel(settings, { site: 'farm' }),
      await channel(settings, { enabled: false }),
      await channel(settings),
      await channel(settings, { site: 'yard' }),
    ];
    await channels.remove(gone.id);
    await world.rule(TOO_HOT, { channels: [farm.id, off.id, gone.id, yard.id] });
    await world.read('tank', 'temperature', 31);
    const sent = await settled(1);
    expect(sent.map(({ channelId }) => channelId)).toEqual([yard.id]);
    expect(web.heard).toHaveLength(1);
  });

  it('are tested by a button, whatever the rule finds', async () => {
    await using web = await openWebListener();
    const { world, channel, deliveries, settled } = await openTold();
    const lonely = await world.rule(TOO_HOT);
    await expect(deliveries.test(lonely)).rejects.toMatchObject({ code: 'CHANNEL_MISSING' });
    const { id } = await channel({ kind: 'webhook', url: web.url });
    const rule = await world.rule(TOO_HOT, { channels: [id] });
    expect(await deliveries.test(rule)).toHaveLength(1);
    expect(await settled(1)).toMatchObject([
      { event: 'test', state: 'sent', ruleName: rule.name, site: 'yard' },
    ]);
    expect(alertMessage.parse(JSON.parse(web.heard[0]?.body ?? ''))).toMatchObject({
      event: 'test',
      alert: null,
    });
  });

  it('get what a process that was killed had under way from the next one', async () => {
    await using web = await openWebListener();
    const { world, channel, store } = await openTold({ isStarted: false });
    const { id } = await channel({ kind: 'webhook', url: web.url });
    await world.rule(TOO_HOT, { channels: [id] });
    await world.read('tank', 'temperature', 31);
    const at = new Date(world.clock.nowMs());
    const later = new Date(at.getTime() + MINUTE_MS);
    const [due] = await store.due(at, []);
    const claimed = await store.claim(due?.id ?? '', at, later);
    expect(claimed).toMatchObject({ attempts: 1, event: 'firing', alert: { subject: 'tank/temperature' } });
    // Nobody else may have it meanwhile.
    expect(await store.claim(due?.id ?? '', at, later)).toBeUndefined();
    expect(await store.due(at, [])).toEqual([]);
    expect(await store.due(later, [])).toEqual([{ id: due?.id, attempts: 1, target: id }]);
    expect(await store.due(later, [id])).toEqual([]);
  });
});

interface Told {
  allowPrivate?: boolean;
  mail?: MailSettings;
  timeoutMs?: number;
  isStarted?: boolean;
}

async function openTold({ allowPrivate = true, mail, timeoutMs = 5_000, isStarted = true }: Told = {}) {
  const test = await postgres.createDatabase();
  onTestFinished(() => test[Symbol.asyncDispose]());
  const { database } = test;
  const world = await AlertsWorld.open(database);
  onTestFinished(() => world.close());
  const { logger, log } = recordedLog();
  const queue = await openQueue<DeliveryJob>({ name: 'alerts', databaseUrl: test.url, logger });
  onTestFinished(() => queue.close());
  const store = new DeliveryStore(database);
  const deliveries = new Deliveries({
    store,
    queue,
    senders: {
      webhook: new Webhook({
        addresses: new WebAddresses({ allowPrivate }),
        publicUrl: PUBLIC_URL,
        timeoutMs,
      }),
      email: new Mail({ settings: mail, publicUrl: PUBLIC_URL, timeoutMs }),
      mqtt: { send: () => Promise.reject(new TypeError('no broker here')) },
    },
    logger,
    retryAfterMs: [30, 30],
    sweepMs: 100,
  });
  if (isStarted) deliveries.start();
  onTestFinished(() => deliveries.close());
  world.onTold = () => deliveries.wake();
  const channels = new ChannelStore(database);
  const channel = (settings: ChannelSettings, more: Partial<ChannelDraft & { secret: string }> = {}) => {
    const { secret = null, ...rest } = more;
    const draft = {
      site: null,
      name: `A ${settings.kind}`,
      enabled: true,
      language: 'en',
      settings,
    } as const;
    return channels.create({ ...draft, ...rest }, secret);
  };
  const settled = (count: number): Promise<Delivery[]> =>
    waitFor(`${count} deliveries to be done`, async () => {
      const { items } = await store.list({ limit: 100 });
      const isDone = items.length >= count && items.every(({ state }) => state !== 'waiting');
      return isDone ? items : undefined;
    });
  return { world, channel, channels, deliveries, store, settled, log };
}

function recordedLog() {
  const lines: string[] = [];
  const destination = { write: (line: string): void => void lines.push(line) };
  return { logger: createLogger({ name: 'test', level: 'trace', destination }), log: () => lines.join('') };
}

const mailSettings = (port: number, password: string): MailSettings => ({
  url: `smtp://robot:${password}@127.0.0.1:${port}`,
  from: 'Sitecast <alerts@example.com>',
});

/** The text of a mail whose body is quoted-printable (RFC 2045, 6.7). */
function decoded(mail: string): string {
  const bytes = mail
    .replaceAll('=\r\n', '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}
