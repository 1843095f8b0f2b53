// A rule as it stands in a configuration: a ready one, or topic and JSON paths of one's own.

import * as z from 'zod';
import { isAppError } from '../../runtime/app-error.ts';
import { METRIC_PATTERN } from '../ids.ts';
import { MAX_UNIT_CHARACTERS } from '../limits.ts';
import { MAX_MAPPED_NODES, MAX_MAPPING_RULES, MAX_TOPIC_CHARACTERS, MAX_VALUES_PER_RULE } from './bounds.ts';
import { parseJsonPath, selectNodes, type JsonPath } from './json-path.ts';
import { leavesOf, type Leaf } from './payload.ts';
import { READY_RULES, readyRule } from './ready-rules.ts';
import type { Content, MappingRule, NoContent } from './rule.ts';
import { parseTopicPattern, pieceNames } from './topic-pattern.ts';

const MAX_NAME_CHARACTERS = 64;
const MAX_NODES_PER_PATH = 64;

const jsonPath = z.string().superRefine(explained(parseJsonPath));
export const topicPatternSettings = z.string().superRefine(explained(parseTopicPattern));
const template = z.string().min(1).max(MAX_TOPIC_CHARACTERS);

const valueSettings = z.strictObject({
  path: jsonPath,
  /** What it is called; where a wildcard finds several, its finds are put behind. The names in the path without it. */
  metric: z.string().regex(METRIC_PATTERN, 'must be letters, digits and _ . : -').optional(),
  unit: z.string().min(1).max(MAX_UNIT_CHARACTERS).optional(),
});

/** What the rules between its keys look at. */
const joined = z.object({
  ready: z.enum(READY_RULES).optional(),
  prefix: template.optional(),
  topic: z.string().optional(),
  sensor: template.optional(),
});

export const mappingRuleSettings = z
  .strictObject({
    ready: z.enum(READY_RULES).optional(),
    prefix: template.optional(),
    name: z.string().min(1).max(MAX_NAME_CHARACTERS).optional(),
    topic: topicPatternSettings.optional(),
    sensor: template.optional(),
    values: z.array(valueSettings).min(1).max(MAX_VALUES_PER_RULE).optional(),
    time: jsonPath.optional(),
  })
  .superRefine(
    (rule, context) => {
      for (const { path, message } of problemsOf(rule))
        context.addIssue({ code: 'custom', path: [path], message });
    },
    // Whatever else is wrong: all problems are told at once.
    { when: ({ value }) => joined.safeParse(value).success },
  );
export type MappingRuleSettings = z.output<typeof mappingRuleSettings>;

export const mappingRulesSettings = z.array(mappingRuleSettings).min(1).max(MAX_MAPPING_RULES);

/** @throws {AppError} BAD_REQUEST for settings that the schema would refuse. */
export function compileRule(settings: MappingRuleSettings): MappingRule {
  const { ready, prefix, sensor, name } = settings;
  if (!ready) return ownRule(settings);
  const rule = readyRule(ready, { ...(prefix && { prefix }), ...(sensor && { sensor }) });
  return name ? { ...rule, name } : rule;
}

type Problem = { path: keyof MappingRuleSettings; message: string };

function problemsOf(rule: MappingRuleSettings): Problem[] {
  if (rule.ready) return problemsOfReady(rule);
  if (rule.topic === undefined) return [{ path: 'topic', message: 'is needed, or "ready"' }];
  const pattern = quietly(() => parseTopicPattern(rule.topic ?? ''));
  const names = pattern ? pieceNames(pattern) : [];
  const problems: Problem[] = [];
  if (!rule.values) problems.push({ path: 'values', message: 'is needed with "topic"' });
  if (rule.prefix) problems.push({ path: 'prefix', message: 'belongs to a ready rule' });
  if (pattern && names.length === 0 && !rule.sensor) {
    problems.push({ path: 'sensor', message: 'is needed: the topic names no piece' });
  }
  if (pattern) problems.push(...unknownPieces(rule.sensor, names));
  return problems;
}

