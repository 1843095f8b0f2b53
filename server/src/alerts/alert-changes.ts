// What the engine hands over to be stored: standings, alerts that fired or ended, and who is told.

import type { Phase } from './phase.ts';
import type { Rule } from './rule.ts';

export type EndReason = 'cleared' | 'rule-changed' | 'rule-removed' | 'subject-gone';
export type AlertEvent = 'firing' | 'resolved';

/** A row of `alert_states`; `ok` takes it away. */
export interface StandingChange {
  ruleId: string;
  subject: string;
  phase: Phase;
  since: Date;
  alertId: string | null;
}

export interface AlertChange {
  id: string;
  /** Of the alert, as it is now. */
  rule: Rule;
  subject: string;
  /** Set when it fired. */
  fired: { value: number | null; reason: string | null; pendingAt: Date; at: Date } | null;
  /** Set when it ended. */
  ended: { at: Date; reason: EndReason } | null;
  /** What channels are told. */
  tell: readonly AlertEvent[];
  /** When it was decided. */
  at: Date;
}

/** Two changes of one alert as one. */
export function merged(before: AlertChange | undefined, later: AlertChange): AlertChange {
  if (!before) return later;
  return {
    ...later,
    fired: before.fired ?? later.fired,
    ended: later.ended ?? before.ended,
    tell: [...new Set([...before.tell, ...later.tell])],
  };
}
