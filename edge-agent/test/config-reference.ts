// CONFIG.md: what the schema says of each key (values, default) beside what agent.example.yaml says of it in its comments.

import { readFile } from 'node:fs/promises';
import {
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  parseDocument,
  type Node,
  type Pair,
  type YAMLMap,
} from 'yaml';
import * as z from 'zod';
import { agentConfigSchema } from '../src/config.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** That of the machine otherwise. */
const DEFAULTS: Record<string, string> = { 'encoders.maxProcesses': 'cores - 1, at least 1' };

const HEAD = `# Settings of the edge agent

Every key of \`agent.yaml\`. Made from the schema (\`src/config.ts\`) and from the comments of [agent.example.yaml](agent.example.yaml),
which a test compares with this file: change those, then \`npx vitest run edge-agent/test/config.test.ts -u\`. \`[]\` is each item
of a list. A key without a default may be left out unless it says **required**. Unknown keys are refused; every problem is told with its
line, and the exit code is 78.

| Key | Values | Default | |
| --- | --- | --- | --- |
`;

/** Markdown. */
export async function configReference(): Promise<string> {
  const example = await readFile(new URL('../agent.example.yaml', import.meta.url), 'utf8');
  const comments = new Map([...commentsOf(parseDocument(example).contents, '')].reverse());
  const schema = z.toJSONSchema(agentConfigSchema, { io: 'input', unrepresentable: 'any' });
  const rows = [...rowsOf(schema, '')].map(({ key, values, fallback }) =>
    [`\`${key}\``, values, DEFAULTS[key] ?? fallback, comments.get(key) ?? ''].join(' | '),
  );
  return `${HEAD}${rows.map((row) => `| ${row} |`).join('\n')}\n`;
}

interface Row {
  key: string;
  values: string;
  fallback: string;
}

function* rowsOf(schema: JsonSchema, path: string): Generator<Row> {
  const seen = new Set<string>();
  for (const branch of schema.anyOf ?? [schema]) {
    for (const [name, property] of Object.entries(branch.properties ?? {})) {
      const key = path === '' ? name : `${path}.${name}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const inner = property as JsonSchema;
      const isRequired = branch.required?.includes(name) === true && !schema.anyOf;
      yield { key, values: valuesOf(inner), fallback: isRequired ? '**required**' : defaultOf(inner) };
      yield* rowsOf(inner, key);
      if (inner.items) yield* rowsOf(inner.items as JsonSchema, `${key}[]`);
    }
  }
}

function valuesOf(schema: JsonSchema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  const { type, maxItems } = schema;
  if (type === 'array') return maxItems === undefined ? 'a list' : `a list of up to ${maxItems}`;
  if (type === 'object' || schema.anyOf) return 'keys of its own';
  if (type === 'boolean') return '`true`, `false`';
  const kind = type === 'integer' ? 'whole number' : type === 'number' ? 'number' : 'text';
  return [kind, rangeOf(schema)].filter(Boolean).join(', ');
}

function rangeOf({ minimum, exclusiveMinimum, maximum }: JsonSchema): string {
  const from = minimum ?? (exclusiveMinimum === undefined ? undefined : `above ${exclusiveMinimum}`);
  if (from === undefined) return '';
  if (maximum === undefined) return minimum === undefined ? String(from) : `at least ${from}`;
  return `${from} to ${maximum}`;
}

function defaultOf({ default: fallback }: JsonSchema): string {
  if (fallback === undefined || (typeof fallback === 'object' && fallback !== null)) return '';
  return `\`${JSON.stringify(fallback).replaceAll('"', '')}\``;
}

/** Comments in front of keys, by dotted key; of items of a list, one after the other. */
function* commentsOf(node: unknown, path: string): Generator<[string, string]> {
  if (isSeq(node)) for (const item of node.items) yield* commentsOf(item, `${path}[]`);
  if (!isMap(node)) return;
  for (const [index, pair] of node.items.entries()) {
    if (!isPair(pair) || !isScalar(pair.key)) continue;
    const key = path === '' ? String(pair.key.value) : `${path}.${String(pair.key.value)}`;
    const comment = commentBefore(pair, index === 0 ? node : undefined);
    if (comment) yield [key, comment];
    yield* commentsOf(pair.value, key);
  }
}

/** That of the first key stands at the map itself. */
function commentBefore({ key }: Pair, map: YAMLMap | undefined): string | undefined {
  const text = (key as Node).commentBefore ?? (map && isCollection(map) ? map.commentBefore : undefined);
  // A paragraph of its own above belongs to the whole file.
  return text?.split('\n\n').at(-1)?.replace(/\s+/g, ' ').trim().replaceAll('|', '\\|');
}
