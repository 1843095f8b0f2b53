// Moves watches from phase to phase, makes alerts of those that fire, and says so to the journal. Owns the watches.

import { ulid } from 'ulid';
import type { AlertEvent, EndReason } from './alert-changes.ts';
import type { AlertJournal } from './alert-journal.ts';
import type { Observation } from './observe.ts';
import { move, type Standing, type Verdict } from './phase.ts';
import { isSilenced, type Rule } from './rule.ts';
import { Watches, type Watch } from './watches.ts';

/** After a start, before what was not heard of since then may fire. */
const START_GRACE_MS = 60_000;

export type Finding = Omit<Observation, 'subject'>;

export interface DecisionsOptions {
  journal: Pick<AlertJournal, 'noteStanding' | 'noteAlert'>;
  isSiteSilenced: (site: string | null, nowMs: number) => boolean;
  startedMs: number;
  maxWatches?: number;
}

export class Decisions {
  readonly watches: Watches;
  readonly #options: DecisionsOptions;
  readonly counters = { fired: 0, resolved: 0 };

  constructor(options: DecisionsOptions) {
    this.#options = options;
    this.watches = new Watches(options.maxWatches);
  }

  /** What is well needs no watch. */
  watchIf(verdict: Verdict, rule: Rule, subject: string, nowMs: number): Watch | undefined {
    if (verdict === 'bad') return this.watches.open(rule, subject, nowMs);
    return this.watches.get(rule.id, subject);
  }

  apply(watch: Watch, finding: Finding, nowMs: number): void {
    const before = watch.standing;
    const next = move(before, finding.verdict, nowMs, durationsOf(watch.rule));
    if (next.phase === 'firing' && watch.alert === null && !this.#mayFire(watch, nowMs)) return;
    if (before.phase === 'ok' && next !== before) watch.beganMs = beganMs(watch, nowMs);
    if (next !== before) this.#change(watch, next, finding, nowMs);
    if (next.phase === 'ok' && watch.rule.condition.kind !== 'missing') this.watches.close(watch);
  }

  /** Nobody looks at it any more. */
  drop(watch: Watch, reason: EndReason, nowMs: number): void {
    this.#end(watch, reason, nowMs);
    this.watches.close(watch);
    if (watch.standing.phase === 'ok') return;
    watch.standing = { phase: 'ok', sinceMs: nowMs };
    this.#noteStanding(watch);
  }

  /** Of an alert whose rule or site was silenced when it fired, and is no longer. */
  tellLate({ rule, subject, alert }: Watch, nowMs: number): void {
    if (!alert || alert.isNotified || alert.isAcknowledged || this.#isSilenced(rule, nowMs)) return;
    alert.isNotified = true;
    const tell: AlertEvent[] = ['firing'];
    this.#options.journal.noteAlert({
      id: alert.id,
      rule,
      subject,
      fired: null,
      ended: null,
      tell,
      at: new Date(nowMs),
    });
  }

  #isSilenced(rule: Rule, nowMs: number): boolean {
    return isSilenced(rule, nowMs) || this.#options.isSiteSilenced(rule.site, nowMs);
  }

  #mayFire({ rule, isFresh }: Watch, nowMs: number): boolean {
    const { kind } = rule.condition;
    if (isFresh || kind === 'pressure' || kind === 'disk-forecast') return true;
    return nowMs - this.#options.startedMs >= START_GRACE_MS;
  }

  #change(watch: Watch, next: Standing, { value, reason }: Finding, nowMs: number): void {
    watch.standing = next;
    if (next.phase === 'firing' && watch.alert === null)
      this.#fire(watch, { value, reason, pendingAt: new Date(watch.beganMs), at: new Date(nowMs) });
    if (next.phase === 'ok') this.#end(watch, 'cleared', nowMs);
    this.#noteStanding(watch);
  }

  #fire(
    watch: Watch,
    fired: { value: number | null; reason: string | null; pendingAt: Date; at: Date },
  ): void {
    const { rule, subject } = watch;
    const isNotified = !this.#isSilenced(rule, fired.at.getTime());
    watch.alert = { id: ulid(fired.at.getTime()), isNotified, isAcknowledged: false };
    this.counters.fired += 1;
    const tell: AlertEvent[] = isNotified ? ['firing'] : [];
    this.#options.journal.noteAlert({
      id: watch.alert.id,
      rule,
      subject,
      fired,
      ended: null,
      tell,
      at: fired.at,
    });
  }

  /** Whoever was told of the begin is told of the end, silenced or not: what was opened for it elsewhere must close. */
  #end(watch: Watch, reason: EndReason, nowMs: number): void {
    const { rule, subject, alert } = watch;
    if (!alert) return;
    const tell: AlertEvent[] = alert.isNotified ? ['resolved'] : [];
    this.counters.resolved += 1;
    watch.alert = null;
    const ended = { at: new Date(nowMs), reason };
    this.#options.journal.noteAlert({ id: alert.id, rule, subject, fired: null, ended, tell, at: ended.at });
  }

  #noteStanding({ rule, subject, standing: { phase, sinceMs }, alert }: Watch): void {
    this.#options.journal.noteStanding({
      ruleId: rule.id,
      subject,
      phase,
      since: new Date(sinceMs),
      alertId: alert?.id ?? null,
    });
  }
}

/** A value, when it was measured; a silence, when something came last. */
function beganMs({ rule, atMs, heardMs }: Watch, nowMs: number): number {
  return rule.condition.kind === 'missing' ? heardMs : (atMs ?? nowMs);
}

/** Silence is measured from the last reading, so it has no pending of its own. */
function durationsOf({ condition, forMs, clearMs }: Rule): { forMs: number; clearMs: number } {
  return { forMs: condition.kind === 'missing' ? 0 : forMs, clearMs };
}
