// Looks at every rule, and decides what is pending, firing and resolved. Owns its decisions; borrows the journal, which stores
// them, and the world that it looks at.
//
// Readings are told as they are stored (thresholds.ts says what they do); cameras, agents, disks and pressure are looked at every
// few seconds. But for the time between two readings, times are those of this server's clock.
// While the server is down nobody can be heard: its own outage counts for no silence, and after a start devices have a moment
// to come back before anything is said about them.

import type { LatestValue } from '@sitecast/shared/protocol/viewer-messages';
import type { Clock } from '@sitecast/shared/runtime/clock';
import type { Sensor } from '../fleet/fleet-records.ts';
import type { AlertJournal } from './alert-journal.ts';
import { Decisions, type DecisionsOptions } from './decisions.ts';
import { observe, type World } from './observe.ts';
import type { Standing } from './phase.ts';
import { ReadingRules } from './reading-rules.ts';
import type { ConditionOf, Rule } from './rule.ts';
import { newerOf, Thresholds, type StoredReading } from './thresholds.ts';
import type { OpenAlert, Watch } from './watches.ts';

/** A sensor that was silent for longer when a rule about all sensors began is not missed: it is gone. */
const GONE_AFTER_MS = 86_400_000;
const MINUTE_MS = 60_000;

export interface EngineWorld extends World {
  sensors: () => Sensor[];
  newestOf: (sensor: { site: string; id: string }) => LatestValue[];
  /** When the newest value of a series was measured. */
  newestMsOf: (series: { site: string; sensor: string; metric: string }) => number | undefined;
}

export interface AlertEngineOptions {
  world: EngineWorld;
  journal: Pick<AlertJournal, 'noteStanding' | 'noteAlert' | 'forgetRule'>;
  isSiteSilenced: DecisionsOptions['isSiteSilenced'];
  clock: Clock;
  maxWatches?: number;
}

/** As it was stored. */
export interface StoredStanding {
  ruleId: string;
  subject: string;
  standing: Standing;
  alert: OpenAlert | null;
}

export class AlertEngine {
  readonly #options: AlertEngineOptions;
  readonly #decisions: Decisions;
  readonly #thresholds: Thresholds;
  /** Those that are enabled. Bound: RULES_MAX. */
  readonly #rules = new Map<string, Rule>();
  #readings = new ReadingRules([]);

  constructor(options: AlertEngineOptions) {
    this.#options = options;
    this.#decisions = new Decisions({ ...options, startedMs: options.clock.nowMs() });
    this.#thresholds = new Thresholds(this.#decisions);
  }

