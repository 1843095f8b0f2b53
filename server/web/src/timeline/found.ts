// Which kinds of events, and which things that were away, an answer has. Pure.

import type { EventCount, TimelineEvent, TimelineOutage } from '../api/types.ts';
import { keyOf } from '../state/fleet.ts';

/** These have no end: how long a camera was away, its outage tells. */
const MOMENTS = ['online', 'offline'];

export const goesOn = ({ kind, until }: Pick<TimelineEvent, 'kind' | 'until'>): boolean =>
  until === null && !MOMENTS.includes(kind);

/** Of an event that goes on, as far as it has come. */
export function endOf(event: Pick<TimelineEvent, 'kind' | 'at' | 'until'>, nowMs: number): number {
  const beganMs = Date.parse(event.at);
  return goesOn(event) ? Math.max(beganMs, nowMs) : Date.parse(event.until ?? event.at);
}

export type Thing = Pick<TimelineOutage, 'kind' | 'id'>;

/** Kinds with their number, the most frequent first. */
export function kindsOf(events: TimelineEvent[], counts: EventCount[]): { kind: string; count: number }[] {
  const found = new Map<string, number>();
  for (const { kind, count } of [...counts, ...events.map(({ kind }) => ({ kind, count: 1 }))])
    found.set(kind, (found.get(kind) ?? 0) + count);
  return [...found]
    .map(([kind, count]) => ({ kind, count }))
    .sort((a, b) => b.count - a.count || a.kind.localeCompare(b.kind));
}

const ORDER: TimelineOutage['kind'][] = ['agent', 'camera', 'sensor'];

/** Agents first, since what is behind one that is away is away with it. */
export function thingsOf(outages: TimelineOutage[]): [Thing, TimelineOutage[]][] {
  const things = new Map<string, [Thing, TimelineOutage[]]>();
  for (const outage of outages) {
    const key = keyOf(outage.kind, outage.id);
    const known = things.get(key);
    if (known === undefined) things.set(key, [{ kind: outage.kind, id: outage.id }, [outage]]);
    else known[1].push(outage);
  }
  return [...things.values()].sort(
    ([a], [b]) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || a.id.localeCompare(b.id),
  );
}
