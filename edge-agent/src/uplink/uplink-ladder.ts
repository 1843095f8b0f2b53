// How much of live pictures the uplink is taken to carry. Pure: fed with a look about once a second, tells a rung.
//
// Down within two looks when pictures come late, as far down as the measured throughput says; up one rung at a time, after a wait.
// A rung that did not hold doubles the wait before it is tried again, up to ten minutes; two minutes of good pictures on it halve
// that. So a line that is a little too slow for a rung is asked ever more seldom, and one that was slow for a while recovers soon.

import type { Clock } from '@sitecast/shared/runtime/clock';
import { FULL_PACE, type Pace } from '../camera/encoder/pace.ts';

export interface Rung {
  /** The most demanding profile that is offered. */
  profile: 'main' | 'low' | 'stills';
  /** Of `low`. */
  pace: Pace;
}

const SLOWEST_PACE: Pace = { maxBitsPerSecond: 120_000, maxFps: 5 };

export const RUNGS: readonly Rung[] = [
  { profile: 'main', pace: FULL_PACE },
  { profile: 'low', pace: FULL_PACE },
  { profile: 'low', pace: { maxBitsPerSecond: 350_000, maxFps: 15 } },
  { profile: 'low', pace: { maxBitsPerSecond: 220_000, maxFps: 10 } },
  { profile: 'low', pace: SLOWEST_PACE },
  { profile: 'stills', pace: SLOWEST_PACE },
];
const STILLS = RUNGS.length - 1;
const SLOWEST_VIDEO = STILLS - 1;
/** The first one on which a stream of `low` is smaller than on the first of all. */
const FIRST_SLOWED = RUNGS.findIndex(({ pace }) => pace !== FULL_PACE);

/** Looks whose throughput is remembered. Policy: drop-oldest. */
export const REMEMBERED_MAX_LOOKS = 5;
/** Of the measured throughput, what streams may take of it: the rest is for everything else. */
const USABLE_SHARE = 0.85;

/** Later than on an empty line by more than this is late, by less than that is calm. */
const LATE_MS = 700;
const CALM_MS = 400;
const LATE_LOOKS = 2;
/**
 * After a step down encoders start anew, and what is queued has to drain, which on a line that has just become slow takes longer
 * than the step itself: pictures count as late again once they were punctual, or after the longer time.
 */
export const SETTLE_MS = 4_000;
const SETTLE_MAX_MS = 12_000;
export const FIRST_WAIT_MS = 10_000;
export const MAX_WAIT_MS = 600_000;
/** Good pictures for so long halve the wait. */
const PROOF_MS = 120_000;

export interface UplinkLook {
  /** The most demanding of the video streams that are sent; undefined when there is none. */
  highest: 'main' | 'low' | undefined;
  /** How many. */
  streams: number;
  /** How much later than on an empty line acknowledgements come. */
  queueMs: number;
  /** Whether pictures were left out, since the look before, because they had waited too long. */
  isLate: boolean;
  /** What the acknowledgements of all messages showed. */
  bytesPerSecond: number;
}

export class UplinkLadder {
  readonly #clock: Clock;
  /** Before a rung is tried again, ms. One a rung. */
  readonly #waitsMs = RUNGS.map(() => FIRST_WAIT_MS);
  readonly #recentBytesPerSecond: number[] = [];
  #level = 0;
  #lateLooks = 0;
  #steppedDownAtMs = -Infinity;
  #isSettling = false;
  #calmSinceMs: number | undefined;
  #goodSinceMs: number | undefined;
  #stepsDown = 0;
  #stepsUp = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** 0 is the best. */
  get level(): number {
    return this.#level;
  }

  get rung(): Rung {
    return RUNGS[this.#level]!;
  }

  get counters(): { stepsDown: number; stepsUp: number } {
    return { stepsDown: this.#stepsDown, stepsUp: this.#stepsUp };
  }

  /** @returns whether the rung is another one now. */
  look(look: UplinkLook): boolean {
    const nowMs = this.#clock.monotonicMs();
    this.#recentBytesPerSecond.push(look.bytesPerSecond);
    if (this.#recentBytesPerSecond.length > REMEMBERED_MAX_LOOKS) this.#recentBytesPerSecond.shift();
    if (this.#isSettlingStill(look, nowMs)) return false;
    const isLate = look.highest !== undefined && (look.isLate || look.queueMs > LATE_MS);
    this.#lateLooks = isLate ? this.#lateLooks + 1 : 0;
    if (this.#lateLooks >= LATE_LOOKS) return this.#stepDown(look, nowMs);
    this.#noteCalm(look, nowMs);
    return this.#stepUpIfCalm(nowMs);
  }

  #isSettlingStill(look: UplinkLook, nowMs: number): boolean {
    const sinceMs = nowMs - this.#steppedDownAtMs;
    this.#isSettling &&= sinceMs < SETTLE_MS || (sinceMs < SETTLE_MAX_MS && !isPunctual(look));
    return this.#isSettling;
  }

  #noteCalm(look: UplinkLook, nowMs: number): void {
    const { highest } = look;
    const isCalm = isPunctual(look);
    this.#calmSinceMs = isCalm ? (this.#calmSinceMs ?? nowMs) : undefined;
    const isGood = isCalm && highest === this.rung.profile;
    this.#goodSinceMs = isGood ? (this.#goodSinceMs ?? nowMs) : undefined;
    if (this.#goodSinceMs === undefined || nowMs - this.#goodSinceMs < PROOF_MS) return;
    this.#goodSinceMs = nowMs;
    const waitMs = this.#waitsMs[this.#level] ?? 0;
    this.#waitsMs[this.#level] = Math.max(FIRST_WAIT_MS, waitMs / 2);
  }

  #stepUpIfCalm(nowMs: number): boolean {
    const above = this.#level - 1;
    const waitMs = this.#waitsMs[above];
    if (waitMs === undefined || this.#calmSinceMs === undefined) return false;
    if (nowMs - this.#calmSinceMs < waitMs) return false;
    this.#enter(above);
    this.#stepsUp += 1;
    return true;
  }

  #stepDown(look: UplinkLook, nowMs: number): boolean {
    this.#lateLooks = 0;
    const target = this.#levelBelow(look);
    if (target === this.#level) return false;
    for (let level = this.#level; level < target; level += 1) {
      this.#waitsMs[level] = Math.min(MAX_WAIT_MS, 2 * (this.#waitsMs[level] ?? 0));
    }
    this.#steppedDownAtMs = nowMs;
    this.#isSettling = true;
    this.#enter(target);
    this.#stepsDown += 1;
    return true;
  }

  /** The first one below whose streams the line carries. Down to stills one comes by single steps only. */
  #levelBelow({ highest, streams }: UplinkLook): number {
    if (this.#level >= SLOWEST_VIDEO) return STILLS;
    const isMain = highest === 'main';
    const first = isMain ? this.#level + 1 : Math.max(FIRST_SLOWED, this.#level + 1);
    const usableBits = 8 * USABLE_SHARE * Math.max(...this.#recentBytesPerSecond);
    for (let level = first; level < SLOWEST_VIDEO; level += 1) {
      if (streams * RUNGS[level]!.pace.maxBitsPerSecond <= usableBits) return level;
    }
    return SLOWEST_VIDEO;
  }

  #enter(level: number): void {
    this.#level = level;
    this.#calmSinceMs = undefined;
    this.#goodSinceMs = undefined;
  }
}

/** Nobody watches: nothing speaks against trying when somebody does. */
function isPunctual({ highest, isLate, queueMs }: UplinkLook): boolean {
  return highest === undefined || (!isLate && queueMs < CALM_MS);
}
