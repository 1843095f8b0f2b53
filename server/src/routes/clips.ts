// Clips: lists by camera or over all, the file in parts, a new one, and one that is still on the gateway. A stored clip never changes.

import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { clipReason } from '@sitecast/shared/protocol/clip-chunk';
import type { Address } from '@sitecast/shared/protocol/ids';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { seesSite } from '../auth/principal.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { ClipDownloads } from '../ingest/clip-downloads.ts';
import type { ClipIntake } from '../ingest/clip-intake.ts';
import type { Clip, ClipQuery, ClipStore } from '../ingest/clip-store.ts';
import { expectSite, principalOf } from '../plugins/authentication.ts';
import { rangeOf } from './byte-range.ts';
import type { Retention } from '../retention/retention.ts';
import { answers, cameraAddress, id, listOf, noContent, pageQuery, time, ulid } from './schemas.ts';

const count = z.int().min(0);
const clipAnswer = z.object({
  id: ulid,
  site: id,
  camera: id,
  startedAt: time,
  receivedAt: time,
  durationMs: count,
  reason: clipReason,
  type: z.literal('video/mp4'),
  codec: z.string(),
  width: count,
  height: count,
  bytes: count,
  sha256: z.string(),
  /** Of a picture taken while it was recorded, to show it by. */
  snapshotId: ulid.nullable(),
});

const arrivingAnswer = z.object({
  id: ulid,
  site: id,
  camera: id,
  bytes: count,
  /** Durable here. */
  receivedBytes: count,
  /** When the last of it came. */
  changedAt: time,
});

export interface ClipRoutesOptions {
  fleet: Fleet;
  clipIntake: Pick<ClipIntake, 'arriving'>;
  clips: Pick<ClipStore, 'list' | 'get'>;
  clipDownloads: Pick<ClipDownloads, 'open'>;
  removeMedia: Retention['removeOne'];
  /** @throws {AppError} AGENT_OFFLINE, COMMAND_TIMEOUT, and what the agent answers. */
  recordClip: (camera: Address, upload: boolean) => Promise<{ clipId: string }>;
  /** Asks the agent for one that it has. Throws as `recordClip`. */
  uploadClip: (camera: Address, clipId: string) => Promise<{ bytes: number }>;
}

const filterQuery = pageQuery.extend({
  from: time.optional(),
  to: time.optional(),
  reason: clipReason.optional(),
});
const IMMUTABLE = 'private, max-age=31536000, immutable';
const video = z.custom<Readable>().describe('The clip, or the part of it that was asked for');
const file = { 200: video, 206: video, 304: z.null(), 416: z.null() };

