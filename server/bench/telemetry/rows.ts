// The rows that all subjects write: so many series, one value each 10 s of a past day, in order of time.

const DEVICES = 10;
const METRICS_PER_DEVICE = 20;
export const SERIES = DEVICES * METRICS_PER_DEVICE;
const STEP_MS = 10_000;
/** Far enough back for the longest run, and within what is taken in. */
export const BASE_MS = Math.floor(Date.now() / 86_400_000 - 20) * 86_400_000;

export const METRICS = Array.from({ length: METRICS_PER_DEVICE }, (_, n) => `m${n}`);
export const DEVICE_IDS = Array.from({ length: DEVICES }, (_, n) => `bench-${n}`);

export const timeOf = (step: number): number => BASE_MS + step * STEP_MS;

/** An eighth, so that sums are exact in any order. */
export const valueOf = (series: number, step: number): number => ((series * 31 + step * 7) % 4_093) / 8;
