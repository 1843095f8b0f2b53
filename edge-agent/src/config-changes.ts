// What of a changed configuration is in force only after a restart: all but cameras and rules.

import { isDeepStrictEqual } from 'node:util';
import type { AgentConfig } from './config.ts';

/** What is not a key of the file itself, by the key that leads to it. */
const KEY_OF: Record<string, string> = { secret: 'uplink.secretFile', caPem: 'uplink.ca' };

/** @returns keys, two levels deep and each once, without values: they may hold passwords. */
export function keysThatNeedRestart(now: AgentConfig, next: AgentConfig): string[] {
  const fixed = (config: AgentConfig): Fields => ({ ...config, cameras: [], rules: [] });
  const keys = changedKeys(fixed(now), fixed(next)).flatMap(({ key, was, is }) =>
    isFields(was) && isFields(is) ? changedKeys(was, is).map((inner) => `${key}.${inner.key}`) : [key],
  );
  return [...new Set(keys.map((key) => KEY_OF[key] ?? key))];
}

type Fields = Record<string, unknown>;

function changedKeys(was: Fields, is: Fields): { key: string; was: unknown; is: unknown }[] {
  const keys = [...new Set([...Object.keys(was), ...Object.keys(is)])];
  const both = keys.map((key) => ({ key, was: was[key], is: is[key] }));
  return both.filter((field) => !isDeepStrictEqual(field.was, field.is));
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
