// Agents: list, get, rename, restart.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { agentHealth } from '@sitecast/shared/protocol/status';
import { formatAddress } from '@sitecast/shared/protocol/ids';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { KnownKey, SigningKeys } from '../evidence/signing-keys.ts';
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

const keyAnswer = z.object({
  keyId: z.string(),
  publicKey: z.string(),
  seenAt: time,
  /** Null: nothing that it signs is believed. */
  acceptedAt: time.nullable(),
  retiredAt: time.nullable(),
});

export interface AgentRoutesOptions {
  fleet: Fleet;
  signingKeys: Pick<SigningKeys, 'list' | 'accept'>;
  /** @throws {AppError} AGENT_OFFLINE, COMMAND_TIMEOUT */
  restartAgent: (address: { site: string; agent: string }) => Promise<unknown>;
}

export const agentRoutes: FastifyPluginAsyncZod<AgentRoutesOptions> = async (
  app,
  { fleet, signingKeys, restartAgent },
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

  app.get(
    '/agents/:site/:id/keys',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['agents'],
        summary: 'Keys with which the agent signed, oldest first',
        params: address,
        response: answers(z.object({ items: z.array(keyAnswer), nextCursor: z.null() })),
      },
    },
    async (request) => {
      const { site, id: agent } = request.params;
      expectSite(request, site);
      return { items: (await signingKeys.list(site, agent)).map(toKeyAnswer), nextCursor: null };
    },
  );

  app.post(
    '/agents/:site/:id/keys/:keyId/accept',
    {
      config: { access: 'admin' },
      schema: {
        tags: ['agents'],
        summary: 'Believe what this key signs; the one before signs nothing from now on',
        params: address.extend({ keyId: z.string().regex(/^[0-9a-f]{16}$/) }),
        response: answers(keyAnswer),
      },
    },
    async (request) => {
      const { site, id: agent, keyId } = request.params;
      expectSite(request, site);
      const accepted = await signingKeys.accept({ site, agent }, keyId);
      if (!accepted) throw new AppError('NOT_FOUND', `agent ${agent} has no key ${keyId}`);
      return toKeyAnswer(accepted);
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

function toKeyAnswer({
  keyId,
  publicKey,
  seenAt,
  acceptedAt,
  retiredAt,
}: KnownKey): z.output<typeof keyAnswer> {
  return {
    keyId,
    publicKey,
    seenAt: seenAt.toISOString(),
    acceptedAt: acceptedAt?.toISOString() ?? null,
    retiredAt: retiredAt?.toISOString() ?? null,
  };
}
