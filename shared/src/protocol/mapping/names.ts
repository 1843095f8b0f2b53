// What foreign devices call themselves and their values, made into ids and metrics of ours: always the same name for the same
// text, and another one for another text.

import { ID_PATTERN, METRIC_PATTERN } from '../ids.ts';

const MAX_NAME_CHARACTERS = 63;
const HASH_CHARACTERS = 7;
const SLUG_MAX_CHARACTERS = MAX_NAME_CHARACTERS - HASH_CHARACTERS - 1;

/** @returns `text` itself where it is an id (PR-2); else what is left of it in small letters, and a hash of all of it. */
export function toSensorId(text: string): string {
  if (ID_PATTERN.test(text)) return text;
  const slug = text
    .slice(0, MAX_NAME_CHARACTERS)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-');
  return withHash(slug.replace(/^-/, ''), text, 'sensor');
}

/** @returns `text` itself where it is a metric (PR-3); else the same with `_` for what may not be in one, and a hash. */
export function toMetric(text: string): string {
  if (METRIC_PATTERN.test(text)) return text;
  const slug = text.slice(0, MAX_NAME_CHARACTERS).replace(/[^A-Za-z0-9_.:-]+/g, '_');
  return withHash(slug.replace(/^[^A-Za-z0-9_]+/, ''), text, 'value');
}

// Without the hash "Living Room" and "living-room" would be one sensor, and two devices one curve.
function withHash(slug: string, text: string, whenEmpty: string): string {
  const kept = slug.slice(0, SLUG_MAX_CHARACTERS).replace(/[-_]+$/, '');
  return `${kept === '' ? whenEmpty : kept}-${hashOf(text)}`;
}

/** FNV-1a over UTF-16 code units, 32 bits, in base 36. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return (hash >>> 0).toString(36).padStart(HASH_CHARACTERS, '0');
}