export const clipRoutes: FastifyPluginAsyncZod<ClipRoutesOptions> = async (
  app,
  { clips, clipIntake, clipDownloads, removeMedia, fleet, recordClip, uploadClip },
) => {
  app.get(
    '/clips',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['clips'],
        summary: 'Uploaded clips of every camera that the user sees, newest first',
        querystring: filterQuery.extend({ site: id.optional() }),
        response: answers(listOf(clipAnswer)),
      },
    },
    async (request) => {
      const { site, ...query } = request.query;
      if (site !== undefined) expectSite(request, site);
      return clips.list({ ...toQuery(query), site, sites: principalOf(request).sites ?? undefined });
    },
  );

  app.get(
    '/cameras/:site/:camera/clips',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['clips'],
        summary: 'Those that are on the gateway only are told by events of kind clip',
        params: cameraAddress,
        querystring: filterQuery,
        response: answers(listOf(clipAnswer)),
      },
    },
    async (request) => {
      const { site, camera } = request.params;
      expectSite(request, site);
      return clips.list({ ...toQuery(request.query), site, camera });
    },
  );

  app.get(
    '/clips/arriving',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['clips'],
        summary: 'Clips that gateways are uploading, and how much of each is here; all on one page',
        response: answers(z.object({ items: z.array(arrivingAnswer), nextCursor: z.null() })),
      },
    },
    async (request) => {
      const principal = principalOf(request);
      return { items: clipIntake.arriving.filter(({ site }) => seesSite(principal, site)), nextCursor: null };
    },
  );

  const find = async (request: FastifyRequest, clipId: string): Promise<Clip> => {
    const found = await clips.get(clipId);
    if (seesSite(principalOf(request), found.site)) return found;
    throw new AppError('NOT_FOUND', `clip ${clipId} does not exist`);
  };

  app.get(
    '/clips/:id',
    {
      config: { access: 'viewer' },
      // Its answer would be read to the end, and thrown away.
      exposeHeadRoute: false,
      schema: { tags: ['clips'], params: z.object({ id: ulid }), response: file },
    },
    async (request, reply) => {
      return send(request, reply, await find(request, request.params.id), clipDownloads);
    },
  );

  app.delete(
    '/clips/:id',
    {
      config: { access: 'admin' },
      schema: {
        tags: ['clips'],
        summary: 'Deletes it here for good; the gateway may still have it',
        params: z.object({ id: ulid }),
        response: noContent,
      },
    },
    async (request, reply) => {
      const { id: clip } = await find(request, request.params.id);
      await removeMedia('clips', clip);
      request.log.info({ clip, by: principalOf(request).username }, 'clip deleted');
      return reply.code(204).send(null);
    },
  );

  const expectCamera = (request: FastifyRequest, address: Address): void => {
    expectSite(request, address.site);
    if (!fleet.camera(address)) throw new AppError('NOT_FOUND', `camera ${address.id} does not exist`);
  };

  app.post(
    '/cameras/:site/:camera/clip',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['clips'],
        summary: 'Record a clip now; an event of kind clip ends when it is done',
        params: cameraAddress,
        body: z.object({ upload: z.boolean().default(false) }).nullish(),
        response: answers(z.object({ clipId: ulid }), 202),
      },
    },
    async (request, reply) => {
      const address = { site: request.params.site, id: request.params.camera };
      expectCamera(request, address);
      return reply.code(202).send(await recordClip(address, request.body?.upload ?? false));
    },
  );

  app.post(
    '/cameras/:site/:camera/clips/:id/upload',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['clips'],
        summary: 'Ask the gateway for a clip that it has; it is listed when all of it is here',
        params: cameraAddress.extend({ id: ulid }),
        response: answers(z.object({ bytes: count }), 202),
      },
    },
    async (request, reply) => {
      const { site, camera, id: clipId } = request.params;
      expectCamera(request, { site, id: camera });
      return reply.code(202).send(await uploadClip({ site, id: camera }, clipId));
    },
  );
};

async function send(
  request: FastifyRequest,
  reply: FastifyReply,
  clip: Clip,
  downloads: ClipRoutesOptions['clipDownloads'],
): Promise<FastifyReply> {
  const etag = `"${clip.sha256}"`;
  void reply.header('etag', etag).header('cache-control', IMMUTABLE).header('accept-ranges', 'bytes');
  if (request.headers['if-none-match'] === etag) return reply.code(304).send();
  const range = isOfThis(request, etag) ? rangeOf(request.headers.range, clip.bytes) : 'whole';
  if (range === 'unsatisfiable')
    return reply.code(416).header('content-range', `bytes */${clip.bytes}`).send();
  const part = range === 'whole' ? { from: 0, to: clip.bytes - 1 } : range;
  const stream = await downloads.open(clip.id, part);
  if (range !== 'whole')
    void reply.code(206).header('content-range', `bytes ${part.from}-${part.to}/${clip.bytes}`);
  return reply
    .header('content-type', clip.type)
    .header('content-length', part.to - part.from + 1)
    .header('content-disposition', `inline; filename="${fileNameOf(clip)}"`)
    .send(stream);
}

/** RFC 9110 13.1.5: a part of something else would not fit to what the asker has. */
function isOfThis({ headers }: FastifyRequest, etag: string): boolean {
  const condition = headers['if-range'];
  return condition === undefined || condition === etag;
}

function fileNameOf({ site, camera, startedAt }: Clip): string {
  return `${site}-${camera}-${startedAt.slice(0, 19).replaceAll(':', '-')}.mp4`;
}

function toQuery({ from, to, ...rest }: z.output<typeof filterQuery>): ClipQuery {
  return {
    ...rest,
    from: from === undefined ? undefined : new Date(from),
    to: to === undefined ? undefined : new Date(to),
  };
}
