// The disk under the clips, and what of it they leave to the spool and to the system.

import { statfs } from 'node:fs/promises';
import { MIB } from '@sitecast/shared/protocol/limits';

/** Kept free by clips; of a small disk a tenth. */
export const LEAST_FREE_BYTES = 256 * MIB;
const LEAST_FREE_SHARE = 0.1;

export interface DiskRoom {
  totalBytes: number;
  /** For this user. */
  freeBytes: number;
}

export async function diskRoom(folder: string): Promise<DiskRoom> {
  const { bsize, blocks, bavail } = await statfs(folder);
  return { totalBytes: bsize * blocks, freeBytes: bsize * bavail };
}

/** On a disk of this size. */
export function leastFreeBytes(totalBytes: number): number {
  return Math.min(LEAST_FREE_BYTES, totalBytes * LEAST_FREE_SHARE);
}
