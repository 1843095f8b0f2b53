// Medians over the rounds, ratios, and whether the targets are met.

import { median, round } from '../harness/statistics.ts';
import type { Sample } from './sample.ts';
import type { SubjectName } from './subjects.ts';

export interface Measured {
  subject: SubjectName;
  viewers: number;
  samples: Sample[];
}

export interface Row {
  subject: SubjectName;
  viewers: number;
  cpuCores: number;
  pssMiB: number;
  fps: number;
  p50Ms: number;
  p99Ms: number;
  flaws: string[];
}

export interface Figure {
  figure: string;
  viewers: number;
  /** undefined: a run was flawed, or the rival is missing. */
  value: number | undefined;
  target: number | undefined;
  isMet: boolean | undefined;
}

export function rowOf({ subject, viewers, samples }: Measured): Row {
  const over = (of: (sample: Sample) => number, digits: number): number =>
    round(median(samples.map(of)), digits);
  return {
    subject,
    viewers,
    cpuCores: over(({ cpuCores }) => cpuCores, 3),
    pssMiB: over(({ pssMiB }) => pssMiB, 1),
    fps: over(({ received }) => received.medianFps, 1),
    p50Ms: over(({ received }) => received.latencyP50Ms, 1),
    p99Ms: over(({ received }) => received.latencyP99Ms, 1),
    flaws: [...new Set(samples.flatMap(({ flaws }) => flaws))],
  };
}

/** Targets hold for 200 viewers. */
const TARGET_VIEWERS = 200;

export function figuresOf(rows: Row[]): Figure[] {
  const sizes = [...new Set(rows.map(({ viewers }) => viewers))];
  return sizes.flatMap((viewers) => {
    const row = (name: SubjectName): Row | undefined =>
      rows.find(
        ({ subject, viewers: size, flaws }) => subject === name && size === viewers && flaws.length === 0,
      );
    const ratio = (rival: SubjectName, of: (row: Row) => number): number | undefined =>
      divide(row('ours') && of(row('ours')!), row(rival) && of(row(rival)!));
    return [
      figure(
        'CPU ours / WS',
        viewers,
        ratio('ws', ({ cpuCores }) => cpuCores),
        1.25,
      ),
      figure(
        'CPU ours / MOSQ',
        viewers,
        ratio('mosquitto', ({ cpuCores }) => cpuCores),
        1.4,
      ),
      figure('p99 latency, ms', viewers, row('ours')?.p99Ms, 8),
      figure(
        'p99 latency ours / WS',
        viewers,
        ratio('ws', ({ p99Ms }) => p99Ms),
        1.5,
      ),
    ];
  });
}

function divide(ours: number | undefined, theirs: number | undefined): number | undefined {
  return ours === undefined || theirs === undefined || theirs === 0 ? undefined : round(ours / theirs, 2);
}

function figure(name: string, viewers: number, value: number | undefined, atMost: number): Figure {
  const target = viewers === TARGET_VIEWERS ? atMost : undefined;
  const isMet = value === undefined || target === undefined ? undefined : value <= target;
  return { figure: name, viewers, value, target, isMet };
}
