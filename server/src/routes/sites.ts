// Sites: list, get, create, rename.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { seesSite } from '../auth/principal.ts';
import type { Site, Sites } from '../fleet/sites.ts';
import { expectSite, principalOf } from '../plugins/authentication.ts';
import { answers, displayName, id, listOf, pageOf, pageQuery, time } from './schemas.ts';

const siteAnswer = z.object({ id, name: z.string(), createdAt: time });
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
        body: z.object({ name: displayName }),
        response: answers(siteAnswer),
      },
    },
    async (request) => {
      expectSite(request, request.params.id);
      return toAnswer(found(await sites.rename(request.params.id, request.body.name), request.params.id));
    },
  );
};

function found(site: Site | undefined, name: string): Site {
  if (!site) throw new AppError('NOT_FOUND', `site ${name} does not exist`);
  return site;
}

function toAnswer({ id: siteId, name, createdAt }: Site): z.output<typeof siteAnswer> {
  return { id: siteId, name, createdAt: createdAt.toISOString() };
}
