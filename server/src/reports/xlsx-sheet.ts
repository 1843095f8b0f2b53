// One sheet of a workbook as XML (ECMA-376 part 1, 18.3), row by row as they come.

import { escapeMarkup } from './escape-markup.ts';

/** Places in `cellXfs` of {@link STYLES}. */
const LOOKS = { general: 0, head: 1, percent: 2, time: 3, whole: 4, duration: 5 } as const;

export type CellLook = Exclude<keyof typeof LOOKS, 'head'>;

/**
 * A text is only ever a text: it is written as an inline string, which no spreadsheet takes for a formula. Times are what the clock
 * on the wall showed, as days since 1900 count them; durations are days.
 */
export type SheetCell = string | number | null;

export interface SheetColumn {
  title: string;
  look?: CellLook;
  /** In characters. */
  width?: number;
}

export interface Sheet {
  /** At most 31 characters. */
  name: string;
  columns: readonly SheetColumn[];
  /** A cell for each column. */
  rows: AsyncIterable<readonly SheetCell[]>;
}

const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>';
const DEFAULT_WIDTH = 16;
/** Of Excel. */
const TEXT_MAX_CHARACTERS = 32_767;
const DAYS_TO_1970 = 25_569;
const DAY_MS = 86_400_000;

export const STYLES = `${XML}<styleSheet xmlns="${MAIN}">
<numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm"/><numFmt numFmtId="165" formatCode="[h]:mm"/></numFmts>
<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>
<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>
<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>
<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>
<cellXfs count="6"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>${[
  10, 164, 3, 165,
]
  .map(
    (format) =>
      `<xf numFmtId="${format}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>`,
  )
  .join('')}</cellXfs>
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`;

/** @param wallMs of the clock on the wall, as if it were UTC. */
export function timeCell(wallMs: number): number {
  return wallMs / DAY_MS + DAYS_TO_1970;
}

export function durationCell(ms: number): number {
  return ms / DAY_MS;
}

/** The first row is the heads, which stay in sight. */
export async function* sheetXml({ columns, rows }: Sheet): AsyncGenerator<string> {
  const widths = columns.map(
    ({ width = DEFAULT_WIDTH }, index) =>
      `<col min="${index + 1}" max="${index + 1}" width="${width}" customWidth="1"/>`,
  );
  yield `${XML}<worksheet xmlns="${MAIN}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>${widths.join('')}</cols><sheetData>`;
  yield rowXml(
    1,
    columns.map(({ title }) => cellXml(title, LOOKS.head)),
  );
  let row = 1;
  for await (const cells of rows) {
    row += 1;
    yield rowXml(
      row,
      cells.map((cell, index) => cellXml(cell, LOOKS[columns[index]?.look ?? 'general'])),
    );
  }
  yield `</sheetData><autoFilter ref="A1:${columnName(columns.length)}${row}"/></worksheet>`;
}

function rowXml(row: number, cells: string[]): string {
  return `<row r="${row}">${cells.join('')}</row>`;
}

/** Without its address: cells of a row follow each other. */
function cellXml(cell: SheetCell, look: number): string {
  if (cell === null || cell === '') return '<c/>';
  const style = look === 0 ? '' : ` s="${look}"`;
  if (typeof cell === 'number') return `<c${style}><v>${cell}</v></c>`;
  // A text that reads as an escape of ECMA-376 (22.9.2.19, ST_Xstring) would be read as one.
  const text = escapeMarkup(cell.slice(0, TEXT_MAX_CHARACTERS)).replaceAll(
    /_(?=x[0-9A-Fa-f]{4}_)/g,
    '_x005F_',
  );
  const kept = style === '' || look === LOOKS.head ? style : '';
  return `<c${kept} t="inlineStr"><is><t xml:space="preserve">${text}</t></is></c>`;
}

/** 1 is A, 27 is AA. */
function columnName(column: number): string {
  const letter = String.fromCharCode(65 + ((column - 1) % 26));
  return column <= 26 ? letter : columnName(Math.floor((column - 1) / 26)) + letter;
}
