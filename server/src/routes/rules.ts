// Rules: what people want to be told of.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { FastifyRequest } from 'fastify';
import * as z from 'zod';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { StoredStanding } from '../alerts/alert-engine.ts';
import type { Alerts } from '../alerts/alerts.ts';
import {
  CLEAR_MAX_MS,
  CLEAR_MIN_MS,
  FOR_MAX_MS,
  ruleCondition,
  SEVERITIES,
  type Rule,
} from '../alerts/rule.ts';
import { CHANNELS_OF_RULE_MAX } from '../alerts/channels/channel.ts';
import { seesSite } from '../auth/principal.ts';
import { principalOf } from '../plugins/authentication.ts';
import { answers, displayName, id, listOf, noContent, pageOf, sitePageQuery, time, ulid } from './schemas.ts';

/** Subjects in one answer; the worst come first. */
const SUBJECTS_SHOWN = 100;
const CLEAR_DEFAULT_MS = 60_000;
const SILENCE_MAX_MS = 366 * 86_400_000;

const fields = z.object({
  site: id.nullable().describe('null: about the server itself'),
  name: displayName,
  severity: z.enum(SEVERITIES),
  enabled: z.boolean(),
  condition: ruleCondition,
  forMs: z.int().min(0).max(FOR_MAX_MS).describe('how long the condition must hold; of missing, the silence'),
  clearMs: z.int().min(CLEAR_MIN_MS).max(CLEAR_MAX_MS).describe('how long it must be over'),
  channels: z.array(ulid).max(CHANNELS_OF_RULE_MAX).describe('who is told'),
  snapshotCamera: id.nullable().describe('asked for a snapshot when an alert fires'),
});
const draft = fields.extend({
  severity: fields.shape.severity.default('warning'),
  enabled: fields.shape.enabled.default(true),
  clearMs: fields.shape.clearMs.default(CLEAR_DEFAULT_MS),
  channels: fields.shape.channels.default([]),
  snapshotCamera: fields.shape.snapshotCamera.default(null),
});
const state = z.enum(['ok', 'pending', 'firing']);
const ruleAnswer = fields.extend({
  id: ulid,
  silencedUntil: time.nullable(),
  silencedBy: z.string().nullable(),
  createdAt: time,
  state,
  subjects: z
    .array(z.object({ subject: z.string(), state, since: time, alertId: ulid.nullable() }))
    .describe(`those that are not ok, at most ${SUBJECTS_SHOWN}`),
});
const params = z.object({ id: ulid });

export interface RuleRoutesOptions {
  rules: Pick<
    Alerts,
    'rules' | 'rule' | 'standingsOf' | 'createRule' | 'replaceRule' | 'removeRule' | 'silence'
  >;
  /** @returns ids of deliveries. */
  testRule: (rule: Rule) => Promise<string[]>;
}

