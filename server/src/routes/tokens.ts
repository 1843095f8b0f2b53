// API tokens of the user who asks: create (shown once), list, revoke.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Token, Tokens } from '../auth/tokens.ts';
import { principalOf } from '../plugins/authentication.ts';
import { answers, displayName, listOf, noContent, time, ulid } from './schemas.ts';

const tokenAnswer = z.object({
  id: ulid,
  name: z.string(),
  createdAt: time,
  lastUsedAt: time.nullable(),
  expiresAt: time.nullable(),
});

export const tokenRoutes: FastifyPluginAsyncZod<{ tokens: Tokens }> = async (app, { tokens }) => {
  app.get(
    '/tokens',
    { config: { access: 'viewer' }, schema: { tags: ['tokens'], response: answers(listOf(tokenAnswer)) } },
    async (request) => {
      const items = await tokens.list(principalOf(request).userId);
      return { items: items.map(toAnswer), nextCursor: null };
    },
  );

  app.post(
    '/tokens',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['tokens'],
        summary: 'Make a token that acts as the user who asks; the answer is the only time it is shown',
        body: z.object({ name: displayName, expiresAt: time.nullable().default(null) }),
        response: answers(tokenAnswer.extend({ token: z.string() }), 201),
      },
    },
    async (request, reply) => {
      const { name, expiresAt } = request.body;
      const { token, secret } = await tokens.create(principalOf(request).userId, {
        name,
        expiresAt: expiresAt === null ? null : new Date(expiresAt),
      });
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send({ ...toAnswer(token), token: secret });
    },
  );

  app.delete(
    '/tokens/:id',
    {
      config: { access: 'viewer', endsLogins: true },
      schema: { tags: ['tokens'], params: z.object({ id: ulid }), response: noContent },
    },
    async (request, reply) => {
      const isRevoked = await tokens.revoke(principalOf(request).userId, request.params.id);
      if (!isRevoked) throw new AppError('NOT_FOUND', 'there is no such token');
      return reply.code(204).send(null);
    },
  );
};

function toAnswer({ id, name, createdAt, lastUsedAt, expiresAt }: Token): z.output<typeof tokenAnswer> {
  return {
    id,
    name,
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
    expiresAt: expiresAt?.toISOString() ?? null,
  };
}
