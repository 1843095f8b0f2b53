// What the engine has an eye on: one watch for each subject of a rule that is not well, and for each sensor that may fall silent.
// Those that are well need none. Bound: WATCHES_MAX, policy reject.

import type { Standing } from './phase.ts';
import type { Rule } from './rule.ts';

export const WATCHES_MAX = 5_000;

export interface OpenAlert {
  id: string;
  isNotified: boolean;
  isAcknowledged: boolean;
}

export interface Watch {
  /** As it is now: replaced when its name or its channels change. */
  rule: Rule;
  subject: string;
  standing: Standing;
  /** Null while `ok` or `pending`. */
  alert: OpenAlert | null;
  /** Since when it is not well, as people are told. */
  beganMs: number;
  /** Of a threshold: the newest value, and when it was measured, by the clock of the sensor. */
  value: number | null;
  atMs: number | null;
  /** When something came last, by our clock. */
  heardMs: number;
  /** Whether something was heard of it since this process started. */
  isFresh: boolean;
}

export class Watches {
  readonly #max: number;
  /** By rule id, then by subject. */
  readonly #byRule = new Map<string, Map<string, Watch>>();
  #size = 0;
  #refused = 0;

  constructor(max = WATCHES_MAX) {
    this.#max = max;
  }

  get size(): number {
    return this.#size;
  }

  /** Since the start. */
  get refused(): number {
    return this.#refused;
  }

  get(ruleId: string, subject: string): Watch | undefined {
    return this.#byRule.get(ruleId)?.get(subject);
  }

  of(ruleId: string): Watch[] {
    return [...(this.#byRule.get(ruleId)?.values() ?? [])];
  }

  all(): Watch[] {
    return [...this.#byRule.values()].flatMap((subjects) => [...subjects.values()]);
  }

  /** @returns the one that is there, or a new one that is `ok`; undefined when there are too many, which is counted. */
  open(rule: Rule, subject: string, nowMs: number): Watch | undefined {
    const known = this.get(rule.id, subject);
    if (known) return known;
    if (this.#size >= this.#max) {
      this.#refused += 1;
      return undefined;
    }
    const watch: Watch = {
      rule,
      subject,
      standing: { phase: 'ok', sinceMs: nowMs },
      alert: null,
      beganMs: nowMs,
      value: null,
      atMs: null,
      heardMs: nowMs,
      isFresh: false,
    };
    this.#size += 1;
    const subjects = this.#byRule.get(rule.id) ?? new Map<string, Watch>();
    this.#byRule.set(rule.id, subjects.set(subject, watch));
    return watch;
  }

  close({ rule, subject }: Watch): void {
    const subjects = this.#byRule.get(rule.id);
    if (!subjects?.delete(subject)) return;
    this.#size -= 1;
    if (subjects.size === 0) this.#byRule.delete(rule.id);
  }
}
