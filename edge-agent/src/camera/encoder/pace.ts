// How much of the uplink an encoded stream may take.

export interface Pace {
  readonly maxBitsPerSecond: number;
  /** null: as many pictures as the camera gives. */
  readonly maxFps: number | null;
}

/** Of `low`, when nothing is in its way. */
export const FULL_PACE: Pace = { maxBitsPerSecond: 500_000, maxFps: null };
