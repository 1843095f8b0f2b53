// Takes PROTOCOL.md apart: its samples, its tables and its rules.

import { readFileSync } from 'node:fs';

export const DOCUMENT = readFileSync(new URL('../../PROTOCOL.md', import.meta.url), 'utf8');

export interface Sample {
  /** Line of the opening fence, from 1. */
  line: number;
  language: string;
  /** Names the codec that reads it. */
  label: string;
  /** The code that the codec refuses it with; undefined when it is honest. */
  refusedWith: string | undefined;
  bytes: Uint8Array;
}

/** Every fenced block that is labelled; a drawing has no language and is none. */
export function samplesOf(document: string): Sample[] {
  const samples: Sample[] = [];
  const lines = document.split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const info = /^```(.*)$/.exec(lines[at] ?? '')?.[1];
    if (info === undefined) continue;
    const end = lines.indexOf('```', at + 1);
    if (end < 0) throw new Error(`the block of line ${at + 1} has no end`);
    if (info !== '') samples.push(sampleOf(at + 1, info, lines.slice(at + 1, end)));
    at = end;
  }
  return samples;
}

function sampleOf(line: number, info: string, body: string[]): Sample {
  const [, language = '', label = '', refusedWith] = /^(\S+) (\S+)(?: refused (\S+))?$/.exec(info) ?? [];
  if (language !== 'json' && language !== 'hex') {
    throw new Error(
      `line ${line}: a sample is labelled "json NAME" or "hex NAME", got ${JSON.stringify(info)}`,
    );
  }
  const bytes = language === 'hex' ? bytesOfHex(line, body) : new TextEncoder().encode(body.join('\n'));
  return { line, language, label, refusedWith, bytes };
}

/** Hex digits with blanks between them; `#` begins a comment. */
function bytesOfHex(line: number, body: string[]): Uint8Array {
  const digits = body.map((text) => text.replace(/#.*$/, '').replace(/\s/g, '')).join('');
  if (!/^([0-9a-f]{2})+$/.test(digits)) throw new Error(`line ${line}: not hex`);
  return Uint8Array.from(Buffer.from(digits, 'hex'));
}

/** Cells by column title, of the one table that has exactly these titles. */
export function tableOf(document: string, titles: readonly string[]): Record<string, string>[] {
  const cellsOf = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  const lines = document.split('\n');
  const heads = lines.flatMap((line, at) => (cellsOf(line).join('|') === titles.join('|') ? [at] : []));
  if (heads.length !== 1) throw new Error(`${heads.length} tables of ${titles.join(', ')}`);
  const rows: Record<string, string>[] = [];
  for (let at = (heads[0] as number) + 2; lines[at]?.startsWith('|'); at += 1) {
    const cells = cellsOf(lines[at] as string);
    rows.push(Object.fromEntries(titles.map((title, column) => [title, cells[column] ?? ''])));
  }
  return rows;
}

/** `PR-n` of every rule, in the order of the document. */
export function rulesOf(document: string): number[] {
  return [...document.matchAll(/^- \*\*PR-(\d+)\*\* /gm)].map(([, number]) => Number(number));
}

/** The text between backticks. */
export function code(cell: string | undefined): string {
  return /^`(.*)`$/.exec(cell ?? '')?.[1] ?? `not code: ${cell}`;
}
