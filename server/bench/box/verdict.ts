// The targets of the box, and what a phase prints.

import { round } from '../harness/statistics.ts';
import type { WatchedMemory } from './memory-watch.ts';
import type { OldPhaseResult } from './old-phase.ts';
import { SNAPSHOTS_PER_SECOND, STALLED, VIEWERS, type PhaseResult } from './phase.ts';

const MIB = 1024 * 1024;
const MAX_CONTROL_P99_MS = 250;

export interface Target {
  phase: string;
  figure: string;
  value: number | string;
  target: string;
  isMet: boolean;
}

/** @param controlCounts whether the round trip of commands has a target here. */
export function targetsOf(
  { name, watched, stored, control }: PhaseResult,
  { maxPeakMiB, controlCounts }: { maxPeakMiB: number; controlCounts: boolean },
): Target[] {
  const target = (figure: string, value: number | string, text: string, isMet: boolean): Target => ({
    phase: name,
    figure,
    value,
    target: text,
    isMet,
  });
  const peakMiB = round(watched.peakUsedBytes / MIB, 0);
  const lost = stored.readings.lost + stored.snapshots.lost + (stored.uploads?.lost ?? 0);
  const isAlive = watched.kills === 0 && watched.ending === undefined;
  const answered = control.answers['202'] ?? 0;
  return [
    target('killed', watched.ending ?? watched.kills, 'never', isAlive),
    target('peak without page cache, MiB', peakMiB, `<= ${maxPeakMiB}`, peakMiB <= maxPeakMiB),
    target('acked and not stored', lost, '0', lost === 0),
    ...(controlCounts
      ? [
          target(
            'control round trip p99, ms',
            answered === 0 ? 'none answered' : round(control.p99Ms, 1),
            `< ${MAX_CONTROL_P99_MS}`,
            answered > 0 && control.p99Ms < MAX_CONTROL_P99_MS,
          ),
        ]
      : []),
  ];
}

export function printPhase(result: PhaseResult, log: (line: string) => void): void {
  const { watched, viewers, control, stored, readings } = result;
  log(`\n${result.name}`);
  printMemory(watched, log);
  log(
    `  event loop p99 of a second: median ${round(watched.eventLoopMedianMs, 1)} ms, worst but 1 % ${round(watched.eventLoopP99Ms, 1)} ms`,
  );
  log(`  pressure   seconds: ${textOf(watched.pressureSeconds)}`);
  log(
    `  viewers    ${viewers.watching} watching at ${viewers.watchingFps} fps (median), p99 ${viewers.latencyP99Ms} ms; sent away: ${textOf(viewers.gone)}`,
  );
  log(
    `  control    p50 ${round(control.p50Ms, 1)} ms, p99 ${round(control.p99Ms, 1)} ms; answers: ${textOf(control.answers)}`,
  );
  log(
    `  readings   ${readings.sent} sent, ${stored.readings.acked} acked, ${stored.readings.lost} of them not stored; ${readings.heldBack} held back`,
  );
  log(`  snapshots  ${stored.snapshots.acked} acked, ${stored.snapshots.lost} of them not stored`);
  log(
    `  uploads    ${stored.uploads ? `${stored.uploads.acked} acked, ${stored.uploads.lost} of them not stored; not taken: ${textOf(result.uploads!)}` : 'not available'}`,
  );
  log(`  reports    ${result.reports ? textOf(result.reports) : 'not available'}`);
  if (result.hostile) log(`  hostile    ${JSON.stringify(result.hostile)}`);
  log(`  refused    ${textOf(result.refused)}`);
}

export function printOldPhase(result: OldPhaseResult, log: (line: string) => void): void {
  const { watched, streams, viewers, snapshots, generatorCores } = result;
  log(`\n${result.name}, old design`);
  printMemory(watched, log);
  log(
    `  streams    ${streams.started} of ${streams.wanted} began; at most ${watched.peakProcesses} processes`,
  );
  log(
    `  viewers    ${viewers.watching} watching at ${viewers.watchingFps} fps (median); sent away: ${textOf(viewers.gone)}`,
  );
  log(
    `  snapshots  ${snapshots.asked} asked for, ${snapshots.taken} taken, in ${snapshots.medianMs} ms each (median); failed: ${textOf(snapshots.failed)}`,
  );
  log(`  load       cores outside of the box: ${textOf(generatorCores)}`);
}

function printMemory(watched: WatchedMemory, log: (line: string) => void): void {
  const mib = (bytes: number): string => `${round(bytes / MIB, 0)} MiB`;
  log(
    `  memory     peak ${mib(watched.peakBytes)} with page cache, ${mib(watched.peakUsedBytes)} without; RSS ${mib(watched.peakRssBytes)}`,
  );
  log(`  killed     ${watched.kills} by the kernel; ${watched.ending ?? 'still running'}`);
}

/** A line of the table that has ours and the old design side by side. */
export function comparisonOf(
  subject: string,
  { name, watched, viewers, snapshotsPerSecond }: PhaseResult | OldPhaseResult,
  factor: number,
): object {
  return {
    phase: name,
    subject,
    killed: watched.ending ?? watched.kills,
    peakMiB: round(watched.peakBytes / MIB, 0),
    withoutCacheMiB: round(watched.peakUsedBytes / MIB, 0),
    watching: `${viewers.watching} of ${(VIEWERS - STALLED) * factor}`,
    watchingFps: viewers.watchingFps,
    slowestFps: viewers.slowestFps,
    snapshotsPerSecond: `${snapshotsPerSecond} of ${SNAPSHOTS_PER_SECOND * factor}`,
  };
}

function textOf(counts: Record<string, number>): string {
  return (
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ') || 'none'
  );
}
