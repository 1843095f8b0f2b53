// Sites: list, get, create, rename, and their time zones.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { seesSite } from '../auth/principal.ts';
import type { Site, Sites } from '../fleet/sites.ts';
import { expectTimeZone } from '../reports/local-time.ts';
import { expectSite, principalOf } from '../plugins/authentication.ts';
import { answers, displayName, id, listOf, pageOf, pageQuery, time } from './schemas.ts';

const siteAnswer = z.object({ id, name: z.string(), timeZone: z.string().nullable(), createdAt: time });
const timeZone = z.string().min(1).max(64).nullable();
const params = z.object({ id });

export interface SiteRoutesOptions {
  sites: Sites;
}

export const siteRoutes: FastifyPluginAsyncZod<SiteRoutesOptions> = async (app, { sites }) => {
  app.get(
    '/sites',
    {
      config: { access: 'viewer' },
      schema: { tags: ['sites'], querystring: pageQuery, response: answers(listOf(siteAnswer)) },
    },
    async (request) => {
      const seen = (await sites.list()).filter((site) => seesSite(principalOf(request), site.id));
      const { items, nextCursor } = pageOf(seen, request.query, (site) => site.id);
      return { items: items.map(toAnswer), nextCursor };
    },
  );

  app.get(
    '/sites/:id',
    { config: { access: 'viewer' }, schema: { tags: ['sites'], params, response: answers(siteAnswer) } },
    async (request) => {
      expectSite(request, request.params.id);
      return toAnswer(found(await sites.get(request.params.id), request.params.id));
    },
  );

  app.post(
    '/sites',
    {
      config: { access: 'admin' },
      schema: {
        tags: ['sites'],
        body: z.object({ id, name: displayName }),
        response: answers(siteAnswer, 201),
      },
    },
    async (request, reply) => {
      expectSite(request, request.body.id);
      return reply.code(201).send(toAnswer(await sites.create(request.body)));
    },
  );

  app.patch(
    '/sites/:id',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['sites'],
        params,
        body: z
          .object({
            name: displayName.optional(),
            timeZone: timeZone.optional().describe('IANA name, by which its reports count days; null: UTC'),
          })
          .refine((change) => Object.keys(change).length > 0, { error: 'nothing to change' }),
        response: answers(siteAnswer),
      },
    },
    async (request) => {
      expectSite(request, request.params.id);
      const { name, timeZone: zone } = request.body;
      const change = { name, timeZone: typeof zone === 'string' ? expectTimeZone(zone) : zone };
      return toAnswer(found(await sites.change(request.params.id, change), request.params.id));
    },
  );
};

function found(site: Site | undefined, name: string): Site {
  if (!site) throw new AppError('NOT_FOUND', `site ${name} does not exist`);
  return site;
}

function toAnswer({ id: siteId, createdAt, ...site }: Site): z.output<typeof siteAnswer> {
  return { ...site, id: siteId, createdAt: createdAt.toISOString() };
}
