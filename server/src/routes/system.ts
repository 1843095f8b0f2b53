// GET system: what the server is doing and how far it is from its limits, in one answer.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { PROFILES } from '@sitecast/shared/protocol/frame-header';
import { parseAddress } from '@sitecast/shared/protocol/ids';
import { PRESSURE_LEVELS } from '../guard/levels.ts';
import type { SystemReport } from '../guard/system-report.ts';
import { seesSite } from '../auth/principal.ts';
import { principalOf } from '../plugins/authentication.ts';
import { answers } from './schemas.ts';

const count = z.number().min(0);
const level = z.enum(PRESSURE_LEVELS);
const names = z.array(z.string());
const knownCount = count.nullable().describe('null while the store of the queue does not answer');

const knownBytes = count.nullable();
const fullInDays = count
  .nullable()
  .describe('0: the oldest go already. null: never, or not to be foreseen, as things go on now');
const ofKind = z.object({
  items: count,
  bytes: count,
  maxBytes: knownBytes.describe('null: no bound of its own'),
  maxAgeDays: knownBytes.describe('null: for ever'),
  bytesPerDay: knownBytes.describe('What comes in; null before a whole day was seen'),
});
const storage = z.object({
  kinds: z.object({ snapshots: ofKind, clips: ofKind, reports: ofKind }),
  media: z.object({ bytes: count, maxBytes: knownBytes, fullInDays }),
  clips: z.object({ fullInDays }),
  disk: z.object({ bytesPerDay: z.number().nullable().describe('Less than 0: it empties'), fullInDays }),
  garbage: z.object({ items: count, bytes: count }),
  clockDoubt: z
    .object({ lastSeenAt: z.string(), heldUntil: z.string() })
    .nullable()
    .describe(
      'The clock of the server jumped: nothing is deleted by age before `heldUntil`, unless it comes back',
    ),
});

const systemAnswer = z.object({
  version: z.string(),
  startedAt: z.string(),
  limits: z.array(
    z.object({
      name: z.string(),
      env: z.string().nullable(),
      value: count,
      unit: z.string(),
      policy: z.string(),
      counter: z.string().nullable(),
      worstCaseBytes: count,
    }),
  ),
  ledger: z.object({ budgetBytes: count, reservedBytes: count, areas: z.record(z.string(), count) }),
  pressure: z.object({
    level,
    causes: names,
    shedding: names,
    signals: z.record(z.string(), z.object({ value: count, level })),
    changes: z.array(z.object({ at: z.string(), level, causes: names, shedding: names })).readonly(),
  }),
  streams: z.object({
    max: count,
    active: z.array(
      z.object({ camera: z.string(), profile: z.enum(PROFILES), viewers: count, bytesPerSecond: count }),
    ),
  }),
  viewers: z.object({ active: count, max: count, waiting: count }),
  queues: z.record(z.string(), z.record(z.string(), knownCount)),
  pool: z.object({ max: count, total: count, idle: count, waiting: count }),
  devices: z.object({ connected: count, max: count }),
  memory: z.object({ rssBytes: count, usedBytes: count, limitBytes: count }),
  eventLoop: z.object({ p99Ms: count }),
  cpu: z.object({
    sustainedCores: count,
    baselineCores: count,
    stolen: count,
    warning: z.enum(['above-baseline', 'stolen']).nullable(),
  }),
  disk: z.object({ totalBytes: count, freeBytes: count }),
  storage: storage.nullable().describe('null before the server has looked'),
  endpoints: z.object({ mqttPort: count, mediaPort: count }),
});

export interface SystemRoutesOptions {
  readSystem: () => Promise<SystemReport>;
}

export const systemRoutes: FastifyPluginAsyncZod<SystemRoutesOptions> = async (app, { readSystem }) => {
  app.get(
    '/system',
    {
      config: { access: 'viewer' },
      schema: { tags: ['system'], summary: 'Limits, load and pressure', response: answers(systemAnswer) },
    },
    async (request) => {
      const report = await readSystem();
      const seen = report.streams.active.filter(({ camera }) =>
        seesSite(principalOf(request), parseAddress(camera).site),
      );
      return { ...report, streams: { ...report.streams, active: seen } };
    },
  );
};
