// A hard day of a gateway, compressed: four cameras, one that comes and goes, one with a wrong password; the uplink cut three
// times. Nothing may grow, nothing may be left behind, nothing that was acknowledged may be lost without being told.

import { LoadProcess } from '../harness/load-process.ts';
import { Resources } from '../harness/resources.ts';
import { round } from '../harness/statistics.ts';
import { Unavailable } from '../harness/unavailable.ts';
import { pause } from '../harness/wait.ts';
import { whyNoCameras } from '../loads/rtsp-cameras.ts';
import type { BenchOptions } from '../options.ts';
import { accountOf, type Account } from './account.ts';
import { LeakWatch } from './leak-watch.ts';
import { METRIC, openSite, type Site } from './site.ts';

const DEFAULT_SECONDS = 1_200;
const LOOK_SECONDS = 5;
const GROWTH_MAX = 1.1;
/** Enough for the lane of readings to run over within an outage: a gap must be told then. */
const READINGS_PER_SECOND = 200;
/** When the uplink is cut, and how; each time for a twentieth of the run. */
const CUTS = [
  { at: 0.2, kind: 'reset' },
  { at: 0.45, kind: 'silent' },
  { at: 0.7, kind: 'reset' },
] as const;
const CUT_SHARE = 1 / 20;

interface Target {
  target: string;
  value: number | string;
  isMet: boolean;
}

/** @throws {Unavailable} */
export async function soak(options: BenchOptions): Promise<void> {
  const reason = whyNoCameras();
  if (reason !== undefined) throw new Unavailable(reason);
  const log = options.json ? () => undefined : console.log;
  await using resources = new Resources();
  const site = await openSite(resources);
  const watch = new LeakWatch(site.agent.pid);
  const readings = resources.use(
    await LoadProcess.start('readings', { ...site.sensors, perSecond: READINGS_PER_SECOND }),
  );
  await disturb(site, watch, options, log);
  await readings.finish();
  const { acked, ackedNumbers } = await readings.report();
  const account = await accountOf(site, METRIC, ackedNumbers);
  const cameras = await site.cameraStates();
  await site.agent[Symbol.asyncDispose]();
  const targets = targetsOf({ acked, account, watch, connects: account.connects, cameras });
  if (options.json)
    console.log(JSON.stringify({ targets, account, cameras, flaps: site.flaps }, undefined, 2));
  else print(targets, account, site, log);
  if (targets.some(({ isMet }) => !isMet)) process.exitCode = 1;
}

/** The run itself. */
async function disturb(
  site: Site,
  watch: LeakWatch,
  { seconds = DEFAULT_SECONDS, signal }: BenchOptions,
  log: (line: string) => void,
): Promise<void> {
  const cutSeconds = seconds * CUT_SHARE;
  for (let second = 0; second < seconds; second += LOOK_SECONDS) {
    const cut = CUTS.find(({ at }) => second >= at * seconds && second < at * seconds + cutSeconds);
    if (cut && !site.isCut) log(`${second} s  the uplink is cut (${cut.kind})`);
    if (!cut && site.isCut) log(`${second} s  the uplink is back`);
    if (cut) site.cutUplink(cut.kind);
    else site.mendUplink();
    await pause(LOOK_SECONDS, signal);
    watch.look();
    const orphans = watch.orphans();
    if (orphans.length > 0) throw new Error(`processes that the agent lost: ${orphans.join(', ')}`);
  }
  site.mendUplink();
}

interface Result {
  acked: number;
  account: Account;
  watch: LeakWatch;
  connects: number;
  cameras: Record<string, string>;
}

function targetsOf({ acked, account, watch, connects, cameras }: Result): Target[] {
  const { stored, twice, missing, told, snapshots, snapshotsTold, snapshotsMade } = account;
  const growth = (name: string, what: 'rssBytes' | 'handles', unit: number): Target => {
    const { first, last, ratio } = watch.growthOf(what);
    const value = `${round(ratio, 3)} (${round(first / unit, 1)} -> ${round(last / unit, 1)})`;
    return {
      target: `${name}, last third / first third at most ${GROWTH_MAX}`,
      value,
      isMet: ratio <= GROWTH_MAX,
    };
  };
  const left = watch.orphans();
  return [
    { target: 'readings acknowledged on the site', value: acked, isMet: acked > 0 },
    { target: 'of those stored, each once', value: `${stored}, ${twice} twice`, isMet: twice === 0 },
    {
      target: 'missing = told in gaps, and some are',
      value: `${missing} = ${told}`,
      isMet: missing === told && told > 0,
    },
    {
      target: 'snapshots that were durable on the site are stored, or told in gaps',
      value: `${snapshotsMade} <= ${snapshots} + ${snapshotsTold}`,
      isMet: snapshotsMade > 0 && snapshotsMade <= snapshots + snapshotsTold,
    },
    growth('RSS of the agent, MiB', 'rssBytes', 1024 * 1024),
    growth('handles of the agent, beside segments of its spool', 'handles', 1),
    { target: 'processes left when the agent has ended', value: left.length, isMet: left.length === 0 },
    {
      target: 'connects of the data connection, one a cut at least',
      value: connects,
      isMet: connects > CUTS.length,
    },
    {
      target: 'steady cameras live at the end',
      value: `${cameras['cam-0']}, ${cameras['cam-1']}`,
      isMet: cameras['cam-0'] === 'live' && cameras['cam-1'] === 'live',
    },
    {
      target: 'the one with a wrong password is not',
      value: cameras['locked'] ?? 'missing',
      isMet: cameras['locked'] !== 'live',
    },
  ];
}

function print(targets: Target[], account: Account, site: Site, log: (line: string) => void): void {
  console.table(targets.map(({ isMet, ...target }) => ({ ...target, isMet: isMet ? 'met' : 'NOT MET' })));
  log(`gaps told: ${account.gaps.map(({ lane, count }) => `${count} of ${lane}`).join(', ') || 'none'}`);
  log(
    `the flapping camera went ${site.flaps} times; events of it: ${JSON.stringify(account.flappingEvents)}`,
  );
}