  get counters(): Readonly<Record<'fired' | 'resolved' | 'subjectsRefused', number>> {
    return { ...this.#decisions.counters, subjectsRefused: this.#decisions.watches.refused };
  }

  /** Subjects that have an eye on them, and those that fire. */
  get stats(): { watched: number; firing: number } {
    const { watches } = this.#decisions;
    return { watched: watches.size, firing: watches.all().filter(({ alert }) => alert !== null).length };
  }

  /** Of one rule, those that are not well. */
  standingsOf(ruleId: string): StoredStanding[] {
    return this.#decisions.watches
      .of(ruleId)
      .filter(({ standing }) => standing.phase !== 'ok')
      .map(({ subject, standing, alert }) => ({ ruleId, subject, standing, alert }));
  }

  /**
   * Goes on where the process before stood.
   * @param downMs how long nobody looked.
   */
  start(rules: readonly Rule[], standings: readonly StoredStanding[], downMs: number): void {
    this.#setRules(rules);
    for (const stored of standings) this.#restore(stored, downMs);
    for (const rule of this.#rules.values()) this.#begin(rule, downMs);
  }

  /** The rules as they are now. What a rule found that was changed or removed is over. */
  follow(rules: readonly Rule[]): void {
    const nowMs = this.#now();
    const before = new Map(this.#rules);
    this.#setRules(rules);
    for (const rule of before.values()) {
      const now = this.#rules.get(rule.id);
      const watches = this.#decisions.watches.of(rule.id);
      if (now && isSame(now, rule)) {
        for (const watch of watches) watch.rule = now;
        continue;
      }
      const isRemoved = !rules.some(({ id }) => id === rule.id);
      for (const watch of watches)
        this.#decisions.drop(watch, isRemoved ? 'rule-removed' : 'rule-changed', nowMs);
      if (isRemoved) this.#options.journal.forgetRule(rule.id);
    }
    for (const rule of this.#rules.values()) {
      const earlier = before.get(rule.id);
      if (!earlier || !isSame(earlier, rule)) this.#begin(rule, 0);
    }
  }

  /** Readings that were stored, new or not, before any of them is the newest of its series. */
  heard(readings: readonly StoredReading[]): void {
    const nowMs = this.#now();
    const rulesOn = ({ site, sensor, metric }: StoredReading) =>
      this.#readings.thresholdsOn(site, sensor, metric);
    const watched = readings.filter((reading) => rulesOn(reading).length > 0);
    for (const reading of newerOf(watched, this.#options.world.newestMsOf))
      for (const rule of rulesOn(reading)) this.#thresholds.read(rule, reading, nowMs);
    for (const { site, sensor, metric } of readings)
      for (const { rule, subject } of this.#readings.missingOn(site, sensor, metric)) {
        const watch = this.#decisions.watches.open(rule, subject, nowMs);
        if (watch) watch.heardMs = nowMs;
      }
  }

  /** One look at everything; a timer does it every few seconds. */
  look(): void {
    const nowMs = this.#now();
    const { watches } = this.#decisions;
    for (const rule of this.#rules.values()) {
      if (rule.condition.kind === 'threshold' || rule.condition.kind === 'missing')
        for (const watch of watches.of(rule.id)) this.#lookAgain(watch, nowMs);
      else this.#observe(rule, nowMs);
    }
    for (const watch of watches.all()) this.#decisions.tellLate(watch, nowMs);
  }

  /** A person has taken it on: nobody needs to be told any more. */
  acknowledged(alertId: string): void {
    const found = this.#decisions.watches.all().find(({ alert }) => alert?.id === alertId);
    if (found?.alert) found.alert.isAcknowledged = true;
  }

  #setRules(rules: readonly Rule[]): void {
    const enabled = rules.filter(({ enabled: isEnabled }) => isEnabled);
    this.#rules.clear();
    for (const rule of enabled) this.#rules.set(rule.id, rule);
    this.#readings = new ReadingRules(enabled);
  }

  #restore({ ruleId, subject, standing, alert }: StoredStanding, downMs: number): void {
    const rule = this.#rules.get(ruleId);
    const watch = rule && this.#decisions.watches.open(rule, subject, this.#now());
    if (!watch) return;
    const { kind } = rule.condition;
    const shiftMs = kind === 'camera-offline' || kind === 'agent-offline' ? downMs : 0;
    watch.standing = { ...standing, sinceMs: standing.sinceMs + shiftMs };
    watch.beganMs = watch.standing.sinceMs;
    watch.alert = alert;
    // It was silent when it fired.
    if (kind === 'missing' && standing.phase === 'firing') watch.heardMs = standing.sinceMs - rule.forMs;
  }

  /** What is known already counts for a rule that begins. */
  #begin(rule: Rule, downMs: number): void {
    const { condition, site } = rule;
    if (condition.kind !== 'threshold' && condition.kind !== 'missing') return;
    const sensors = this.#options.world
      .sensors()
      .filter((sensor) => sensor.site === site)
      .filter(({ id }) => condition.sensor === null || condition.sensor === id);
    for (const sensor of sensors)
      if (condition.kind === 'threshold') this.#beginThreshold(rule, condition, sensor);
      else this.#beginMissing(rule, condition, sensor, downMs);
    if (condition.kind !== 'missing' || condition.sensor === null) return;
    // One that never said anything is missed as well.
    const subject = subjectOfMissing(condition, condition.sensor);
    if (!this.#decisions.watches.get(rule.id, subject))
      this.#watchMissing(rule, subject, rule.updatedAt.getTime() + downMs);
  }

  #beginThreshold(rule: Rule, { metric: wanted }: ConditionOf<'threshold'>, sensor: Sensor): void {
    const newest = this.#options.world.newestOf(sensor).find(({ metric }) => metric === wanted);
    if (newest) this.#thresholds.begin(rule, { ...newest, tsMs: Date.parse(newest.ts) }, this.#now());
  }

  #beginMissing(rule: Rule, condition: ConditionOf<'missing'>, sensor: Sensor, downMs: number): void {
    const { metric: wanted } = condition;
    const newest = this.#options.world
      .newestOf(sensor)
      .find(({ metric }) => wanted === null || metric === wanted);
    if (!newest) return;
    // The time of a value is that of the sensor's clock; when any value came is known by ours.
    const lastMs = wanted === null ? sensor.lastSeenAt.getTime() : Date.parse(newest.ts);
    if (condition.sensor === null && this.#now() - lastMs - downMs > GONE_AFTER_MS) return;
    this.#watchMissing(rule, subjectOfMissing(condition, sensor.id), lastMs + downMs);
  }

  #watchMissing(rule: Rule, subject: string, heardMs: number): void {
    const nowMs = this.#now();
    const { watches } = this.#decisions;
    const known = watches.get(rule.id, subject);
    const watch = known ?? watches.open(rule, subject, nowMs);
    if (!watch) return;
    const isRestored = known !== undefined && known.heardMs < nowMs;
    watch.heardMs = Math.min(nowMs, isRestored ? Math.max(known.heardMs, heardMs) : heardMs);
  }

  #lookAgain(watch: Watch, nowMs: number): void {
    const { condition, forMs } = watch.rule;
    if (condition.kind === 'threshold') return this.#thresholds.lookAgain(watch, nowMs);
    const silentMs = nowMs - watch.heardMs;
    const verdict = silentMs >= forMs ? 'bad' : 'good';
    this.#decisions.apply(watch, { verdict, value: silentMs / MINUTE_MS, reason: null }, nowMs);
  }

  #observe(rule: Rule, nowMs: number): void {
    const found = observe(rule, this.#options.world, nowMs);
    if (!found) return;
    const gone = new Set(this.#decisions.watches.of(rule.id));
    for (const observation of found) {
      const watch = this.#decisions.watchIf(observation.verdict, rule, observation.subject, nowMs);
      if (!watch) continue;
      gone.delete(watch);
      this.#decisions.apply(watch, observation, nowMs);
    }
    for (const watch of gone) this.#decisions.drop(watch, 'subject-gone', nowMs);
  }

  #now(): number {
    return this.#options.clock.nowMs();
  }
}

const isSame = (a: Rule, b: Rule): boolean => a.updatedAt.getTime() === b.updatedAt.getTime();

function subjectOfMissing({ metric }: ConditionOf<'missing'>, sensor: string): string {
  return metric === null ? sensor : `${sensor}/${metric}`;
}
