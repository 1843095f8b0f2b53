// Medians over the rounds, ratios, and whether the targets are met.

import { median, round } from '../harness/statistics.ts';
import type { Sample } from './sample.ts';
import type { SubjectName } from './subjects.ts';
import type { Measured } from './turns.ts';

export interface Row {
  subject: SubjectName;
  streams: number;
  viewers: number;
  cpuCores: number;
  pssMiB: number;
  fps: number;
  /** NaN: its frames do not say when they were made. */
  p50Ms: number;
  p99Ms: number;
  flaws: string[];
}

export interface Figure {
  figure: string;
  /** undefined: a run was flawed, or the rival is missing. */
  value: number | undefined;
  target: number | undefined;
  isMet: boolean | undefined;
}

interface RelayFigure extends Figure {
  viewers: number;
}

export function rowOf({ subject, streams, viewers, samples }: Measured): Row {
  const over = (of: (sample: Sample) => number, digits: number): number =>
    round(median(samples.map(of)), digits);
  return {
    subject,
    streams,
    viewers,
    cpuCores: over(({ cpuCores }) => cpuCores, 3),
    pssMiB: over(({ pssMiB }) => pssMiB, 1),
    fps: over(({ received }) => received.medianFps, 1),
    p50Ms: over(({ received }) => received.latencyP50Ms ?? Number.NaN, 1),
    p99Ms: over(({ received }) => received.latencyP99Ms ?? Number.NaN, 1),
    flaws: [...new Set(samples.flatMap(({ flaws }) => flaws))],
  };
}

/** Targets hold for 200 viewers. */
const TARGET_VIEWERS = 200;

export function figuresOf(rows: Row[]): RelayFigure[] {
  const sizes = [...new Set(rows.map(({ viewers }) => viewers))];
  return sizes.flatMap((viewers) => {
    const row = (name: SubjectName): Row | undefined =>
      rows.find(
        ({ subject, viewers: size, flaws }) => subject === name && size === viewers && flaws.length === 0,
      );
    const ratio = (rival: SubjectName, of: (row: Row) => number): number | undefined =>
      ratioOf(row('ours') && of(row('ours')!), row(rival) && of(row(rival)!));
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

/** undefined when one of them is. */
export function ratioOf(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined || other === 0 ? undefined : round(one / other, 2);
}

function figure(name: string, viewers: number, value: number | undefined, atMost: number): RelayFigure {
  const target = viewers === TARGET_VIEWERS ? atMost : undefined;
  const isMet = value === undefined || target === undefined ? undefined : value <= target;
  return { figure: name, viewers, value, target, isMet };
}

/** For console.table. */
export function figureTable(figures: Figure[]): object[] {
  return figures.map((figure) => ({
    ...figure,
    value: figure.value ?? 'none: see flaws',
    isMet: figure.isMet === undefined ? '' : figure.isMet ? 'met' : 'NOT MET',
  }));
}
