// POST ingest/images: a picture from a device without an agent, such as a camera that uploads by itself.

import type { Readable } from 'node:stream';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { FastifyRequest } from 'fastify';
import * as z from 'zod';
import { snapshotReason } from '@sitecast/shared/protocol/snapshot-envelope';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { MAX_UPLOAD_BODY_BYTES, type PictureUploads } from '../ingest/picture-uploads.ts';
import { deviceOf } from '../plugins/authentication.ts';
import { answers, id, time, ulid } from './schemas.ts';

export interface IngestRoutesOptions {
  uploads: Pick<PictureUploads, 'store'>;
}

const IMAGE_TYPES = ['image/jpeg', 'image/webp', 'multipart/form-data'];

const uploadQuery = z.object({
  camera: id.describe('Which camera of the site of the device it is; new names make a camera, at most 64'),
  capturedAt: time.optional().describe('Left out: the time of arrival'),
  reason: snapshotReason.default('interval'),
});

export const ingestRoutes: FastifyPluginAsyncZod<IngestRoutesOptions> = async (app, { uploads }) => {
  // Bodies are read by `PictureUploads`, once it has let them in; nothing of them is read before.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(IMAGE_TYPES, (_request, body, done) => done(null, body));

  // A sender that still sends is not waited for, unless little is left to come: then it shall read the answer.
  app.addHook('onSend', async (request, reply) => {
    if (!request.raw.complete && !isSmall(request)) reply.header('connection', 'close');
  });

  app.post(
    '/ingest/images',
    {
      config: { access: 'device', countsBody: true },
      schema: {
        tags: ['ingest'],
        summary: 'File a picture (JPEG or WebP); 202 once it is durable',
        description:
          'HTTP Basic with id and secret of a device of kind sensor. The body is the picture, or multipart/form-data with one file, ' +
          'at most 300 KiB. The same picture again (with the same capturedAt and Idempotency-Key, where given) answers the same id ' +
          'and is stored once. 429 and 503 come with Retry-After.',
        consumes: IMAGE_TYPES,
        security: [{ device: [] }],
        querystring: uploadQuery,
        headers: z.object({ 'idempotency-key': z.string().min(1).max(200).optional() }),
        response: answers(z.object({ id: ulid }), 202),
      },
    },
    async (request, reply) => {
      const { camera, capturedAt, reason } = request.query;
      const { site, id: agent } = expectUploader(request);
      const stored = await uploads.store({
        device: { site, agent },
        camera,
        capturedAt,
        reason,
        idempotencyKey: request.headers['idempotency-key'],
        contentType: String(request.raw.headers['content-type']),
        declaredBytes: declaredBytesOf(request),
        body: expectBody(request.body),
      });
      return reply.code(202).send({ id: stored });
    },
  );
};

/** The cameras of an agent are those of its inventory, and their pictures come over MQTT, from its spool. */
function expectUploader(request: FastifyRequest) {
  const device = deviceOf(request);
  if (device.kind === 'sensor') return device;
  throw new AppError('FORBIDDEN', `${device.id} is an agent: it sends its pictures over MQTT`);
}

function expectBody(body: unknown): Readable {
  if (body !== undefined && body !== null) return body as Readable;
  throw new AppError('BAD_REQUEST', 'there is no picture in the request');
}

function declaredBytesOf(request: FastifyRequest): number | undefined {
  const declared = request.raw.headers['content-length'];
  return declared === undefined ? undefined : Number(declared);
}

function isSmall(request: FastifyRequest): boolean {
  const isBeingRead = request.raw.readableDidRead;
  return !isBeingRead && (declaredBytesOf(request) ?? Number.POSITIVE_INFINITY) <= MAX_UPLOAD_BODY_BYTES;
}
