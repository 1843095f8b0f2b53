// A workbook of Excel (ECMA-376) as a stream: a ZIP of XML files, each made while it is packed, so that sheets of any length take no
// more memory than one of their rows. The only importer of yazl.

import { once } from 'node:events';
import { Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import { escapeMarkup } from './escape-markup.ts';
import { sheetXml, STYLES, type Sheet } from './xlsx-sheet.ts';

/** In the order of its tabs; sheets are read in that of `writing`, by their places. */
export interface Book {
  sheets: readonly Sheet[];
  writing: readonly number[];
}

const XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>';
const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006';
const TYPE = 'application/vnd.openxmlformats-officedocument.spreadsheetml';
/** Characters of a sheet that are packed at once. */
const PIECE_LENGTH = 16 * 1024;

/** @param madeAt for the entries of the ZIP. Throws what the rows throw. */
export async function* xlsxBook({ sheets, writing }: Book, madeAt: Date): AsyncGenerator<Uint8Array> {
  const zip = new ZipFile();
  const output = zip.outputStream as Readable;
  zip.on('error', (error: Error) => output.destroy(error));
  const entry = { mtime: madeAt };
  for (const [name, xml] of Object.entries(frame(sheets))) zip.addBuffer(Buffer.from(xml), name, entry);
  let current: Readable | undefined;
  for (const place of writing) {
    const sheet = sheets[place] as Sheet;
    zip.addReadStreamLazy(`xl/worksheets/sheet${place + 1}.xml`, entry, (give) => {
      current = Readable.from(inPieces(sheetXml(sheet)), { highWaterMark: 1 });
      give(null, current);
    });
  }
  zip.end();
  try {
    yield* output as AsyncIterable<Uint8Array>;
  } finally {
    await closed(current);
  }
}

/** Its rows may come out of a cursor, which must be given back. */
async function closed(stream: Readable | undefined): Promise<void> {
  if (!stream || stream.closed) return;
  stream.on('error', () => undefined);
  const isClosed = once(stream, 'close');
  stream.destroy();
  await isClosed;
}

async function* inPieces(texts: AsyncIterable<string>): AsyncGenerator<Buffer> {
  let piece = '';
  for await (const text of texts) {
    piece += text;
    if (piece.length < PIECE_LENGTH) continue;
    yield Buffer.from(piece);
    piece = '';
  }
  yield Buffer.from(piece);
}

/** The files beside the sheets. */
function frame(sheets: readonly Sheet[]): Record<string, string> {
  const numbers = sheets.map((_sheet, index) => index + 1);
  const relationship = (id: number | string, type: string, target: string): string =>
    `<Relationship Id="rId${id}" Type="${OFFICE}/${type}" Target="${target}"/>`;
  const relationships = (list: string[]): string =>
    `${XML}<Relationships xmlns="${PACKAGE}/relationships">${list.join('')}</Relationships>`;
  const override = (part: string, type: string): string =>
    `<Override PartName="${part}" ContentType="${TYPE}.${type}+xml"/>`;
  const tabs = sheets.map(
    ({ name }, index) =>
      `<sheet name="${escapeMarkup(name)}" sheetId="${index + 1}" r:id="rId${index + 1}"/>`,
  );
  return {
    '[Content_Types].xml': [
      `${XML}<Types xmlns="${PACKAGE}/content-types">`,
      '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>',
      '<Default Extension="xml" ContentType="application/xml"/>',
      override('/xl/workbook.xml', 'sheet.main'),
      override('/xl/styles.xml', 'styles'),
      ...numbers.map((number) => override(`/xl/worksheets/sheet${number}.xml`, 'worksheet')),
      '</Types>',
    ].join(''),
    '_rels/.rels': relationships([relationship(1, 'officeDocument', 'xl/workbook.xml')]),
    'xl/workbook.xml': `${XML}<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="${OFFICE}"><sheets>${tabs.join('')}</sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': relationships([
      ...numbers.map((number) => relationship(number, 'worksheet', `worksheets/sheet${number}.xml`)),
      relationship('Styles', 'styles', 'styles.xml'),
    ]),
    'xl/styles.xml': STYLES,
  };
}
