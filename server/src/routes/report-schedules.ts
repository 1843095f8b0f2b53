// Schedules of reports: made, listed, removed.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { seesSite } from '../auth/principal.ts';
import { expectSite, principalOf } from '../plugins/authentication.ts';
import type { ReportSchedules, Schedule } from '../reports/report-schedules.ts';
import { reportKind, reportLanguage, reportPeriod, timeZone } from './report-schemas.ts';
import { answers, id, listOf, noContent, sitePageQuery, time, ulid } from './schemas.ts';

const hour = z
  .int()
  .min(0)
  .max(23)
  .describe('Of the first day after the period, by the clock of the time zone');
const scheduleAnswer = z.object({
  id: ulid,
  site: id,
  kind: reportKind,
  period: reportPeriod,
  language: reportLanguage,
  timeZone: z.string(),
  hour,
  createdAt: time,
  nextAt: time.describe('When the next report is made'),
});
const params = z.object({ id: ulid });

export interface ReportScheduleRoutesOptions {
  schedules: Pick<ReportSchedules, 'create' | 'get' | 'list' | 'remove'>;
}

export const reportScheduleRoutes: FastifyPluginAsyncZod<ReportScheduleRoutesOptions> = async (
  app,
  { schedules },
) => {
  app.post(
    '/report-schedules',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['reports'],
        summary: 'Has a report made after each day, week or month',
        body: z.object({
          site: id,
          kind: reportKind,
          period: reportPeriod,
          language: reportLanguage.default('en'),
          timeZone: timeZone.optional().describe('When left out, that of the site, or UTC'),
          hour: hour.default(6),
        }),
        response: answers(scheduleAnswer, 201),
      },
    },
    async (request, reply) => {
      expectSite(request, request.body.site);
      return reply.code(201).send(toAnswer(await schedules.create(request.body)));
    },
  );

  app.get(
    '/report-schedules',
    {
      config: { access: 'viewer' },
      schema: { tags: ['reports'], querystring: sitePageQuery, response: answers(listOf(scheduleAnswer)) },
    },
    async (request) => {
      const { site } = request.query;
      if (site !== undefined) expectSite(request, site);
      const sites = principalOf(request).sites?.slice();
      const { items, nextCursor } = await schedules.list({ ...request.query, sites });
      return { items: items.map(toAnswer), nextCursor };
    },
  );

  app.delete(
    '/report-schedules/:id',
    {
      config: { access: 'operator' },
      schema: { tags: ['reports'], summary: 'Its reports stay', params, response: noContent },
    },
    async (request, reply) => {
      const found = await schedules.get(request.params.id);
      if (!seesSite(principalOf(request), found.site))
        throw new AppError('NOT_FOUND', `report schedule ${found.id} does not exist`);
      await schedules.remove(found.id);
      return reply.code(204).send(null);
    },
  );
};

function toAnswer(schedule: Schedule): z.input<typeof scheduleAnswer> {
  const { doneUntil: _doneUntil, createdAt, nextAt, ...said } = schedule;
  return { ...said, createdAt: createdAt.toISOString(), nextAt: nextAt.toISOString() };
}
