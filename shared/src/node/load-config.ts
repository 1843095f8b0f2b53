// One schema a service; every problem is listed at once, with its key, before anything opens.

import * as z from 'zod';
import { AppError } from '../runtime/app-error.ts';

export interface ConfigProblem {
  /** Of the key; empty when the whole is wrong. */
  path: PropertyKey[];
  /** The same, dotted, such as `cameras.0.source`. */
  key: string;
  message: string;
  /** Key and message as people read them. */
  sentence: string;
}

export type CheckedConfig<T> =
  | { isValid: true; settings: T; problems: [] }
  | { isValid: false; settings: undefined; problems: ConfigProblem[] };

export function checkConfig<S extends z.ZodType>(schema: S, input: unknown): CheckedConfig<z.output<S>> {
  const checked = schema.safeParse(input);
  if (checked.success) return { isValid: true, settings: checked.data, problems: [] };
  return {
    isValid: false,
    settings: undefined,
    problems: checked.error.issues.flatMap((issue) => problemsOf(issue, input)),
  };
}

/**
 * @param subject what is being read, for the message: a file name or "the environment".
 * @throws {AppError} CONFIG_INVALID with `detail.problems: ConfigProblem[]`, all of them.
 */
export function parseConfig<S extends z.ZodType>(schema: S, input: unknown, subject: string): z.output<S> {
  const { isValid, settings, problems } = checkConfig(schema, input);
  if (isValid) return settings;
  const lines = problems.map(({ sentence }) => `  ${sentence}`);
  throw new AppError('CONFIG_INVALID', `${subject} is not valid:\n${lines.join('\n')}`, {
    detail: { problems },
  });
}

function problemsOf(issue: z.core.$ZodIssue, input: unknown): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => wrong([...issue.path, key], 'unknown key'));
  }
  const { path, message, code } = issue;
  // A rule of ours speaks for itself: it knows why a key that is not there should be.
  if (path.length === 0 || code === 'custom') return [wrong(path, message)];
  const value = valueAt(input, path);
  if (value === undefined) return [plain(path, `is missing${choicesOf(issue)}`)];
  if (value === null && code === 'invalid_type') return [plain(path, 'has no value')];
  return [wrong(path, message)];
}

function wrong(path: PropertyKey[], message: string): ConfigProblem {
  const key = keyOf(path);
  return { path, key, message, sentence: key === '' ? message : `"${key}" is wrong: ${message}` };
}

function plain(path: PropertyKey[], message: string): ConfigProblem {
  const key = keyOf(path);
  return { path, key, message, sentence: `"${key}" ${message}` };
}

/** What the key could be, where the schema tells. */
function choicesOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return `: it is one of ${issue.values.map(String).join(', ')}`;
  return issue.code === 'invalid_union' ? `: it ${issue.message}` : '';
}

function keyOf(path: readonly PropertyKey[]): string {
  return path.map(String).join('.');
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    input,
  );
}
