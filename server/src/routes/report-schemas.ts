// What reports and their schedules are described by.

import * as z from 'zod';
import { REPORT_KINDS, REPORT_LANGUAGES } from '../reports/report-kinds.ts';
import { REPORT_PERIODS } from '../reports/report-period.ts';

export const reportKind = z
  .enum(REPORT_KINDS)
  .describe('html, summary-csv, xlsx: a summary of the period. csv: every reading of it');
export const reportPeriod = z.enum(REPORT_PERIODS);
export const reportLanguage = z.enum(REPORT_LANGUAGES);
export const timeZone = z.string().min(1).max(64).describe('IANA name, such as Asia/Seoul');
