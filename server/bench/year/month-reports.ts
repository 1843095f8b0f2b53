// The report of a month of the year, as somebody asks a running server for it: how long it takes, and what the server grows by.

import { setTimeout as delay } from 'node:timers/promises';
import { lastWhole } from '../../src/reports/report-period.ts';
import { usageOf } from '../harness/process-usage.ts';
import { median, round } from '../harness/statistics.ts';
import type { Year } from './dataset.ts';
import { SITE } from './names.ts';

const SAMPLE_MS = 100;
const SAMPLES_BEFORE = 20;
/** Hours of the one zone are read as they are; those of the other are cut, and made of minutes. */
const ASKED = [
  { kind: 'html', timeZone: 'Asia/Seoul' },
  { kind: 'xlsx', timeZone: 'Asia/Seoul' },
  { kind: 'html', timeZone: 'Asia/Kolkata' },
  { kind: 'xlsx', timeZone: 'Asia/Kolkata' },
] as const;

export interface ReportRow {
  report: string;
  state: string;
  seconds: number;
  mebibytes: number;
  /** Above what the server had before, at most. */
  growthMiB: number;
}

interface Report {
  id: string;
  state: 'queued' | 'running' | 'done' | 'failed';
  bytes: number;
  error: { code: string } | null;
}

export async function measureReports(year: Year, signal: AbortSignal): Promise<ReportRow[]> {
  const rows: ReportRow[] = [];
  for (const asked of ASKED) rows.push(await measureReport(year, asked, signal));
  return rows;
}

async function measureReport(
  { server, dataset }: Year,
  { kind, timeZone }: (typeof ASKED)[number],
  signal: AbortSignal,
): Promise<ReportRow> {
  const rssMiB = (): number => usageOf([server.program.pid]).rssBytes / 2 ** 20;
  const before: number[] = [];
  for (let n = 0; n < SAMPLES_BEFORE; n += 1) {
    before.push(rssMiB());
    await delay(SAMPLE_MS, undefined, { signal });
  }
  const { from, to } = lastWhole('monthly', timeZone, dataset.toMs);
  const startMs = performance.now();
  const asked = { site: SITE, kind, timeZone, from, to, language: 'ko' };
  let report = await server.session.post<Report>('reports', asked);
  let peakMiB = 0;
  while (report.state === 'queued' || report.state === 'running') {
    await delay(SAMPLE_MS, undefined, { signal });
    peakMiB = Math.max(peakMiB, rssMiB());
    report = await server.session.get<Report>(`reports/${report.id}`);
  }
  return {
    report: `${kind}, ${timeZone}`,
    state: report.error?.code ?? report.state,
    seconds: round((performance.now() - startMs) / 1_000, 1),
    mebibytes: round(report.bytes / 2 ** 20, 1),
    growthMiB: round(peakMiB - median(before), 1),
  };
}
