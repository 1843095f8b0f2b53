// A camera of 3 Mbit/s behind a line of 1 Mbit/s: how long a status message takes, how old live pictures are, and what the viewer is
// shown, from the moment somebody asks for `main`. Then the line is fast again.

import { FrameKind } from '@sitecast/shared/protocol/frame-header';
import { LiveViewer, type ReceivedFrame } from '../../test/e2e/support/live-viewer.ts';
import { waitFor } from '../../test/e2e/support/sitecast.ts';
import { percentile, round } from '../harness/statistics.ts';
import { pause } from '../harness/wait.ts';
import type { BenchOptions } from '../options.ts';
import { SlowSite } from './slow-site.ts';

const SLOW_BITS = 1_000_000;
const FAST_BITS = 50_000_000;
const DEFAULT_SECONDS = 90;
const IDLE_SECONDS = 10;
const MAX_ROUND_TRIP_P95_MS = 500;
const MAX_LATENCY_P95_MS = 2_000;
const RECOVERY_TIMEOUT_MS = 120_000;

interface Spread {
  count: number;
  p50Ms: number;
  p95Ms: number;
  maxMs: number;
}

interface Watched {
  idle: Spread;
  status: Spread;
  latency: Spread;
  /** After the first `ready`; null: never. */
  steppedDownAfterS: number | null;
  steppedTo: string | null;
  fps: number;
  lineUsed: number;
}

interface UplinkResult extends Watched {
  rung: unknown;
  mainAgainAfterS: number;
}

/** @throws {Unavailable} */
export async function uplink({ json, seconds = DEFAULT_SECONDS, signal }: BenchOptions): Promise<void> {
  await using site = await SlowSite.start(SLOW_BITS);
  await pause(IDLE_SECONDS, signal);
  const watched = await watch(site, seconds, signal);
  const rung = (await site.uplink())?.rung;
  const result: UplinkResult = { ...watched, rung, mainAgainAfterS: await recover(site) };
  const targets = targetsOf(result);
  if (json) console.log(JSON.stringify({ seconds, ...result, targets }, undefined, 2));
  else print(result, targets, seconds);
  if (targets.some(({ isMet }) => !isMet)) process.exitCode = 1;
}

async function watch(site: SlowSite, seconds: number, signal: AbortSignal): Promise<Watched> {
  const idleUntilMs = performance.now();
  const viewer = new LiveViewer(site.server.session, 'local/front');
  try {
    await viewer.answer();
    const startedAtMs = performance.now();
    const passed = site.line.bytesPassed;
    const stepped = waitFor(() => viewer.message('profile'), 'the step down', seconds * 1_000)
      .then(({ profile }) => ({ profile, afterS: secondsSince(startedAtMs) }))
      .catch(() => undefined);
    await pause(seconds, signal);
    const step = await stepped;
    const { roundTripsMs } = site.probe;
    const pictures = viewer.frames.filter(({ header }) => header.kind === FrameKind.fragment);
    return {
      idle: spreadOf(roundTripsMs.filter(({ atMs }) => atMs < idleUntilMs).map(({ ms }) => ms)),
      status: spreadOf(roundTripsMs.filter(({ atMs }) => atMs >= startedAtMs).map(({ ms }) => ms)),
      latency: spreadOf(pictures.map(latencyMs)),
      steppedDownAfterS: step?.afterS ?? null,
      steppedTo: step?.profile ?? null,
      fps: round(pictures.length / seconds, 1),
      lineUsed: round(((site.line.bytesPassed - passed) * 8) / SLOW_BITS / seconds, 2),
    };
  } finally {
    viewer.close();
  }
}

async function recover(site: SlowSite): Promise<number> {
  site.line.bitsPerSecond = FAST_BITS;
  const sinceMs = performance.now();
  const isBack = async (): Promise<boolean> => (await site.camera())?.profiles.includes('main') ?? false;
  await waitFor(isBack, 'main to be offered again', RECOVERY_TIMEOUT_MS);
  return secondsSince(sinceMs);
}

interface Target {
  figure: string;
  value: number | string;
  target: string;
  isMet: boolean;
}

function targetsOf({ status, latency, steppedTo, steppedDownAfterS }: UplinkResult): Target[] {
  const below = (figure: string, { p95Ms, count }: Spread, maxMs: number): Target => ({
    figure,
    value: p95Ms,
    target: `< ${maxMs}`,
    isMet: count > 0 && p95Ms < maxMs,
  });
  return [
    below('status round trip p95, ms', status, MAX_ROUND_TRIP_P95_MS),
    below('live latency p95, ms', latency, MAX_LATENCY_P95_MS),
    {
      figure: 'step down',
      value: steppedTo === null ? 'none' : `${steppedTo} after ${steppedDownAfterS} s`,
      target: 'low',
      isMet: steppedTo === 'low',
    },
  ];
}

function print(result: UplinkResult, targets: Target[], seconds: number): void {
  const { idle, status, latency, fps, lineUsed, rung, mainAgainAfterS } = result;
  console.log(
    `\nOne camera, 1280x720, 25 fps, 3 Mbit/s, passed through; a line of 1 Mbit/s up, 32 KiB of queue; one viewer for ${seconds} s.\n`,
  );
  console.table({ 'status, nobody watches': idle, 'status, watched': status, 'live picture': latency });
  console.table(targets.map((target) => ({ ...target, isMet: target.isMet ? 'met' : 'NOT MET' })));
  console.log(
    `pictures a second ${fps}, line used ${Math.round(100 * lineUsed)} %, rung ${JSON.stringify(rung)}`,
  );
  console.log(
    `main is offered again ${mainAgainAfterS} s after the line became fast (0: it was already, and nobody had asked for it)`,
  );
}

function spreadOf(values: number[]): Spread {
  const at = (share: number): number => round(percentile(values, share), 0);
  return { count: values.length, p50Ms: at(0.5), p95Ms: at(0.95), maxMs: at(1) };
}

/** From the capture on the gateway to the viewer: one clock. */
function latencyMs({ header, atMs }: ReceivedFrame): number {
  return performance.timeOrigin + atMs - header.capturedAtUs / 1_000;
}

function secondsSince(atMs: number): number {
  return round((performance.now() - atMs) / 1_000, 1);
}
