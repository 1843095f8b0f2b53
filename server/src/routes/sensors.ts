// Sensors: list and get with their newest values, rename.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { formatAddress } from '@sitecast/shared/protocol/ids';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Fleet } from '../fleet/fleet.ts';
import type { Sensor } from '../fleet/fleet-records.ts';
import { expectSite, isAsked } from '../plugins/authentication.ts';
import type { LatestValues } from '../telemetry/latest-values.ts';
import { address, answers, displayName, id, listOf, pageOf, sitePageQuery, time } from './schemas.ts';

const sensorAnswer = z.object({
  site: id,
  id,
  /** null when the sensor speaks for itself. */
  agent: id.nullable(),
  name: z.string(),
  lastSeenAt: time,
  metrics: z.array(
    z.object({
      metric: z.string(),
      unit: z.string().nullable(),
      label: z.string().nullable(),
      ts: time,
      value: z.number(),
    }),
  ),
});

export interface SensorRoutesOptions {
  fleet: Fleet;
  latest: LatestValues;
}

export const sensorRoutes: FastifyPluginAsyncZod<SensorRoutesOptions> = async (app, { fleet, latest }) => {
  const toAnswer = (sensor: Sensor): z.output<typeof sensorAnswer> => ({
    site: sensor.site,
    id: sensor.id,
    agent: sensor.agent,
    name: sensor.name,
    lastSeenAt: sensor.lastSeenAt.toISOString(),
    metrics: latest
      .of(sensor)
      .map(({ metric, unit, label, ts, value }) => ({ metric, unit, label, ts, value })),
  });

  app.get(
    '/sensors',
    {
      config: { access: 'viewer' },
      schema: { tags: ['sensors'], querystring: sitePageQuery, response: answers(listOf(sensorAnswer)) },
    },
    async (request) => {
      const seen = fleet.sensors().filter(({ site }) => isAsked(request, site));
      const { items, nextCursor } = pageOf(seen, request.query, formatAddress);
      return { items: items.map(toAnswer), nextCursor };
    },
  );

  app.get(
    '/sensors/:site/:id',
    {
      config: { access: 'viewer' },
      schema: { tags: ['sensors'], params: address, response: answers(sensorAnswer) },
    },
    async (request) => {
      expectSite(request, request.params.site);
      return toAnswer(found(fleet.sensor(request.params), request.params.id));
    },
  );

  app.patch(
    '/sensors/:site/:id',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['sensors'],
        params: address,
        body: z.object({ name: displayName }),
        response: answers(sensorAnswer),
      },
    },
    async (request) => {
      expectSite(request, request.params.site);
      const renamed = await fleet.renameSensor(request.params, request.body.name);
      return toAnswer(found(renamed, request.params.id));
    },
  );
};

function found(sensor: Sensor | undefined, name: string): Sensor {
  if (!sensor) throw new AppError('NOT_FOUND', `sensor ${name} does not exist`);
  return sensor;
}
