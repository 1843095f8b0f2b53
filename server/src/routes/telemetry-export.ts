// GET telemetry/export: readings as a CSV file, as many as there are, from PostgreSQL to the socket as fast as that takes them.

import type { Readable } from 'node:stream';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { METRIC_PATTERN } from '@sitecast/shared/protocol/ids';
import { expectSite } from '../plugins/authentication.ts';
import { CSV_TYPE, fileName } from '../telemetry/csv.ts';
import { longestPeriodBefore, PERIOD_MAX_DAYS } from '../telemetry/reading-rows.ts';
import type { TelemetryExports } from '../telemetry/telemetry-exports.ts';
import { answers, id, time } from './schemas.ts';

export interface TelemetryExportRoutesOptions {
  exports: Pick<TelemetryExports, 'open'>;
}

const query = z.object({
  site: id,
  sensor: id.optional(),
  metric: z.string().regex(METRIC_PATTERN).optional(),
  from: time.optional().describe(`At or after; when left out, ${PERIOD_MAX_DAYS} days before to`),
  to: time.optional().describe('Before; when left out, now'),
});

export const telemetryExportRoutes: FastifyPluginAsyncZod<TelemetryExportRoutesOptions> = async (
  app,
  { exports },
) => {
  app.get(
    '/telemetry/export',
    {
      config: { access: 'viewer' },
      // Its answer would be made to the end, and thrown away.
      exposeHeadRoute: false,
      schema: {
        tags: ['telemetry'],
        summary: 'Readings as a CSV file: ts,site,sensor,metric,unit,value',
        description: `At most ${PERIOD_MAX_DAYS} days. A file that is not complete ends with a broken connection.`,
        querystring: query,
        response: answers(z.custom<Readable>().describe('text/csv, by sensor, metric and time')),
      },
    },
    async (request, reply) => {
      const { site, sensor, metric, ...given } = request.query;
      expectSite(request, site);
      const to = given.to === undefined ? new Date() : new Date(given.to);
      const from = given.from === undefined ? longestPeriodBefore(to) : new Date(given.from);
      const stream = await exports.open({ site, sensor, metric, from, to });
      // A reset and not an orderly end: proxies that speak HTTP/1.0 would take what they have for the whole file.
      stream.once('error', () => request.raw.socket.resetAndDestroy());
      const name = fileName(['telemetry', site, sensor, metric], { from, to }, '.csv');
      return reply
        .header('content-type', CSV_TYPE)
        .header('content-disposition', `attachment; filename="${name}"`)
        .send(stream);
    },
  );
};
