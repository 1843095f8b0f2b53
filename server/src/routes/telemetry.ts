// Telemetry: newest value of every series, and curves in as many points as a chart has room for.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { ID_PATTERN, METRIC_PATTERN } from '@sitecast/shared/protocol/ids';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { expectSite, principalOf } from '../plugins/authentication.ts';
import type { LatestValues } from '../telemetry/latest-values.ts';
import type { SeriesAsked } from '../telemetry/query-rows.ts';
import {
  QUERY_POINTS_DEFAULT,
  QUERY_POINTS_MAX,
  QUERY_SERIES_MAX,
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
  label: z.string().nullable().describe('as the device calls it'),
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
  label: z.string().nullable(),
  tier,
  /** Width of the buckets, 0 when raw. */
  bucketMs: z.number(),
  /** `[epochMs, value]` when raw, else `[epochMs, avg, min, max, count]`. */
  points: z.array(z.array(z.number())),
});

const curvesAnswer = z.object({
  series: z.array(seriesAnswer),
  seriesLeftOut: z
    .number()
    .describe(`Of a sensor with more than ${QUERY_SERIES_MAX}: ask for the others by series, or metric`),
});

/** `sensor:metric`; a metric may have colons of its own. */
const seriesName = z
  .string()
  .max(128)
  .refine((name) => {
    const [sensor, metric] = splitName(name);
    return ID_PATTERN.test(sensor) && METRIC_PATTERN.test(metric);
  }, 'must be sensor:metric');
const curvesQuery = z.object({
  site: id,
  sensor: id.optional().describe('All of its metrics, or metric'),
  metric: metric.optional(),
  series: z
    .union([seriesName, z.array(seriesName).max(QUERY_SERIES_MAX)])
    .optional()
    .describe('sensor:metric, repeated; instead of sensor, or beside it'),
  from: time,
  to: time.optional(),
  maxPoints: z.coerce.number().int().min(1).max(QUERY_POINTS_MAX).default(QUERY_POINTS_DEFAULT),
  aggregate: tier.optional().describe('Not finer than this'),
  tz: z.string().max(64).optional().describe('IANA time zone whose days are meant; UTC when left out'),
});

export interface TelemetryRoutesOptions {
  latest: LatestValues;
  queryTelemetry: (query: TelemetryQuery) => Promise<SeriesPoints[]>;
  countSeriesLeftOut: (query: TelemetryQuery, shown: number) => Promise<number>;
}

export const telemetryRoutes: FastifyPluginAsyncZod<TelemetryRoutesOptions> = async (
  app,
  { latest, queryTelemetry, countSeriesLeftOut },
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
        querystring: curvesQuery,
        response: answers(curvesAnswer),
      },
    },
    async (request) => {
      const { site, from, to, maxPoints, aggregate, tz } = request.query;
      expectSite(request, site);
      const range = { from: new Date(from), to: to === undefined ? new Date() : new Date(to) };
      if (range.from >= range.to) throw new AppError('BAD_REQUEST', `from ${from} is not before to`);
      const wanted = { site, ...range, maxPoints, tier: aggregate, timeZone: tz };
      const asked = { ...wanted, series: seriesOf(request.query) };
      const series = await queryTelemetry(asked);
      return { series, seriesLeftOut: await countSeriesLeftOut(asked, series.length) };
    },
  );
};

/** @throws {AppError} BAD_REQUEST when nothing is asked for. */
function seriesOf({ sensor, metric, series = [] }: z.output<typeof curvesQuery>): SeriesAsked[] {
  const named = [series].flat().map((name) => {
    const [ofSensor, ofMetric] = splitName(name);
    return { sensor: ofSensor, metric: ofMetric };
  });
  if (sensor !== undefined) return [{ sensor, metric }, ...named];
  if (named.length === 0) throw new AppError('BAD_REQUEST', 'neither sensor nor series is given');
  return named;
}

function splitName(name: string): [sensor: string, metric: string] {
  const colon = name.indexOf(':');
  return [name.slice(0, Math.max(0, colon)), name.slice(colon + 1)];
}
