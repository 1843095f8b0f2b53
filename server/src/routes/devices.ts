// Devices: create (the secret is shown once), list, revoke.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { seesSite } from '../auth/principal.ts';
import type { Device, DeviceAddress, Devices } from '../fleet/devices.ts';
import { expectSite, principalOf } from '../plugins/authentication.ts';
import { answers, id, listOf, noContent, pageOf, pageQuery, time } from './schemas.ts';

const kind = z.enum(['agent', 'sensor']);
const deviceAnswer = z.object({
  id,
  site: id,
  kind,
  createdAt: time,
  lastSeenAt: time.nullable(),
  connected: z.boolean(),
});

export interface DeviceRoutesOptions {
  devices: Devices;
  isConnected: (id: string) => boolean;
  /** Cuts its connection, and forgets what it reported. */
  onRevoked: (device: DeviceAddress) => Promise<void>;
}

export const deviceRoutes: FastifyPluginAsyncZod<DeviceRoutesOptions> = async (
  app,
  { devices, isConnected, onRevoked },
) => {
  app.get(
    '/devices',
    {
      config: { access: 'admin' },
      schema: { tags: ['devices'], querystring: pageQuery, response: answers(listOf(deviceAnswer)) },
    },
    async (request) => {
      const seen = (await devices.list()).filter(({ site }) => seesSite(principalOf(request), site));
      const { items, nextCursor } = pageOf(seen, request.query, (device) => device.id);
      return { items: items.map((device) => toAnswer(device, isConnected(device.id))), nextCursor };
    },
  );

  app.post(
    '/devices',
    {
      config: { access: 'admin' },
      schema: {
        tags: ['devices'],
        summary:
          'Make a device, and its site when that is new; the answer is the only time its secret is shown',
        body: z.object({ site: id, id, kind }),
        response: answers(z.object({ id, secret: z.string() }), 201),
      },
    },
    async (request, reply) => {
      expectSite(request, request.body.site);
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send(await devices.create(request.body));
    },
  );

  app.delete(
    '/devices/:id',
    {
      config: { access: 'admin' },
      schema: {
        tags: ['devices'],
        summary:
          'Revoke: the secret is void, the connection is cut, an agent and its cameras leave the lists',
        params: z.object({ id }),
        response: noContent,
      },
    },
    async (request, reply) => {
      const device = await devices.get(request.params.id);
      if (!device) throw new AppError('NOT_FOUND', `device ${request.params.id} does not exist`);
      expectSite(request, device.site);
      await devices.revoke(device.id);
      await onRevoked(device);
      return reply.code(204).send(null);
    },
  );
};

function toAnswer(device: Device, connected: boolean): z.output<typeof deviceAnswer> {
  return {
    id: device.id,
    site: device.site,
    kind: device.kind,
    createdAt: device.createdAt.toISOString(),
    lastSeenAt: device.lastSeenAt?.toISOString() ?? null,
    connected,
  };
}
