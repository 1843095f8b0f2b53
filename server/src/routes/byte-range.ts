// The part of a file that a request asks for (RFC 9110 section 14): what players do that jump, and downloads that go on.

import type { ByteRange } from '../media-store/clip-files.ts';

/**
 * @returns 'whole' also for what need not be answered in parts: more than one range, another unit, anything unreadable;
 * 'unsatisfiable' for a range behind the end.
 */
export function rangeOf(header: string | undefined, size: number): ByteRange | 'whole' | 'unsatisfiable' {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return 'whole';
  if (first === '') return suffixOf(Number(last), size);
  const [from, to] = [Number(first), last === '' ? size - 1 : Math.min(Number(last), size - 1)];
  if (last !== '' && Number(last) < from) return 'whole';
  return from < size ? { from, to } : 'unsatisfiable';
}

function suffixOf(bytes: number, size: number): ByteRange | 'unsatisfiable' {
  return bytes === 0 ? 'unsatisfiable' : { from: Math.max(0, size - bytes), to: size - 1 };
}
