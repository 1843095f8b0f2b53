// A report as one HTML page that needs nothing else: style, charts and pictures are in it, and it runs no script. Made part by
// part, as the file takes it.

import { drawChart } from './chart.ts';
import { escapeMarkup } from './escape-markup.ts';
import { POLICY, STYLE } from './html-style.ts';
import { LocalCalendar } from './local-time.ts';
import type { ReportContent } from './report-content.ts';
import { ReportText } from './report-text.ts';
import type { Availability, SeriesPart } from './report-subject.ts';
import type { ReportWord } from './report-words.ts';

/** Shares from which an availability is told as good, and as middling. */
const GOOD_SHARE = 0.99;
const FAIR_SHARE = 0.95;

const SEVERITY_LOOKS = { info: '', warning: 'warn', critical: 'bad' };
const ALERT_COLUMNS: ReportWord[] = [
  'rule',
  'severity',
  'kind',
  'subject',
  'value',
  'begin',
  'end',
  'acknowledged',
];
const GAP_COLUMNS: ReportWord[] = ['agent', 'lane', 'begin', 'end', 'lost', 'detail'];

interface Cell {
  text: string;
  look?: string;
}

interface Page {
  content: ReportContent;
  text: ReportText;
  calendar: LocalCalendar;
}

/** @throws {AppError} STORE_UNAVAILABLE (retryable). */
export async function* htmlReport(content: ReportContent): AsyncGenerator<string> {
  const { language, timeZone } = content.subject;
  const page = { content, text: new ReportText(language, timeZone), calendar: new LocalCalendar(timeZone) };
  yield head(page);
  yield* availabilities(page);
  yield* measurements(page);
  yield* lists(page);
  yield* pictures(page);
  if (content.isShortened) yield `<p class="warn">${page.text.say('shortened')}</p>`;
  yield '</main></body></html>\n';
}

