// GET /metrics for Prometheus: with METRICS_TOKEN, or from this machine.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { hashSecret, secretMatches } from '../auth/secrets.ts';

export interface MetricsRoutesOptions {
  metrics: { readonly contentType: string; render(): Promise<string> };
  metricsToken: string | undefined;
}

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;

export const metricsRoutes: FastifyPluginAsyncZod<MetricsRoutesOptions> = async (
  app,
  { metrics, metricsToken },
) => {
  const tokenHash = metricsToken === undefined ? undefined : hashSecret(metricsToken);

  app.get(
    '/metrics',
    {
      schema: { tags: ['metrics'], summary: 'Prometheus text format', response: { 200: z.string() } },
      serializerCompiler: () => String,
    },
    async (request, reply) => {
      const token = /^Bearer (\S{1,200})$/i.exec(request.headers.authorization ?? '')?.[1];
      const isTokenRight = tokenHash !== undefined && token !== undefined && secretMatches(token, tokenHash);
      // A proxy on this machine is loopback too: what it forwards comes from elsewhere, and needs the token.
      const isLocal = LOOPBACK.test(request.socket.remoteAddress ?? '') && !isForwarded(request.headers);
      if (!isTokenRight && !isLocal)
        throw new AppError('UNAUTHORIZED', 'metrics need METRICS_TOKEN from elsewhere');
      return reply.header('content-type', metrics.contentType).send(await metrics.render());
    },
  );
};

function isForwarded(headers: Record<string, unknown>): boolean {
  return ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via'].some((name) => headers[name] !== undefined);
}