export const ruleRoutes: FastifyPluginAsyncZod<RuleRoutesOptions> = async (app, { rules, testRule }) => {
  const find = async (request: FastifyRequest, ruleId: string): Promise<Rule> => {
    const found = await rules.rule(ruleId);
    if (seesSiteOf(request, found.site)) return found;
    throw new AppError('NOT_FOUND', `rule ${ruleId} does not exist`);
  };
  const toAnswer = (rule: Rule): z.input<typeof ruleAnswer> => ruleToAnswer(rule, rules.standingsOf(rule.id));

  app.get(
    '/rules',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['alerts'],
        summary: 'Rules of the sites that the user sees; those about the server for users who see all sites',
        querystring: sitePageQuery,
        response: answers(listOf(ruleAnswer)),
      },
    },
    async (request) => {
      const { site } = request.query;
      const seen = (await rules.rules()).filter(
        (rule) => seesSiteOf(request, rule.site) && (site === undefined || rule.site === site),
      );
      const { items, nextCursor } = pageOf(seen, request.query, (rule) => rule.id.toLowerCase());
      return { items: items.map(toAnswer), nextCursor };
    },
  );

  app.get(
    '/rules/:id',
    { config: { access: 'viewer' }, schema: { tags: ['alerts'], params, response: answers(ruleAnswer) } },
    async (request) => toAnswer(await find(request, request.params.id)),
  );

  app.post(
    '/rules',
    {
      config: { access: 'admin' },
      schema: { tags: ['alerts'], body: draft, response: answers(ruleAnswer, 201) },
    },
    async (request, reply) => {
      expectSiteOf(request, request.body.site);
      return reply.code(201).send(toAnswer(await rules.createRule(request.body)));
    },
  );

  app.patch(
    '/rules/:id',
    {
      config: { access: 'admin' },
      schema: {
        tags: ['alerts'],
        summary: 'Another site or condition ends what the rule fires at the moment',
        params,
        body: fields.partial(),
        response: answers(ruleAnswer),
      },
    },
    async (request) => {
      const before = await find(request, request.params.id);
      if (request.body.site !== undefined) expectSiteOf(request, request.body.site);
      return toAnswer(await rules.replaceRule(before.id, { ...before, ...request.body }));
    },
  );

  app.delete(
    '/rules/:id',
    {
      config: { access: 'admin' },
      schema: {
        tags: ['alerts'],
        summary: 'Ends what it fires; its alerts stay in the history',
        params,
        response: noContent,
      },
    },
    async (request, reply) => {
      const { id: ruleId } = await find(request, request.params.id);
      await rules.removeRule(ruleId);
      return reply.code(204).send(null);
    },
  );

  app.post(
    '/rules/:id/test',
    {
      config: { access: 'admin' },
      schema: {
        tags: ['alerts'],
        summary: 'Sends a test through the channels of the rule; GET alert-deliveries tells how it went',
        params,
        response: answers(z.object({ deliveries: z.array(ulid) }), 202),
      },
    },
    async (request, reply) => {
      const rule = await find(request, request.params.id);
      return reply.code(202).send({ deliveries: await testRule(rule) });
    },
  );

  app.post(
    '/rules/:id/silence',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['alerts'],
        summary: 'Nobody is told of new alerts of the rule until then; null ends it',
        params,
        body: z.object({ until: time.nullable() }),
        response: answers(ruleAnswer),
      },
    },
    async (request) => {
      const { id: ruleId } = await find(request, request.params.id);
      const until = request.body.until === null ? null : new Date(request.body.until);
      if (until && until.getTime() - Date.now() > SILENCE_MAX_MS)
        throw new AppError('BAD_REQUEST', 'until: at most a year ahead');
      return toAnswer(await rules.silence(ruleId, until, principalOf(request).username));
    },
  );
};

/** What is about the server itself is for those who see all of it. */
export function seesSiteOf(request: FastifyRequest, site: string | null): boolean {
  const principal = principalOf(request);
  return site === null ? principal.sites === null : seesSite(principal, site);
}

/** @throws {AppError} NOT_FOUND for a site that the user does not see. */
function expectSiteOf(request: FastifyRequest, site: string | null): void {
  if (!seesSiteOf(request, site)) throw new AppError('NOT_FOUND', `site ${site ?? ''} does not exist`);
}

function ruleToAnswer(rule: Rule, standings: StoredStanding[]): z.input<typeof ruleAnswer> {
  const { updatedAt: _, silencedUntil, createdAt, ...rest } = rule;
  const subjects = standings
    .map(({ subject, standing, alert }) => ({
      subject,
      state: standing.phase === 'pending' ? ('pending' as const) : ('firing' as const),
      since: new Date(standing.sinceMs).toISOString(),
      alertId: alert?.id ?? null,
    }))
    .sort((a, b) => a.state.localeCompare(b.state) || a.subject.localeCompare(b.subject));
  return {
    ...rest,
    silencedUntil: silencedUntil?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
    state: subjects[0]?.state ?? 'ok',
    subjects: subjects.slice(0, SUBJECTS_SHOWN),
  };
}
