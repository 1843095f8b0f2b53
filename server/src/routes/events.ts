// GET events: what happened at cameras, to agents, and to the server itself, newest first.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { gapReport } from '@sitecast/shared/protocol/events';
import type { EventStore } from '../ingest/event-store.ts';
import { expectSite, principalOf } from '../plugins/authentication.ts';
import { answers, id, listOf, pageQuery, time, ulid } from './schemas.ts';

const eventAnswer = z.object({
  id: ulid,
  site: id.nullable(),
  agent: id.nullable(),
  camera: id.nullable(),
  kind: z.string(),
  at: time,
  until: time.nullable(),
  detail: z.string().nullable(),
  snapshotId: ulid.nullable(),
  /** Of kind `clip`: it may be on the gateway only. */
  clipId: ulid.nullable(),
  /** Of kind `gap`: what never arrives from a gateway. */
  gap: gapReport.nullable(),
});

const query = pageQuery.extend({
  site: id.optional(),
  camera: id.optional(),
  kind: z.string().max(32).optional(),
  from: time.optional(),
  to: time.optional(),
});

export interface EventRoutesOptions {
  events: Pick<EventStore, 'list'>;
}

export const eventRoutes: FastifyPluginAsyncZod<EventRoutesOptions> = async (app, { events }) => {
  app.get(
    '/events',
    {
      config: { access: 'viewer' },
      schema: { tags: ['events'], querystring: query, response: answers(listOf(eventAnswer)) },
    },
    async (request) => {
      const { site, from, to, ...rest } = request.query;
      if (site !== undefined) expectSite(request, site);
      return events.list({
        ...rest,
        site,
        sites: principalOf(request).sites?.slice(),
        from: from === undefined ? undefined : new Date(from),
        to: to === undefined ? undefined : new Date(to),
      });
    },
  );
};
