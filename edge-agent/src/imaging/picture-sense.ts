// What the keyframe pictures of one camera tell without any model of the world: motion, and whether the picture is frozen,
// dark, covered, blurred or of another view. Pure: pictures in, beginnings and ends out.

import type { Area } from '../camera/area.ts';
import { Condition, type ConditionChange } from './condition.ts';
import type { Luma } from '../camera/luma.ts';
import { MotionDetector, type Sensitivity } from './motion-detector.ts';
import { sceneOf, type Scene } from './scene.ts';
import { ViewReference } from './view-reference.ts';

export const SENSE_KINDS = ['motion', 'frozen', 'dark', 'covered', 'blurred', 'moved'] as const;
export type SenseKind = (typeof SENSE_KINDS)[number];

export interface SenseChange {
  kind: SenseKind;
  isOpen: boolean;
  /** As `look` was told of the picture with which it began or ended. */
  atMs: number;
}

export interface PictureSenseOptions {
  /** Undefined: motion is not looked for. */
  motion: { sensitivity: Sensitivity; zones: readonly Area[]; quietMs: number } | undefined;
  /** 0: never. */
  frozenAfterMs: number;
  /** Whether dark, covered, blurred and moved are looked for. */
  tampering: boolean;
}

interface View {
  isDark: boolean;
  /** Covered or out of focus. */
  hasLostDetail: boolean;
  isFlat: boolean;
  /** The camera looks elsewhere. */
  isOther: boolean;
  isUsual: boolean;
}

const SOON = { afterMs: 4_000, pictures: 3 };
const AT_ONCE = { afterMs: 0, pictures: 1 };
/** A gust that shakes the mast is no other view. */
const MOVED_BEGIN = { afterMs: 8_000, pictures: 5 };
/** After so long the new view is the usual one. */
const NEW_VIEW_AFTER_MS = 60_000;
const FROZEN_PICTURES = 3;
/** Brightness of 0 to 255. Apart, so that dusk does not begin and end it every minute. */
const DARK = { mean: 24, bright: 40 };
const NO_LONGER_DARK = { mean: 32, bright: 56 };
/** A covered lens shows one tone; a blurred picture still has light and shade. */
const COVERED_MAX_DEVIATION = 14;

export class PictureSense {
  readonly #options: PictureSenseOptions;
  readonly #motion: MotionDetector | undefined;
  readonly #conditions: Record<SenseKind, Condition>;
  #reference = new ViewReference();
  #last: Luma | undefined;
  #movedAtMs = 0;

  constructor(options: PictureSenseOptions) {
    const { motion, frozenAfterMs } = options;
    this.#options = options;
    this.#motion = motion && new MotionDetector(motion);
    this.#conditions = {
      motion: new Condition({ begin: AT_ONCE, end: { afterMs: motion?.quietMs ?? 0, pictures: 2 } }),
      frozen: new Condition({ begin: { afterMs: frozenAfterMs, pictures: FROZEN_PICTURES }, end: AT_ONCE }),
      dark: new Condition({ begin: SOON, end: SOON }),
      covered: new Condition({ begin: SOON, end: SOON }),
      blurred: new Condition({ begin: SOON, end: SOON }),
      moved: new Condition({ begin: MOVED_BEGIN, end: SOON }),
    };
  }

  /** @param atMs rising. */
  look(luma: Luma, atMs: number): SenseChange[] {
    const view = this.#judge(sceneOf(luma));
    // In the dark only the noise of the sensor moves, and behind a hand nothing does.
    const moves = view.isUsual && (this.#motion?.look(luma) ?? false);
    const changes = [
      this.#see('frozen', this.#isFrozen(luma), atMs),
      ...(this.#options.tampering ? this.#lookForTampering(view, atMs) : []),
      this.#see('motion', moves, atMs),
    ];
    this.#last = luma;
    return changes.filter((change) => change !== undefined);
  }

  /** The camera is away: what is open ends, and what comes next may look quite different. */
  end(atMs: number): SenseChange[] {
    this.#last = undefined;
    this.#motion?.forget();
    return SENSE_KINDS.flatMap((kind) => told(kind, this.#conditions[kind].end(atMs)) ?? []);
  }

  /** Learns from what is as usual. */
  #judge(scene: Scene): View {
    const isDark = this.#isDark(scene);
    const hasLostDetail = !isDark && this.#reference.hasLostDetail(scene);
    const isOther = !isDark && this.#reference.isOtherView(scene);
    const isUsual = !isDark && !hasLostDetail && !isOther;
    if (isUsual) this.#reference.learn(scene);
    return { isDark, hasLostDetail, isOther, isUsual, isFlat: scene.deviation < COVERED_MAX_DEVIATION };
  }

  #lookForTampering(view: View, atMs: number): (SenseChange | undefined)[] {
    const { isDark, hasLostDetail, isFlat, isOther } = view;
    const moved = this.#see('moved', isOther, atMs);
    if (moved?.isOpen) this.#movedAtMs = atMs;
    if (isOther && this.#conditions.moved.isOpen && atMs - this.#movedAtMs >= NEW_VIEW_AFTER_MS) {
      this.#reference = new ViewReference();
    }
    return [
      this.#see('dark', isDark, atMs),
      this.#see('covered', hasLostDetail && isFlat, atMs),
      this.#see('blurred', hasLostDetail && !isFlat, atMs),
      moved,
    ];
  }

  #isDark({ mean, bright }: Scene): boolean {
    const bound = this.#conditions.dark.isOpen ? NO_LONGER_DARK : DARK;
    return mean < bound.mean && bright < bound.bright;
  }

  #isFrozen(luma: Luma): boolean {
    return this.#options.frozenAfterMs > 0 && this.#last !== undefined && isSame(luma, this.#last);
  }

  #see(kind: SenseKind, isSo: boolean, atMs: number): SenseChange | undefined {
    return told(kind, this.#conditions[kind].see(isSo, atMs));
  }
}

function told(kind: SenseKind, change: ConditionChange | undefined): SenseChange | undefined {
  return change && { kind, isOpen: change.isOpen, atMs: change.sinceMs };
}

/** Even the stillest real picture has the noise of its sensor. */
function isSame(a: Luma, b: Luma): boolean {
  return Buffer.compare(a, b) === 0;
}