function problemsOfReady({
  ready,
  prefix,
  topic: own,
  values,
  time,
  sensor,
}: MappingRuleSettings): Problem[] {
  const problems: Problem[] = [];
  const message = 'belongs to a rule with a topic of its own';
  if (own !== undefined) problems.push({ path: 'topic', message });
  if (values) problems.push({ path: 'values', message });
  if (time !== undefined) problems.push({ path: 'time', message });
  if (ready && prefix !== undefined && !quietly(() => readyRule(ready, { prefix }))) {
    problems.push({ path: 'prefix', message: 'makes no topic' });
  }
  return [...problems, ...unknownPieces(sensor, ['device'])];
}

function unknownPieces(sensor: string | undefined, names: string[]): Problem[] {
  const asked = [...(sensor ?? '').matchAll(/\{([^{}]*)\}/g)].map(([, name = '']) => name);
  const unknown = asked.find((name) => !names.includes(name));
  if (unknown === undefined) return [];
  return [{ path: 'sensor', message: `{${unknown}} is no piece of the topic` }];
}

function ownRule({ name, topic: text = '', sensor, values = [], time }: MappingRuleSettings): MappingRule {
  const pattern = parseTopicPattern(text);
  const named = pieceNames(pattern).map((piece) => `{${piece}}`);
  const picks = values.map(({ path, metric, unit }) => ({ path: parseJsonPath(path), metric, unit }));
  const timePath = time === undefined ? undefined : parseJsonPath(time);
  return {
    name: name ?? text,
    topics: [{ pattern, read: (value) => readPicks(value, picks, timePath) }],
    ignored: [],
    sensor: sensor ?? named.join('-'),
  };
}

interface Pick {
  path: JsonPath;
  metric: string | undefined;
  unit: string | undefined;
}

function readPicks(value: unknown, picks: readonly Pick[], time: JsonPath | undefined): Content | NoContent {
  const leaves: Leaf[] = [];
  const units = new Map<string, string>();
  for (const { path, metric, unit } of picks) {
    if (leaves.length >= MAX_MAPPED_NODES) break;
    for (const leaf of pickLeaves(value, path, metric)) {
      leaves.push(leaf);
      if (unit !== undefined) units.set(leaf.path.join('.'), unit);
    }
  }
  if (leaves.length === 0)
    return { refused: 'none of the paths of the rule leads to anything in this payload' };
  return {
    leaves,
    time: time && selectNodes(time, value, 1)[0]?.value,
    unitOf: (path) => units.get(path.join('.')),
  };
}

function pickLeaves(value: unknown, path: JsonPath, metric: string | undefined): Leaf[] {
  const nodes = selectNodes(path, value, MAX_NODES_PER_PATH);
  const isAlone = nodes.length === 1 && !path.some(({ kind }) => kind === 'all');
  return nodes.flatMap(({ value: node, found }) => {
    const names = metric === undefined ? namesIn(path, found) : isAlone ? [metric] : [metric, ...found];
    // A path that leads to an object or an array stands for all that is in it.
    return leavesOf(node, names);
  });
}

function namesIn(path: JsonPath, found: readonly string[]): string[] {
  let wildcards = 0;
  const names = path.map((segment) => {
    if (segment.kind === 'all') return found[wildcards++] ?? '';
    return segment.kind === 'name' ? segment.name : String(segment.index);
  });
  return names.length === 0 ? ['value'] : names;
}

function explained(
  parse: (text: string) => unknown,
): (text: string, context: z.RefinementCtx<string>) => void {
  return (text, context) => {
    try {
      parse(text);
    } catch (error) {
      if (!isAppError(error)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
    }
  };
}

function quietly<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (!isAppError(error)) throw error;
    return undefined;
  }
}
