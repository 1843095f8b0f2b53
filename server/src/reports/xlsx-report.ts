// A report as a workbook: a sheet for each of its parts, and the curves behind its charts as numbers.

import { LocalCalendar } from './local-time.ts';
import type { ReportContent } from './report-content.ts';
import { ReportText } from './report-text.ts';
import type { Availability, SeriesPart } from './report-subject.ts';
import type { ReportWord } from './report-words.ts';
import { xlsxBook } from './xlsx-book.ts';
import {
  durationCell,
  timeCell,
  type CellLook,
  type Sheet,
  type SheetCell,
  type SheetColumn,
} from './xlsx-sheet.ts';

type Row = readonly SheetCell[];

const NAME_WIDTH = 28;
const DETAIL_WIDTH = 60;

/** @throws {AppError} STORE_UNAVAILABLE (retryable). */
export async function* xlsxReport(content: ReportContent): AsyncGenerator<Uint8Array> {
  const book = new ReportBook(content);
  const sheets = [
    book.summary(),
    book.cameras(),
    book.sensors(),
    book.measurements(),
    book.curves(),
    book.alerts(),
    book.gaps(),
  ];
  // The numbers of a series are known when its curve was read.
  yield* xlsxBook({ sheets, writing: [0, 1, 2, 4, 3, 5, 6] }, content.subject.madeAt);
}

class ReportBook {
  readonly #content: ReportContent;
  readonly #text: ReportText;
  readonly #calendar: LocalCalendar;
  /** Of the curves read so far. */
  readonly #numbers: Row[] = [];

  constructor(content: ReportContent) {
    const { language, timeZone } = content.subject;
    this.#content = content;
    this.#text = new ReportText(language, timeZone);
    this.#calendar = new LocalCalendar(timeZone);
  }

  summary(): Sheet {
    const { site, siteName, from, to, timeZone, period, madeAt } = this.#content.subject;
    const text = this.#text;
    const rows: Row[] = [
      [text.say('site'), siteName],
      ['', site],
      [text.say('from'), text.isoTime(from)],
      [text.say('to'), text.isoTime(to)],
      [text.say('timeZone', { zone: timeZone }), null],
      [text.say('made', { at: text.isoTime(madeAt) }), null],
    ];
    const title = text.say(period === null ? 'title' : `period.${period}`);
    const columns = [
      { title, width: NAME_WIDTH },
      { title: text.period(from, to), width: DETAIL_WIDTH },
    ];
    return { name: text.say('summary'), columns, rows: streamed(() => Promise.resolve(rows)) };
  }

  cameras(): Sheet {
    const rows = async (): Promise<Row[]> =>
      (await this.#content.cameras()).map(({ id, name, ...away }) => [id, name, ...awayCells(away)]);
    return this.#sheet('cameras', ['camera', 'name', 'availability', 'downTime', 'downs'], streamed(rows));
  }

  sensors(): Sheet {
    const rows = async (): Promise<Row[]> =>
      (await this.#content.sensors()).map(({ id, name, basis, ...away }) => [
        id,
        name,
        ...awayCells(away),
        this.#text.say(`basis.${basis}`),
      ]);
    return this.#sheet(
      'sensors',
      ['sensor', 'name', 'availability', 'downTime', 'downs', 'basis'],
      streamed(rows),
    );
  }

  measurements(): Sheet {
    const rows = streamed(() => Promise.resolve(this.#numbers));
    return this.#sheet(
      'measurements',
      ['sensor', 'name', 'metric', 'unit', 'min', 'mean', 'max', 'readings', 'label'],
      rows,
    );
  }

  curves(): Sheet {
    return this.#sheet(
      'curves',
      ['sensor', 'metric', 'unit', 'time', 'mean', 'min', 'max', 'readings'],
      this.#curveRows(),
    );
  }

  alerts(): Sheet {
    return this.#sheet(
      'alerts',
      ['rule', 'severity', 'kind', 'subject', 'value', 'begin', 'end', 'acknowledged'],
      this.#alertRows(),
    );
  }

  gaps(): Sheet {
    return this.#sheet('gaps', ['agent', 'lane', 'begin', 'end', 'lost', 'detail'], this.#gapRows());
  }

  async *#curveRows(): AsyncGenerator<Row> {
    for await (const series of this.#content.series()) {
      this.#numbers.push(numbersOf(series));
      const { sensor, metric, unit, points } = series;
      for (const [ms, mean, min, max, count] of points)
        yield [sensor, metric, unit, this.#time(ms), mean, min, max, count];
    }
  }

  async *#alertRows(): AsyncGenerator<Row> {
    for await (const {
      rule,
      severity,
      kind,
      subject,
      value,
      from,
      to,
      acknowledgedBy,
    } of this.#content.alerts())
      yield [
        rule,
        this.#text.say(`severity.${severity}`),
        this.#text.alertKind(kind),
        subject,
        value,
        this.#time(from.getTime()),
        to === null ? this.#text.say('firing') : this.#time(to.getTime()),
        acknowledgedBy,
      ];
  }

  async *#gapRows(): AsyncGenerator<Row> {
    for await (const { agent, lane, from, to, count, detail } of this.#content.gaps())
      yield [agent, lane, this.#time(from.getTime()), this.#time(to.getTime()), count, detail];
  }

  #time(ms: number): number {
    return timeCell(ms + this.#calendar.offsetMs(ms));
  }

  #sheet(name: ReportWord, words: ReportWord[], rows: AsyncIterable<Row>): Sheet {
    const columns = words.map((word): SheetColumn => ({ title: this.#text.say(word), ...COLUMNS[word] }));
    return { name: this.#text.say(name), columns, rows };
  }
}

const COLUMNS: Partial<Record<ReportWord, { look?: CellLook; width?: number }>> = {
  name: { width: NAME_WIDTH },
  rule: { width: NAME_WIDTH },
  subject: { width: NAME_WIDTH },
  availability: { look: 'percent' },
  downTime: { look: 'duration' },
  downs: { look: 'whole' },
  readings: { look: 'whole' },
  lost: { look: 'whole' },
  time: { look: 'time' },
  begin: { look: 'time' },
  end: { look: 'time' },
  detail: { width: DETAIL_WIDTH },
  label: { width: NAME_WIDTH },
  basis: { width: NAME_WIDTH },
};

/** What is read when the sheet is written, and not before. */
async function* streamed(read: () => Promise<readonly Row[]>): AsyncGenerator<Row> {
  yield* await read();
}

function awayCells({ share, downMs, downs }: Availability): Row {
  return share === null ? [null, null, null] : [share, durationCell(downMs), downs];
}

function numbersOf({ sensor, sensorName, metric, unit, label, min, mean, max, count }: SeriesPart): Row {
  return [sensor, sensorName, metric, unit, min, mean, max, count, label];
}
