// Cameras: list, get, rename, take a snapshot now.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import type { SnapshotResult } from '@sitecast/shared/protocol/commands';
import { formatAddress, type Address } from '@sitecast/shared/protocol/ids';
import { cameraReport } from '@sitecast/shared/protocol/status';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Fleet } from '../fleet/fleet.ts';
import type { Camera } from '../fleet/fleet-records.ts';
import { expectSite, isAsked } from '../plugins/authentication.ts';
import {
  address,
  answers,
  cameraAddress,
  displayName,
  id,
  listOf,
  pageOf,
  sitePageQuery,
  time,
  ulid,
} from './schemas.ts';

const cameraAnswer = cameraReport.extend({
  site: id,
  agent: id,
  customName: z.string().nullable(),
  /** Whether its agent is connected. */
  online: z.boolean(),
  lastSnapshot: z.object({ id: ulid, capturedAt: time }).nullable(),
  updatedAt: time,
});

export interface CameraRoutesOptions {
  fleet: Fleet;
  /** @throws {AppError} AGENT_OFFLINE, CAMERA_OFFLINE, COMMAND_TIMEOUT */
  takeSnapshot: (camera: Address) => Promise<SnapshotResult>;
}

export const cameraRoutes: FastifyPluginAsyncZod<CameraRoutesOptions> = async (
  app,
  { fleet, takeSnapshot },
) => {
  const toAnswer = (camera: Camera): z.output<typeof cameraAnswer> => {
    const newest = fleet.newestSnapshotOf(camera);
    return {
      ...camera.report,
      name: camera.customName ?? camera.report.name,
      customName: camera.customName,
      site: camera.site,
      agent: camera.agent,
      online: fleet.agent({ site: camera.site, id: camera.agent })?.isConnected ?? false,
      lastSnapshot: newest ? { id: newest.id, capturedAt: newest.capturedAt.toISOString() } : null,
      updatedAt: camera.updatedAt.toISOString(),
    };
  };

  app.get(
    '/cameras',
    {
      config: { access: 'viewer' },
      schema: { tags: ['cameras'], querystring: sitePageQuery, response: answers(listOf(cameraAnswer)) },
    },
    async (request) => {
      const seen = fleet.cameras().filter(({ site }) => isAsked(request, site));
      const { items, nextCursor } = pageOf(seen, request.query, formatAddress);
      return { items: items.map(toAnswer), nextCursor };
    },
  );

  app.get(
    '/cameras/:site/:id',
    {
      config: { access: 'viewer' },
      schema: { tags: ['cameras'], params: address, response: answers(cameraAnswer) },
    },
    async (request) => {
      expectSite(request, request.params.site);
      return toAnswer(found(fleet.camera(request.params), request.params.id));
    },
  );

  app.patch(
    '/cameras/:site/:id',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['cameras'],
        summary: 'Give a name of your own; null goes back to the name from the gateway',
        params: address,
        body: z.object({ name: displayName.nullable() }),
        response: answers(cameraAnswer),
      },
    },
    async (request) => {
      expectSite(request, request.params.site);
      const renamed = await fleet.renameCamera(request.params, request.body.name);
      return toAnswer(found(renamed, request.params.id));
    },
  );

  app.post(
    '/cameras/:site/:camera/snapshot',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['cameras'],
        summary: 'Take a snapshot now; the picture follows under the id in the answer',
        params: cameraAddress,
        response: answers(z.object({ snapshotId: ulid }), 202),
      },
    },
    async (request, reply) => {
      const { site, camera } = request.params;
      expectSite(request, site);
      found(fleet.camera({ site, id: camera }), camera);
      return reply.code(202).send(await takeSnapshot({ site, id: camera }));
    },
  );
};

function found(camera: Camera | undefined, name: string): Camera {
  if (!camera) throw new AppError('NOT_FOUND', `camera ${name} does not exist`);
  return camera;
}
