// The calls of the HTTP API for reports and their schedules, and what they answer.

import { API, queryOf, request } from '../api/http.ts';
import type { Page } from '../api/types.ts';

/** As many as a server keeps. */
const LISTED = 300;

export type ReportKind = 'html' | 'xlsx' | 'summary-csv' | 'csv';
export type ReportPeriod = 'daily' | 'weekly' | 'monthly';
export type ReportLanguage = 'en' | 'ko';

export interface Report {
  id: string;
  site: string;
  kind: ReportKind;
  period: ReportPeriod | null;
  timeZone: string;
  from: string;
  to: string;
  state: 'queued' | 'running' | 'done' | 'failed';
  /** 0 to 1 */
  progress: number;
  bytes: number;
  createdAt: string;
  error: { message: string; messageKo: string } | null;
}

export interface ReportChoice {
  site: string;
  kind: ReportKind;
  language: ReportLanguage;
  timeZone: string;
}

/** Of a period, or from and to. */
export interface NewReport extends ReportChoice {
  period?: ReportPeriod | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

export interface NewSchedule extends ReportChoice {
  period: ReportPeriod;
  hour: number;
}

export interface Schedule extends NewSchedule {
  id: string;
  nextAt: string;
}

const listOf = async <Item>(path: string): Promise<Item[]> =>
  (await request<Page<Item>>('GET', `${path}${queryOf({ limit: LISTED })}`)).items;

export const reportApi = {
  reports: () => listOf<Report>('reports'),
  create: (report: NewReport): Promise<Report> => request('POST', 'reports', { body: report }),
  remove: (id: string): Promise<void> => request('DELETE', `reports/${id}`),
  schedules: () => listOf<Schedule>('report-schedules'),
  createSchedule: (schedule: NewSchedule): Promise<Schedule> =>
    request('POST', 'report-schedules', { body: schedule }),
  removeSchedule: (id: string): Promise<void> => request('DELETE', `report-schedules/${id}`),
};

export const reportUrl = (id: string): string => `${API}/reports/${id}/download`;
