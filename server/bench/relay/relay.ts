// What relaying costs: ours, a bare `ws` broadcaster and Mosquitto under the same streams and viewers, interleaved in one run.

import { Resources } from '../harness/resources.ts';
import { round } from '../harness/statistics.ts';
import { TempDir } from '../harness/temp-dir.ts';
import type { BenchOptions } from '../options.ts';
import { takeSample } from './sample.ts';
import { measureSlopes } from './slopes.ts';
import { FIVE_BY_TWO, startSubjects } from './subjects.ts';
import { figuresOf, rowOf, type Figure, type Measured, type Row } from './verdict.ts';

const DEFAULT_VIEWERS = [50, 200];
const DEFAULT_SECONDS = 10;
const WARM_UP_SECONDS = 10;

export async function relay(options: BenchOptions): Promise<void> {
  const log = options.json ? () => undefined : console.log;
  if (options.slopes) return measureSlopes(options, log);
  const measured = await measureRounds(options, log);
  const rows = measured.map(rowOf);
  const figures = figuresOf(rows);
  if (options.json)
    console.log(JSON.stringify({ shape: FIVE_BY_TWO, measured, rows, figures }, undefined, 2));
  else print(rows, figures);
}

async function measureRounds(options: BenchOptions, log: (line: string) => void): Promise<Measured[]> {
  const { rounds, signal, viewers: sizes = DEFAULT_VIEWERS, seconds = DEFAULT_SECONDS } = options;
  const warmUpSeconds = Math.min(WARM_UP_SECONDS, seconds);
  await using resources = new Resources();
  const { path: dir } = resources.use(new TempDir());
  const subjects = await startSubjects(resources, { dir, maxViewers: Math.max(...sizes) + 10, log });
  const measured: Measured[] = [];
  for (const viewers of sizes) {
    const cells = subjects.map((subject) => ({ subject, samples: [] as Measured['samples'] }));
    for (let number = 1; number <= rounds; number += 1) {
      for (const { subject, samples } of cells) {
        const sample = await takeSample(subject, {
          viewers,
          shape: FIVE_BY_TWO,
          warmUpSeconds,
          seconds,
          signal,
        });
        samples.push(sample);
        log(progressLine(number, subject.name, viewers, sample));
      }
    }
    measured.push(...cells.map(({ subject, samples }) => ({ subject: subject.name, viewers, samples })));
  }
  return measured;
}

function progressLine(
  number: number,
  name: string,
  viewers: number,
  { cpuCores, received, flaws }: Measured['samples'][number],
): string {
  const trouble = flaws.length === 0 ? '' : `  (${flaws.join('; ')})`;
  return `round ${number}  ${name.padEnd(9)} ${viewers} viewers  ${cpuCores.toFixed(3)} cores  ${received.medianFps} fps  p99 ${received.latencyP99Ms} ms${trouble}`;
}

function print(rows: Row[], figures: Figure[]): void {
  const mbits = (24 * FIVE_BY_TWO.pictureBytes + FIVE_BY_TWO.keyframeBytes) * 8e-6;
  console.log(
    `\n5 streams, 25 fps, ${round(mbits, 1)} Mbit/s each, viewers in all. Medians. GOP start, authentication, per-viewer bounds ON in ours.`,
  );
  console.log('CPU in cores, of the process tree; PostgreSQL beside ours is not counted.\n');
  console.table(rows.map(({ flaws, ...row }) => ({ ...row, flaws: flaws.join('; ') })));
  console.table(
    figures.map((figure) => ({
      ...figure,
      value: figure.value ?? 'none: see flaws',
      isMet: metText(figure),
    })),
  );
}

function metText({ isMet }: Figure): string {
  return isMet === undefined ? '' : isMet ? 'met' : 'NOT MET';
}
