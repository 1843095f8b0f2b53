// Parts of a picture that nobody may see. They are painted over by the process that makes a picture or encodes a stream, so
// nothing that leaves the gateway has them; with masks nothing is passed through.

import { createHash } from 'node:crypto';
import type { Area } from './area.ts';

export interface PrivacyMasks {
  areas: readonly Area[];
  /** 0 without masks; else another number for other masks, 31 bits. Goes with each snapshot. */
  version: number;
}

export const NO_MASKS: PrivacyMasks = { areas: [], version: 0 };

export function privacyMasks(areas: readonly Area[]): PrivacyMasks {
  if (areas.length === 0) return NO_MASKS;
  const numbers = areas.map(({ x, y, width, height }) => [x, y, width, height]);
  const digest = createHash('sha256').update(JSON.stringify(numbers)).digest();
  return { areas, version: Math.max(1, digest.readUInt32BE() >>> 1) };
}

/** Whether a picture that was made with masks of this version hides all that is hidden now. */
export function isMaskedAsNow({ areas, version }: PrivacyMasks, madeWithVersion: number): boolean {
  return areas.length === 0 || version === madeWithVersion;
}

/** Filters of ffmpeg, to stand behind others. */
export function maskFilters({ areas }: PrivacyMasks): string[] {
  // A pixel more on each side: chroma is shared by two, and edges are rounded.
  return areas.map(
    ({ x, y, width, height }) =>
      `drawbox=x=floor(iw*${x})-1:y=floor(ih*${y})-1:w=ceil(iw*${width})+2:h=ceil(ih*${height})+2:color=black:t=fill`,
  );
}
