// Decides how a live picture catches up: a little faster first, a jump only when it is really late. Pure.

export interface EdgeSample {
  /** Media that is buffered ahead of the picture on screen, ms. */
  aheadMs: number;
  /** Pictures decoded so far; only ever grows while one source plays. */
  picturesDecoded: number;
}

export type EdgeDecision = { kind: 'rate'; rate: number } | { kind: 'seek'; aheadMs: number };

export const SEEK_ABOVE_MS = 3_000;
const FIRST_TARGET_MS = 350;
const MAX_TARGET_MS = 1_500;
const STALL_STEP_MS = 200;
/** Every calm sample takes this much off a target that stalls had raised. */
const CALM_STEP_MS = 4;
const HURRY_ABOVE_TARGET_MS = 400;

/** [lateness above the target in ms, playback rate], the largest first. */
const RATES = [
  [1_600, 1.2],
  [900, 1.1],
  [0, 1.05],
] as const;

/**
 * Plays at 1.0 within a band above a small target of buffered media, faster above it until the target is reached again.
 * A stall raises the target, since the network is less even than thought; calm playing lowers it slowly.
 *
 * A seek makes the decoder start again at a keyframe, and seeking again before a picture came out starves it for good.
 * So a seek needs more than 3 s of lateness and a picture decoded since the last one.
 */
export class LiveEdge {
  #targetMs = FIRST_TARGET_MS;
  #isHurrying = false;
  #decodedAtSeek = 0;
  seeks = 0;

  get targetMs(): number {
    return this.#targetMs;
  }

  decide({ aheadMs, picturesDecoded }: EdgeSample): EdgeDecision {
    if (aheadMs > SEEK_ABOVE_MS && picturesDecoded > this.#decodedAtSeek) {
      this.#decodedAtSeek = picturesDecoded;
      this.#isHurrying = false;
      this.seeks += 1;
      return { kind: 'seek', aheadMs: this.#targetMs };
    }
    const lateMs = aheadMs - this.#targetMs;
    if (lateMs > HURRY_ABOVE_TARGET_MS) this.#isHurrying = true;
    if (lateMs <= 0) this.#isHurrying = false;
    if (!this.#isHurrying) {
      this.#targetMs = Math.max(FIRST_TARGET_MS, this.#targetMs - CALM_STEP_MS);
      return { kind: 'rate', rate: 1 };
    }
    const [, rate] = RATES.find(([above]) => lateMs > above) ?? RATES[2];
    return { kind: 'rate', rate };
  }

  /** Playing ran dry. */
  stalled(): void {
    this.#targetMs = Math.min(MAX_TARGET_MS, this.#targetMs + STALL_STEP_MS);
  }

  /** A new source plays: its count of pictures starts at zero. */
  restarted(): void {
    this.#decodedAtSeek = 0;
    this.#isHurrying = false;
  }
}
