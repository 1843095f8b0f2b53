// Where a clip is on its way from the camera to the page, of all that is known. Pure.

import type { ArrivingClip } from './clip-api.ts';
import { stateOf, type ClipEntry, type ClipState } from './clip-entry.ts';
import type { Fetch } from './fetches.ts';

/** The gateway has had the time to begin, were nothing before it in its turn. */
const LATE_MS = 60_000;
/** Pieces come faster than that on any line that works. */
const IDLE_MS = 60_000;

export type ClipPhase =
  | { kind: 'here' }
  | { kind: Exclude<ClipState, 'here' | 'gateway'> }
  | { kind: 'gateway'; refusal: unknown }
  | { kind: 'gone' }
  | { kind: 'asking' }
  | { kind: 'asked'; isLate: boolean }
  | { kind: 'arriving'; bytes: number; receivedBytes: number; isIdle: boolean };

export interface PhaseParts {
  arriving: ArrivingClip | undefined;
  fetch: Fetch | undefined;
  nowMs: number;
}

export function phaseOf(entry: ClipEntry, { arriving, fetch, nowMs }: PhaseParts): ClipPhase {
  const kind = stateOf(entry, nowMs);
  if (kind === 'here' || kind === 'recording' || kind === 'lost') return { kind };
  if (arriving !== undefined) {
    const { bytes, receivedBytes, changedAt } = arriving;
    return { kind: 'arriving', bytes, receivedBytes, isIdle: nowMs - Date.parse(changedAt) > IDLE_MS };
  }
  if (fetch?.kind === 'asked') return { kind: 'asked', isLate: nowMs - fetch.atMs > LATE_MS };
  if (fetch?.kind === 'asking' || fetch?.kind === 'gone') return { kind: fetch.kind };
  if (kind === 'unheard' && fetch === undefined) return { kind };
  return { kind: 'gateway', refusal: fetch?.error };
}

/** Something about it is about to change. */
export function isMoving(phase: ClipPhase): boolean {
  if (phase.kind === 'asked') return !phase.isLate;
  if (phase.kind === 'arriving') return !phase.isIdle;
  return phase.kind === 'recording' || phase.kind === 'asking';
}
