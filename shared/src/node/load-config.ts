// One schema a service; every problem is listed at once, with its key, before anything opens.

import * as z from 'zod';
import { AppError } from '../runtime/app-error.ts';

export interface ConfigProblem {
  /** Dotted path, such as `cameras.0.source`; empty when the whole is wrong. */
  key: string;
  message: string;
}

/**
 * @param subject what is being read, for the message: a file name or "the environment".
 * @throws {AppError} CONFIG_INVALID with `detail.problems: ConfigProblem[]`, all of them.
 */
export function parseConfig<S extends z.ZodType>(schema: S, input: unknown, subject: string): z.output<S> {
  const checked = schema.safeParse(input);
  if (checked.success) return checked.data;
  const problems = checked.error.issues.flatMap(problemsOf);
  const lines = problems.map(({ key, message }) =>
    key === '' ? `  ${message}` : `  "${key}" is wrong: ${message}`,
  );
  throw new AppError('CONFIG_INVALID', `${subject} is not valid:\n${lines.join('\n')}`, {
    detail: { problems },
  });
}

function problemsOf(issue: z.core.$ZodIssue): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ key: [...issue.path, key].join('.'), message: 'unknown key' }));
  }
  return [{ key: issue.path.join('.'), message: issue.message }];
}
