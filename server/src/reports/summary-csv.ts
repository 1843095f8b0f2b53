// A report's summary as CSV: one table whose lines say of which section they are, so that programs and spreadsheets both read it.

import { csvText } from '../telemetry/csv.ts';
import type { ReportContent } from './report-content.ts';
import { ReportText } from './report-text.ts';
import type { ReportWord } from './report-words.ts';

/** Without it spreadsheets take Korean for another encoding. */
const BYTE_ORDER_MARK = '\ufeff';

const COLUMNS = [
  'section',
  'sensor',
  'name',
  'metric',
  'unit',
  'from',
  'to',
  'availability',
  'downTime',
  'downs',
  'min',
  'mean',
  'max',
  'readings',
  'value',
  'lost',
  'detail',
] as const satisfies readonly ReportWord[];
type Line = Partial<Record<(typeof COLUMNS)[number], string | number | Date | null>>;

/** @throws {AppError} STORE_UNAVAILABLE (retryable). */
export async function* summaryCsv(content: ReportContent): AsyncGenerator<string> {
  const text = new ReportText(content.subject.language, content.subject.timeZone);
  const heads: string[] = COLUMNS.map((word) => `${text.say(word)}${UNIT_OF[word] ?? ''}`);
  heads[1] = `${text.say('camera')}/${text.say('sensor')}/${text.say('agent')}`;
  yield `${BYTE_ORDER_MARK}${heads.map(csvText).join(',')}\r\n`;
  for await (const line of lines(content, text)) yield toLine(line, text);
}

/** Numbers of a column are of one unit, which its head names. */
const UNIT_OF: Partial<Record<ReportWord, string>> = { availability: ' (%)', downTime: ' (s)' };

async function* lines(content: ReportContent, text: ReportText): AsyncGenerator<Line> {
  const { site, siteName, from, to } = content.subject;
  yield { section: text.say('site'), sensor: site, name: siteName, from, to };
  for (const { id, name, share, downMs, downs } of await content.cameras())
    yield { section: text.say('camera'), sensor: id, name, ...away(share, downMs, downs) };
  for (const { id, name, share, downMs, downs, basis } of await content.sensors())
    yield {
      section: text.say('sensor'),
      sensor: id,
      name,
      ...away(share, downMs, downs),
      detail: text.say(`basis.${basis}`),
    };
  for await (const { sensor, sensorName, metric, unit, label, min, mean, max, count } of content.series())
    yield {
      section: text.say('measurements'),
      sensor,
      name: sensorName,
      metric,
      unit,
      min,
      mean,
      max,
      readings: count,
      detail: label,
    };
  for await (const { rule, severity, kind, subject, value, from: begin, to: end } of content.alerts())
    yield {
      section: text.say('alerts'),
      sensor: subject,
      name: rule,
      metric: text.alertKind(kind),
      from: begin,
      to: end,
      value,
      detail: text.say(`severity.${severity}`),
    };
  for await (const { agent, lane, from: begin, to: end, count, detail } of content.gaps())
    yield { section: text.say('gaps'), sensor: agent, name: lane, from: begin, to: end, lost: count, detail };
}

function away(share: number | null, downMs: number, downs: number): Line {
  if (share === null) return {};
  return { availability: Math.round(share * 1e6) / 1e4, downTime: Math.round(downMs / 1000), downs };
}

function toLine(line: Line, text: ReportText): string {
  const fields = COLUMNS.map((column) => {
    const value = line[column];
    if (value instanceof Date) return text.isoTime(value);
    return typeof value === 'string' ? csvText(value) : String(value ?? '');
  });
  return `${fields.join(',')}\r\n`;
}
