// Topics of foreign devices, with named pieces: `tele/{device}/SENSOR`.
//
//   text        that level
//   +           any level
//   {name}      any level, which gets a name
//   {name...}   one level or more; once in a pattern

import { AppError } from '../../runtime/app-error.ts';
import { MAX_TOPIC_CHARACTERS, MAX_TOPIC_LEVELS } from './bounds.ts';

interface Level {
  /** Undefined for a piece. */
  literal: string | undefined;
  /** Empty for `+`. */
  name: string;
}

export interface TopicPattern {
  before: readonly Level[];
  /** The name of `{name...}`. */
  many: string | undefined;
  after: readonly Level[];
}

/** By name, as they stood in the topic. */
export type Pieces = Readonly<Record<string, string>>;

const PIECE = /^\{([a-z][a-z0-9]{0,30})(\.\.\.)?\}$/;

/** @throws {AppError} BAD_REQUEST */
export function parseTopicPattern(text: string): TopicPattern {
  const levels = splitTopic(text);
  if (!levels)
    throw bad(text, `1 to ${MAX_TOPIC_LEVELS} levels of at most ${MAX_TOPIC_CHARACTERS} characters`);
  const parsed = levels.map((level) => parseLevel(level, text));
  const manyAt = parsed.findIndex(({ isMany }) => isMany);
  if (manyAt !== parsed.findLastIndex(({ isMany }) => isMany))
    throw bad(text, '{name...} may stand in it once');
  const names = parsed.flatMap(({ name }) => (name === '' ? [] : [name]));
  if (new Set(names).size !== names.length) throw bad(text, 'two pieces have the same name');
  if (manyAt < 0) return { before: parsed, many: undefined, after: [] };
  return { before: parsed.slice(0, manyAt), many: parsed[manyAt]?.name, after: parsed.slice(manyAt + 1) };
}

/** The names of the pieces of `pattern`, in their order. */
export function pieceNames({ before, many, after }: TopicPattern): string[] {
  const named = [...before, { name: many ?? '' }, ...after];
  return named.flatMap(({ name }) => (name === '' ? [] : [name]));
}

/** @returns undefined when `topic` is empty, too long, too deep, or has characters that no topic name may have. */
export function splitTopic(topic: string): string[] | undefined {
  if (topic === '' || topic.length > MAX_TOPIC_CHARACTERS || /[\p{Cc}\p{Cs}]/u.test(topic)) return undefined;
  const levels = topic.split('/');
  return levels.length > MAX_TOPIC_LEVELS ? undefined : levels;
}

/** @returns undefined when the topic is another one. */
export function matchTopic(
  { before, many, after }: TopicPattern,
  levels: readonly string[],
): Pieces | undefined {
  const manyCount = levels.length - before.length - after.length;
  if (many === undefined ? manyCount !== 0 : manyCount < 1) return undefined;
  const tail = levels.slice(before.length + manyCount);
  const pieces: Record<string, string> = {};
  if (!matchLevels(before, levels, pieces) || !matchLevels(after, tail, pieces)) return undefined;
  if (many !== undefined) pieces[many] = levels.slice(before.length, before.length + manyCount).join('/');
  return pieces;
}

function matchLevels(
  pattern: readonly Level[],
  levels: readonly string[],
  into: Record<string, string>,
): boolean {
  return pattern.every(({ literal, name }, at) => {
    const level = levels[at] ?? '';
    if (literal !== undefined) return literal === level;
    if (name !== '') into[name] = level;
    return level !== '';
  });
}

function parseLevel(level: string, text: string): Level & { isMany: boolean } {
  if (level === '+') return { literal: undefined, name: '', isMany: false };
  const [, name, dots] = PIECE.exec(level) ?? [];
  if (name !== undefined) return { literal: undefined, name, isMany: dots !== undefined };
  if (/[+#{}]/.test(level))
    throw bad(text, `a level is text, +, {name} or {name...}, got ${JSON.stringify(level)}`);
  return { literal: level, name: '', isMany: false };
}

function bad(text: string, why: string): AppError<'BAD_REQUEST'> {
  return new AppError('BAD_REQUEST', `topic ${JSON.stringify(text.slice(0, 80))}: ${why}`);
}
