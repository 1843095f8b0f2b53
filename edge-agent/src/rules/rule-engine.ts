// The rules of a site, judged on the gateway: they work without the server. Readings and events in, snapshots, clips and events out.
//
// An event that a rule makes fires no rule, so that two of them cannot keep each other going.

import { isDeepStrictEqual } from 'node:util';
import { ulid } from 'ulid';
import type { ClipReason } from '@sitecast/shared/protocol/clip-chunk';
import type { CameraEvent } from '@sitecast/shared/protocol/events';
import type { AgentHealth } from '@sitecast/shared/protocol/status';
import type { Reading } from '@sitecast/shared/protocol/telemetry';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import type { QuietLog } from '../health/quiet-log.ts';
import { endMsOf, type Moment } from '../reporting/event-end.ts';
import {
  isReadingCondition,
  type Action,
  type ClipAction,
  type ReadingCondition,
  type Rule,
} from './rule.ts';
import { Threshold } from './threshold.ts';

export interface RuleEngineOptions {
  rules: readonly Rule[];
  takeSnapshot: (camera: string) => Promise<string>;
  recordClip: (
    camera: string,
    request: { reason: ClipReason; upload: ClipAction['upload'] },
  ) => Promise<string>;
  /** Resolves when the event is durable. */
  tell: (camera: string, event: CameraEvent) => Promise<void>;
  log: QuietLog;
  clock?: Clock;
}

/** Policy: a rule does not fire while so much of what rules do waits. Bounds in edge-agent/README.md. */
export const MAX_WAITING = 128;
/** At least, before a rule that was held back tries again. */
const LOOK_AGAIN_MS = 1_000;

interface RuleState {
  rule: Rule;
  threshold: Threshold | undefined;
  fired: number;
  heldBack: number;
  firedAtMs: number;
  /** Monotonic. */
  restUntilMs: number;
  /** Fires for what was held back while it rested, if that still lasts. */
  afterRest: Timer | undefined;
  /** Events that it began and that go on, with their cameras. */
  open: { camera: string; event: CameraEvent; began: Moment }[];
}

/** Owns the timers of its thresholds. Bound: the rules of the configuration; what a rule does goes one after the other. */
export class RuleEngine {
  readonly #options: RuleEngineOptions;
  readonly #clock: Clock;
  #states: readonly RuleState[] = [];
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(options: RuleEngineOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.apply(options.rules);
  }

