// The server in a box of 1.5 GiB: a normal day, then five times that with clients that want to do harm. It must not be killed.
// Then the old design in such a box, to see what becomes of that.

import type { BenchOptions } from '../options.ts';
import { whyNoCameras } from '../loads/rtsp-cameras.ts';
import { BoxedServer } from './boxed-server.ts';
import { runOldPhase, type OldPhaseResult } from './old-phase.ts';
import { runPhase, type Fleet, type PhaseResult } from './phase.ts';
import { comparisonOf, printOldPhase, printPhase, targetsOf, type Target } from './verdict.ts';

const DEFAULT_SECONDS = 600;
const SENSORS = 200;
const MAX_PEAK_MIB = { day: 400, storm: 700 };
const DAY = { name: 'day', factor: 1 };
const STORM = { name: 'storm', factor: 5 };

type Log = (line: string) => void;

/** @throws {Unavailable} */
export async function box(options: BenchOptions): Promise<void> {
  const log = options.json ? () => undefined : console.log;
  const { phases, targets } = await measure(options, log);
  const oldDesign = await measureOldDesign(options, log);
  if (options.json) console.log(JSON.stringify({ phases, targets, oldDesign }, withoutLists, 2));
  else print(phases, targets, oldDesign.phases);
  if (targets.some(({ isMet }) => !isMet)) process.exitCode = 1;
}

/** What was acknowledged has been looked up; a day of it is megabytes. */
function withoutLists(key: string, value: unknown): unknown {
  return key === 'ackedIds' || key === 'ackedNumbers' ? undefined : value;
}

async function measure(
  { seconds = DEFAULT_SECONDS, signal }: BenchOptions,
  log: Log,
): Promise<{ phases: PhaseResult[]; targets: Target[] }> {
  await using boxed = await BoxedServer.start(log);
  const fleet = await createFleet(boxed);
  const day = await runPhase(boxed, fleet, { ...DAY, isHostile: false, seconds, signal });
  printPhase(day, log);
  const storm = await runPhase(boxed, fleet, { ...STORM, isHostile: true, seconds, signal });
  printPhase(storm, log);
  const targets = [
    ...targetsOf(day, { maxPeakMiB: MAX_PEAK_MIB.day, controlCounts: true }),
    ...targetsOf(storm, { maxPeakMiB: MAX_PEAK_MIB.storm, controlCounts: false }),
  ];
  return { phases: [day, storm], targets };
}

/** When ours has left the box. Each phase has a new one: what the first one did to it does not count in the second. */
async function measureOldDesign(
  { withoutOld, size: height, seconds = DEFAULT_SECONDS, signal }: BenchOptions,
  log: Log,
): Promise<{ leftOut: string | undefined; phases: OldPhaseResult[] }> {
  const leftOut = withoutOld ? 'not wanted' : whyNoCameras();
  const phases: OldPhaseResult[] = [];
  if (leftOut !== undefined) {
    log(`\nThe old design is left out: ${leftOut}`);
    return { leftOut, phases };
  }
  log(
    `\nThe old design (node-rtsp-stream, ffmpeg on the server), ${height}p, in a box of the same size. Of the load it gets streams, viewers and snapshots; it has no part for readings, uploads, reports and commands, and is spared the hostile clients.`,
  );
  for (const phase of [DAY, STORM]) {
    phases.push(await runOldPhase({ ...phase, height, seconds, signal }));
    printOldPhase(phases.at(-1)!, log);
  }
  return { leftOut, phases };
}

function print(phases: PhaseResult[], targets: Target[], oldPhases: OldPhaseResult[]): void {
  console.table(targets.map((target) => ({ ...target, isMet: target.isMet ? 'met' : 'NOT MET' })));
  if (oldPhases.length === 0) return;
  const compared = [DAY, STORM].flatMap(({ factor }, i) => [
    comparisonOf('ours', phases[i]!, factor),
    comparisonOf('old', oldPhases[i]!, factor),
  ]);
  console.table(compared);
}

async function createFleet({ server }: BoxedServer): Promise<Fleet> {
  const sensors = [];
  for (let i = 0; i < SENSORS; i += 1) sensors.push(await server.createDevice(`sensor-${i}`, 'sensor'));
  return {
    gateway: await server.createDevice('gateway', 'agent'),
    pictures: await server.createDevice('pictures', 'agent'),
    intruder: await server.createDevice('intruder', 'agent'),
    sensors,
  };
}
