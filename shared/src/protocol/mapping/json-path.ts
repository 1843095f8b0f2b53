// A small part of JSONPath (RFC 9535): the root, names, indices and wildcards. No filters, slices, unions or descendants, so
// that a path costs at most what it looks at.
//
//   $                     the payload                          2.2
//   .name  ['name']       the member of an object              2.5.1.1, 2.3.1
//   [2]  [-1]             the element of an array, or from its end   2.3.3
//   .*  [*]               every member or element              2.3.2
//
// In quotes, a backslash stands before a quote or another backslash.

import { AppError } from '../../runtime/app-error.ts';
import { MAX_JSON_PATH_CHARACTERS, MAX_JSON_PATH_SEGMENTS } from './bounds.ts';

type Segment = { kind: 'name'; name: string } | { kind: 'index'; index: number } | { kind: 'all' };
export type JsonPath = readonly Segment[];

export interface JsonNode {
  value: unknown;
  /** What the wildcards stood for, in their order. */
  found: readonly string[];
}

const SHORTHAND = /\.([A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)/y;
const QUOTED = /\[\s*(?:'((?:[^'\\]|\\['"\\])*)'|"((?:[^"\\]|\\['"\\])*)")\s*\]/y;
const INDEX = /\[\s*(0|-?[1-9]\d{0,8})\s*\]/y;
const ALL = /\.\*|\[\s*\*\s*\]/y;

/** @throws {AppError} BAD_REQUEST, saying where the text leaves the grammar. */
export function parseJsonPath(text: string): JsonPath {
  if (text.length > MAX_JSON_PATH_CHARACTERS) throw bad(text, `above ${MAX_JSON_PATH_CHARACTERS} characters`);
  if (!text.startsWith('$')) throw bad(text, 'it starts with $');
  const segments: Segment[] = [];
  let at = 1;
  while (at < text.length) {
    const [segment, end] = segmentAt(text, at);
    segments.push(segment);
    if (segments.length > MAX_JSON_PATH_SEGMENTS) throw bad(text, `above ${MAX_JSON_PATH_SEGMENTS} segments`);
    at = end;
  }
  return segments;
}

/**
 * What `path` leads to in `value`.
 * @param maxNodes kept at each step: the first ones.
 */
export function selectNodes(path: JsonPath, value: unknown, maxNodes: number): JsonNode[] {
  let nodes: JsonNode[] = [{ value, found: [] }];
  for (const segment of path) {
    const next: JsonNode[] = [];
    for (const node of nodes) {
      if (next.length >= maxNodes) break;
      next.push(...childrenOf(node, segment, maxNodes - next.length));
    }
    nodes = next;
  }
  return nodes;
}

function childrenOf({ value, found }: JsonNode, segment: Segment, atMost: number): JsonNode[] {
  if (typeof value !== 'object' || value === null) return [];
  if (segment.kind === 'all') {
    const entries = Object.entries(value as Record<string, unknown>).slice(0, atMost);
    return entries.map(([name, child]) => ({ value: child, found: [...found, name] }));
  }
  if (Array.isArray(value)) {
    const elements = value as unknown[];
    const child = segment.kind === 'index' ? elements.at(segment.index) : undefined;
    return child === undefined ? [] : [{ value: child, found }];
  }
  if (segment.kind !== 'name' || !Object.hasOwn(value, segment.name)) return [];
  return [{ value: (value as Record<string, unknown>)[segment.name], found }];
}

function segmentAt(text: string, at: number): [segment: Segment, end: number] {
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  const all = match(ALL);
  if (all) return [{ kind: 'all' }, at + all[0].length];
  const index = match(INDEX);
  if (index) return [{ kind: 'index', index: Number(index[1]) }, at + index[0].length];
  const shorthand = match(SHORTHAND);
  if (shorthand) return [{ kind: 'name', name: shorthand[1] ?? '' }, at + shorthand[0].length];
  const quoted = match(QUOTED);
  if (!quoted) throw bad(text, `at character ${at + 1}, only .name, ['name'], [0], .* and [*] are known`);
  const name = (quoted[1] ?? quoted[2] ?? '').replace(/\\(.)/g, '$1');
  return [{ kind: 'name', name }, at + quoted[0].length];
}

function bad(text: string, why: string): AppError<'BAD_REQUEST'> {
  return new AppError('BAD_REQUEST', `JSON path ${JSON.stringify(text.slice(0, 80))}: ${why}`);
}
