// The server in a box of 1.5 GiB: a normal day, then five times that with clients that want to do harm. It must not be killed.

import type { BenchOptions } from '../options.ts';
import { BoxedServer } from './boxed-server.ts';
import { BoxImpossible } from './control-groups.ts';
import { runPhase, type Fleet, type PhaseResult } from './phase.ts';
import { printPhase, targetsOf, type Target } from './verdict.ts';

const DEFAULT_SECONDS = 600;
const SENSORS = 200;
const MAX_PEAK_MIB = { day: 400, storm: 700 };
const EXIT_UNAVAILABLE = 69;

export async function box(options: BenchOptions): Promise<void> {
  const log = options.json ? () => undefined : console.log;
  try {
    const { phases, targets } = await measure(options, log);
    if (options.json) console.log(JSON.stringify({ phases, targets }, undefined, 2));
    else console.table(targets.map((target) => ({ ...target, isMet: target.isMet ? 'met' : 'NOT MET' })));
    if (targets.some(({ isMet }) => !isMet)) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof BoxImpossible)) throw error;
    console.error(`box: ${error.message}; nothing was measured`);
    process.exitCode = EXIT_UNAVAILABLE;
  }
}

async function measure(
  { seconds = DEFAULT_SECONDS, signal }: BenchOptions,
  log: (line: string) => void,
): Promise<{ phases: PhaseResult[]; targets: Target[] }> {
  await using boxed = await BoxedServer.start(log);
  const fleet = await createFleet(boxed);
  const day = await runPhase(boxed, fleet, { name: 'day', factor: 1, isHostile: false, seconds, signal });
  printPhase(day, log);
  const storm = await runPhase(boxed, fleet, { name: 'storm', factor: 5, isHostile: true, seconds, signal });
  printPhase(storm, log);
  const targets = [
    ...targetsOf(day, { maxPeakMiB: MAX_PEAK_MIB.day, controlCounts: true }),
    ...targetsOf(storm, { maxPeakMiB: MAX_PEAK_MIB.storm, controlCounts: false }),
  ];
  return { phases: [day, storm], targets };
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
