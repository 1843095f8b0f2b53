// What a gateway pays: the agent with cameras passed through, beside ffmpeg that only copies the same ones; and what encoding adds.

import { LoadProcess } from '../harness/load-process.ts';
import { usageOf } from '../harness/process-usage.ts';
import { Resources } from '../harness/resources.ts';
import { SitecastServer } from '../harness/sitecast-server.ts';
import { median, round } from '../harness/statistics.ts';
import { TempDir } from '../harness/temp-dir.ts';
import { Unavailable } from '../harness/unavailable.ts';
import { pause } from '../harness/wait.ts';
import { writeMovie } from '../loads/movie.ts';
import { whyNoCameras } from '../loads/rtsp-cameras.ts';
import type { BenchOptions } from '../options.ts';
import { figureTable, type Figure } from '../relay/verdict.ts';
import { AS_DEPLOYED, startSubject, type EdgeSubjectName, type Gateway } from './subjects.ts';

const CAMERAS = [1, 4, 8];
const MAX_CAMERAS = Math.max(...CAMERAS);
const WARM_UP_SECONDS = 20;
const DEFAULT_SECONDS = 20;
const MEGABYTE = 1_000_000;
/** Of plain copy's CPU, and of a core for each camera whose keyframes are decoded. */
const COPY_SHARE = 1.5;
const CORES_A_CAMERA = 0.02;
const AGENT_RSS_MAX_MB = 120;

interface Cell {
  subject: EdgeSubjectName;
  cameras: number;
}

interface Sample {
  cpuCores: number;
  pssMB: number;
  /** Of the node process alone; undefined for plain copy. */
  agentCores: number | undefined;
  agentRssMB: number | undefined;
  fps: number | undefined;
}

type Row = Cell & Sample;

/** Encoders are one at a time by default, so those are measured with one camera. */
const CELLS: Cell[] = [
  ...CAMERAS.flatMap((cameras) => [
    { subject: 'plain copy' as const, cameras },
    { subject: 'passthrough' as const, cameras },
  ]),
  { subject: 'low', cameras: 1 },
  { subject: 'mpeg1', cameras: 1 },
];

/** @throws {Unavailable} */
export async function edge(options: BenchOptions): Promise<void> {
  const reason = whyNoCameras();
  if (reason !== undefined) throw new Unavailable(reason);
  await using resources = new Resources();
  const gateway = await openGateway(resources, options);
  const samples = CELLS.map((): Sample[] => []);
  for (let number = 1; number <= options.rounds; number += 1) {
    for (const [index, cell] of CELLS.entries()) {
      const sample = await takeSample(gateway, cell, options);
      samples[index]!.push(sample);
      if (!options.json) console.log(`round ${number}  ${progressLine(cell, sample)}`);
    }
  }
  const rows = CELLS.map((cell, index) => ({ ...cell, ...medianOf(samples[index]!) }));
  const figures = figuresOf(rows);
  if (options.json)
    console.log(
      JSON.stringify({ height: options.size, agent: startedAs(), rows, samples, figures }, undefined, 2),
    );
  else print(rows, figures, options);
}

async function openGateway(resources: Resources, { size }: BenchOptions): Promise<Gateway> {
  const { path: dir } = resources.use(new TempDir());
  const movie = writeMovie(dir, size);
  const cameras = resources.use(await LoadProcess.start('rtsp-cameras', { movie, cameras: MAX_CAMERAS }));
  const { urls } = await cameras.report();
  const server = resources.use(await SitecastServer.start());
  const login = await server.createDevice('gateway', 'agent');
  return { dir, server, login, urls };
}

async function takeSample(
  gateway: Gateway,
  { subject, cameras }: Cell,
  options: BenchOptions,
): Promise<Sample> {
  const { signal, seconds = DEFAULT_SECONDS } = options;
  await using running = await startSubject(subject, gateway, cameras);
  const read = () => {
    const { pids, agentPid, framesSeen } = running;
    const agent = agentPid === undefined ? undefined : usageOf([agentPid]);
    return { all: usageOf(pids), agent, framesSeen, atMs: performance.now() };
  };
  await pause(WARM_UP_SECONDS, signal);
  const before = read();
  await pause(seconds, signal);
  const after = read();
  const perSecond = (from: number | undefined, to: number | undefined): number | undefined =>
    from === undefined || to === undefined ? undefined : ((to - from) * 1_000) / (after.atMs - before.atMs);
  return {
    cpuCores: perSecond(before.all.cpuSeconds, after.all.cpuSeconds)!,
    pssMB: after.all.pssBytes / MEGABYTE,
    agentCores: perSecond(before.agent?.cpuSeconds, after.agent?.cpuSeconds),
    agentRssMB: after.agent && after.agent.rssBytes / MEGABYTE,
    fps: perSecond(before.framesSeen, after.framesSeen),
  };
}

function medianOf(samples: Sample[]): Sample {
  const over = (of: (sample: Sample) => number | undefined, digits: number): number | undefined => {
    const values = samples.map(of).filter((value) => value !== undefined);
    return values.length === 0 ? undefined : round(median(values), digits);
  };
  return {
    cpuCores: over(({ cpuCores }) => cpuCores, 4)!,
    pssMB: over(({ pssMB }) => pssMB, 1)!,
    agentCores: over(({ agentCores }) => agentCores, 4),
    agentRssMB: over(({ agentRssMB }) => agentRssMB, 1),
    fps: over(({ fps }) => fps, 1),
  };
}

function figuresOf(rows: Row[]): (Figure & { cameras: number })[] {
  const row = (subject: EdgeSubjectName, cameras: number): Row =>
    rows.find((one) => one.subject === subject && one.cameras === cameras)!;
  const figure = (name: string, cameras: number, value: number | undefined, target: number) => ({
    figure: name,
    cameras,
    value,
    target,
    isMet: value === undefined ? undefined : value <= target,
  });
  const cpu = CAMERAS.map((cameras) => {
    const allowed = COPY_SHARE * row('plain copy', cameras).cpuCores + CORES_A_CAMERA * cameras;
    const cores = row('passthrough', cameras).cpuCores;
    return figure(
      'cores of passthrough; target 1.5 x copy + 0.02 a camera',
      cameras,
      cores,
      round(allowed, 4),
    );
  });
  const { agentRssMB } = row('passthrough', MAX_CAMERAS);
  return [...cpu, figure('RSS of the agent process, MB', MAX_CAMERAS, agentRssMB, AGENT_RSS_MAX_MB)];
}

function progressLine({ subject, cameras }: Cell, { cpuCores, agentRssMB }: Sample): string {
  const rss = agentRssMB === undefined ? '' : `  agent ${agentRssMB.toFixed(0)} MB RSS`;
  return `${subject.padEnd(12)} ${cameras} cameras  ${cpuCores.toFixed(3)} cores${rss}`;
}

function print(rows: Row[], figures: Figure[], { size }: BenchOptions): void {
  console.log(
    `\nCameras of ${size}p, 25 fps, 2 Mbit/s, a keyframe a second. Medians; CPU in cores and PSS of the process tree.`,
  );
  console.log('low and mpeg1: one viewer of one camera, encoded in software.');
  console.log(`The agent is started as by its systemd unit and its image: ${startedAs()}.\n`);
  console.table(rows);
  console.table(figureTable(figures));
}

function startedAs(): string {
  const { env, nodeArgs } = AS_DEPLOYED;
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return [...variables, 'node', ...nodeArgs].join(' ');
}
