// Probes: alive, and able to do its work. Open to everybody; they say no more than that.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';

export interface HealthRoutesOptions {
  /** Resolves to whether each part can do its work now; never rejects. */
  readiness: () => Promise<Record<string, boolean>>;
}

const ready = z.object({ ready: z.boolean(), checks: z.record(z.string(), z.boolean()) });

export const healthRoutes: FastifyPluginAsyncZod<HealthRoutesOptions> = async (app, { readiness }) => {
  app.get(
    '/healthz',
    {
      schema: {
        tags: ['health'],
        security: [],
        summary: 'The process answers',
        response: { 200: z.object({ ok: z.literal(true) }) },
      },
    },
    async () => ({ ok: true }) as const,
  );

  app.get(
    '/readyz',
    {
      schema: {
        tags: ['health'],
        security: [],
        summary: 'The server can do its work',
        response: { 200: ready, 503: ready },
      },
    },
    async (_request, reply) => {
      const checks = await readiness();
      const isReady = Object.values(checks).every(Boolean);
      return reply.code(isReady ? 200 : 503).send({ ready: isReady, checks });
    },
  );
};
