// Snapshots: lists by camera or over all, the picture, the thumbnail. A stored picture never changes, so caches may keep it.

import type { Readable } from 'node:stream';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { FastifyReply, FastifyRequest } from 'fastify';
import * as z from 'zod';
import { pictureType, snapshotReason } from '@sitecast/shared/protocol/snapshot-envelope';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { seesSite } from '../auth/principal.ts';
import type { SnapshotQuery, SnapshotStore, StoredSnapshot } from '../ingest/snapshot-store.ts';
import type { MediaStore } from '../media-store/media-store.ts';
import { expectSite, principalOf } from '../plugins/authentication.ts';
import type { Retention } from '../retention/retention.ts';
import { answers, cameraAddress, id, listOf, noContent, pageQuery, time, ulid } from './schemas.ts';

const size = z.int().min(0);
const snapshotAnswer = z.object({
  id: ulid,
  site: id,
  camera: id,
  capturedAt: time,
  receivedAt: time,
  reason: snapshotReason,
  type: pictureType,
  width: size,
  height: size,
  bytes: size,
  thumbnail: z.object({ type: pictureType, width: size, height: size, bytes: size }),
});

export interface SnapshotRoutesOptions {
  snapshots: Pick<SnapshotStore, 'list' | 'get'>;
  removeMedia: Retention['removeOne'];
  pictures: Pick<MediaStore, 'open'>;
}

const filterQuery = pageQuery.extend({
  from: time.optional(),
  to: time.optional(),
  reason: snapshotReason.optional(),
});
const IMMUTABLE = 'private, max-age=31536000, immutable';
const picture = { 200: z.custom<Readable>().describe('The picture'), 304: z.null() };

export const snapshotRoutes: FastifyPluginAsyncZod<SnapshotRoutesOptions> = async (
  app,
  { snapshots, pictures, removeMedia },
) => {
  app.get(
    '/snapshots',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['snapshots'],
        summary: 'Snapshots of every camera that the user sees, newest first',
        querystring: filterQuery.extend({ site: id.optional() }),
        response: answers(listOf(snapshotAnswer)),
      },
    },
    async (request) => {
      const { site, ...query } = request.query;
      if (site !== undefined) expectSite(request, site);
      return snapshots.list({ ...toQuery(query), site, sites: principalOf(request).sites ?? undefined });
    },
  );

  app.get(
    '/cameras/:site/:camera/snapshots',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['snapshots'],
        params: cameraAddress,
        querystring: filterQuery,
        response: answers(listOf(snapshotAnswer)),
      },
    },
    async (request) => {
      const { site, camera } = request.params;
      expectSite(request, site);
      return snapshots.list({ ...toQuery(request.query), site, camera });
    },
  );

  const find = async (request: FastifyRequest, snapshotId: string): Promise<StoredSnapshot> => {
    const found = await snapshots.get(snapshotId);
    if (seesSite(principalOf(request), found.site)) return found;
    throw new AppError('NOT_FOUND', `snapshot ${snapshotId} does not exist`);
  };

  const send = async (
    request: FastifyRequest,
    reply: FastifyReply,
    { etag, type, path }: { etag: string; type: string; path: string },
  ): Promise<FastifyReply> => {
    void reply.header('etag', etag).header('cache-control', IMMUTABLE);
    if (hasPicture(request.headers['if-none-match'], etag)) return reply.code(304).send();
    const { bytes, stream } = await pictures.open(path);
    return reply.header('content-type', type).header('content-length', bytes).send(stream);
  };

  app.get(
    '/snapshots/:id',
    {
      config: { access: 'viewer' },
      schema: { tags: ['snapshots'], params: z.object({ id: ulid }), response: picture },
    },
    async (request, reply) => {
      const { sha256, type, path } = await find(request, request.params.id);
      return send(request, reply, { etag: `"${sha256}"`, type, path });
    },
  );

  app.delete(
    '/snapshots/:id',
    {
      config: { access: 'admin' },
      schema: {
        tags: ['snapshots'],
        summary: 'Deletes the picture and its thumbnail for good',
        params: z.object({ id: ulid }),
        response: noContent,
      },
    },
    async (request, reply) => {
      const { id: snapshot } = await find(request, request.params.id);
      await removeMedia('snapshots', snapshot);
      request.log.info({ snapshot, by: principalOf(request).username }, 'snapshot deleted');
      return reply.code(204).send(null);
    },
  );

  app.get(
    '/snapshots/:id/thumbnail',
    {
      config: { access: 'viewer' },
      schema: { tags: ['snapshots'], params: z.object({ id: ulid }), response: picture },
    },
    async (request, reply) => {
      const { sha256, thumbnail, thumbnailPath } = await find(request, request.params.id);
      return send(request, reply, {
        etag: `"${sha256}-thumbnail"`,
        type: thumbnail.type,
        path: thumbnailPath,
      });
    },
  );
};

/** RFC 9110 13.1.2: a list, compared weakly, because proxies weaken what they pass on; `*` is any. */
function hasPicture(ifNoneMatch: string | undefined, etag: string): boolean {
  const known = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return known.includes(etag) || known.includes('*');
}

function toQuery({ from, to, ...rest }: z.output<typeof filterQuery>): SnapshotQuery {
  return {
    ...rest,
    from: from === undefined ? undefined : new Date(from),
    to: to === undefined ? undefined : new Date(to),
  };
}
