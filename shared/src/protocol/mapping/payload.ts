// What a payload of a foreign device holds: JSON, or one bare word such as `ON` or `23.4`; and the numbers in it.

import { MAX_MAPPED_DEPTH, MAX_MAPPED_NODES } from './bounds.ts';

/** A value that is neither an object nor an array, and where it stands. */
export interface Leaf {
  path: readonly string[];
  value: unknown;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** @returns the JSON value, the text where it is no JSON, or undefined where it is not even UTF-8. */
export function decodePayload(payload: Uint8Array): unknown {
  let text: string;
  try {
    text = decoder.decode(payload).trim();
  } catch {
    return undefined;
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** @returns 1 and 0 for a boolean and for ON and OFF, whatever their case; undefined for what is no number. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return Number(value);
  if (typeof value !== 'string' || value.length > 3) return undefined;
  const word = value.toLowerCase();
  return word === 'on' ? 1 : word === 'off' ? 0 : undefined;
}

/** Why `value` is no number, for a person. Without the value: it may be a secret, and ends in logs. */
export function whyNoNumber(value: unknown): string {
  if (typeof value === 'string') return 'a text, not a number';
  if (value === null) return 'null, not a number';
  return Array.isArray(value) ? 'an array, not a number' : 'an object, not a number';
}

/** The leaves of `value` in the order in which they stand, down to MAX_MAPPED_DEPTH, among MAX_MAPPED_NODES at most. */
export function leavesOf(value: unknown, prefix: readonly string[] = []): Leaf[] {
  const leaves: Leaf[] = [];
  let nodesLeft = MAX_MAPPED_NODES;
  const visit = (node: unknown, path: readonly string[], depthLeft: number): void => {
    if (nodesLeft <= 0) return;
    nodesLeft -= 1;
    if (typeof node !== 'object' || node === null) {
      leaves.push({ path, value: node });
      return;
    }
    if (depthLeft === 0) return;
    for (const [name, child] of Object.entries(node)) visit(child, [...path, name], depthLeft - 1);
  };
  visit(value, prefix, MAX_MAPPED_DEPTH);
  return leaves;
}

/** The own member `name` of an object; undefined for anything else. */
export function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}

export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
