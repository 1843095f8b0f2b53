// One phase of the old design in a box of its own. Of the load it gets what it has a part for: streams, viewers, snapshots.

import { LoadProcess } from '../harness/load-process.ts';
import { Resources } from '../harness/resources.ts';
import { round } from '../harness/statistics.ts';
import { pause } from '../harness/wait.ts';
import type { PictureHeight } from '../loads/movie.ts';
import type { OldSnapshotsReport } from '../loads/old-snapshots.ts';
import type { ViewersReport } from '../loads/viewers.ts';
import { FIVE_BY_TWO } from '../relay/subjects.ts';
import { OldDesign } from '../rivals/old-design.ts';
import { BOX_CORES, SERVER_BYTES } from './boxed-server.ts';
import { ControlGroups } from './control-groups.ts';
import { MemoryWatch, type WatchedMemory } from './memory-watch.ts';
import { MAX_WARM_UP_SECONDS, SNAPSHOTS_PER_SECOND, STALLED, VIEWERS, type PhaseOptions } from './phase.ts';

export type OldPhaseOptions = Omit<PhaseOptions, 'isHostile'> & { height: PictureHeight };

export interface OldPhaseResult {
  name: string;
  watched: WatchedMemory;
  streams: { wanted: number; started: number };
  viewers: ViewersReport;
  snapshots: OldSnapshotsReport;
  snapshotsPerSecond: number;
  generatorCores: Record<string, number>;
}

/** @throws {Unavailable} */
export async function runOldPhase(options: OldPhaseOptions): Promise<OldPhaseResult> {
  const streams = FIVE_BY_TWO.streams * options.factor;
  await using resources = new Resources();
  const groups = resources.use(new ControlGroups(BOX_CORES));
  const group = groups.memoryGroup('old-design', SERVER_BYTES);
  const launch = group.launch.bind(group);
  const old = resources.use(await OldDesign.start({ cameras: streams, height: options.height, launch }));
  const watch = new MemoryWatch(group, old.program);
  try {
    const started = await old.startStreams(streams);
    const measured = await runLoads(old, streams, options);
    return { name: options.name, watched: watch.end(), streams: { wanted: streams, started }, ...measured };
  } finally {
    watch.end();
  }
}

async function runLoads(old: OldDesign, cameras: number, { factor, seconds, signal }: OldPhaseOptions) {
  const perSecond = SNAPSHOTS_PER_SECOND * factor;
  const watching = { viewers: VIEWERS * factor, stalled: STALLED * factor, streams: cameras };
  await using snapshots = await LoadProcess.start('old-snapshots', { url: old.url, cameras, perSecond });
  await using viewers = await LoadProcess.start('viewers', { ...old.viewers, ...watching });
  await pause(Math.min(MAX_WARM_UP_SECONDS, seconds), signal);
  await Promise.all([viewers.reset(), snapshots.reset(), old.cameras.reset()]);
  await pause(seconds, signal);
  const [seen, taken] = [await viewers.report(), await snapshots.report()];
  return {
    viewers: seen,
    snapshots: taken,
    snapshotsPerSecond: round(taken.taken / seconds, 1),
    generatorCores: { viewers: round(viewers.cores, 2), cameras: round(old.cameras.cores, 2) },
  };
}
