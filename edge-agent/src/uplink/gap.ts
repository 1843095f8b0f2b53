// What a lane had to give up, counted: one gap grows for as long as nobody could be told of it.

import type { AgentEvent } from '@sitecast/shared/protocol/events';
import { ulid } from 'ulid';

/**
 * `dropped` to make room, `damaged` on the disk, `refused` by a full lane or a disk that takes nothing, `withheld` because it shows
 * what privacy masks hide now.
 */
export const LOSS_REASONS = ['dropped', 'damaged', 'refused', 'withheld'] as const;
export type LossReason = (typeof LOSS_REASONS)[number];

export interface Loss {
  count: number;
  /** Wall clock of the gateway when the first and the last of them were spooled, as far as that is known. */
  fromMs: number;
  toMs: number;
  reason: LossReason;
}

export interface Gap {
  /** ULID: telling it twice tells it once. */
  id: string;
  count: number;
  fromMs: number;
  toMs: number;
  reasons: Partial<Record<LossReason, number>>;
}

export function grown(gap: Gap | undefined, { count, fromMs, toMs, reason }: Loss): Gap {
  const { id, reasons } = gap ?? { id: ulid(), reasons: {} };
  return {
    id,
    count: (gap?.count ?? 0) + count,
    fromMs: Math.min(gap?.fromMs ?? fromMs, fromMs, toMs),
    toMs: Math.max(gap?.toMs ?? toMs, fromMs, toMs),
    reasons: { ...reasons, [reason]: (reasons[reason] ?? 0) + count },
  };
}

/** One that was dropped on its way arrived. @returns undefined when there is nothing left of the gap. */
export function withoutOne(gap: Gap): Gap | undefined {
  const { dropped = 0 } = gap.reasons;
  if (dropped === 0) return gap;
  if (gap.count === 1) return undefined;
  return { ...gap, count: gap.count - 1, reasons: { ...gap.reasons, dropped: dropped - 1 } };
}

const WORDS: Record<LossReason, string> = {
  dropped: 'dropped to make room',
  damaged: 'damaged on the disk',
  refused: 'refused because nothing could be written',
  withheld: 'withheld because they show what privacy masks hide now',
};

/** As it is told to the server. */
export function gapEventOf(lane: string, { id, count, fromMs, toMs, reasons }: Gap): AgentEvent {
  const from = new Date(fromMs).toISOString();
  const to = new Date(toMs).toISOString();
  const parts = Object.entries(reasons)
    .filter(([, of]) => of > 0)
    .map(([reason, of]) => `${of} ${WORDS[reason as LossReason]}`);
  const detail = `${count} messages of lane ${lane} are lost: ${parts.join(', ')}.`;
  return { id, kind: 'gap', at: from, until: to, detail, gap: { lane, from, to, count } };
}
