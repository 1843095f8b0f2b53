// What the spine costs: the whole product as `npm start` runs it, drawn cameras, viewers in this process (outside of what
// is measured). One run, real processes, CPU from /proc.

import { setTimeout as delay } from 'node:timers/promises';
import { LiveViewer } from '../test/e2e/support/live-viewer.ts';
import { descendantsOf, Sitecast, waitFor, type ApiSession } from '../test/e2e/support/sitecast.ts';
import type { BenchOptions } from './options.ts';
import { usageOf, type Usage } from './harness/process-usage.ts';

const CAMERAS = ['a', 'b', 'c', 'd', 'e'];
const LOADS = [
  { streams: 0, viewers: 0 },
  { streams: 1, viewers: 1 },
  { streams: 1, viewers: 20 },
  { streams: 5, viewers: 5 },
  { streams: 5, viewers: 20 },
];
const WARM_UP_MS = 4_000;

interface Row {
  streams: number;
  viewers: number;
  /** Cores: 1.0 is one core full. */
  serverCpu: number;
  serverRssMiB: number;
  serverPssMiB: number;
  agentCpu: number;
  agentRssMiB: number;
  ffmpegCpu: number;
  ffmpegRssMiB: number;
  /** Of the slowest viewer. */
  fps: number;
  latencyP50Ms: number;
  latencyP99Ms: number;
}

interface StartAndStop {
  /** After the launcher said that it is ready; targets 5 s and 15 s. */
  readingAfterS: number;
  snapshotAfterS: number;
  /** From a Ctrl-C to the end of the launcher; target 10 s. */
  stopTookS: number;
}

export async function smoke({ json, seconds = 10 }: BenchOptions): Promise<void> {
  const startAndStop = await measureStartAndStop();
  const cameras = CAMERAS.flatMap((name) => ['--camera', `demo:${name}`]);
  await using sitecast = await Sitecast.start({ args: ['--no-demo', ...cameras] });
  const session = await sitecast.login();
  await waitFor(() => allLive(session), 'five live cameras', 60_000);
  const rows: Row[] = [];
  for (const load of LOADS) rows.push(await measure(sitecast, session, load, seconds));
  if (json)
    console.log(JSON.stringify({ seconds, cameras: 'demo 960x540 15 fps', startAndStop, rows }, null, 2));
  else print(startAndStop, rows);
}

/** With the camera and the sensors that it draws by default. */
async function measureStartAndStop(): Promise<StartAndStop> {
  await using sitecast = await Sitecast.start();
  const readyAtMs = performance.now();
  const session = await sitecast.login();
  const firstOf = async (path: string): Promise<number> => {
    await waitFor(async () => (await session.get<{ items: unknown[] }>(path)).items.length > 0, path, 60_000);
    return round((performance.now() - readyAtMs) / 1_000, 1);
  };
  const [readingAfterS, snapshotAfterS] = await Promise.all([
    firstOf('telemetry/latest'),
    firstOf('snapshots'),
  ]);
  const { tookMs } = await sitecast.stop('SIGINT');
  return { readingAfterS, snapshotAfterS, stopTookS: round(tookMs / 1_000, 1) };
}

async function measure(
  sitecast: Sitecast,
  session: ApiSession,
  { streams, viewers }: { streams: number; viewers: number },
  seconds: number,
): Promise<Row> {
  const watching = Array.from(
    { length: viewers },
    (_, i) => new LiveViewer(session, `local/${CAMERAS[i % streams]}`),
  );
  try {
    await Promise.all(watching.map((viewer) => viewer.framesAfter(0, 5)));
    await delay(WARM_UP_MS);
    const { server, agent } = sitecast.ready.pids;
    const ffmpeg = descendantsOf(agent).map(({ pid }) => pid);
    const sinceMs = performance.now();
    const before = [[server], [agent], ffmpeg].map(usageOf);
    await delay(seconds * 1_000);
    const after = [[server], [agent], ffmpeg].map(usageOf);
    const elapsed = (performance.now() - sinceMs) / 1_000;
    return { streams, viewers, ...costs(before, after, elapsed), ...experience(watching, sinceMs, elapsed) };
  } finally {
    for (const viewer of watching) viewer.close();
  }
}

function costs(before: Usage[], after: Usage[], elapsed: number) {
  const cpu = (index: number): number =>
    round((after[index]!.cpuSeconds - before[index]!.cpuSeconds) / elapsed, 3);
  const mebibytes = (bytes: number): number => round(bytes / 1024 / 1024, 1);
  return {
    serverCpu: cpu(0),
    serverRssMiB: mebibytes(after[0]!.rssBytes),
    serverPssMiB: mebibytes(after[0]!.pssBytes),
    agentCpu: cpu(1),
    agentRssMiB: mebibytes(after[1]!.rssBytes),
    ffmpegCpu: cpu(2),
    ffmpegRssMiB: mebibytes(after[2]!.rssBytes),
  };
}

/** Capture to arrival, one clock; of the frames that came in the window. */
function experience(watching: LiveViewer[], sinceMs: number, elapsed: number) {
  const frames = watching.map((viewer) => viewer.frames.filter(({ atMs }) => atMs >= sinceMs));
  const latencies = frames
    .flat()
    .map(({ header, atMs }) => performance.timeOrigin + atMs - header.capturedAtUs / 1_000)
    .sort((a, b) => a - b);
  const at = (share: number): number => round(latencies[Math.floor((latencies.length - 1) * share)] ?? 0, 1);
  const slowest = frames.length === 0 ? 0 : Math.min(...frames.map(({ length }) => length));
  return { fps: round(slowest / elapsed, 1), latencyP50Ms: at(0.5), latencyP99Ms: at(0.99) };
}

async function allLive(session: ApiSession): Promise<boolean> {
  const { items } = await session.get<{ items: { state: string }[] }>('cameras');
  return items.length === CAMERAS.length && items.every(({ state }) => state === 'live');
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

function print({ readingAfterS, snapshotAfterS, stopTookS }: StartAndStop, rows: Row[]): void {
  console.log(
    `First reading ${readingAfterS} s after ready (target 5), first snapshot ${snapshotAfterS} s (15).`,
  );
  console.log(`A Ctrl-C took ${stopTookS} s (10).`);
  console.log('CPU in cores, memory in MiB; fps of the slowest viewer; latency from capture to arrival.');
  console.table(rows);
}
