// Subjects that take turns under one load: A B C A B C.

import type { BenchOptions } from '../options.ts';
import { takeSample, type Sample, type SampleOptions } from './sample.ts';
import type { Subject, SubjectName } from './subjects.ts';

const DEFAULT_SECONDS = 10;
const WARM_UP_SECONDS = 10;
/** Under load V8 goes on compiling for most of a minute; the more code a subject has, the longer. */
const FIRST_WARM_UP_SECONDS = 45;

export interface Measured {
  subject: SubjectName;
  streams: number;
  viewers: number;
  samples: Sample[];
}

export async function takeTurns(
  subjects: Subject[],
  load: Pick<SampleOptions, 'viewers' | 'shape'>,
  { rounds, signal, seconds = DEFAULT_SECONDS }: BenchOptions,
  log: (line: string) => void,
): Promise<Measured[]> {
  const { viewers, shape } = load;
  const cells = subjects.map((subject) => ({ subject, samples: [] as Sample[] }));
  for (let number = 1; number <= rounds; number += 1) {
    const warmUpSeconds = number === 1 ? FIRST_WARM_UP_SECONDS : WARM_UP_SECONDS;
    for (const { subject, samples } of cells) {
      const sample = await takeSample(subject, { ...load, warmUpSeconds, seconds, signal });
      samples.push(sample);
      log(`round ${number}  ${progressLine(subject.name, load, sample)}`);
    }
  }
  return cells.map(({ subject, samples }) => ({
    subject: subject.name,
    streams: shape.streams,
    viewers,
    samples,
  }));
}

function progressLine(
  name: string,
  { viewers, shape }: Pick<SampleOptions, 'viewers' | 'shape'>,
  { cpuCores, received, flaws }: Sample,
): string {
  const { medianFps, latencyP99Ms } = received;
  const latency = latencyP99Ms === null ? '' : `  p99 ${latencyP99Ms} ms`;
  const trouble = flaws.length === 0 ? '' : `  (${flaws.join('; ')})`;
  return `${name.padEnd(9)} ${shape.streams} streams, ${viewers} viewers  ${cpuCores.toFixed(3)} cores  ${medianFps} fps${latency}${trouble}`;
}
