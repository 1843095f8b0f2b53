// What the agent remembers of its seals from one run to the next.

import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { ID_PATTERN, ULID_PATTERN } from '@sitecast/shared/protocol/ids';
import { sealMessage } from '@sitecast/shared/protocol/evidence';
import { ulid } from 'ulid';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const stateFile = z.object({
  chain: z.string().regex(ULID_PATTERN),
  /** Of the newest seal; 0 before the first. */
  sequence: z.int().min(0),
  previousSha256: sha256.nullable(),
  /** Of the newest seal; of the start before the first. */
  at: z.string(),
  /** The run before ended with a seal. */
  isClean: z.boolean(),
  /** Made, and perhaps not in the spool yet: the next run puts it again. */
  pending: sealMessage.nullable(),
  /** SHA-256 of what was signed of the newest snapshot of each camera. */
  cameras: z.record(z.string().regex(ID_PATTERN), sha256),
});
export type EvidenceState = z.output<typeof stateFile>;

export function newState(atMs: number): EvidenceState {
  return {
    chain: ulid(atMs),
    sequence: 0,
    previousSha256: null,
    at: new Date(atMs).toISOString(),
    isClean: true,
    pending: null,
    cameras: {},
  };
}

/** @returns undefined where there is none that can be read: then a new chain begins. */
export async function loadState(path: string): Promise<EvidenceState | undefined> {
  try {
    return stateFile.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}
