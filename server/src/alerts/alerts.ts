// Rules and alerts, put together: the engine looks every few seconds and at every reading, what it decides is stored, whoever wants
// to know is told. Owns the timer, the engine and its journal; borrows everything else.

import type { Logger } from '@sitecast/shared/node/logger';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { Page } from '../ingest/page.ts';
import type { Database } from '../postgres/pool.ts';
import type { AlertChange } from './alert-changes.ts';
import { AlertEngine, type EngineWorld, type StoredStanding } from './alert-engine.ts';
import type { AlertFeed } from './alert-feed.ts';
import { AlertJournal } from './alert-journal.ts';
import { AlertList, type AlertQuery, type StoredAlert } from './alert-list.ts';
import { AlertSnapshots, type AlertSnapshotsOptions } from './alert-snapshots.ts';
import { ALERTS_KEPT_MAX, AlertStore } from './alert-store.ts';
import { DiskForecasts, type DiskForecastsOptions } from './disk-forecasts.ts';
import { expectSound, type Rule, type RuleDraft } from './rule.ts';
import { RuleStore } from './rule-store.ts';
import { SiteSilences, type SiteSilence } from './site-silences.ts';

const LOOK_MS = 5_000;
/** Often, so that what comes meanwhile is little beside what is kept. */
const TIDY_MS = 60_000;

export interface AlertsOptions {
  database: Database;
  world: Omit<EngineWorld, 'forecasts'>;
  feed: AlertFeed;
  disk: DiskForecastsOptions['disk'];
  takeSnapshot: AlertSnapshotsOptions['takeSnapshot'];
  /** An alert that was stored fires, or is over. */
  onChanged: (alert: { id: string; site: string | null; state: 'firing' | 'resolved' }) => void;
  /** There may be messages to send. */
  onTold: () => void;
  logger: Logger;
  clock?: Clock;
  /** For tests. */
  maxKept?: number;
  maxWatches?: number;
}

export class Alerts {
  readonly #options: Required<Omit<AlertsOptions, 'maxWatches'>>;
  readonly #rules: RuleStore;
  readonly #silences: SiteSilences;
  readonly #store: AlertStore;
  readonly #list: AlertList;
  readonly #engine: AlertEngine;
  readonly #journal: AlertJournal;
  readonly #forecasts: DiskForecasts;
  readonly #snapshots: AlertSnapshots;
  readonly #counters = { dropped: 0 };
  #windows: ReadonlySet<number> = new Set();
  #reloading: Promise<unknown> = Promise.resolve();
  #looking: Promise<void> = Promise.resolve();
  #timer: Timer | undefined;
  #tidyAtMs = 0;
  #isClosed = false;

