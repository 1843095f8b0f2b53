// One subject under one load, once: warm-up, then a window.

import { LoadProcess } from '../harness/load-process.ts';
import { usageOf } from '../harness/process-usage.ts';
import { round } from '../harness/statistics.ts';
import { pause } from '../harness/wait.ts';
import type { StreamShape } from '../loads/picture-source.ts';
import type { ViewersReport } from '../loads/viewers.ts';
import type { Subject } from './subjects.ts';

export interface Sample {
  cpuCores: number;
  pssMiB: number;
  /** PostgreSQL beside ours; not in `cpuCores`. */
  besideCpuCores: number;
  generatorCores: { feed: number; viewers: number };
  received: ViewersReport;
  /** Why no ratio may be made of it; empty when there is none. */
  flaws: string[];
}

export interface SampleOptions {
  viewers: number;
  shape: StreamShape;
  warmUpSeconds: number;
  seconds: number;
  signal: AbortSignal;
}

const MIB = 1024 * 1024;
const FULL_FPS_SHARE = 0.98;

export async function takeSample(subject: Subject, options: SampleOptions): Promise<Sample> {
  const { shape, viewers, signal, seconds, warmUpSeconds } = options;
  await using feed = await subject.feed(shape);
  await using sinks = await LoadProcess.start('viewers', {
    ...subject.viewers,
    viewers,
    streams: shape.streams,
  });
  await pause(warmUpSeconds, signal);
  await Promise.all([sinks.reset(), feed.reset()]);
  const before = readUsage(subject);
  await pause(seconds, signal);
  const after = readUsage(subject);
  const generatorCores = { feed: round(feed.cores, 3), viewers: round(sinks.cores, 3) };
  const isOverloaded = feed.isOverloaded || sinks.isOverloaded;
  const received = await sinks.report();
  const elapsed = (after.atMs - before.atMs) / 1_000;
  return {
    cpuCores: round((after.own.cpuSeconds - before.own.cpuSeconds) / elapsed, 3),
    pssMiB: round(after.own.pssBytes / MIB, 1),
    besideCpuCores: round((after.beside.cpuSeconds - before.beside.cpuSeconds) / elapsed, 3),
    generatorCores,
    received,
    flaws: flawsOf(received, options, isOverloaded),
  };
}

function readUsage({ program, besidePids }: Subject) {
  return { own: usageOf(program.pids), beside: usageOf(besidePids()), atMs: performance.now() };
}

function flawsOf(
  { watching, missed, slowestFps }: ViewersReport,
  { viewers, shape }: SampleOptions,
  isOverloaded: boolean,
): string[] {
  return [
    ...(watching < viewers ? [`${viewers - watching} of ${viewers} viewers saw nothing`] : []),
    ...(missed > 0 ? [`${missed} frames missed`] : []),
    ...(slowestFps < shape.fps * FULL_FPS_SHARE ? [`slowest viewer at ${slowestFps} fps`] : []),
    ...(isOverloaded ? ['the load generator was short of CPU'] : []),
  ];
}
