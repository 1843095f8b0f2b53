// How readings move rules with a threshold. Each reading that is newer than those before it counts, also one that is followed by another in
// the same message: a spike that a gateway sends after an outage of its line is a spike. Late and repeated ones say nothing new.
//
// A value holds until the next one comes. How long that was, is the time between the two readings; how long the newest one holds
// already, is the time since it came. So readings of three hours that come within a second last three hours, and a sensor whose
// clock is an hour behind is not an hour late.

import type { Decisions } from './decisions.ts';
import { verdictOfValue } from './observe.ts';
import type { Rule } from './rule.ts';
import type { Watch } from './watches.ts';

export interface StoredReading {
  site: string;
  sensor: string;
  metric: string;
  /** By the clock of whoever measured. */
  tsMs: number;
  value: number;
}

type Series = Pick<StoredReading, 'site' | 'sensor' | 'metric'>;

/**
 * In the order of their times, each time of a series once.
 * @param newestMsOf of what came before these.
 */
export function newerOf(
  readings: readonly StoredReading[],
  newestMsOf: (series: Series) => number | undefined,
): StoredReading[] {
  const newest = new Map<string, number>();
  return readings
    .toSorted((a, b) => a.tsMs - b.tsMs)
    .filter((reading) => {
      const key = `${reading.site}/${reading.sensor}/${reading.metric}`;
      const knownMs = newest.get(key) ?? newestMsOf(reading) ?? Number.NEGATIVE_INFINITY;
      if (reading.tsMs <= knownMs) return false;
      newest.set(key, reading.tsMs);
      return true;
    });
}

export class Thresholds {
  readonly #decisions: Decisions;

  constructor(decisions: Decisions) {
    this.#decisions = decisions;
  }

  /** A reading that is newer than all before it. */
  read(rule: Rule, { sensor, metric, tsMs, value }: StoredReading, nowMs: number): void {
    const subject = `${sensor}/${metric}`;
    const atMs = Math.min(tsMs, nowMs);
    const known = this.#decisions.watches.get(rule.id, subject);
    if (known) {
      passTime(known, atMs, nowMs);
      this.lookAgain(known, nowMs);
    }
    this.#judge(rule, subject, { value, atMs, heardMs: nowMs, isFresh: true }, nowMs);
  }

  /** The newest value when a rule begins, or the server starts. */
  begin(rule: Rule, { sensor, metric, tsMs, value }: StoredReading, nowMs: number): void {
    const atMs = Math.min(tsMs, nowMs);
    this.#judge(rule, `${sensor}/${metric}`, { value, atMs, heardMs: atMs }, nowMs);
  }

  /** Nothing newer came: the value holds. */
  lookAgain(watch: Watch, nowMs: number): void {
    const { rule, subject, value } = watch;
    if (value !== null) this.#judge(rule, subject, { value }, nowMs);
  }

  #judge(
    rule: Rule,
    subject: string,
    read: Partial<Pick<Watch, 'atMs' | 'heardMs' | 'isFresh'>> & { value: number },
    nowMs: number,
  ): void {
    if (rule.condition.kind !== 'threshold') return;
    const verdict = verdictOfValue(rule.condition, read.value);
    const watch = this.#decisions.watchIf(verdict, rule, subject, nowMs);
    if (!watch) return;
    Object.assign(watch, read);
    this.#decisions.apply(watch, { verdict, value: read.value, reason: null }, nowMs);
  }
}

/** The phase that lasts began as long before the new reading as the clock of the sensor says. */
function passTime(watch: Watch, atMs: number, nowMs: number): void {
  const { standing, atMs: beforeMs, heardMs } = watch;
  if (beforeMs === null || (standing.phase !== 'pending' && standing.phase !== 'clearing')) return;
  const sinceMs = standing.sinceMs + (nowMs - heardMs) - (atMs - beforeMs);
  watch.standing = { ...standing, sinceMs: Math.min(nowMs, sinceMs) };
}