  constructor(options: AlertsOptions) {
    this.#options = { clock: systemClock, maxKept: ALERTS_KEPT_MAX, ...options };
    const { database, clock, logger, disk, world, takeSnapshot } = this.#options;
    this.#rules = new RuleStore(database);
    this.#silences = new SiteSilences(database);
    this.#store = new AlertStore(database);
    this.#list = new AlertList(database);
    this.#forecasts = new DiskForecasts({ database, disk, agents: world.agents, clock });
    const store = this.#store;
    this.#journal = new AlertJournal({ store, onStored: (changes) => this.#stored(changes), logger, clock });
    this.#engine = new AlertEngine({
      world: { ...world, forecasts: (hours) => this.#forecasts.over(hours) },
      journal: this.#journal,
      isSiteSilenced: (site, nowMs) => this.#silences.isSilenced(site, nowMs),
      clock,
      ...(options.maxWatches === undefined ? {} : { maxWatches: options.maxWatches }),
    });
    const attach = store.attachSnapshot.bind(store);
    this.#snapshots = new AlertSnapshots({ takeSnapshot, attach, logger });
  }

  get counters(): Readonly<Record<string, number>> {
    return {
      ...this.#counters,
      ...this.#engine.counters,
      ...this.#journal.counters,
      ...this.#store.counters,
      ...this.#snapshots.counters,
    };
  }

  get stats(): { watched: number; firing: number } {
    return this.#engine.stats;
  }

  /** Goes on where the process before stood. @throws {AppError} STORE_UNAVAILABLE (retryable). */
  async start(): Promise<void> {
    await this.#silences.load();
    const { standings, lookedAt } = await this.#store.load();
    const rules = await this.#rules.list();
    const nowMs = this.#options.clock.nowMs();
    const downMs = lookedAt === null ? 0 : Math.max(0, nowMs - lookedAt.getTime());
    this.#noteRules(rules);
    this.#engine.start(rules, standings, downMs);
    this.#options.feed.listen(this.#engine);
    this.#lookLater();
  }

  /** Idempotent. What was decided is stored. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#looking;
    await this.#journal.close();
  }

  /** One look at everything, and what it decides is stored; the timer does it every few seconds. Never rejects. */
  async look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look());
    await this.#looking;
  }

  rules(): Promise<Rule[]> {
    return this.#rules.list();
  }

  /** @throws {AppError} NOT_FOUND */
  rule(id: string): Promise<Rule> {
    return this.#rules.get(id);
  }

  /** Its subjects that are not well. */
  standingsOf(ruleId: string): StoredStanding[] {
    return this.#engine.standingsOf(ruleId);
  }

  /** @throws {AppError} BAD_REQUEST; LIMIT_REACHED. */
  async createRule(draft: RuleDraft): Promise<Rule> {
    expectSound(draft);
    return this.#changing(() => this.#rules.create(draft));
  }

  /** @throws {AppError} BAD_REQUEST; NOT_FOUND. */
  async replaceRule(id: string, draft: RuleDraft): Promise<Rule> {
    expectSound(draft);
    return this.#changing(() => this.#rules.replace(id, draft));
  }

  /** What it fires is over; what it found stays in the history. */
  async removeRule(id: string): Promise<void> {
    await this.#changing(() => this.#rules.remove(id));
  }

  /** @param until null ends the silence. @throws {AppError} NOT_FOUND */
  async silence(id: string, until: Date | null, by: string): Promise<Rule> {
    return this.#changing(() => this.#rules.silence(id, until, by));
  }

  /** Sites of whose new alerts nobody is told at the moment. */
  siteSilences(): SiteSilence[] {
    return this.#silences.list(this.#options.clock.nowMs());
  }

  /**
   * Of all its rules at once.
   * @param until null ends the silence, as a time that is over does.
   * @throws {AppError} BAD_REQUEST for more than 30 days; NOT_FOUND
   */
  async silenceSite(site: string, until: Date | null, by: string): Promise<SiteSilence | undefined> {
    const nowMs = this.#options.clock.nowMs();
    if (until === null || until.getTime() <= nowMs) await this.#silences.end(site);
    else await this.#silences.begin({ site, until, by }, nowMs);
    return this.siteSilences().find((silence) => silence.site === site);
  }

  /** Newest first. @throws {AppError} BAD_REQUEST for a cursor of another list. */
  list(query: AlertQuery): Promise<Page<StoredAlert>> {
    return this.#list.list(query);
  }

  /** @throws {AppError} NOT_FOUND */
  get(id: string): Promise<StoredAlert> {
    return this.#list.get(id);
  }

  /** The first one who takes it on stays. @throws {AppError} NOT_FOUND */
  async acknowledge(id: string, by: string, note: string | null): Promise<StoredAlert> {
    const alert = await this.#list.acknowledge(id, by, note, new Date(this.#options.clock.nowMs()));
    this.#engine.acknowledged(id);
    this.#options.onChanged(alert);
    return alert;
  }

  /** The engine follows the rules as they are stored, one change after the other. */
  #changing<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#reloading.then(async () => {
      const result = await change();
      const rules = await this.#rules.list();
      this.#noteRules(rules);
      this.#engine.follow(rules);
      return result;
    });
    this.#reloading = turn.catch(() => undefined);
    return turn;
  }

  #noteRules(rules: readonly Rule[]): void {
    this.#windows = new Set(
      rules.flatMap(({ enabled, condition }) =>
        enabled && condition.kind === 'disk-forecast' ? [condition.windowHours] : [],
      ),
    );
    this.#forecasts.expire();
  }

  #lookLater(): void {
    if (this.#isClosed) return;
    this.#timer = this.#options.clock.after(LOOK_MS, () => void this.look().finally(() => this.#lookLater()));
  }

  async #look(): Promise<void> {
    const { clock, logger } = this.#options;
    try {
      this.#engine.look();
      await this.#journal.flush();
      const nowMs = clock.nowMs();
      await this.#store.noteLook(new Date(nowMs));
      await this.#forecasts.refresh(this.#windows);
      if (nowMs < this.#tidyAtMs) return;
      this.#tidyAtMs = nowMs + TIDY_MS;
      this.#counters.dropped += await this.#store.removeSurplus(this.#options.maxKept);
    } catch (error) {
      logger.warn({ reason: messageOf(error) }, 'the rules could not be looked after');
    }
  }

  #stored(changes: AlertChange[]): void {
    for (const { id, rule, fired, ended } of changes) {
      if (fired || ended)
        this.#options.onChanged({ id, site: rule.site, state: ended ? 'resolved' : 'firing' });
      if (fired && !ended && rule.site !== null && rule.snapshotCamera !== null)
        void this.#snapshots
          .take(id, { site: rule.site, id: rule.snapshotCamera })
          .finally(() => this.#options.onTold());
    }
    this.#options.onTold();
  }
}
