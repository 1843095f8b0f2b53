// Delay from the camera to the screen, between two computers whose clocks may differ. Pure.

export interface Delay {
  ms: number;
  /** The clocks differ so much that only the part after the fastest arrival is known. */
  isApproximate: boolean;
}

const PLAUSIBLE_FROM_MS = -250;
const PLAUSIBLE_TO_MS = 20_000;

/**
 * The fastest arrival seen tells the difference of the clocks plus the shortest way. While that is a delay that can be
 * true, clocks are taken to agree; otherwise delays are counted from the fastest arrival.
 */
export class ClockGauge {
  #fastestMs = Number.POSITIVE_INFINITY;

  arrived(capturedAtMs: number, nowMs: number): void {
    this.#fastestMs = Math.min(this.#fastestMs, nowMs - capturedAtMs);
  }

  delay(capturedAtMs: number, nowMs: number): Delay | undefined {
    if (this.#fastestMs === Number.POSITIVE_INFINITY) return undefined;
    const isApproximate = this.#fastestMs < PLAUSIBLE_FROM_MS || this.#fastestMs > PLAUSIBLE_TO_MS;
    const ms = nowMs - capturedAtMs - (isApproximate ? this.#fastestMs : 0);
    return { ms: Math.max(0, ms), isApproximate };
  }
}
