// One row of the list of limits.

import type { ServerErrorCode } from '../errors.ts';

/**
 * What happens to the one too many: `reject` is told so and may come back, `block` waits, `slow` is refused for a while,
 * `close` loses its connection, `drop-oldest` and `drop-to-keyframe` lose what is oldest, `coarsen` gets fewer points of wider
 * buckets, or the first ones of a list. `report`: nobody is refused, `/readyz` tells.
 */
export type Policy =
  'reject' | 'block' | 'slow' | 'close' | 'drop-oldest' | 'drop-to-keyframe' | 'coarsen' | 'report';

export interface LimitRow {
  name: string;
  /** The environment variable that sets it; null when it is fixed. */
  env: string | null;
  value: number;
  unit: string;
  policy: Policy;
  /** The metric that counts how often the bound was met, without `sitecast_` and `_total`; null where nobody is turned away. */
  counter: string | null;
  /** In this process, with everything at its bound. 0 when another row covers it, or it is on disk or in PostgreSQL. */
  worstCaseBytes: number;
}

/** A map entry with a short key and a small object. */
export const ENTRY_BYTES = 512;

export function row(
  name: string,
  value: number,
  unit: string,
  policy: Policy,
  {
    env = null,
    counter = null,
    bytes = 0,
  }: { env?: string | null; counter?: string | null; bytes?: number } = {},
): LimitRow {
  return { name, env, value, unit, policy, counter, worstCaseBytes: bytes };
}

/** Nothing else answers with this code where the bound is. */
export const httpErrors = (code: ServerErrorCode): string => `http_errors{code="${code}"}`;
