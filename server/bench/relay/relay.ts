// What relaying costs: ours, a bare `ws` broadcaster and Mosquitto under the same streams and viewers, interleaved in one run.

import { Resources } from '../harness/resources.ts';
import { round } from '../harness/statistics.ts';
import { TempDir } from '../harness/temp-dir.ts';
import type { BenchOptions } from '../options.ts';
import { measureSlopes } from './slopes.ts';
import { FIVE_BY_TWO, startSubjects } from './subjects.ts';
import { takeTurns, type Measured } from './turns.ts';
import { figuresOf, figureTable, rowOf, type Figure, type Row } from './verdict.ts';

const DEFAULT_VIEWERS = [50, 200];

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
  const { viewers: sizes = DEFAULT_VIEWERS } = options;
  await using resources = new Resources();
  const { path: dir } = resources.use(new TempDir());
  const subjects = await startSubjects(resources, { dir, maxViewers: Math.max(...sizes) + 10, log });
  const measured: Measured[] = [];
  for (const viewers of sizes)
    measured.push(...(await takeTurns(subjects, { viewers, shape: FIVE_BY_TWO }, options, log)));
  return measured;
}

function print(rows: Row[], figures: Figure[]): void {
  const mbits = (24 * FIVE_BY_TWO.pictureBytes + FIVE_BY_TWO.keyframeBytes) * 8e-6;
  console.log(
    `\n5 streams, 25 fps, ${round(mbits, 1)} Mbit/s each, viewers in all. Medians. GOP start, authentication, per-viewer bounds ON in ours.`,
  );
  console.log('CPU in cores, of the process tree; PostgreSQL beside ours is not counted.\n');
  console.table(rows.map(({ flaws, ...row }) => ({ ...row, flaws: flaws.join('; ') })));
  console.table(figureTable(figures));
}
