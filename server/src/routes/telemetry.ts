// Telemetry: newest value of every series, and curves in as many points as a chart has room for.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { METRIC_PATTERN } from '@sitecast/shared/protocol/ids';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { expectSite, principalOf } from '../plugins/authentication.ts';
import type { LatestValues } from '../telemetry/latest-values.ts';
import {
  QUERY_POINTS_DEFAULT,
  QUERY_POINTS_MAX,
  type SeriesPoints,
  type TelemetryQuery,
} from '../telemetry/telemetry-query.ts';
import { answers, id, listOf, time } from './schemas.ts';

const metric = z.string().regex(METRIC_PATTERN);
const latestAnswer = z.object({
  site: id,
  sensor: id,
  metric,
  unit: z.string().nullable(),
  ts: time,
  value: z.number(),
});
const latestList = listOf(latestAnswer);
const tier = z.enum(['raw', '1m', '1h', '1d']);
const seriesAnswer = z.object({
  site: id,
  sensor: id,
  metric,
  unit: z.string().nullable(),
  tier,
  /** `[epochMs, value]` when raw, else `[epochMs, avg, min, max, count]`. */
  points: z.array(z.array(z.number())),
});

export interface TelemetryRoutesOptions {
  latest: LatestValues;
  queryTelemetry: (query: TelemetryQuery) => Promise<SeriesPoints[]>;
}

export const telemetryRoutes: FastifyPluginAsyncZod<TelemetryRoutesOptions> = async (
  app,
  { latest, queryTelemetry },
) => {
  app.get(
    '/telemetry/latest',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['telemetry'],
        querystring: z.object({ site: id.optional(), sensor: id.optional() }),
        response: answers(latestList),
      },
    },
    async (request, reply) => {
      const { site, sensor } = request.query;
      if (site !== undefined) expectSite(request, site);
      const sites = site === undefined ? principalOf(request).sites : [site];
      const json: unknown = latest.answer({ sites, sensor });
      // Bytes, which go out as they are; the schema is for the document, and a test holds the two together.
      return reply.type('application/json; charset=utf-8').send(json as z.output<typeof latestList>);
    },
  );

  app.get(
    '/telemetry/query',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['telemetry'],
        summary: 'Curves; the tier is the finest whose points fit maxPoints',
        querystring: z.object({
          site: id,
          sensor: id,
          metric: metric.optional(),
          from: time,
          to: time.optional(),
          maxPoints: z.coerce.number().int().min(1).max(QUERY_POINTS_MAX).default(QUERY_POINTS_DEFAULT),
          aggregate: tier.optional(),
        }),
        response: answers(z.object({ series: z.array(seriesAnswer) })),
      },
    },
    async (request) => {
      const { from, to, aggregate, ...rest } = request.query;
      expectSite(request, rest.site);
      const range = { from: new Date(from), to: to === undefined ? new Date() : new Date(to) };
      if (range.from >= range.to) throw new AppError('BAD_REQUEST', `from ${from} is not before to`);
      return { series: await queryTelemetry({ ...rest, ...range, tier: aggregate }) };
    },
  );
};
