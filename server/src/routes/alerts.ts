// Alerts: what fires, what did, and who has taken it on.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { FastifyRequest } from 'fastify';
import * as z from 'zod';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { StoredAlert } from '../alerts/alert-list.ts';
import type { Alerts } from '../alerts/alerts.ts';
import { RULE_KINDS, ruleCondition, SEVERITIES } from '../alerts/rule.ts';
import { sentencesOfAlert } from '../alerts/sentences.ts';
import { isServerErrorCode, serverSentencesOf } from '../errors.ts';
import { expectSite, principalOf } from '../plugins/authentication.ts';
import { seesSiteOf } from './rules.ts';
import { answers, id, listOf, sitePageQuery, time, ulid } from './schemas.ts';

const state = z.enum(['firing', 'resolved']);
const kind = z.enum(RULE_KINDS);
const alertAnswer = z.object({
  id: ulid,
  ruleId: ulid.nullable(),
  ruleName: z.string(),
  site: id.nullable(),
  kind,
  subject: z.string().describe('sensor/metric, sensor, camera, agent, or server'),
  severity: z.enum(SEVERITIES),
  state,
  condition: ruleCondition,
  value: z.number().nullable(),
  reason: z.string().nullable(),
  message: z.string(),
  messageKo: z.string(),
  pendingAt: time,
  firedAt: time,
  resolvedAt: time.nullable(),
  endReason: z.enum(['cleared', 'rule-changed', 'rule-removed', 'subject-gone']).nullable(),
  acknowledged: z.object({ at: time, by: z.string(), note: z.string().nullable() }).nullable(),
  snapshotId: ulid.nullable(),
  snapshotError: z.object({ code: z.string(), message: z.string(), messageKo: z.string() }).nullable(),
});
const params = z.object({ id: ulid });

export interface AlertRoutesOptions {
  alerts: Pick<Alerts, 'list' | 'get' | 'acknowledge'>;
}

export const alertRoutes: FastifyPluginAsyncZod<AlertRoutesOptions> = async (app, { alerts }) => {
  const find = async (request: FastifyRequest, alertId: string): Promise<StoredAlert> => {
    const found = await alerts.get(alertId);
    if (seesSiteOf(request, found.site)) return found;
    throw new AppError('NOT_FOUND', `alert ${alertId} does not exist`);
  };

  app.get(
    '/alerts',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['alerts'],
        summary: 'Newest first; those about the server for users who see all sites',
        querystring: sitePageQuery.extend({
          state: state.optional(),
          rule: ulid.optional(),
          kind: kind.optional(),
          from: time.optional(),
          to: time.optional(),
        }),
        response: answers(listOf(alertAnswer)),
      },
    },
    async (request) => {
      const { site, rule, from, to, ...rest } = request.query;
      if (site !== undefined) expectSite(request, site);
      const sites = principalOf(request).sites?.slice();
      const period = { from: dateOf(from), to: dateOf(to) };
      const { items, nextCursor } = await alerts.list({ ...rest, ...period, site, sites, ruleId: rule });
      return { items: items.map(toAnswer), nextCursor };
    },
  );

  app.get(
    '/alerts/:id',
    { config: { access: 'viewer' }, schema: { tags: ['alerts'], params, response: answers(alertAnswer) } },
    async (request) => toAnswer(await find(request, request.params.id)),
  );

  app.post(
    '/alerts/:id/acknowledge',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['alerts'],
        summary: 'Takes it on; the first one who does stays',
        params,
        body: z.object({ note: z.string().trim().min(1).max(500).nullable().default(null) }),
        response: answers(alertAnswer),
      },
    },
    async (request) => {
      const { id: alertId } = await find(request, request.params.id);
      const { username } = principalOf(request);
      return toAnswer(await alerts.acknowledge(alertId, username, request.body.note));
    },
  );
};

const dateOf = (text: string | undefined): Date | undefined =>
  text === undefined ? undefined : new Date(text);

function toAnswer(alert: StoredAlert): z.input<typeof alertAnswer> {
  const { acknowledgedAt, acknowledgedBy, acknowledgedNote, snapshotError, ...rest } = alert;
  return {
    ...rest,
    ...sentencesOfAlert(alert),
    pendingAt: alert.pendingAt.toISOString(),
    firedAt: alert.firedAt.toISOString(),
    resolvedAt: alert.resolvedAt?.toISOString() ?? null,
    acknowledged:
      acknowledgedAt === null || acknowledgedBy === null
        ? null
        : { at: acknowledgedAt.toISOString(), by: acknowledgedBy, note: acknowledgedNote },
    snapshotError: snapshotError === null ? null : errorOf(snapshotError),
  };
}

/** A code of an older version, which has no sentence any more, is told as INTERNAL. */
function errorOf(code: string): { code: string; message: string; messageKo: string } {
  return { code, ...serverSentencesOf(isServerErrorCode(code) ? code : 'INTERNAL') };
}
