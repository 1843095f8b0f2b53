// Levels of pressure, and how a measured value moves between them.

export const PRESSURE_LEVELS = ['normal', 'elevated', 'high', 'critical'] as const;
export type PressureLevel = (typeof PRESSURE_LEVELS)[number];

/** Where each level above `normal` is entered; a signal that never gets as far as a level leaves it out. */
export interface Thresholds {
  elevated: number;
  high: number;
  critical?: number;
}

/** A level is left only this much below where it was entered, so that it does not flicker. */
const LEAVE_AT = 0.93;

export function isAtLeast(level: PressureLevel, other: PressureLevel): boolean {
  return rankOf(level) >= rankOf(other);
}

export function higherOf(a: PressureLevel, b: PressureLevel): PressureLevel {
  return isAtLeast(a, b) ? a : b;
}

/** The level at `value`, coming from `current`. */
export function nextLevel(current: PressureLevel, value: number, thresholds: Thresholds): PressureLevel {
  const entered = levelAt(value, thresholds);
  if (isAtLeast(entered, current)) return entered;
  const held = levelAt(value / LEAVE_AT, thresholds);
  return isAtLeast(held, current) ? current : held;
}

/** Rises at once, and falls only once lower levels have lasted for `holdMs`, so that what is let in again does not bring it back. */
export class HeldLevel {
  readonly #holdMs: number;
  #level: PressureLevel = 'normal';
  #calmSinceMs: number | undefined;

  constructor(holdMs: number) {
    this.#holdMs = holdMs;
  }

  get level(): PressureLevel {
    return this.#level;
  }

  /** @returns whether the level changed. */
  follow(measured: PressureLevel, nowMs: number): boolean {
    if (isAtLeast(measured, this.#level)) this.#calmSinceMs = undefined;
    else if (nowMs - (this.#calmSinceMs ??= nowMs) < this.#holdMs) return false;
    if (measured === this.#level) return false;
    this.#level = measured;
    this.#calmSinceMs = undefined;
    return true;
  }
}

function levelAt(
  value: number,
  { elevated, high, critical = Number.POSITIVE_INFINITY }: Thresholds,
): PressureLevel {
  if (value >= critical) return 'critical';
  if (value >= high) return 'high';
  return value >= elevated ? 'elevated' : 'normal';
}

function rankOf(level: PressureLevel): number {
  return PRESSURE_LEVELS.indexOf(level);
}
