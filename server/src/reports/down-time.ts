// How long something was away, from the times that it was: those may overlap, and reach out of the period.

import type { Availability } from './report-subject.ts';

export interface Outage {
  id: string;
  fromMs: number;
  toMs: number;
}

export interface Span {
  fromMs: number;
  toMs: number;
}

interface Fold {
  downMs: number;
  downs: number;
  /** End of the last one. */
  untilMs: number;
}

/**
 * @param outages of each id by their begin, and all within `span` or reaching into it.
 * @returns of each id that has any, at most as many as `outages` names.
 */
export async function foldOutages(
  outages: AsyncIterable<Outage>,
  { fromMs, toMs }: Span,
): Promise<Map<string, Availability>> {
  const folds = new Map<string, Fold>();
  for await (const outage of outages) {
    const fold = folds.get(outage.id) ?? { downMs: 0, downs: 0, untilMs: fromMs };
    folds.set(outage.id, fold);
    addOutage(fold, { fromMs: outage.fromMs, toMs: Math.min(outage.toMs, toMs) });
  }
  const lengthMs = toMs - fromMs;
  return new Map(
    [...folds].map(([id, { downMs, downs }]) => [id, { downMs, downs, share: shareOf(downMs, lengthMs) }]),
  );
}

/** 0 to 1; null of no time at all. */
export function shareOf(downMs: number, lengthMs: number): number | null {
  return lengthMs > 0 ? Math.min(1, Math.max(0, 1 - downMs / lengthMs)) : null;
}

function addOutage(fold: Fold, { fromMs, toMs }: Span): void {
  // One that begins while another goes on is the same absence.
  if (fromMs > fold.untilMs || fold.downs === 0) fold.downs += 1;
  fold.downMs += Math.max(0, toMs - Math.max(fromMs, fold.untilMs));
  fold.untilMs = Math.max(fold.untilMs, toMs);
}
