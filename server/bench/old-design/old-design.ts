// What relaying costs beside the design that it replaced, an ffmpeg on the server for each stream: one viewer a stream.

import { Resources } from '../harness/resources.ts';
import { Unavailable } from '../harness/unavailable.ts';
import type { PictureHeight } from '../loads/movie.ts';
import type { BenchOptions } from '../options.ts';
import { FIVE_BY_TWO, startOld, startOurs } from '../relay/subjects.ts';
import { takeTurns, type Measured } from '../relay/turns.ts';
import { figureTable, ratioOf, rowOf, type Figure, type Row } from '../relay/verdict.ts';
import { whyNoCameras } from '../loads/rtsp-cameras.ts';

const STREAMS = [1, 2, 5];
const MAX_STREAMS = Math.max(...STREAMS);
/** With five streams, at least. */
const TARGETS: Record<PictureHeight, { cpu: number; pss: number }> = {
  720: { cpu: 10, pss: 5 },
  1080: { cpu: 25, pss: 8 },
};

type OldRow = Omit<Row, 'viewers' | 'p50Ms' | 'p99Ms'>;
type OldFigure = Figure & { streams: number };

/** @throws {Unavailable} */
export async function oldDesign(options: BenchOptions): Promise<void> {
  const reason = whyNoCameras();
  if (reason !== undefined) throw new Unavailable(reason);
  const log = options.json ? () => undefined : console.log;
  const measured = await measureRounds(options, log);
  const rows = measured.map(oldRowOf);
  const figures = STREAMS.flatMap((streams) => figuresOf(rows, streams, options.size));
  if (options.json)
    console.log(JSON.stringify({ height: options.size, measured, rows, figures }, undefined, 2));
  else print(rows, figures, options.size);
}

async function measureRounds(options: BenchOptions, log: (line: string) => void): Promise<Measured[]> {
  await using resources = new Resources();
  const subjects = [
    await startOurs(resources, MAX_STREAMS + 10),
    await startOld(resources, { cameras: MAX_STREAMS, height: options.size }),
  ];
  const measured: Measured[] = [];
  for (const streams of STREAMS) {
    const load = { viewers: streams, shape: { ...FIVE_BY_TWO, streams } };
    measured.push(...(await takeTurns(subjects, load, options, log)));
  }
  return measured;
}

/** The old design's pictures do not say when they were made. */
function oldRowOf(measured: Measured): OldRow {
  const { subject, streams, cpuCores, pssMiB, fps, flaws } = rowOf(measured);
  return { subject, streams, cpuCores, pssMiB, fps, flaws };
}

function figuresOf(rows: OldRow[], streams: number, height: PictureHeight): OldFigure[] {
  const row = (name: string): OldRow | undefined =>
    rows.find((one) => one.subject === name && one.streams === streams && one.flaws.length === 0);
  const [ours, old] = [row('ours'), row('old')];
  const { cpu, pss } = TARGETS[height];
  const figure = (name: string, value: number | undefined, atLeast: number): OldFigure => {
    const target = streams === MAX_STREAMS ? atLeast : undefined;
    const isMet = value === undefined || target === undefined ? undefined : value >= target;
    return { figure: name, streams, value, target, isMet };
  };
  return [
    figure('CPU OLD / ours', ratioOf(old?.cpuCores, ours?.cpuCores), cpu),
    figure('PSS OLD / ours', ratioOf(old?.pssMiB, ours?.pssMiB), pss),
  ];
}

function print(rows: OldRow[], figures: OldFigure[], height: PictureHeight): void {
  console.log(
    `\nStreams of ${height}p, 25 fps, 2 Mbit/s (2.4 for ours), a viewer each. Medians. The old design decodes and encodes them on the server.`,
  );
  console.log(
    'CPU in cores and PSS of the process tree, its ffmpegs included; PostgreSQL beside ours is not.\n',
  );
  console.table(rows.map(({ flaws, ...row }) => ({ ...row, flaws: flaws.join('; ') })));
  console.table(figureTable(figures));
}
