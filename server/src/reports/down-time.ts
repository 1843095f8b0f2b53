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
 * @param outages of each id by their begin.
 * @param spans what each id is looked at for; other ids are left out.
 * @returns of each id of `spans`; what lies outside of its span is no time away.
 */
export async function foldOutages(
  outages: AsyncIterable<Outage>,
  spans: ReadonlyMap<string, Span>,
): Promise<Map<string, Availability>> {
  const folds = new Map<string, Fold & Span>();
  for (const [id, span] of spans) folds.set(id, { ...span, downMs: 0, downs: 0, untilMs: span.fromMs });
  for await (const { id, fromMs, toMs } of outages) {
    const fold = folds.get(id);
    if (fold !== undefined && toMs > fold.fromMs)
      addOutage(fold, { fromMs, toMs: Math.min(toMs, fold.toMs) });
  }
  return new Map(
    [...folds].map(([id, { downMs, downs, fromMs, toMs }]) => [
      id,
      { downMs, downs, share: shareOf(downMs, toMs - fromMs) },
    ]),
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
