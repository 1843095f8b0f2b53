// Since when an agent is away. One that comes for a moment and goes again is away all the time: nobody can work with it, and
// whoever looks now and then must not find it well by chance.

import type { Absence, Agent } from './fleet-records.ts';

/** Connected for this long, it is back. */
const BACK_AFTER_MS = 15_000;

type Connection = Pick<Agent, 'isConnected' | 'since' | 'absence'>;

/** @returns the absence that a change of the connection leaves. */
export function absenceAfter(
  { isConnected: wasConnected, since, absence }: Connection,
  isConnected: boolean,
  at: Date,
): Absence | null {
  if (isConnected || !wasConnected) return absence;
  const isNew = absence === null || at.getTime() - since.getTime() >= BACK_AFTER_MS;
  return isNew ? { since: at, losses: 1 } : { since: absence.since, losses: absence.losses + 1 };
}

/** @returns undefined for one that is there. A single loss is over with the next connection. */
export function awaySince({ isConnected, since, absence }: Connection, nowMs: number): Date | undefined {
  if (!isConnected) return absence?.since ?? since;
  const isUnsteady = absence !== null && absence.losses > 1 && nowMs - since.getTime() < BACK_AFTER_MS;
  return isUnsteady ? absence.since : undefined;
}
