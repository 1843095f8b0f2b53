// Agents: list, get, rename, restart.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { agentHealth } from '@sitecast/shared/protocol/status';
import { formatAddress } from '@sitecast/shared/protocol/ids';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Fleet } from '../fleet/fleet.ts';
import type { Agent } from '../fleet/fleet-records.ts';
import { expectSite, isAsked } from '../plugins/authentication.ts';
import {
  address,
  answers,
  displayName,
  id,
  listOf,
  noContent,
  pageOf,
  sitePageQuery,
  time,
} from './schemas.ts';

const agentAnswer = z.object({
  site: id,
  id,
  /** Given by a person, else the id. */
  name: z.string(),
  state: z.enum(['online', 'offline']),
  since: time,
  version: z.string().nullable(),
  bootId: z.string().nullable(),
  lastSeenAt: time,
  health: agentHealth.nullable(),
});

export interface AgentRoutesOptions {
  fleet: Fleet;
  /** @throws {AppError} AGENT_OFFLINE, COMMAND_TIMEOUT */
  restartAgent: (address: { site: string; agent: string }) => Promise<unknown>;
}

export const agentRoutes: FastifyPluginAsyncZod<AgentRoutesOptions> = async (
  app,
  { fleet, restartAgent },
) => {
  app.get(
    '/agents',
    {
      config: { access: 'viewer' },
      schema: { tags: ['agents'], querystring: sitePageQuery, response: answers(listOf(agentAnswer)) },
    },
    async (request) => {
      const seen = fleet.agents().filter(({ site }) => isAsked(request, site));
      const { items, nextCursor } = pageOf(seen, request.query, formatAddress);
      return { items: items.map(toAnswer), nextCursor };
    },
  );

  app.get(
    '/agents/:site/:id',
    {
      config: { access: 'viewer' },
      schema: { tags: ['agents'], params: address, response: answers(agentAnswer) },
    },
    async (request) => {
      expectSite(request, request.params.site);
      return toAnswer(found(fleet.agent(request.params), request.params.id));
    },
  );

  app.patch(
    '/agents/:site/:id',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['agents'],
        summary: 'Give a name of your own; null goes back to the id',
        params: address,
        body: z.object({ name: displayName.nullable() }),
        response: answers(agentAnswer),
      },
    },
    async (request) => {
      expectSite(request, request.params.site);
      const renamed = await fleet.renameAgent(request.params, request.body.name);
      return toAnswer(found(renamed, request.params.id));
    },
  );

  app.post(
    '/agents/:site/:id/restart',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['agents'],
        summary: 'The agent ends, and its supervisor starts it again',
        params: address,
        response: noContent,
      },
    },
    async (request, reply) => {
      const { site, id: agent } = request.params;
      expectSite(request, site);
      found(fleet.agent(request.params), agent);
      await restartAgent({ site, agent });
      return reply.code(204).send(null);
    },
  );
};

function found(agent: Agent | undefined, name: string): Agent {
  if (!agent) throw new AppError('NOT_FOUND', `agent ${name} does not exist`);
  return agent;
}

function toAnswer(agent: Agent): z.output<typeof agentAnswer> {
  return {
    site: agent.site,
    id: agent.id,
    name: agent.name ?? agent.id,
    state: agent.isConnected ? 'online' : 'offline',
    since: agent.since.toISOString(),
    version: agent.version,
    bootId: agent.bootId,
    lastSeenAt: agent.lastSeenAt.toISOString(),
    health: agent.health,
  };
}
