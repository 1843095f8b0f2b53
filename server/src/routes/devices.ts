// Devices: create (the secret is shown once), list, revoke; topics and rules of foreign ones.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { seesSite } from '../auth/principal.ts';
import type { Device, DeviceAddress, Devices } from '../fleet/devices.ts';
import { deviceMapping } from '../foreign/device-mapping.ts';
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
  /** Of a sensor that speaks the language of another project. */
  mapping: deviceMapping.nullable(),
});

export interface DeviceRoutesOptions {
  devices: Devices;
  isConnected: (id: string) => boolean;
  /** Cuts its connection, and forgets what it reported. */
  onRevoked: (device: DeviceAddress) => Promise<void>;
  /** Cuts its connection: what it may do is looked up when it logs in. */
  onDeviceChanged: (id: string) => void;
}

export const deviceRoutes: FastifyPluginAsyncZod<DeviceRoutesOptions> = async (
  app,
  { devices, isConnected, onRevoked, onDeviceChanged },
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
        body: z.object({ site: id, id, kind, mapping: deviceMapping.optional() }),
        response: answers(z.object({ id, secret: z.string() }), 201),
      },
    },
    async (request, reply) => {
      expectSite(request, request.body.site);
      const { mapping, ...device } = request.body;
      if (mapping) expectSensor(device);
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send(await devices.create({ ...device, ...(mapping && { mapping }) }));
    },
  );

  app.patch(
    '/devices/:id',
    {
      config: { access: 'admin' },
      schema: {
        tags: ['devices'],
        summary:
          'Topics beside its own and rules for a sensor that speaks the language of another project; it has to connect again',
        params: z.object({ id }),
        body: z.object({ mapping: deviceMapping.nullable() }),
        response: answers(deviceAnswer),
      },
    },
    async (request) => {
      const known = await devices.get(request.params.id);
      if (!known) throw notFound(request.params.id);
      expectSite(request, known.site);
      expectSensor(known);
      const device = await devices.setMapping(known.id, request.body.mapping);
      if (!device) throw notFound(known.id);
      onDeviceChanged(device.id);
      return toAnswer(device, isConnected(device.id));
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
      if (!device) throw notFound(request.params.id);
      expectSite(request, device.site);
      await devices.revoke(device.id);
      await onRevoked(device);
      return reply.code(204).send(null);
    },
  );
};

const notFound = (name: string): AppError => new AppError('NOT_FOUND', `device ${name} does not exist`);

/** The broker of a gateway has rules of its own, in the gateway's file. */
function expectSensor({ kind: actual, id: name }: { kind: string; id: string }): void {
  if (actual !== 'sensor')
    throw new AppError('BAD_REQUEST', `device ${name}: only a sensor has topics and rules of its own here`);
}

function toAnswer(device: Device, connected: boolean): z.output<typeof deviceAnswer> {
  return {
    id: device.id,
    site: device.site,
    kind: device.kind,
    createdAt: device.createdAt.toISOString(),
    lastSeenAt: device.lastSeenAt?.toISOString() ?? null,
    connected,
    mapping: device.mapping ?? null,
  };
}
