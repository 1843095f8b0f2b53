// Rules between keys of agent.yaml that stand far apart. They look at whatever could be read, so that their problems are told
// together with those of single keys.

import * as z from 'zod';
import { isReadingCondition, ruleSettings, type Action } from './rules/rule.ts';

export interface CrossProblem {
  path: PropertyKey[];
  message: string;
}

/** Items that cannot be read are null: the others keep their index. */
function listOf<T extends z.ZodType>(item: T) {
  return z.array(item.nullable().catch(null));
}

const identified = listOf(z.object({ id: z.string() }));
const { when, then } = ruleSettings.shape;
const bodies = listOf(z.object({ when: when.nullable().catch(null), then: listOf(then.element).catch([]) }));
type Bodies = z.output<typeof bodies>;

const readable = z.object({
  /** undefined: nobody can tell which cameras there are. */
  cameras: identified.optional().catch(undefined),
  sensors: identified.catch([]),
  rules: z.unknown().optional(),
  clips: z.unknown().optional(),
});

/** For a rule between keys of one map: it looks wherever these can be read, whatever else is wrong beside them. */
export function given(shape: z.ZodRawShape): { when: (payload: { value: unknown }) => boolean } {
  const schema = z.object(shape);
  return { when: ({ value }) => schema.safeParse(value).success };
}

/** @param config as far as the schema could read it. */
export function crossProblems(config: unknown): CrossProblem[] {
  const read = readable.safeParse(config);
  if (!read.success) return [];
  const { cameras, sensors, rules, clips } = read.data;
  const ids = { cameras: cameras ?? [], sensors, rules: identified.catch([]).parse(rules) };
  const rulesToDo = bodies.catch([]).parse(rules);
  return [
    ...(['cameras', 'sensors', 'rules'] as const).flatMap((list) => [...duplicates(list, ids[list])]),
    ...(clips === undefined ? clipProblems(rulesToDo) : []),
    ...(cameras ? cameraProblems(rulesToDo, new Set(cameras.map((camera) => camera?.id))) : []),
  ];
}

function* duplicates(list: string, items: z.output<typeof identified>): Generator<CrossProblem> {
  const firstIndex = new Map<string, number>();
  for (const [index, item] of items.entries()) {
    if (!item) continue;
    const first = firstIndex.get(item.id);
    if (first === undefined) firstIndex.set(item.id, index);
    else yield { path: [list, index, 'id'], message: `"${item.id}" is also the id of ${list}.${first}` };
  }
}

function clipProblems(rules: Bodies): CrossProblem[] {
  return actionsOf(rules)
    .filter(({ action }) => 'clip' in action)
    .map(({ path }) => ({
      path: [...path, 'clip'],
      message: 'needs "clips", without which none is recorded',
    }));
}

function cameraProblems(rules: Bodies, cameras: ReadonlySet<string | undefined>): CrossProblem[] {
  const inConditions = rules.flatMap((rule, index) => {
    const condition = rule?.when;
    if (!condition || isReadingCondition(condition) || condition.camera === undefined) return [];
    return [{ path: ['rules', index, 'when', 'camera'], camera: condition.camera }];
  });
  const inActions = actionsOf(rules).map(({ path, action }) => {
    if ('snapshot' in action) return { path: [...path, 'snapshot'], camera: action.snapshot };
    if ('clip' in action) return { path: [...path, 'clip', 'camera'], camera: action.clip.camera };
    return { path: [...path, 'event', 'camera'], camera: action.event.camera };
  });
  return [...inConditions, ...inActions]
    .filter(({ camera }) => !cameras.has(camera))
    .map(({ path, camera }) => ({ path, message: `there is no camera "${camera}"` }));
}

function actionsOf(rules: Bodies): { path: PropertyKey[]; action: Action }[] {
  return rules.flatMap((rule, index) =>
    (rule?.then ?? []).flatMap((action, at) =>
      action ? [{ path: ['rules', index, 'then', at], action }] : [],
    ),
  );
}