  /** These rules from now on. One that was the same goes on; of the others what goes on ends. */
  apply(rules: readonly Rule[]): void {
    const before = new Map(this.#states.map((state) => [state.rule.id, state]));
    const after = rules.map((rule) => {
      const known = before.get(rule.id);
      return known && isDeepStrictEqual(known.rule, rule) ? known : this.#newState(rule);
    });
    for (const state of this.#states) if (!after.includes(state)) this.#end(state);
    this.#states = after;
  }

  /** Of a sensor, in the order in which they came. */
  seeReadings(sensor: string, readings: readonly Reading[]): void {
    for (const { rule, threshold } of this.#states) {
      if (!threshold || !isReadingCondition(rule.when) || rule.when.sensor !== sensor) continue;
      for (const { values } of readings) {
        const value = values[rule.when.metric];
        if (value !== undefined) threshold.see(value);
      }
    }
  }

  /** Of a camera; the end of an event fires nothing. */
  seeEvent(camera: string, { kind, until, at }: CameraEvent): void {
    // What happened at one moment begins and ends at once.
    if (until !== null && until !== at) return;
    for (const state of this.#states) {
      const { when } = state.rule;
      if (isReadingCondition(when) || when.event !== kind) continue;
      if (when.camera === undefined || when.camera === camera)
        this.#fire(state, `${kind} at ${camera}`, false);
    }
  }

  health(): AgentHealth['rules'] {
    return this.#states.map(({ rule, threshold, fired, heldBack, firedAtMs }) => ({
      id: rule.id,
      state: threshold?.state ?? 'ok',
      fired,
      heldBack,
      firedAt: fired === 0 ? null : new Date(firedAtMs).toISOString(),
    }));
  }

  /** Resolves when what the rules began is done, and the events that go on have ended. Idempotent. */
  async close(): Promise<void> {
    this.apply([]);
    await this.#turn;
  }

  #end(state: RuleState): void {
    state.threshold?.close();
    this.#over(state);
  }

  #newState(rule: Rule): RuleState {
    const state: RuleState = {
      rule,
      threshold: undefined,
      fired: 0,
      heldBack: 0,
      firedAtMs: 0,
      restUntilMs: 0,
      afterRest: undefined,
      open: [],
    };
    const { when } = rule;
    if (!isReadingCondition(when)) return state;
    const threshold = new Threshold({
      condition: when,
      clock: this.#clock,
      onFiring: () => this.#fireLasting(state, threshold, when),
      onOver: () => this.#over(state),
    });
    return Object.assign(state, { threshold });
  }

  /** What is held back is made up for when the rule may act again, if the reading is still beyond by then. */
  #fireLasting(state: RuleState, threshold: Threshold, when: ReadingCondition): void {
    if (this.#fire(state, `${when.sensor} ${when.metric} is ${threshold.value}`, true)) return;
    const restMs = Math.max(state.restUntilMs - this.#clock.monotonicMs(), LOOK_AGAIN_MS);
    state.afterRest = this.#clock.after(restMs, () => this.#fireLasting(state, threshold, when));
  }

  #over(state: RuleState): void {
    state.afterRest?.cancel();
    this.#endEvents(state);
  }

  /**
   * @param lasts whether the events that it makes go on until {@link #endEvents}.
   * @returns false when it was held back.
   */
  #fire(state: RuleState, why: string, lasts: boolean): boolean {
    const now = this.#now();
    if ((state.fired > 0 && now.monotonicMs < state.restUntilMs) || this.#waiting >= MAX_WAITING) {
      state.heldBack += 1;
      return false;
    }
    state.fired += 1;
    state.firedAtMs = now.wallMs;
    state.restUntilMs = now.monotonicMs + state.rule.restSeconds * 1_000;
    for (const action of state.rule.then)
      this.#inTurn(state, () => this.#act(state, action, why, lasts, now));
    return true;
  }

  async #act(state: RuleState, action: Action, why: string, lasts: boolean, began: Moment): Promise<void> {
    const { takeSnapshot, tell } = this.#options;
    if ('snapshot' in action) return void (await takeSnapshot(action.snapshot));
    if ('clip' in action) return this.#recordClip(state.rule, action.clip);
    const { kind, camera, detail = why } = action.event;
    const at = new Date(began.wallMs).toISOString();
    const event: CameraEvent = {
      id: ulid(began.wallMs),
      kind,
      at,
      until: lasts ? null : at,
      detail,
      snapshotId: null,
    };
    if (lasts) state.open.push({ camera, event, began });
    await tell(camera, event);
  }

  async #recordClip({ when }: Rule, { camera, upload }: ClipAction): Promise<void> {
    const reason = !isReadingCondition(when) && when.event === 'motion' ? 'motion' : 'rule';
    await this.#options.recordClip(camera, { reason, upload });
  }

  #endEvents(state: RuleState): void {
    const now = this.#now();
    this.#inTurn(state, async () => {
      for (const { camera, event, began } of state.open.splice(0)) {
        const until = new Date(endMsOf(began, now)).toISOString();
        await this.#options.tell(camera, { ...event, until });
      }
    });
  }

  #now(): Moment {
    return { wallMs: this.#clock.nowMs(), monotonicMs: this.#clock.monotonicMs() };
  }

  #inTurn({ rule }: RuleState, work: () => Promise<void>): void {
    this.#waiting += 1;
    this.#turn = this.#turn
      .then(work)
      .catch((error: unknown) => {
        this.#options.log.warn('RULE', { rule: rule.id, reason: messageOf(error) }, 'a rule could not act');
      })
      .finally(() => (this.#waiting -= 1));
  }
}
