// Channels: where alerts are told. What one signs with goes in and never comes out.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { FastifyRequest } from 'fastify';
import * as z from 'zod';
import { AppError } from '@sitecast/shared/runtime/app-error';
import {
  channelSettings,
  WEBHOOK_SECRET_MIN,
  type Channel,
  type ChannelDraft,
} from '../alerts/channels/channel.ts';
import type { ChannelStore } from '../alerts/channels/channel-store.ts';
import { hasRole } from '../auth/principal.ts';
import type { DeviceAddress } from '../fleet/devices.ts';
import { principalOf } from '../plugins/authentication.ts';
import { seesSiteOf } from './rules.ts';
import { answers, displayName, id, listOf, noContent, pageOf, pageQuery, time, ulid } from './schemas.ts';

const SECRET_MAX = 200;

const fields = z.object({
  site: id.nullable().describe('only for rules of this site; null: for all, and those about the server'),
  name: displayName,
  enabled: z.boolean(),
  language: z.enum(['en', 'ko']).describe('of mails'),
  settings: channelSettings,
});
const secret = z
  .string()
  .min(WEBHOOK_SECRET_MIN)
  .max(SECRET_MAX)
  .nullable()
  .describe('what a webhook is signed with; it is not shown again');
const channelAnswer = fields.extend({
  id: ulid,
  kind: z.enum(['webhook', 'email', 'mqtt']),
  settings: channelSettings.nullable().describe('null for those who may not change the channel'),
  hasSecret: z.boolean(),
  createdAt: time,
});
const params = z.object({ id: ulid });

export interface AlertChannelRoutesOptions {
  channels: Pick<ChannelStore, 'list' | 'get' | 'create' | 'replace' | 'remove'>;
  hasMail: () => boolean;
  findDevice: (id: string) => Promise<DeviceAddress | undefined>;
}

export const alertChannelRoutes: FastifyPluginAsyncZod<AlertChannelRoutesOptions> = async (
  app,
  { channels, hasMail, findDevice },
) => {
  /** @throws {AppError} NOT_FOUND for a channel that the user may not change. */
  const find = async (request: FastifyRequest, channelId: string): Promise<Channel> => {
    const found = await channels.get(channelId);
    if (seesSiteOf(request, found.site)) return found;
    throw new AppError('NOT_FOUND', `alert channel ${channelId} does not exist`);
  };

  const expectPossible = async (request: FastifyRequest, { site, settings }: ChannelDraft): Promise<void> => {
    if (!seesSiteOf(request, site)) throw new AppError('NOT_FOUND', `site ${site ?? ''} does not exist`);
    if (settings.kind === 'email' && !hasMail())
      throw new AppError('MAIL_NOT_CONFIGURED', 'there is no SMTP server (SMTP_URL)');
    if (settings.kind !== 'mqtt') return;
    const device = await findDevice(settings.device);
    if (site === null || device?.site !== site)
      throw new AppError('BAD_REQUEST', 'settings.device: no device of the site of the channel');
  };

  app.get(
    '/alert-channels',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['alerts'],
        summary: 'Channels that rules of the sites that the user sees may use',
        querystring: pageQuery,
        response: answers(listOf(channelAnswer)),
      },
    },
    async (request) => {
      const usable = (await channels.list()).filter(({ site }) => site === null || seesSiteOf(request, site));
      const { items, nextCursor } = pageOf(usable, request.query, (channel) => channel.id.toLowerCase());
      return { items: items.map((channel) => toAnswer(channel, mayChange(request, channel))), nextCursor };
    },
  );

  app.post(
    '/alert-channels',
    {
      config: { access: 'admin' },
      schema: {
        tags: ['alerts'],
        body: fields.extend({
          enabled: fields.shape.enabled.default(true),
          language: fields.shape.language.default('en'),
          secret: secret.default(null),
        }),
        response: answers(channelAnswer, 201),
      },
    },
    async (request, reply) => {
      const { secret: given, ...draft } = request.body;
      expectSecretOfWebhook(draft, given);
      await expectPossible(request, draft);
      return reply.code(201).send(toAnswer(await channels.create(draft, given), true));
    },
  );

  app.patch(
    '/alert-channels/:id',
    {
      config: { access: 'admin' },
      schema: {
        tags: ['alerts'],
        summary: 'Without a secret the one that is there stays',
        params,
        body: fields.extend({ secret }).partial(),
        response: answers(channelAnswer),
      },
    },
    async (request) => {
      const before = await find(request, request.params.id);
      const { secret: given = null, ...changes } = request.body;
      const draft = { ...before, ...changes };
      expectSecretOfWebhook(draft, given);
      await expectPossible(request, draft);
      return toAnswer(await channels.replace(before.id, draft, given), true);
    },
  );

  app.delete(
    '/alert-channels/:id',
    {
      config: { access: 'admin' },
      schema: {
        tags: ['alerts'],
        summary: 'Also what waits for it, and its dead letters',
        params,
        response: noContent,
      },
    },
    async (request, reply) => {
      const { id: channelId } = await find(request, request.params.id);
      await channels.remove(channelId);
      return reply.code(204).send(null);
    },
  );
};

function mayChange(request: FastifyRequest, { site }: Channel): boolean {
  return hasRole(principalOf(request), 'admin') && seesSiteOf(request, site);
}

function expectSecretOfWebhook({ settings }: ChannelDraft, given: string | null): void {
  if (given !== null && settings.kind !== 'webhook')
    throw new AppError('BAD_REQUEST', 'secret: only webhooks are signed');
}

function toAnswer(channel: Channel, isShown: boolean): z.input<typeof channelAnswer> {
  const { settings, createdAt, ...rest } = channel;
  return {
    ...rest,
    kind: settings.kind,
    settings: isShown ? settings : null,
    createdAt: createdAt.toISOString(),
  };
}
