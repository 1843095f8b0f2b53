// Silence of whole sites: one for all of their rules.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import type { Alerts } from '../alerts/alerts.ts';
import type { SiteSilence } from '../alerts/site-silences.ts';
import { expectSite, isAsked, principalOf } from '../plugins/authentication.ts';
import { answers, id, listOf, pageOf, sitePageQuery, time } from './schemas.ts';

const silenceAnswer = z.object({
  site: id,
  until: time.nullable().describe('null: it is not silenced'),
  by: z.string().nullable(),
});

export interface SiteSilenceRoutesOptions {
  siteSilences: Pick<Alerts, 'siteSilences' | 'silenceSite'>;
}

export const siteSilenceRoutes: FastifyPluginAsyncZod<SiteSilenceRoutesOptions> = async (
  app,
  { siteSilences },
) => {
  app.get(
    '/site-silences',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['alerts'],
        summary: 'Sites that are silenced now',
        querystring: sitePageQuery,
        response: answers(listOf(silenceAnswer)),
      },
    },
    async (request) => {
      const seen = siteSilences.siteSilences().filter(({ site }) => isAsked(request, site));
      const { items, nextCursor } = pageOf(seen, request.query, ({ site }) => site);
      return { items: items.map(toAnswer), nextCursor };
    },
  );

  app.post(
    '/sites/:id/silence',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['alerts'],
        summary: 'Nobody is told of new alerts of the site until then, at most 30 days; null ends it',
        params: z.object({ id }),
        body: z.object({ until: time.nullable() }),
        response: answers(silenceAnswer),
      },
    },
    async (request) => {
      const site = request.params.id;
      expectSite(request, site);
      const until = request.body.until === null ? null : new Date(request.body.until);
      const silence = await siteSilences.silenceSite(site, until, principalOf(request).username);
      return silence === undefined ? { site, until: null, by: null } : toAnswer(silence);
    },
  );
};

function toAnswer({ site, until, by }: SiteSilence): z.input<typeof silenceAnswer> {
  return { site, until: until.toISOString(), by };
}
