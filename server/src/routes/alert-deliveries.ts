// Messages about alerts: what waits, what was sent, and the dead letters.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { FastifyRequest } from 'fastify';
import * as z from 'zod';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Deliveries } from '../alerts/channels/deliveries.ts';
import type { Delivery } from '../alerts/channels/delivery-store.ts';
import { isServerErrorCode, serverSentencesOf } from '../errors.ts';
import { principalOf } from '../plugins/authentication.ts';
import { seesSiteOf } from './rules.ts';
import { answers, id, listOf, noContent, pageQuery, time, ulid } from './schemas.ts';

const state = z.enum(['waiting', 'sent', 'dead']);
const deliveryAnswer = z.object({
  id: ulid,
  alertId: ulid.nullable().describe('null: a test'),
  channelId: ulid,
  channelName: z.string(),
  ruleName: z.string(),
  site: id.nullable(),
  event: z.enum(['firing', 'resolved', 'test']),
  state,
  attempts: z.int().min(0),
  nextAt: time,
  error: z
    .object({ code: z.string(), message: z.string(), messageKo: z.string(), detail: z.string().nullable() })
    .nullable()
    .describe('of the last attempt that failed'),
  createdAt: time,
  finishedAt: time.nullable(),
});
const params = z.object({ id: ulid });

export interface AlertDeliveryRoutesOptions {
  deliveries: Pick<Deliveries, 'list' | 'get' | 'sendAgain' | 'remove'>;
}

export const alertDeliveryRoutes: FastifyPluginAsyncZod<AlertDeliveryRoutesOptions> = async (
  app,
  { deliveries },
) => {
  const find = async (request: FastifyRequest, deliveryId: string): Promise<Delivery> => {
    const found = await deliveries.get(deliveryId);
    if (seesSiteOf(request, found.site)) return found;
    throw new AppError('NOT_FOUND', `delivery ${deliveryId} does not exist`);
  };

  app.get(
    '/alert-deliveries',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['alerts'],
        summary: 'Newest first; of state dead: what could not be delivered',
        querystring: pageQuery.extend({ state: state.optional() }),
        response: answers(listOf(deliveryAnswer)),
      },
    },
    async (request) => {
      const sites = principalOf(request).sites?.slice();
      const { items, nextCursor } = await deliveries.list({ ...request.query, sites });
      return { items: items.map(toAnswer), nextCursor };
    },
  );

  app.post(
    '/alert-deliveries/:id/send',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['alerts'],
        summary: 'Sends a dead letter again, with as many attempts as a new one',
        params,
        response: answers(deliveryAnswer),
      },
    },
    async (request) => {
      const { id: deliveryId } = await find(request, request.params.id);
      return toAnswer(await deliveries.sendAgain(deliveryId));
    },
  );

  app.delete(
    '/alert-deliveries/:id',
    {
      config: { access: 'operator' },
      schema: { tags: ['alerts'], summary: 'A dead letter only', params, response: noContent },
    },
    async (request, reply) => {
      const { id: deliveryId } = await find(request, request.params.id);
      await deliveries.remove(deliveryId);
      return reply.code(204).send(null);
    },
  );
};

function toAnswer(delivery: Delivery): z.input<typeof deliveryAnswer> {
  const { errorCode, error, ...rest } = delivery;
  return {
    ...rest,
    nextAt: delivery.nextAt.toISOString(),
    createdAt: delivery.createdAt.toISOString(),
    finishedAt: delivery.finishedAt?.toISOString() ?? null,
    error: errorCode === null ? null : { ...errorOf(errorCode), detail: error },
  };
}

/** A code of an older version, which has no sentence any more, is told as INTERNAL. */
function errorOf(code: string): { code: string; message: string; messageKo: string } {
  return { code, ...serverSentencesOf(isServerErrorCode(code) ? code : 'INTERNAL') };
}
