// Smooth, plausible curves for demo sensors: functions of time, so that two runs agree and charts join up.

const DAY_MS = 24 * 60 * 60 * 1000;

export type DemoKind = 'climate' | 'power';

export const DEMO_UNITS: Readonly<Record<DemoKind, Record<string, string>>> = {
  climate: { temperature: '°C', humidity: '%' },
  power: { watts: 'W' },
};

/** Values by metric at `tsMs` (ms since 1970), rounded as a real sensor would. */
export function demoValues(kind: DemoKind, tsMs: number): Record<string, number> {
  return kind === 'climate' ? climate(tsMs) : power(tsMs);
}

function climate(tsMs: number): Record<string, number> {
  // Warmest in the afternoon, and moister when cooler.
  const day = wave(tsMs, DAY_MS, 0.375 * DAY_MS);
  const drift = 0.6 * wave(tsMs, 17 * 60_000) + 0.25 * wave(tsMs, 97_000) + 0.08 * wave(tsMs, 11_000);
  return {
    temperature: round(21.5 + 3 * day + drift, 2),
    humidity: round(48 - 7 * day - 2.2 * drift + 0.5 * wave(tsMs, 41_000), 1),
  };
}

function power(tsMs: number): Record<string, number> {
  const base = 240 + 90 * wave(tsMs, DAY_MS, 0.45 * DAY_MS);
  // A compressor: on for a third of seven minutes, with a soft edge.
  const compressor = 410 / (1 + Math.exp(-14 * (wave(tsMs, 7 * 60_000) - 0.5)));
  const ripple = 9 * wave(tsMs, 23_000) + 4 * wave(tsMs, 5_300);
  return { watts: round(base + compressor + ripple, 1) };
}

/** -1 to 1; at its top a quarter period after `startMs`. */
function wave(tsMs: number, periodMs: number, startMs = 0): number {
  return Math.sin(((tsMs - startMs) / periodMs) * 2 * Math.PI);
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