function head({ content: { subject, span }, text }: Page): string {
  const { language, siteName, site, period, from, to, madeAt, timeZone } = subject;
  const title = `${siteName} · ${text.period(from, to)}`;
  const kind = period === null ? text.say('title') : text.say(`period.${period}`);
  const isOver = span.toMs >= to.getTime();
  return [
    `<!doctype html><html lang="${language}"><head><meta charset="utf-8">`,
    `<meta http-equiv="Content-Security-Policy" content="${escapeMarkup(POLICY)}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">',
    `<title>${escapeMarkup(`${kind} · ${title}`)}</title><style>${STYLE}</style></head><body><main>`,
    `<header><p class="soft">${escapeMarkup(kind)}</p>`,
    `<h1>${escapeMarkup(siteName)}</h1><p>${escapeMarkup(text.period(from, to))}</p>`,
    `<p class="soft">${escapeMarkup(
      [site, text.say('timeZone', { zone: timeZone }), text.say('made', { at: text.time(madeAt) })].join(
        ' · ',
      ),
    )}</p>`,
    isOver ? '' : `<p class="warn">${text.say('unfinished')}</p>`,
    '</header>',
  ].join('');
}

async function* availabilities({ content, text }: Page): AsyncGenerator<string> {
  const [cameras, sensors] = [await content.cameras(), await content.sensors()];
  const away = ({ downMs, downs, share }: Availability): Cell[] => [
    { text: share === null ? '–' : text.duration(downMs), look: 'number' },
    { text: share === null ? '–' : text.whole(downs), look: 'number' },
  ];
  const share = ({ share: value }: Availability): Cell => ({
    text: text.percent(value),
    look: `number ${toneOf(value)}`,
  });
  const named = ({ id, name }: { id: string; name: string }): Cell => ({
    text: name === id ? id : `${name} (${id})`,
  });
  const columns: ReportWord[] = ['availability', 'downTime', 'downs'];
  yield `<section><h2>${text.say('summary')}</h2><dl class="tiles">`;
  yield tile(text, 'camerasAvailable', cameras) + tile(text, 'sensorsAvailable', sensors);
  yield '</dl></section>';
  yield section(text, 'cameras', cameras.length === 0 ? 'noCameras' : undefined);
  if (cameras.length > 0)
    yield table(
      text,
      ['camera', ...columns],
      cameras.map((camera) => [named(camera), share(camera), ...away(camera)]),
    );
  yield `</section>${section(text, 'sensors', sensors.length === 0 ? 'noSensors' : undefined)}`;
  if (sensors.length > 0)
    yield table(
      text,
      ['sensor', ...columns, 'basis'],
      sensors.map((sensor) => [
        named(sensor),
        share(sensor),
        ...away(sensor),
        { text: text.say(`basis.${sensor.basis}`) },
      ]),
    );
  yield '</section>';
}

function tile(text: ReportText, word: ReportWord, of: Availability[]): string {
  const shares = of.flatMap(({ share }) => (share === null ? [] : [share]));
  const mean = shares.length === 0 ? null : shares.reduce((sum, share) => sum + share, 0) / shares.length;
  return `<div class="tile"><dt>${text.say(word)}</dt><dd class="${toneOf(mean)}">${text.percent(mean)}</dd></div>`;
}

/** Curves first, as they come; then their numbers side by side. */
async function* measurements(page: Page): AsyncGenerator<string> {
  const { content, text } = page;
  const numbers: Cell[][] = [];
  yield section(text, 'measurements');
  for await (const series of content.series()) {
    if (numbers.length === 0)
      yield `<p class="soft">${text.say('chartKey', { step: text.duration(series.bucketMs) })}</p><div class="charts">`;
    yield figure(page, series);
    numbers.push(numbersOf(text, series));
  }
  yield numbers.length === 0 ? `<p class="soft">${text.say('noSeries')}</p></section>` : '</div></section>';
  if (numbers.length === 0) return;
  yield `<section><h2>${text.say('min')} · ${text.say('mean')} · ${text.say('max')}</h2>`;
  yield `${table(text, ['sensor', 'metric', 'unit', 'min', 'mean', 'max', 'readings'], numbers)}</section>`;
}

function numbersOf(
  text: ReportText,
  { sensorName, metric, label, unit, min, mean, max, count }: SeriesPart,
): Cell[] {
  const number = (value: number | null): Cell => ({ text: text.value(value), look: 'number' });
  return [
    { text: sensorName },
    { text: text.series({ label, metric }) },
    { text: unit ?? '' },
    ...[min, mean, max].map(number),
    { text: text.whole(count), look: 'number' },
  ];
}

function figure({ content, text, calendar }: Page, series: SeriesPart): string {
  const { sensorName, unit, points, bucketMs, min, mean, max, count } = series;
  const names = { name: sensorName, metric: text.series(series) };
  const label = text.say('chartOf', names);
  const of = (value: number | null): string => quantity(text, value, unit);
  const facts: [ReportWord, string][] = [
    ['min', of(min)],
    ['mean', of(mean)],
    ['max', of(max)],
    ['readings', text.whole(count)],
  ];
  const list = facts.map(
    ([word, value]) => `<div><dt>${text.say(word)}</dt><dd>${escapeMarkup(value)}</dd></div>`,
  );
  const chart =
    points.length > 0
      ? drawChart({ points, bucketMs, span: content.span, unit, label, calendar, text })
      : `<p class="soft">${text.say('noReadings')}</p>`;
  return [
    `<figure class="card"><figcaption><h3>${escapeMarkup(`${names.name} · ${names.metric}`)}</h3>`,
    points.length > 0 ? `<dl class="facts">${list.join('')}</dl>` : '',
    `</figcaption>${chart}</figure>`,
  ].join('');
}

function quantity(text: ReportText, value: number | null, unit: string | null): string {
  return value === null || unit === null ? text.value(value) : `${text.value(value)} ${unit}`;
}

async function* lists({ content, text }: Page): AsyncGenerator<string> {
  const alerts: Cell[][] = [];
  for await (const {
    rule,
    severity,
    kind,
    subject,
    value,
    unit,
    from,
    to,
    acknowledgedBy,
  } of content.alerts())
    alerts.push([
      { text: rule },
      { text: text.say(`severity.${severity}`), look: SEVERITY_LOOKS[severity] },
      { text: text.alertKind(kind) },
      { text: subject },
      { text: quantity(text, value, unit), look: 'number' },
      { text: text.time(from) },
      { text: to === null ? text.say('firing') : text.time(to) },
      { text: acknowledgedBy ?? '' },
    ]);
  yield list(text, 'alerts', 'noAlerts', ALERT_COLUMNS, alerts);
  const gaps: Cell[][] = [];
  for await (const { agent, lane, from, to, count, detail } of content.gaps())
    gaps.push([
      { text: agent },
      { text: lane },
      { text: text.time(from) },
      { text: text.time(to) },
      { text: text.whole(count), look: 'number' },
      { text: detail },
    ]);
  yield list(text, 'gaps', 'noGaps', GAP_COLUMNS, gaps);
}

function list(
  text: ReportText,
  title: ReportWord,
  without: ReportWord,
  columns: ReportWord[],
  rows: Cell[][],
): string {
  if (rows.length === 0) return `${section(text, title, without)}</section>`;
  return `${section(text, title)}${table(text, columns, rows)}</section>`;
}

async function* pictures({ content, text }: Page): AsyncGenerator<string> {
  let isEmpty = true;
  yield section(text, 'pictures');
  for await (const { camera, capturedAt, type, width, height, bytes } of content.pictures()) {
    const at = text.time(capturedAt);
    const caption = escapeMarkup(`${camera}, ${at}`);
    if (isEmpty) yield '<div class="sheet">';
    isEmpty = false;
    yield `<figure><img alt="${caption}" width="${width}" height="${height}" src="data:${type};base64,`;
    yield bytes.toString('base64');
    yield `"><figcaption>${caption}</figcaption></figure>`;
  }
  yield isEmpty ? `<p class="soft">${text.say('noPictures')}</p></section>` : '</div></section>';
}

function section(text: ReportText, word: ReportWord, without?: ReportWord): string {
  const note = without === undefined ? '' : `<p class="soft">${text.say(without)}</p>`;
  return `<section><h2>${text.say(word)}</h2>${note}`;
}

/** The first cell of a row is its heading. */
function table(text: ReportText, columns: ReportWord[], rows: Cell[][]): string {
  const looks =
    rows[0]?.map(({ look }) => (look?.startsWith('number') === true ? ' class="number"' : '')) ?? [];
  const heads = columns.map((word, index) => `<th scope="col"${looks[index] ?? ''}>${text.say(word)}</th>`);
  const body = rows.map((cells) => `<tr>${cells.map(cellMarkup).join('')}</tr>`);
  return `<div class="scroll"><table><thead><tr>${heads.join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}

function cellMarkup({ text, look }: Cell, index: number): string {
  const name = look === undefined ? '' : ` class="${look.trim()}"`;
  return index === 0 ? `<th scope="row">${escapeMarkup(text)}</th>` : `<td${name}>${escapeMarkup(text)}</td>`;
}

function toneOf(share: number | null): string {
  if (share === null) return '';
  if (share >= GOOD_SHARE) return 'ok';
  return share >= FAIR_SHARE ? 'warn' : 'bad';
}
