// What a report may be, and in which file.

import { CSV_TYPE } from '../telemetry/csv.ts';

export const REPORT_KINDS = ['csv', 'html', 'summary-csv', 'xlsx'] as const;
/** csv is every reading of the period; the others are its summary. */
export type ReportKind = (typeof REPORT_KINDS)[number];

export const REPORT_LANGUAGES = ['en', 'ko'] as const;
export type ReportLanguage = (typeof REPORT_LANGUAGES)[number];

/** The end of its name, and its media type. */
export const REPORT_FILES: Record<ReportKind, { suffix: string; type: string }> = {
  csv: { suffix: '.csv', type: CSV_TYPE },
  html: { suffix: '.html', type: 'text/html; charset=utf-8' },
  'summary-csv': { suffix: '.csv', type: CSV_TYPE },
  xlsx: { suffix: '.xlsx', type: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet' },
};
