// GET timeline: pictures, events, curves and outages of a site in one answer, sampled to the zoom.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { METRIC_PATTERN } from '@sitecast/shared/protocol/ids';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { expectSite } from '../plugins/authentication.ts';
import { expectTimeZone } from '../timeline/timeline-events.ts';
import type { Timelines } from '../timeline/timeline.ts';
import { answers, id, time, ulid } from './schemas.ts';

const metric = z.string().regex(METRIC_PATTERN);
const timelineAnswer = z.object({
  site: id,
  from: time,
  to: time,
  /** `GET snapshots/:id/thumbnail` has the small picture. */
  pictures: z.array(
    z.object({
      id: ulid,
      camera: id,
      capturedAt: time,
      reason: z.enum(['interval', 'motion', 'command', 'rule']),
    }),
  ),
  events: z.array(
    z.object({
      id: ulid,
      camera: id.nullable(),
      agent: id,
      kind: z.string(),
      at: time,
      until: time.nullable(),
      detail: z.string().nullable(),
      snapshotId: ulid.nullable(),
      clipId: ulid.nullable(),
    }),
  ),
  /** In place of the events, where they are too many for one each. */
  eventCounts: z.array(z.object({ from: time, to: time, kind: z.string(), count: z.int() })),
  curves: z.array(
    z.object({
      sensor: id,
      metric,
      unit: z.string().nullable(),
      label: z.string().nullable(),
      tier: z.enum(['raw', '1m', '1h', '1d']),
      /** Width of the buckets; 0 when raw. */
      bucketMs: z.number(),
      /** `[epochMs, value]` when raw, else `[epochMs, avg, min, max, count]`. */
      points: z.array(z.array(z.number())),
    }),
  ),
  outages: z.array(
    z.object({
      kind: z.enum(['agent', 'camera', 'sensor']),
      id,
      began: time,
      ended: time.nullable(),
      reason: z.string(),
      /** Above 1: so many, close together, as one. */
      count: z.int(),
      awayMs: z.number(),
    }),
  ),
  /** What was left out, or put together: one for each `bucketMs`, or `shown` of `of`. Empty: all of it is here. */
  thinned: z.array(
    z.object({
      what: z.enum(['pictures', 'events', 'curves', 'outages', 'cameras']),
      bucketMs: z.number().nullable(),
      shown: z.int().nullable(),
      of: z.int().nullable(),
    }),
  ),
});

const query = z.object({
  site: id,
  from: time,
  to: time,
  camera: id.optional(),
  sensor: id.optional(),
  metric: metric.optional(),
  tz: z.string().min(1).max(64).optional(),
});

export interface TimelineRoutesOptions {
  timelines: Pick<Timelines, 'answer'>;
}

export const timelineRoutes: FastifyPluginAsyncZod<TimelineRoutesOptions> = async (app, { timelines }) => {
  app.get(
    '/timeline',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['timeline'],
        summary: 'Pictures, events, curves and outages of a site, at most 2,000 items in all',
        querystring: query,
        response: answers(timelineAnswer),
      },
    },
    async (request) => {
      const { from, to, tz: timeZone, ...asked } = request.query;
      expectSite(request, asked.site);
      if (timeZone !== undefined) expectTimeZone(timeZone);
      if (asked.metric !== undefined && asked.sensor === undefined)
        throw new AppError('BAD_REQUEST', 'metric: of which sensor?');
      return asText(await timelines.answer({ ...asked, timeZone, from: new Date(from), to: new Date(to) }));
    },
  );
};

type Dates<T> = {
  [Key in keyof T]: T[Key] extends Date ? string : T[Key] extends Date | null ? string | null : T[Key];
};

/** Times of one flat row. */
function iso<Row extends object>(row: Row): Dates<Row> {
  return Object.fromEntries(
    Object.entries(row).map(([key, value]) => [
      key,
      value instanceof Date ? value.toISOString() : (value as unknown),
    ]),
  ) as Dates<Row>;
}

function asText(timeline: Awaited<ReturnType<Timelines['answer']>>): z.input<typeof timelineAnswer> {
  return {
    ...timeline,
    from: timeline.from.toISOString(),
    to: timeline.to.toISOString(),
    pictures: timeline.pictures.map(iso),
    events: timeline.events.map(iso),
    eventCounts: timeline.eventCounts.map(iso),
    outages: timeline.outages.map(iso),
  };
}
