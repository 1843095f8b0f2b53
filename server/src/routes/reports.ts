// Reports: files that are made in the background, one at a time.

import type { Readable } from 'node:stream';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { FastifyRequest } from 'fastify';
import * as z from 'zod';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { seesSite } from '../auth/principal.ts';
import { isServerErrorCode, serverSentencesOf } from '../errors.ts';
import { expectSite, principalOf } from '../plugins/authentication.ts';
import { REPORT_FILES } from '../reports/report-kinds.ts';
import type { Report, Reports } from '../reports/reports.ts';
import { fileName } from '../telemetry/csv.ts';
import { PERIOD_MAX_DAYS } from '../telemetry/reading-rows.ts';
import { reportKind, reportLanguage, reportPeriod, timeZone } from './report-schemas.ts';
import { answers, id, listOf, noContent, pageQuery, time, ulid } from './schemas.ts';

const count = z.int().min(0);
const reportAnswer = z.object({
  id: ulid,
  site: id,
  kind: reportKind,
  language: reportLanguage,
  timeZone: z.string(),
  period: reportPeriod.nullable(),
  schedule: ulid.nullable().describe('Which schedule asked for it'),
  from: time,
  to: time,
  state: z.enum(['queued', 'running', 'done', 'failed']),
  progress: z.number().min(0).max(1),
  rows: count,
  bytes: count,
  createdAt: time,
  startedAt: time.nullable(),
  finishedAt: time.nullable(),
  error: z.object({ code: z.string(), message: z.string(), messageKo: z.string() }).nullable(),
});
const params = z.object({ id: ulid });
const newReport = z
  .object({
    site: id,
    kind: reportKind,
    period: reportPeriod.optional(),
    from: time.optional().describe('At or after; a summary counts whole minutes'),
    to: time.optional().describe('Before'),
    timeZone: timeZone.optional().describe('When left out, that of the site, or UTC'),
    language: reportLanguage.default('en'),
  })
  .refine(
    ({ period, from, to }) =>
      period === undefined ? from !== undefined && to !== undefined : from === undefined && to === undefined,
    { error: 'give either period, or from and to' },
  );

export interface ReportRoutesOptions {
  reports: Pick<Reports, 'create' | 'list' | 'get' | 'open' | 'remove'>;
}

export const reportRoutes: FastifyPluginAsyncZod<ReportRoutesOptions> = async (app, { reports }) => {
  const find = async (request: FastifyRequest, reportId: string): Promise<Report> => {
    const found = await reports.get(reportId);
    if (seesSite(principalOf(request), found.site)) return found;
    throw new AppError('NOT_FOUND', `report ${reportId} does not exist`);
  };

  app.post(
    '/reports',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['reports'],
        summary: `Asks for a report of at most ${PERIOD_MAX_DAYS} days`,
        description:
          'Of a period, which is the last whole day, week from Monday, or month by the clock of the time zone; or of from and to.',
        body: newReport,
        response: answers(reportAnswer, 202),
      },
    },
    async (request, reply) => {
      const { from, to, ...asked } = request.body;
      expectSite(request, asked.site);
      const range =
        from === undefined || to === undefined ? undefined : { from: new Date(from), to: new Date(to) };
      const report = await reports.create({ ...asked, range });
      return reply.code(202).send(toAnswer(report));
    },
  );

  app.get(
    '/reports',
    {
      config: { access: 'viewer' },
      schema: {
        tags: ['reports'],
        summary: 'Reports of the sites that the user sees, newest first',
        querystring: pageQuery.extend({ site: id.optional() }),
        response: answers(listOf(reportAnswer)),
      },
    },
    async (request) => {
      const { site } = request.query;
      if (site !== undefined) expectSite(request, site);
      const sites = principalOf(request).sites?.slice();
      const { items, nextCursor } = await reports.list({ ...request.query, sites });
      return { items: items.map(toAnswer), nextCursor };
    },
  );

  app.get(
    '/reports/:id',
    { config: { access: 'viewer' }, schema: { tags: ['reports'], params, response: answers(reportAnswer) } },
    async (request) => toAnswer(await find(request, request.params.id)),
  );

  app.get(
    '/reports/:id/download',
    {
      config: { access: 'viewer' },
      // Its answer would be read to the end, and thrown away.
      exposeHeadRoute: false,
      schema: {
        tags: ['reports'],
        params,
        response: answers(z.custom<Readable>().describe('The file of its kind; csv as telemetry/export')),
      },
    },
    async (request, reply) => {
      const report = await find(request, request.params.id);
      const { bytes, stream } = await reports.open(report.id);
      const { suffix, type } = REPORT_FILES[report.kind];
      const name = fileName([wordOf(report), report.site], report, suffix);
      return reply
        .header('content-type', type)
        .header('content-length', bytes)
        .header('content-disposition', `attachment; filename="${name}"`)
        .send(stream);
    },
  );

  app.delete(
    '/reports/:id',
    {
      config: { access: 'operator' },
      schema: { tags: ['reports'], summary: 'Also ends one that is running', params, response: noContent },
    },
    async (request, reply) => {
      const { id: reportId } = await find(request, request.params.id);
      await reports.remove(reportId);
      return reply.code(204).send(null);
    },
  );
};

/** The two kinds of CSV have names of their own. */
function wordOf({ kind }: Report): string {
  return kind === 'summary-csv' ? 'summary' : 'report';
}

function toAnswer(report: Report): z.input<typeof reportAnswer> {
  const { id: reportId, site, state, progress, rows, bytes, errorCode } = report;
  return {
    id: reportId,
    site,
    kind: report.kind,
    language: report.language,
    timeZone: report.timeZone,
    period: report.period,
    schedule: report.schedule,
    from: report.from.toISOString(),
    to: report.to.toISOString(),
    state,
    progress,
    rows,
    bytes,
    createdAt: report.createdAt.toISOString(),
    startedAt: report.startedAt?.toISOString() ?? null,
    finishedAt: report.finishedAt?.toISOString() ?? null,
    error: errorCode === null ? null : errorOf(errorCode),
  };
}

/** A code of an older version, which has no sentence any more, is told as INTERNAL. */
function errorOf(code: string): { code: string; message: string; messageKo: string } {
  return { code, ...serverSentencesOf(isServerErrorCode(code) ? code : 'INTERNAL') };
}
