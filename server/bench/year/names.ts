// What stands in the year: one site with one gateway, its cameras, and sensors of some metrics each.

import { SERIES } from './fill.ts';

export const SITE = 'plant';
export const AGENT = { site: SITE, agent: 'gateway' };
export const METRICS = ['temperature', 'humidity', 'pressure', 'power', 'level'];
export const SENSORS = SERIES / METRICS.length;
export const CAMERAS = 4;

/** As `fillNames` numbers them. */
export function seriesName(id: number): { sensor: string; metric: string } {
  return {
    sensor: `sensor-${1 + Math.floor((id - 1) / METRICS.length)}`,
    metric: METRICS[(id - 1) % METRICS.length]!,
  };
}
