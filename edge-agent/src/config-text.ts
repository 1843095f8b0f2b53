// The text of agent.yaml: its values, and on which line each key stands.

import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, type Document } from 'yaml';
import type { AgentErrorCode } from './errors.ts';

/** So many aliases; a small file can make something huge of more. */
const MAX_ALIASES = 20;

/** A sentence, and the line that it is about. */
export interface LineProblem {
  line: number;
  text: string;
}

export interface ConfigText {
  /** As JSON would have it. */
  values: unknown;
  /** The line of the key, or of the nearest one around it: a missing key has no line of its own. */
  lineOf: (path: readonly PropertyKey[]) => number;
}

/** @throws {AppError} CONFIG_INVALID where it is no YAML, with every place. */
export function readConfigText(text: string, subject: string): ConfigText {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems = document.errors.map(({ message, pos }) => ({
    line: lines.linePos(pos[0]).line,
    text: message,
  }));
  if (problems.length > 0) throw configInvalid(subject, problems);
  return { values: valuesOf(document, subject), lineOf: (path) => lineOf(document, lines, path) };
}

function valuesOf(document: Document, subject: string): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES }) ?? {};
  } catch (error) {
    throw configInvalid(subject, [{ line: 1, text: messageOf(error) }]);
  }
}

/** Lists the problems in the order of their lines. */
export function configInvalid(subject: string, problems: readonly LineProblem[]): AppError<AgentErrorCode> {
  const sorted = [...problems].sort((a, b) => a.line - b.line);
  const listed = sorted.map(({ line, text }) => `  line ${line}: ${text}`);
  return new AppError('CONFIG_INVALID', `${subject} is not valid:\n${listed.join('\n')}`, {
    detail: { problems: sorted },
  });
}

function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number {
  let [node, line]: [unknown, number] = [document.contents, 1];
  for (const segment of path) {
    const found = childOf(isAlias(node) ? node.resolve(document) : node, segment);
    if (!found) break;
    if (isNode(found.at) && found.at.range) line = lines.linePos(found.at.range[0]).line;
    node = found.value;
  }
  return line;
}

/** `at` is where a person looks for it: the key, or the item of a list. */
function childOf(node: unknown, segment: PropertyKey): { at: unknown; value: unknown } | undefined {
  if (isSeq(node)) {
    const item = node.items[Number(segment)];
    return item === undefined ? undefined : { at: item, value: item };
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(segment));
  return pair && { at: pair.key, value: pair.value };
}
